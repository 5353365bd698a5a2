"""HTTP as uvicorn speaks it, but an answer's head leaves together with the beginning of its body.

Used by ``serving``. Uvicorn writes them one after the other: two system calls, two packets, and a client that wakes up
twice. A head that no body follows at once leaves at the end of the loop's turn, so that streams open as before. An
answer in one piece (``api/whole_answer``) is written as it is. A kept connection has one timer, not one per answer.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from orchestrator.api.whole_answer import EXTENSIONS, WHOLE

_COPIED = 64 * 1024
"""Bytes; a longer beginning of a body is not copied for it."""


class HeadWithBody(HttpToolsProtocol):
    """One per connection."""

    _idle_since: float | None = None

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)["extensions"] = EXTENSIONS

    def on_headers_complete(self) -> None:
        """Its head is there: uvicorn makes the cycle of request and answer, which answers our way."""
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            self.cycle.__class__ = _Cycle

    def on_response_complete(self) -> None:
        """What waits in the connection is next; else it is idle."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_again(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()

    def timeout_keep_alive_handler(self) -> None:
        """Hang up, unless it was used meanwhile."""
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return  # the end of the answer under way starts it anew
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look_again(left)
        else:
            super().timeout_keep_alive_handler()

    def _look_again(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None


class _Cycle(RequestResponseCycle):
    """One request and its answer."""

    async def send(self, message: Any) -> None:
        """Send a part of the answer, or all of it."""
        if message["type"] == WHOLE:
            await self._send_whole(message)
            return
        if not self.response_started:
            self.transport = _Joining(self.transport)
        await super().send(message)

    async def _send_whole(self, message: Any) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if self.response_started:
            raise RuntimeError("an answer in one piece, after another had begun")
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        lines = b"".join([b"%b: %b\r\n" % pair for pair in self.default_headers])
        end = b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n"
        head = b"".join([STATUS_LINE[message["status"]], lines, message["lines"], end])
        self._write([head, *(() if self.scope["method"] == "HEAD" else message["body"])])
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()

    def _write(self, parts: list[bytes]) -> None:
        """Together, where that does not copy much."""
        for piece in [b"".join(parts)] if sum(map(len, parts)) <= _COPIED else parts:
            self.transport.write(piece)


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
