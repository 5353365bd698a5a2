"""Hands out slots of targets as they become free: whoever is first in line is queued with the slot kept for it.

Told by the task writer of every attempt that ended on a target with a limit; the monitor looks at every line too, for
what nobody was told of (a raised limit, a deleted task). Whether there is a slot is ``models.transitions``' decision.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from orchestrator.core.errors import Conflict, NotFound, Unavailable
from orchestrator.core.events import EventKind, NewEvent
from orchestrator.core.states import TaskState
from orchestrator.jobqueue.queues import queue_of
from orchestrator.models.database import Database
from orchestrator.models.slots import awaited_targets, next_in_line
from orchestrator.models.transitions import Delivery, Transition
from orchestrator.services.task_writer import TaskWriter

log = structlog.get_logger(__name__)

_AT_ONCE = 32
"""Tasks of one line that a look of the monitor hands slots to."""


class FreedSlots:
    """The lines before busy targets, from their heads."""

    def __init__(self, database: Database, writer: TaskWriter) -> None:
        self._database = database
        self._writer = writer
        self._freed: Counter[str] = Counter()
        self._running: asyncio.Task[None] | None = None
        writer.on_freed(self.freed)

    def freed(self, target_ids: Sequence[str]) -> None:
        """Give each slot to the next in line, in the background."""
        self._freed.update(target_ids)
        if self._freed and (self._running is None or self._running.done()):
            self._running = asyncio.create_task(self._drain(), name="freed slots")

    async def settle(self) -> None:
        """Wait until every slot that was told of is handed out."""
        while self._running is not None and not self._running.done():
            await asyncio.wait([self._running])

    async def sweep(self) -> None:
        """Look once at every line."""
        async with self._database.transaction() as connection:
            targets = await awaited_targets(connection)
        for target_id in targets:
            await self._hand_out(target_id, _AT_ONCE)

    async def _drain(self) -> None:
        while self._freed:
            freed, self._freed = self._freed, Counter()
            for target_id, slots in freed.items():
                try:
                    await self._hand_out(target_id, slots)
                except Unavailable as error:
                    # The line stands: the monitor looks at it again when the database is back.
                    log.warning("freed_slot_postponed", target_id=target_id, why=error.message)

    async def _hand_out(self, target_id: str, slots: int) -> None:
        async with self._database.transaction() as connection:
            rows = await next_in_line(connection, target_id, slots)
        for row in rows:
            try:
                await self._writer.apply(_admission(row))
            except NotFound:
                continue  # deleted meanwhile
            except Conflict as error:
                log.debug("slot_not_taken", task_id=str(row["id"]), why=error.message)


def _admission(row: Mapping[str, Any]) -> Transition:
    queue = queue_of(row)
    return Transition(
        row["id"],
        TaskState.QUEUED,
        (NewEvent(EventKind.QUEUED, {"queue": queue}),),
        expect=frozenset({TaskState.PENDING}),
        target=(row["target_id"], row["target_type"]),
        delivery=Delivery(queue, admitted=True),
    )
