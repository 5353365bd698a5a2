"""What work that is over left on the disk: swept where nobody misses it, listed where it holds changes.

The monitor sweeps homes of programs, trees of verifications whose worker was killed, clean trees of ended tasks, old
checkpoints, and leased folders of projects that are gone. A tree in use, or with changes in it, stays and is listed.
"""

import asyncio
import re
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy import String, cast, func, or_, select

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, NotFound, OrchestratorError, TimedOut
from orchestrator.core.states import TERMINAL
from orchestrator.git.checkpoints import checkpoint_names, forget_checkpoints
from orchestrator.git.diff import diff_worktree
from orchestrator.git.mirror import Mirrors
from orchestrator.git.worktree import Worktree, Worktrees, in_use
from orchestrator.models import Project, Role, TaskRow
from orchestrator.models.database import Database
from orchestrator.services.access import ProjectAccess
from orchestrator.services.agent_homes import AgentHomes
from orchestrator.services.machine_leases import forget_projects, projects_with_folders
from orchestrator.services.worktree_graphs import WorktreeGraphs

log = structlog.get_logger(__name__)

_HOME_AGE = timedelta(days=1)
_TREE_AGE = timedelta(hours=1)
_FRESH_SECONDS = 600.0
"""A tree so young may be between being made and being locked."""
_OF_ATTEMPT = re.compile(r"([0-9a-f]{12})(-\d+)?")
_OF_VERIFICATION = re.compile(r"(?:proof|merge)-[0-9a-f]{12}-\d+")


@dataclass(frozen=True, slots=True)
class TreeSeen:
    """A work tree of a project: what it is for, and what keeps it here."""

    worktree: Worktree
    task_id: UUID | None
    is_dirty: bool
    is_in_use: bool


