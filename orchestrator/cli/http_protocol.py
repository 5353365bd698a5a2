"""HTTP as uvicorn speaks it, but an answer's head leaves together with the beginning of its body.

Used by ``serving``. Uvicorn writes them one after the other: two system calls, two packets, and a client that wakes up
twice. A head that no body follows at once leaves at the end of the loop's turn, so that streams open as before.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_COPIED = 64 * 1024
"""Bytes; a longer beginning of a body is not copied for it."""


class HeadWithBody(HttpToolsProtocol):
    """One per connection."""

    def on_headers_complete(self) -> None:
        """A request begins."""
        super().on_headers_complete()
        if self.cycle is not None and not isinstance(self.cycle.transport, _Joining):
            self.cycle.transport = _Joining(self.transport)


class _Joining(asyncio.Transport):
    """What one answer writes to: keeps the head back."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._head: bytes | None = None
        self._begun = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write, the head with what follows it."""
        if not self._begun:
            self._begun, self._head = True, bytes(data)
            asyncio.get_running_loop().call_soon(self._leave)
        elif self._head is None or len(data) > _COPIED:
            self._leave()
            self._transport.write(data)
        else:
            head, self._head = self._head, None
            self._transport.write(head + bytes(data))

    def is_closing(self) -> bool:
        """Whether it closes, or is closed."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Close, after all that was written."""
        self._leave()
        self._transport.close()

    def _leave(self) -> None:
        head, self._head = self._head, None
        if head is not None:
            self._transport.write(head)
