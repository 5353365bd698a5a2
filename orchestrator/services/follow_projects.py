"""Follows projects on this machine: what is saved in their folder is in their graph a moment later.

Run by the monitor. A project is followed once it has a graph; how many at most is a setting, none switches it off. What
git ignores is left out. The graph of a followed project shows its folder, saved or committed, not its last commit.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy import select

from orchestrator.core.errors import Conflict, OrchestratorError
from orchestrator.git.local import resolve_local_path
from orchestrator.git.working_tree import working_files
from orchestrator.kg.indexing.updates import GraphUpdates
from orchestrator.kg.indexing.watching import changes
from orchestrator.kg.snapshot import current_snapshot
from orchestrator.models import Project, RepositoryState
from orchestrator.models.database import Database
from orchestrator.services.project_view import ProjectViews, project_iri

log = structlog.get_logger(__name__)

_PAUSE_AFTER_FAILURE = 60.0


class FollowedProjects:
    """One watcher per followed project."""

    def __init__(
        self, database: Database, views: ProjectViews, updates: GraphUpdates, roots: Sequence[Path], *, most: int
    ) -> None:
        self._database = database
        self._views = views
        self._updates = updates
        self._roots = roots
        self._most = most
        self._watchers: dict[UUID, asyncio.Task[None]] = {}
        self._refused: dict[UUID, str] = {}

    async def sweep(self) -> int:
        """Begin with projects that are to be followed, leave those that are not; returns how many are followed."""
        wanted = await self._wanted()
        for project_id in self._watchers.keys() - wanted.keys():
            self._watchers.pop(project_id).cancel()
        for project_id, root in wanted.items():
            if project_id not in self._watchers:
                self._watchers[project_id] = asyncio.create_task(self._follow(project_id, root))
        return len(self._watchers)

    async def aclose(self) -> None:
        """Follow nothing any more."""
        watchers = list(self._watchers.values())
        self._watchers.clear()
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)

    async def tree(self, project_id: UUID) -> tuple[Path, list[str]] | None:
        """The folder and the files that the project's graph is to show; None for a project that is not followed."""
        project = await self._views.row(project_id)
        root = self._root(project_id, project.local_path)
        if root is None:
            return None
        listed = await working_files(root)
        return root, await asyncio.to_thread(lambda: [path for path in listed if _is_there(root / path)])

    def _root(self, project_id: UUID, path: str | None) -> Path | None:
        """The folder of a project that can be followed."""
        if self._most == 0 or path is None:
            return None
        try:
            root = resolve_local_path(path, self._roots)
        except OrchestratorError as error:
            if self._refused.get(project_id) != error.message:  # told once: it is looked at every few seconds
                self._refused[project_id] = error.message
                log.warning("project-not-followed", project=str(project_id), error=error.message)
            return None
        self._refused.pop(project_id, None)
        return root if (root / ".git").exists() else None  # a bare repository has no files to follow

    async def _wanted(self) -> dict[UUID, Path]:
        """The newest projects with a folder of their own and a graph, as many as may be."""
        if self._most == 0:
            return {}
        columns = (Project.id, Project.local_path)
        local = select(*columns).where(
            Project.local_path.is_not(None), Project.repository_state == RepositoryState.READY
        )
        async with self._database.transaction() as connection:
            rows = (await connection.execute(local.order_by(Project.created_at.desc()))).all()
        found: dict[UUID, Path] = {}
        for project_id, path in rows:
            if len(found) < self._most and current_snapshot(self._views.graph_folder(project_id)) is not None:
                root = self._root(project_id, path)
                found |= {project_id: root} if root is not None else {}
        return found

    async def _follow(self, project_id: UUID, root: Path) -> None:
        """Follow one folder until it cannot be watched any more; the next sweep after a pause tries again."""
        try:
            await self._update(project_id, root, None)
            async for paths in changes(root):
                await self._update(project_id, root, paths)
        except OrchestratorError as error:
            log.warning("project-not-followed", project=str(project_id), error=error.message)
            await asyncio.sleep(_PAUSE_AFTER_FAILURE)
        finally:
            if self._watchers.get(project_id) is asyncio.current_task():
                del self._watchers[project_id]

    async def _update(self, project_id: UUID, root: Path, paths: set[str] | None) -> None:
        folder, iri = self._views.graph_folder(project_id), project_iri(project_id)
        commit = str((await self._views.row(project_id)).head_commit)
        if paths is not None:
            # What is gone cannot be ignored any more: the graph knows whether it had it.
            gone = {path for path in paths if not os.path.lexists(root / path)}  # noqa: ASYNC240 - one look each
            named = sorted({*await working_files(root, paths), *gone})
            try:
                await self._updates.update(folder, root, project_iri=iri, commit=commit, paths=named, going_on=True)
            except Conflict:
                paths = None  # another process began anew: it is told the whole tree
        if paths is None:
            await self._updates.update(folder, root, project_iri=iri, commit=commit, only=await working_files(root))


def _is_there(path: Path) -> bool:
    """Whether there is something to read or to skip, submodules among that: deleted files are listed by git too."""
    return path.is_symlink() or path.exists()
