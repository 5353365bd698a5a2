"""What holds for every server of a pool, how one of them stands, and turns at starting.

Shared by pool and supervisor. Values, and one semaphore; nothing here knows a server.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

Status = Literal["idle", "starting", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for every server of a pool. Seconds, bytes and counts."""

    max_answer_bytes: int = 8 * 1024 * 1024
    start_seconds: float = 30.0
    idle_seconds: float = 600.0
    backoff_seconds: float = 0.5
    max_backoff_seconds: float = 30.0
    breaker_failures: int = 5
    max_lanes: int = 200
    max_own_sessions: int = 200
    allow_private_urls: bool = True
    starts_at_once: int = 8


@dataclass(frozen=True, slots=True)
class ServerState:
    """How a server stands right now, for health pages. ``open_because``: why a local one runs in no sandbox."""

    status: Status
    in_flight: int = 0
    failures: int = 0
    retry_in_seconds: float = 0.0
    breaker: str = "closed"
    last_error: str | None = None
    era: str | None = None
    protocol_version: str | None = None
    pid: int | None = None
    starts: int = 0
    open_because: str | None = None


_TURN_SECONDS = 0.25


class Turns:
    """Lets only some start at the same time, so that the first are ready before the last begin.

    A turn is short: whoever hangs at its start must not hold up the others.
    """

    def __init__(self, at_once: int) -> None:
        self._slots = asyncio.Semaphore(at_once)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn; it ends with the block, or after a quarter of a second."""
        await self._slots.acquire()
        ended = False

        def end() -> None:
            nonlocal ended
            if not ended:
                ended = True
                self._slots.release()

        timer = asyncio.get_running_loop().call_later(_TURN_SECONDS, end)
        try:
            yield
        finally:
            timer.cancel()
            end()
