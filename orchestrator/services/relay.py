"""Delivers committed outbox rows to RQ, safely twice. Every process relays its own; the monitor sweeps what was left.

A row counts as delivered once RQ has it, and is deleted when a worker claims the attempt. Most are claimed at once, so
noting that they went out waits a moment: what is left then is written together. A delivery made twice starts nothing
twice: the claim checks the attempt number.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog

from orchestrator.core.errors import Unavailable
from orchestrator.jobqueue.queues import job_id
from orchestrator.jobqueue.sender import JobSender
from orchestrator.models.database import Database
from orchestrator.models.delivery import (
    Undelivered,
    delivered_unclaimed,
    due,
    forget_deliveries,
    mark_delivered,
)

log = structlog.get_logger(__name__)

_NOTE_SECONDS = 0.3
"""Well below the second for which the monitor leaves rows to the process that wrote them."""
_LOST_AFTER = 3.0
"""Seconds after which a delivered row that nobody claimed is looked for in RQ."""


class Relay:
    """From the outbox to RQ."""

    def __init__(self, database: Database, sender: JobSender) -> None:
        self._database = database
        self._sender = sender
        self._waiting: list[Undelivered] = []
        self._running: asyncio.Task[None] | None = None
        self._sent: list[Undelivered] = []
        self._noting: asyncio.Task[None] | None = None
        self._leaving = asyncio.Event()

    def send_soon(self, rows: Sequence[Undelivered]) -> None:
        """Deliver rows that are committed, in the background."""
        self._waiting += rows
        if self._waiting and (self._running is None or self._running.done()):
            self._running = asyncio.create_task(self._drain(), name="relay")

    async def settle(self) -> None:
        """Wait until nothing is left to send, and what was sent is noted."""
        while self._running is not None and not self._running.done():
            await asyncio.wait([self._running])
        self._leaving.set()
        while self._noting is not None and not self._noting.done():
            await asyncio.wait([self._noting])
        self._leaving.clear()

    async def sweep(self) -> int:
        """Deliver what is due and was never delivered, and again what Redis lost. Returns how many."""
        if not await self._sender.same_epoch():
            async with self._database.transaction() as connection:
                forgotten = await forget_deliveries(connection)
            if forgotten:
                log.warning("redis_is_new_or_lost_its_data", redelivering=forgotten)
        return await self._send_due() + await self._send_lost()

    async def _drain(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await self._send(batch)
            except Unavailable as error:
                # The rows stay in the outbox undelivered: the monitor's sweep sends them when Redis is back.
                log.warning("relay_postponed", rows=len(batch), error=error.message)
                continue
            self._sent += batch
            if self._noting is None or self._noting.done():
                self._noting = asyncio.create_task(self._note_later(), name="relay-noting")

    async def _note_later(self) -> None:
        while self._sent:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), _NOTE_SECONDS)
            batch, self._sent = self._sent, []
            try:
                await self._note(batch)
            except Unavailable as error:
                # They count as undelivered, and are sent once more by the monitor's sweep.
                log.warning("deliveries_not_noted", rows=len(batch), error=error.message)

    async def _deliver(self, rows: Sequence[Undelivered]) -> None:
        await self._send(rows)
        await self._note(rows)

    async def _send(self, rows: Sequence[Undelivered]) -> None:
        await self._sender.send([(row.task_id, row.generation, row.queue) for row in rows])

    async def _note(self, rows: Sequence[Undelivered]) -> None:
        async with self._database.single() as connection:
            await mark_delivered(connection, rows)

    async def _send_due(self) -> int:
        async with self._database.transaction() as connection:
            rows = await due(connection)
        if rows:
            await self._deliver(rows)
        return len(rows)

    async def _send_lost(self) -> int:
        async with self._database.transaction() as connection:
            rows = await delivered_unclaimed(connection, _LOST_AFTER)
        if not rows:
            return 0
        waiting = await self._sender.waiting()
        lost = [row for row in rows if job_id(row.task_id, row.generation) not in waiting]
        if lost:
            await self._deliver(lost)
        return len(lost)
