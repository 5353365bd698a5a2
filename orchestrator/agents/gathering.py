"""Gathers what an agent says piece by piece, so that its text costs few events. Used by agents that stream.

The first piece is told at once; after that a piece goes out when enough has gathered or a moment has passed. Nothing is
kept: whoever wants the whole text keeps it.
"""

import asyncio
from collections.abc import Callable

_SECONDS = 0.25
_CHARS = 400


class Gathering:
    """The text of one speaker; ``tell`` gets each gathered piece."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._parts: list[str] = []
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._spoke = False

    def add(self, text: str) -> None:
        """A piece, as it came."""
        if not text:
            return
        self._parts.append(text)
        self._size += len(text)
        if not self._spoke or self._size >= _CHARS:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SECONDS, self.flush)

    def flush(self) -> None:
        """Tell what has gathered, if anything."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        text = "".join(self._parts)
        self._parts.clear()
        self._size = 0
        if text:
            self._spoke = True
            self._tell(text)
