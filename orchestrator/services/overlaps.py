"""Calls those in line before code that somebody works on, and tells of overlaps that nobody waits for.

Told by the task writer of every task that left its ground; the monitor looks too, for what nobody was told of. Whether
a task may start is ``models.grounds``' decision, made again for each that is called.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog

from orchestrator.core.errors import Conflict, NotFound, OrchestratorError, Unavailable
from orchestrator.core.events import EventKind, NewEvent
from orchestrator.core.overlap import Footprint, in_words
from orchestrator.core.states import TaskState
from orchestrator.jobqueue.queues import queue_of
from orchestrator.models.database import Database
from orchestrator.models.grounds import footprints_of, in_line_behind, in_line_behind_nobody
from orchestrator.models.transitions import Delivery, Transition
from orchestrator.services.footprints import Footprints
from orchestrator.services.task_writer import TaskWriter

log = structlog.get_logger(__name__)

_SHOWN = 20


class Overlaps:
    """The lines of tasks that would change the same code."""

    def __init__(self, database: Database, writer: TaskWriter, footprints: Footprints) -> None:
        self._database = database
        self._writer = writer
        self._footprints = footprints
        self._left: set[UUID] = set()
        self._running: asyncio.Task[None] | None = None
        writer.on_left(self.left)

    async def of(self, task_id: UUID) -> Footprint | None:
        """What a task will touch; None where it changes no code."""
        return await self._footprints.of(task_id)

    def left(self, task_ids: Sequence[UUID]) -> None:
        """Call whoever waited for these, in the background."""
        self._left.update(task_ids)
        if self._left and (self._running is None or self._running.done()):
            self._running = asyncio.create_task(self._drain(), name="overlaps")

    async def settle(self) -> None:
        """Wait until everybody is called who waited for a task that was told of."""
        while self._running is not None and not self._running.done():
            await asyncio.wait([self._running])

    async def sweep(self) -> None:
        """Call whoever waits for a task that neither runs nor stands in line any more."""
        async with self._database.transaction() as connection:
            rows = await in_line_behind_nobody(connection)
        await self._call(rows)

    async def tell(self, project_id: UUID, task_id: UUID, touches: Footprint) -> None:
        """Tell a task that just started, and those that run, of what they have in common: they did not wait."""
        async with self._database.transaction() as connection:
            running = await footprints_of(connection, project_id)
        for other in running:
            if other["id"] == task_id:
                return  # who started later tells itself
            common = touches.common(Footprint.from_dict(other["touches"]))
            if common:
                await self._tell_one(task_id, other["id"], common)
                await self._tell_one(other["id"], task_id, common)

    async def _tell_one(self, task_id: UUID, other: UUID, common: list[str]) -> None:
        words = f"{in_words(common)}: this task and task {other}"
        told = NewEvent(EventKind.OVERLAP, {"task_id": str(other), "common": common[:_SHOWN], "message": words})
        try:
            running = frozenset({TaskState.RUNNING})
            await self._writer.apply(Transition(task_id, None, (told,), expect=running))
        except OrchestratorError as error:
            log.info("overlap_not_told", task_id=str(task_id), why=error.message)

    async def _drain(self) -> None:
        while self._left:
            left, self._left = self._left, set()
            try:
                async with self._database.transaction() as connection:
                    rows = await in_line_behind(connection, list(left))
                await self._call(rows)
            except Unavailable as error:
                log.warning("line_postponed", why=error.message)  # the monitor looks when the database is back

    async def _call(self, rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            queue = queue_of(row)
            told = (NewEvent(EventKind.QUEUED, {"queue": queue}),)
            waiting = frozenset({TaskState.PENDING})
            step = Transition(row["id"], TaskState.QUEUED, told, expect=waiting, delivery=Delivery(queue))
            try:
                await self._writer.apply(step)
            except (Conflict, NotFound) as error:
                log.debug("not_called", task_id=str(row["id"]), why=error.message)