class LeftBehind:
    """Sweeps and lists."""

    def __init__(
        self,
        database: Database,
        access: ProjectAccess,
        mirrors: Mirrors,
        worktrees: Worktrees,
        graphs: WorktreeGraphs,
        homes: AgentHomes,
        *,
        leases: Path,
        checkpoint_days: float,
    ) -> None:
        self._database = database
        self._access = access
        self._mirrors = mirrors
        self._worktrees = worktrees
        self._graphs = graphs
        self._homes = homes
        self._leases = leases
        self._checkpoint_age = timedelta(days=checkpoint_days)

    async def sweep(self) -> None:
        """Remove what nobody misses; one project's trouble is not the others'."""
        await self._sweep_homes()
        with_folders = await asyncio.to_thread(projects_with_folders, self._leases)
        async with self._database.transaction() as connection:
            projects = (await connection.execute(select(Project.id))).scalars().all()
        await forget_projects(self._leases, with_folders.difference(projects))
        for project_id in projects:
            if self._mirrors.path(project_id).is_dir():
                try:
                    await self._sweep_trees(project_id)
                    await self._sweep_checkpoints(project_id)
                except (OrchestratorError, OSError) as error:
                    log.warning("left_behind_not_swept", project_id=str(project_id), error=str(error))

    async def page(self, caller: Caller, project_id: UUID, *, limit: int, offset: int) -> tuple[list[TreeSeen], int]:
        """The work trees of attempts and verifications by name, for members of the project; and how many there are."""
        await self._access.require(caller, project_id)
        if not self._mirrors.path(project_id).is_dir():
            return [], 0
        found = [tree for tree in await self._worktrees.list(project_id) if _is_of_work(tree)]
        tasks = await self._tasks(project_id, {_short(tree) for tree in found})
        return [await self._seen(tree, tasks) for tree in found[offset : offset + limit]], len(found)

    async def remove(self, caller: Caller, project_id: UUID, name: str) -> None:
        """Remove a tree with what was not committed, its branch stays; for admins of the project, if nobody uses it."""
        await self._access.require(caller, project_id, Role.ADMIN)
        has_mirror = self._mirrors.path(project_id).is_dir()
        worktree = await self._worktrees.get(project_id, name) if has_mirror else None
        if worktree is None or not _is_of_work(worktree):
            raise NotFound("The project has no such work tree.", field="name")
        if await self._living(project_id, {_short(worktree)}, timedelta(0)):
            raise Conflict("The task of this work tree goes on in it; cancel the task first.", field="name")
        if not await self._remove(worktree, delete_branch=False):
            raise Conflict("Somebody works in this work tree.", field="name")
        log.info("worktree_removed", project_id=str(project_id), name=name, user_id=str(caller.user_id))

    async def _seen(self, tree: Worktree, tasks: dict[str, UUID]) -> TreeSeen:
        return TreeSeen(tree, tasks.get(_short(tree)), await self._worktrees.is_dirty(tree), await _is_in_use(tree))

    async def _sweep_homes(self) -> None:
        found = await self._homes.list()
        recent = TaskRow.finished_at > func.now() - _HOME_AGE
        query = select(TaskRow.id).where(TaskRow.id.in_(found), or_(TaskRow.state.not_in(TERMINAL), recent))
        async with self._database.transaction() as connection:
            wanted = set((await connection.execute(query)).scalars())
        for task_id in found:
            if task_id not in wanted:
                await self._homes.remove(task_id)

    async def _sweep_trees(self, project_id: UUID) -> None:
        trees = [tree for tree in await self._worktrees.list(project_id) if _is_of_work(tree)]
        living = await self._living(project_id, {_short(tree) for tree in trees}, _TREE_AGE)
        for tree in trees:
            if await asyncio.to_thread(_is_fresh, tree):
                continue
            if _OF_VERIFICATION.fullmatch(tree.name):
                await self._remove(tree, delete_branch=True)
            elif _short(tree) not in living and not await self._worktrees.is_dirty(tree):
                unused = not (await diff_worktree(tree, max_bytes=1024)).files
                await self._remove(tree, delete_branch=unused)

    async def _sweep_checkpoints(self, project_id: UUID) -> None:
        mirror = self._mirrors.path(project_id)
        names = await checkpoint_names(mirror)
        if not names:
            return
        living = await self._living(project_id, {name[:12] for name in names}, self._checkpoint_age)
        kept = {tree.name for tree in await self._worktrees.list(project_id)}
        await forget_checkpoints(mirror, [name for name in names if name[:12] not in living and name not in kept])

    async def _remove(self, tree: Worktree, *, delete_branch: bool) -> bool:
        """Whether it is gone: not while somebody works in it."""
        try:
            async with in_use(tree, timeout=0):
                await self._graphs.forget(tree)
                await self._worktrees.remove(tree, delete_branch=delete_branch)
        except TimedOut:
            return False
        return True

    async def _living(self, project_id: UUID, shorts: Collection[str], age: timedelta) -> set[str]:
        """Which of the tasks are at work, or ended not so long ago."""
        recent = TaskRow.finished_at > func.now() - age
        return set(await self._tasks(project_id, shorts, or_(TaskRow.state.not_in(TERMINAL), recent)))

    async def _tasks(self, project_id: UUID, shorts: Collection[str], *more: object) -> dict[str, UUID]:
        """The project's tasks by the random end of their ids."""
        short = func.right(cast(TaskRow.id, String), 12)
        query = select(TaskRow.id).where(TaskRow.project_id == project_id, short.in_(shorts), *more)  # type: ignore[arg-type]
        async with self._database.transaction() as connection:
            return {found.hex[-12:]: found for found in (await connection.execute(query)).scalars()}


def _is_of_work(tree: Worktree) -> bool:
    return bool(_OF_ATTEMPT.fullmatch(tree.name) or _OF_VERIFICATION.fullmatch(tree.name))


def _short(tree: Worktree) -> str:
    """The random end of the id of the task, or merge, that the tree is for."""
    return tree.name.removeprefix("proof-").removeprefix("merge-")[:12]


def _is_fresh(tree: Worktree) -> bool:
    try:
        return time.time() - (tree.git_dir / "commondir").stat().st_mtime < _FRESH_SECONDS
    except FileNotFoundError:
        return True


async def _is_in_use(tree: Worktree) -> bool:
    try:
        async with in_use(tree, timeout=0):
            return False
    except TimedOut:
        return True
