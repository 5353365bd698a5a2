"""Heartbeats: one loop per worker renews all leases it holds, and stops work whose lease is lost or that must stop.

Work that a person asked to pause is only told: it stops by itself where it can be taken up again.

Used by the runner. The truth is in the task row; this only keeps it true while the worker lives.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from orchestrator.core.errors import Unavailable
from orchestrator.models.database import Database
from orchestrator.models.delivery import renew_leases

log = structlog.get_logger(__name__)

_MISSED_PAUSE_SECONDS = 0.5
"""A missed beat is made up for quickly, before the leases run out."""


@dataclass(slots=True)
class Held:
    """A lease this process holds, the asyncio task that works under it, and why it was told to stop."""

    task_id: UUID
    generation: int
    work: "asyncio.Task[None]"
    lost: bool = False
    stop_asked: bool = False
    over: bool = False
    """The work is done and only its ending is to be written: nothing is left to cancel."""
    pausing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a person asked for a pause."""


class Leases:
    """The leases of one worker process."""

    def __init__(self, database: Database, worker_id: str, *, seconds: float, every: float) -> None:
        self._database = database
        self._held: dict[tuple[UUID, int], Held] = {}
        self._every = every
        self._loop: asyncio.Task[None] | None = None
        self.worker_id = worker_id
        self.seconds = seconds

    @contextmanager
    def holding(self, task_id: UUID, generation: int) -> Iterator[Held]:
        """Renew this lease while the block runs; the current asyncio task is cancelled when it is lost or must stop."""
        work = asyncio.current_task()
        assert work is not None
        held = Held(task_id, generation, work)
        self._held[task_id, generation] = held
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._beat(), name="heartbeat")
        try:
            yield held
        finally:
            del self._held[task_id, generation]

    def stop(self, task_id: UUID) -> None:
        """Cancel the work on a task if this process does it."""
        for held in list(self._held.values()):
            if held.task_id == task_id and not (held.stop_asked or held.lost or held.over):
                held.stop_asked = True
                held.work.cancel()

    def pause(self, task_id: UUID) -> None:
        """Tell the work on a task that it is to rest, if this process does it."""
        for held in self._held.values():
            if held.task_id == task_id:
                held.pausing.set()

    def count(self) -> int:
        """How many leases are held."""
        return len(self._held)

    async def close(self) -> None:
        """Stop renewing."""
        if self._loop:
            self._loop.cancel()
            with suppress(asyncio.CancelledError):
                await self._loop

    async def _beat(self) -> None:
        pause = self._every
        while True:
            await asyncio.sleep(pause)
            pause = self._every
            try:
                await self._renew()
            except Unavailable as error:
                # Not renewed: if this lasts, the leases run out and the next successful beat says so.
                log.warning("heartbeat_missed", error=error.message)
                pause = min(self._every, _MISSED_PAUSE_SECONDS)
            except Exception:
                # The edge of the loop: without it every lease of this worker would run out over one bad round.
                log.exception("heartbeat_failed")

    async def _renew(self) -> None:
        held = list(self._held.values())
        if not held:
            return
        async with self._database.transaction() as connection:
            leases = [(h.task_id, h.generation) for h in held]
            alive = await renew_leases(connection, self.worker_id, leases, self.seconds)
        for lease in held:
            wanted = alive.get((lease.task_id, lease.generation))
            if wanted is None:
                self._lose(lease)
            elif wanted.stop:
                self.stop(lease.task_id)
            elif wanted.pause:
                lease.pausing.set()

    def _lose(self, lease: Held) -> None:
        still_held = self._held.get((lease.task_id, lease.generation)) is lease
        if still_held and not (lease.lost or lease.over):
            log.warning("lease_lost", task_id=str(lease.task_id), generation=lease.generation)
            lease.lost = True
            lease.work.cancel()
