"""What tools and agents may see of a project: its checkout, its graph's folder, and placeholders that name them.

Used by executors and the REST doors. The checkout is shared and read-only; agents that change code get a worktree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from orchestrator.core.errors import Conflict, NotFound
from orchestrator.git.local import remove_tree
from orchestrator.git.mirror import Mirrors
from orchestrator.git.worktree import Worktree, Worktrees
from orchestrator.kg.snapshot import current_snapshot
from orchestrator.models import Project, RepositoryState
from orchestrator.models.database import Database


def project_iri(project_id: UUID) -> str:
    """The IRI on which all IRIs of the project's graph are built."""
    return f"urn:orchestrator:project:{project_id}"


@dataclass(frozen=True, slots=True)
class ProjectView:
    """A project's files and graph at one commit."""

    id: UUID
    name: str
    commit: str
    root: Path
    graph_folder: Path | None


class ProjectViews:
    """Makes views of projects."""

    def __init__(self, database: Database, mirrors: Mirrors, worktrees: Worktrees, graphs: Path) -> None:
        self._database = database
        self._mirrors = mirrors
        self._worktrees = worktrees
        self._graphs = graphs

    def graph_folder(self, project_id: UUID) -> Path:
        """Where the project's graph lives, whether or not it was built."""
        return self._graphs / str(project_id)

    async def delete_graph(self, project_id: UUID) -> None:
        """Delete the project's graph from disk."""
        await remove_tree(self.graph_folder(project_id))

    async def stored(self, project_id: UUID) -> Project:
        """The project's row, also while its repository is being fetched."""
        async with self._database.session() as session:
            project = await session.get(Project, project_id)
        if project is None:
            raise NotFound("no such project", field="project_id")
        return project

    async def row(self, project_id: UUID) -> Project:
        """The project's row; Conflict until its repository is there."""
        async with self._database.session() as session:
            project = await session.get(Project, project_id)
        if project is None or project.repository_state != RepositoryState.READY or not project.head_commit:
            state = project.repository_state if project else "deleted"
            raise Conflict(f"the project's repository is not ready: it is {state}", field="project_id")
        return project

    async def view(self, project_id: UUID) -> ProjectView:
        """The files at the project's head, checked out, and the graph where there is one."""
        project = await self.row(project_id)
        commit = str(project.head_commit)
        root = await self._worktrees.checkout(project_id, commit)
        folder = self.graph_folder(project_id)
        return ProjectView(project_id, project.name, commit, root, folder if current_snapshot(folder) else None)

    async def repository(self, view: ProjectView) -> Path:
        """A git working copy at the view's commit, for servers that run git themselves; made once per commit."""
        name = f"browse-{view.commit[:12]}"
        found = await self._worktrees.get(view.id, name)
        if found is None:
            found = await self._add(view, name)
        return found.path

    async def _add(self, view: ProjectView, name: str) -> Worktree:
        try:
            return await self._worktrees.add(view.id, name, view.commit)
        except Conflict:
            made = await self._worktrees.get(view.id, name)
            if made is None:
                raise
            return made  # two calls at once: the other one made it


async def fill_from_project(value: Any, project: ProjectView | None, views: ProjectViews) -> Any:
    """Fill every placeholder, making the git working copy only where ``${project.repository}`` asks for one."""
    repository = await views.repository(project) if project and "${project.repository}" in str(value) else None
    return fill_placeholders(value, project, repository)


def fill_placeholders(value: Any, project: ProjectView | None, repository: Path | None = None) -> Any:
    """Replace ``${project.path}``, ``.repository``, ``.commit`` and ``.name`` in every string of a JSON value."""
    if isinstance(value, str):
        return _fill(value, project, repository) if "${project." in value else value
    if isinstance(value, Mapping):
        return {key: fill_placeholders(item, project, repository) for key, item in value.items()}
    if isinstance(value, list):
        return [fill_placeholders(item, project, repository) for item in value]
    return value


def _fill(text: str, project: ProjectView | None, repository: Path | None) -> str:
    if project is None:
        raise Conflict("the input names ${project.…} but the task has no project", field="project_id")
    known = {"path": str(project.root), "commit": project.commit, "name": project.name, "repository": str(repository)}
    for name, replacement in known.items():
        text = text.replace("${project." + name + "}", replacement)
    return text
