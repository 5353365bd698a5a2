"""Cuts a byte stream into lines with a bound on memory, for servers that speak over stdout.

Used by the stdio transport. A line over the limit is dropped as it arrives; its first and last bytes are kept, so that
the request it answers can be told. Nothing is parsed here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_KEPT = 512
# Request ids are ours, hence integers. Python servers write the id before the result, TypeScript servers after it.
_ID_FIRST = re.compile(rb'^\s*\{\s*"jsonrpc"\s*:\s*"2\.0"\s*,\s*"id"\s*:\s*(\d{1,18})\s*,')
_ID_LAST = re.compile(rb'[,{]\s*"id"\s*:\s*(\d{1,18})\s*\}\s*$')


@dataclass(frozen=True, slots=True)
class Oversized:
    """A line that was too long; only its ends are known."""

    head: bytes
    tail: bytes
    size: int

    @property
    def request_id(self) -> int | None:
        """The id of the request it answers, where the ends show it."""
        found = _ID_FIRST.search(self.head) or _ID_LAST.search(self.tail)
        return int(found[1]) if found else None


class LineSplitter:
    """Feed it chunks, get whole lines without their line breaks."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self._size = 0
        self._head: bytes | None = None
        self._tail = b""

    @property
    def pending(self) -> int:
        """Bytes of the unfinished line, dropped ones included."""
        return self._size

    def feed(self, data: bytes) -> Iterator[bytes | Oversized]:
        """The lines that this chunk completes."""
        *complete, rest = data.split(b"\n")
        for piece in complete:
            self._add(piece)
            yield self._finish()
        if rest:
            self._add(rest)

    def _add(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._head is None:
            self._parts.append(piece)
            if self._size > self._max_bytes:
                whole = b"".join(self._parts)
                self._head, self._tail = whole[:_KEPT], whole[-_KEPT:]
                self._parts.clear()
        else:
            self._tail = (self._tail + piece[-_KEPT:])[-_KEPT:]

    def _finish(self) -> bytes | Oversized:
        if self._head is None:
            line: bytes | Oversized = b"".join(self._parts)
        else:
            line = Oversized(self._head, self._tail, self._size)
        self._parts.clear()
        self._size, self._head, self._tail = 0, None, b""
        return line
