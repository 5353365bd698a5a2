"""Compares what tasks of one project are changing right now, and tells both as soon as their changes do not fit.

Run by the monitor every few seconds, over the worktrees of running attempts. Each pair is told of each file once per
life of the monitor. It stops nobody: the people and agents who are told decide.
"""

import asyncio
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text

from orchestrator.core.collisions import Span
from orchestrator.core.errors import InvalidInput, NotFound, OrchestratorError, TooLarge
from orchestrator.core.events import EventKind, NewEvent
from orchestrator.core.states import TaskState
from orchestrator.git.diff import diff_worktree
from orchestrator.git.file_merge import colliding_spans
from orchestrator.git.mirror import Mirrors
from orchestrator.git.worktree import Worktree, Worktrees
from orchestrator.models.database import Database
from orchestrator.models.transitions import Transition
from orchestrator.services.task_writer import TaskWriter

log = structlog.get_logger(__name__)

_MOST_BYTES = 1024 * 1024
_MOST_FILES = 500
_MOST_SPANS = 20

_BUSY = text(
    """
    SELECT project_id, array_agg(id ORDER BY started_at, id) AS tasks FROM tasks
    WHERE state = 'running' AND project_id IS NOT NULL AND target_id LIKE 'agent:%'
    GROUP BY project_id HAVING count(*) > 1
    """
)


@dataclass(frozen=True, slots=True)
class _Change:
    """A running task's worktree and the files that differ in it."""

    task_id: UUID
    worktree: Worktree
    files: frozenset[str]


class Collisions:
    """Watches worktrees."""

    def __init__(self, database: Database, mirrors: Mirrors, worktrees: Worktrees, writer: TaskWriter) -> None:
        self._database = database
        self._mirrors = mirrors
        self._worktrees = worktrees
        self._writer = writer
        self._told: set[tuple[UUID, UUID, str]] = set()

    async def sweep(self) -> None:
        """Look once at every project in which several agents work."""
        async with self._database.transaction() as connection:
            busy = [(row.project_id, row.tasks) for row in await connection.execute(_BUSY)]
        running = {task for _, tasks in busy for task in tasks}
        self._told = {told for told in self._told if running.issuperset(told[:2])}
        for project_id, tasks in busy:
            try:
                await self._look(project_id, tasks)
            except OrchestratorError as error:
                log.info("collisions_not_looked_at", project_id=str(project_id), why=error.message)

    async def _look(self, project_id: UUID, tasks: Sequence[UUID]) -> None:
        trees = {tree.name.partition("-")[0]: tree for tree in await self._worktrees.list(project_id)}
        working = [(task, trees[task.hex[-12:]]) for task in tasks if task.hex[-12:] in trees]
        changes = [change for task, tree in working if (change := await _changed(task, tree)) is not None]
        for one, other in combinations(changes, 2):
            for path in sorted(one.files & other.files)[:_MOST_FILES]:
                if (one.task_id, other.task_id, path) not in self._told:
                    await self._compare(one, other, path)

    async def _compare(self, one: _Change, other: _Change, path: str) -> None:
        base = await self._before(one, other, path)
        mine, theirs = await asyncio.to_thread(lambda: (_now(one, path), _now(other, path)))
        spans = await colliding_spans(base, mine, theirs)
        if spans:
            self._told.add((one.task_id, other.task_id, path))
            await asyncio.gather(
                self._tell(one.task_id, other.task_id, path, spans), self._tell(other.task_id, one.task_id, path, spans)
            )

    async def _before(self, one: _Change, other: _Change, path: str) -> str | None:
        """The file as it was when the earlier of the two began."""
        commit = min(one, other, key=lambda change: change.task_id).worktree.base_commit
        try:
            read = await self._mirrors.read_file(one.worktree.project_id, commit, path, _MOST_BYTES)
        except NotFound:
            return None
        except (InvalidInput, TooLarge):
            return ""  # a link or a very large file: whoever changes it collides with everybody else who does
        return read.decode(errors="replace")

    async def _tell(self, task_id: UUID, other: UUID, path: str, spans: list[Span]) -> None:
        lines = [{"start": start + 1, "end": max(end, start + 1)} for start, end in spans[:_MOST_SPANS]]
        where = f"{path}, line {lines[0]['start']}"
        data: Mapping[str, Any] = {
            "task_id": str(other), "path": path, "lines": lines,
            "message": f"task {other} is changing the same lines: {where}",
        }  # fmt: skip
        told = NewEvent(EventKind.COLLISION, dict(data))
        try:
            running = frozenset({TaskState.RUNNING})
            await self._writer.apply(Transition(task_id, None, (told,), expect=running))
        except OrchestratorError as error:
            log.info("collision_not_told", task_id=str(task_id), why=error.message)


async def _changed(task_id: UUID, tree: Worktree) -> _Change | None:
    """What differs in a worktree by now; None where it is going away."""
    try:
        diff = await diff_worktree(tree, max_bytes=1024)
    except (OrchestratorError, OSError) as error:
        log.info("worktree_not_readable", name=tree.name, why=str(error))
        return None
    paths = {path for file in diff.files for path in (file.path, file.old_path) if path}
    return _Change(task_id, tree, frozenset(paths))


def _now(change: _Change, path: str) -> str | None:
    """The file as it is; None where it is gone. What an agent put there is never followed out of its worktree."""
    file = change.worktree.path / path
    try:
        if not file.parent.resolve().is_relative_to(change.worktree.path.resolve()):
            return None
        if file.is_symlink():
            return str(file.readlink())
        # Without waiting: it may be a pipe by now.
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with open(handle, "rb") as opened:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        return opened.read(_MOST_BYTES).decode(errors="replace")
