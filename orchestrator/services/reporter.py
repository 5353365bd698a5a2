"""Tells what happens during an attempt, gathered a moment so that a chatty tool costs few writes.

Used by executors. What was told and not yet written goes along with the attempt's last step, so nothing is lost and
order is kept.
"""

import asyncio
import time
from typing import Any
from uuid import UUID

import structlog

from orchestrator.core.errors import OrchestratorError, Unavailable
from orchestrator.core.events import EventKind, NewEvent
from orchestrator.core.jsonsafe import storable
from orchestrator.models.transitions import Applied, Transition
from orchestrator.services.task_writer import TaskWriter

log = structlog.get_logger(__name__)

_GATHER_SECONDS = 0.05
_AGAIN_SECONDS = 0.5
_MOST_WAITING = 2000
_HURRY_SECONDS = 0.25
"""Whoever saw nothing for so long does not see that the next event comes a moment later."""


class Reporter:
    """The event stream of one attempt, from its own side. ``known``: the task's row, as far as the attempt wrote it."""

    def __init__(self, writer: TaskWriter, claimed: Applied) -> None:
        self._writer = writer
        self._task_id: UUID = claimed.task["id"]
        self._generation = claimed.generation
        self.known = claimed.known
        self._waiting: list[NewEvent] = []
        self._flusher: asyncio.Task[None] | None = None
        self._dropped = 0
        self._writing = False
        self._closed = False
        self._hurried = float("-inf")

    def hurry(self) -> None:
        """Write the next event at once if it comes soon: somebody waits to see that it goes on."""
        self._hurried = time.monotonic()

    def tell(self, kind: EventKind, **data: Any) -> None:
        """Note an event; it is written within some 50 ms. A flood beyond 2,000 waiting ones is counted, not stored."""
        if len(self._waiting) >= _MOST_WAITING:
            self._dropped += 1
            return
        self._waiting.append(NewEvent(kind, storable(data)))
        if not self._closed and (self._flusher is None or self._flusher.done()):
            self._flusher = asyncio.create_task(self._flush_later())

    async def mark(self, waiting_for: str, kind: EventKind, **data: Any) -> None:
        """Tell an event at once, with what the task now waits for: nothing any more, when empty."""
        events = (*self.take(), NewEvent(kind, storable(data)))
        try:
            await self._write(events, waiting_for)
        except Unavailable:
            self._waiting[:0] = events  # written with what comes next
            log.warning("mark_postponed", task_id=str(self._task_id), kind=kind)

    def take(self) -> tuple[NewEvent, ...]:
        """Everything not yet written, for the attempt's last step."""
        taken, self._waiting = self._waiting, []
        if self._dropped:
            taken.append(NewEvent(EventKind.LOG, {"message": f"{self._dropped} events were left out of a flood"}))
            self._dropped = 0
        return tuple(taken)

    async def rest(self) -> tuple[NewEvent, ...]:
        """What a write that is under way could not store, once it is over; after this nothing is written by itself."""
        self._closed = True
        if self._flusher is not None and not self._flusher.done():
            if not self._writing:
                self._flusher.cancel()
            await asyncio.wait([self._flusher])
        return self.take()

    async def _write(self, events: tuple[NewEvent, ...], waiting_for: str | None = None) -> None:
        step = Transition(self._task_id, None, events, self._generation, waiting_for=waiting_for, known=self.known)
        self.known = (await self._writer.apply(step)).known

    async def _flush_later(self) -> None:
        pause = 0.0 if time.monotonic() - self._hurried < _HURRY_SECONDS else _GATHER_SECONDS
        self._hurried = float("-inf")
        # More is told while a batch is being written; the attempt's last step may take all of it meanwhile.
        while self._waiting and not self._closed:
            await asyncio.sleep(pause)
            events = self.take()
            if not events:
                return
            self._writing = True
            try:
                await self._write(events)
                pause = _GATHER_SECONDS
            except Unavailable as error:
                log.warning("events_postponed", task_id=str(self._task_id), events=len(events), why=error.message)
                self._waiting[:0] = events
                pause = _AGAIN_SECONDS
            except OrchestratorError as error:
                log.warning("events_refused", task_id=str(self._task_id), events=len(events), why=error.message)
            finally:
                self._writing = False
