"""The work tree of one attempt: made, or taken up as an interrupted attempt left it, and afterwards kept or removed.

Used by ``run_agent``. While somebody works in a tree a lock says so, which the kernel lets go of when its holder dies.
A clean tree goes; one with changes stays when the attempt failed, any stays when it was paused, and both are told of.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

from orchestrator.core.errors import BudgetReached, Conflict, Paused, QuotaReached, TimedOut
from orchestrator.core.events import EventKind
from orchestrator.git.checkpoints import stand_on_base
from orchestrator.git.diff import diff_worktree
from orchestrator.git.worktree import Worktree, Worktrees, in_use
from orchestrator.services.feedback import Before
from orchestrator.services.project_view import ProjectView
from orchestrator.services.run_task import Work
from orchestrator.services.worktree_graphs import WorktreeGraphs

_IN_USE_SECONDS = 15.0
"""How long a worker that lost its lease may take to leave the tree to its successor."""


class AttemptTrees:
    """Work trees for attempts."""

    def __init__(self, worktrees: Worktrees, graphs: WorktreeGraphs) -> None:
        self._worktrees = worktrees
        self._graphs = graphs

    @asynccontextmanager
    async def tree(self, work: Work, project: ProjectView, before: Before) -> AsyncIterator[Worktree]:
        """A tree that nobody else works in while the block runs."""
        async with AsyncExitStack() as stack:
            worktree = await self._taken_up(work, project, before, stack)
            if worktree is None:
                worktree = await self._made(work, project, before)
                await stack.enter_async_context(in_use(worktree))
            try:
                yield worktree
            except Paused:
                text = f"the work rests; its work tree {worktree.name} is kept for when it is resumed"
                work.report.tell(EventKind.LOG, message=text, worktree=worktree.name, branch=worktree.branch)
                raise
            except (QuotaReached, BudgetReached):
                unused = await self._is_unused(worktree)  # what was done is committed and noted
                await asyncio.shield(self._remove(worktree, delete_branch=unused))
                raise
            except BaseException:
                # Also when cancelled: the tree must not be forgotten. Shielded, for the cancellation may come again.
                await asyncio.shield(self._leave(work, worktree))
                raise
            unused = await self._is_unused(worktree)
            await asyncio.shield(self._remove(worktree, delete_branch=unused))

    async def _taken_up(
        self, work: Work, project: ProjectView, before: Before, stack: AsyncExitStack
    ) -> Worktree | None:
        """The tree of the attempt that was interrupted, if it is still there and nobody is left in it."""
        worktree = await self._worktrees.get(project.id, before.worktree) if before.worktree else None
        if worktree is None:
            return None
        try:
            await stack.enter_async_context(in_use(worktree, _IN_USE_SECONDS))
        except TimedOut:
            text = f"the work tree {worktree.name} of the interrupted attempt is still in use; a new one is made"
            work.report.tell(EventKind.LOG, message=text)
            return None
        _tell(work, worktree, before.start or worktree.base_commit, "goes on in its work tree as it stands")
        return worktree

    async def _made(self, work: Work, project: ProjectView, before: Before) -> Worktree:
        base = before.base_commit or project.commit
        start = before.start or base
        worktree = await self._added(work, project.id, base, before.start)
        if before.is_checkpoint:
            await stand_on_base(worktree)
        _tell(work, worktree, start, f"works on a tree of its own at {start[:12]}")
        return worktree

    async def _added(self, work: Work, project_id: UUID, base: str, start: str | None) -> Worktree:
        """Where the attempt before had its tree, if that is free: programs keep their sessions by the folder."""
        short, branch = work.id.hex[-12:], _name(work)
        try:
            return await self._worktrees.add(project_id, short, base, start=start, branch=branch)
        except Conflict:
            if branch == short:
                raise
        return await self._worktrees.add(project_id, branch, base, start=start)

    async def _leave(self, work: Work, worktree: Worktree) -> None:
        """After a failure: remove a clean tree, keep one with changes and say so."""
        if await self._worktrees.is_dirty(worktree) or not await self._is_unused(worktree):
            text = f"the attempt left changes; its work tree {worktree.name} is kept"
            work.report.tell(EventKind.LOG, message=text, worktree=worktree.name, branch=worktree.branch)
        else:
            await self._remove(worktree, delete_branch=True)

    async def _remove(self, worktree: Worktree, *, delete_branch: bool) -> None:
        await self._graphs.forget(worktree)
        await self._worktrees.remove(worktree, delete_branch=delete_branch)

    async def _is_unused(self, worktree: Worktree) -> bool:
        """Whether nothing was committed on the branch."""
        return not (await diff_worktree(worktree, max_bytes=1024)).files


def _tell(work: Work, worktree: Worktree, start: str, message: str) -> None:
    work.report.tell(
        EventKind.LOG, message=message, worktree=worktree.name, base_commit=worktree.base_commit, commit=start
    )


def _name(work: Work) -> str:
    """A branch's name: the random end of the task's id, and the attempt's number after the first."""
    short = work.id.hex[-12:]
    return short if work.generation <= 1 else f"{short}-{work.generation}"
