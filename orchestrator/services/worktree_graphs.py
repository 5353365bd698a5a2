"""Graphs of worktrees: what an attempt's own tree looks like now, as a view of its project's graph.

Used by agents' surroundings and by the graph doors. A worktree's files are looked at before each question, so no answer
is older than it; unchanged files cost nothing, because the view shares their graphs with the project.
"""

from pathlib import Path
from uuid import UUID

import structlog

from orchestrator.core.errors import NotFound, OrchestratorError
from orchestrator.git.working_tree import working_files
from orchestrator.git.worktree import Worktree, Worktrees
from orchestrator.kg.indexing.updates import GraphUpdates
from orchestrator.kg.snapshot import view_folder
from orchestrator.services.project_view import ProjectViews, project_iri

log = structlog.get_logger(__name__)


class WorktreeGraphs:
    """Brings views up to date, and forgets them."""

    def __init__(self, views: ProjectViews, worktrees: Worktrees, updates: GraphUpdates) -> None:
        self._views = views
        self._worktrees = worktrees
        self._updates = updates
        self._asked: set[Path] = set()

    async def fresh(self, worktree: Worktree) -> Path:
        """The folder to ask for the worktree as it is now. Raises NotFound while its project has no graph."""
        folder = self._views.graph_folder(worktree.project_id)
        await self._updates.update(
            folder,
            worktree.path,
            project_iri=project_iri(worktree.project_id),
            commit=worktree.base_commit,
            view=worktree.name,
            only=await working_files(worktree.path),
        )
        self._asked.add(worktree.path)
        return view_folder(folder, worktree.name)

    async def named(self, project_id: UUID, name: str) -> Path:
        """The same for a worktree by its name. Raises NotFound where there is none."""
        worktree = await self._worktrees.get(project_id, name)
        if worktree is None:
            raise NotFound(f"the project has no work tree {name[:100]!r}", field="view")
        return await self.fresh(worktree)

    async def forget(self, worktree: Worktree) -> None:
        """The worktree goes, and its view with it. A view that stays behind only costs memory, so this never fails."""
        if worktree.path not in self._asked:
            return  # not by us; no indexer is started to be told of nothing
        self._asked.discard(worktree.path)
        folder = self._views.graph_folder(worktree.project_id)
        try:
            await self._updates.end_view(folder, worktree.name, project_iri=project_iri(worktree.project_id))
        except OrchestratorError as error:
            log.warning("view-left-behind", view=worktree.name, project=str(worktree.project_id), error=error.message)
