"""How many use a server right now, and when it was last used. Used by the supervisor, around all that it does.

A use is a ``with`` block, the same object for all of them, since one is made at every call.
"""

import asyncio
from collections.abc import Callable


class Uses:
    """``with uses:`` is one that counts: the idle time starts anew at its end."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ended: asyncio.Event | None = None
        self.count = 0
        self.last = clock()

    def __enter__(self) -> None:
        self.count += 1

    def __exit__(self, *_: object) -> None:
        self.last = self._clock()
        self.leave()

    def leave(self) -> None:
        """End one that does not count."""
        self.count -= 1
        if not self.count and self._ended is not None:
            self._ended.set()

    async def none(self) -> None:
        """Return when nobody uses it."""
        while self.count:
            self._ended = asyncio.Event()
            await self._ended.wait()
