"""A value that is made when it is too old, by one maker at a time. Used by caches in front of the database.

Callers that come while it is being made wait for that one making: a value that expires under load is made once, not a
hundred times.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


_SOON_SECONDS = 0.1
"""Whoever asked has gone on by then, and is not held up by the making."""


class Fresh(Generic[Value]):
    """Keeps what ``make`` returned for some seconds."""

    def __init__(self, make: Callable[[], Awaitable[Value]], seconds: float) -> None:
        self._make = make
        self._seconds = seconds
        self._kept: tuple[float, Value] | None = None
        self._making: asyncio.Task[Value] | None = None
        self._soon: asyncio.TimerHandle | None = None

    async def get(self) -> Value:
        """The value, at most so old; made now when it is older, and errors of making are the caller's."""
        if self._kept is not None and time.monotonic() - self._kept[0] < self._seconds:
            return self._kept[1]
        if self._making is None or self._making.done():
            self._making = asyncio.create_task(self._renew())
        # Shielded: the caller that began it may leave without failing the others.
        return await asyncio.shield(self._making)

    async def recent(self, seconds: float) -> Value:
        """The value, at most so old. Where ``get`` would make it anew, that happens a moment later, and nobody waits.

        Who uses this calls ``settle`` at the end.
        """
        if self._kept is None or time.monotonic() - self._kept[0] >= seconds:
            return await self.get()
        if self._soon is None and time.monotonic() - self._kept[0] >= self._seconds:
            self._soon = asyncio.get_running_loop().call_later(_SOON_SECONDS, self._renew_beside)
        return self._kept[1]

    async def settle(self) -> None:
        """Make nothing more beside, and wait for what is being made."""
        self._not_soon()
        if self._making is not None and not self._making.done():
            await asyncio.wait([self._making])

    def forget(self) -> None:
        """Make it anew at the next question, also where a making is under way: that one may have seen the old state."""
        self._kept = None
        self._making = None
        self._not_soon()

    def _not_soon(self) -> None:
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None

    def _renew_beside(self) -> None:
        self._soon = None
        if self._making is None or self._making.done():
            self._making = asyncio.create_task(self._renew())
            self._making.add_done_callback(_heard)

    async def _renew(self) -> Value:
        began = time.monotonic()
        me = asyncio.current_task()
        value = await self._make()
        if self._making is me:
            self._kept = (began, value)
        return value


def _heard(making: "asyncio.Task[Value]") -> None:
    """Nobody waited for it: an error is that of whoever asks next."""
    if not making.cancelled():
        making.exception()
