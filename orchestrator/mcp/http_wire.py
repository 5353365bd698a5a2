"""A small HTTP/1.1 client: kept connections to one server, llhttp as the parser, bodies as they arrive.

Used by ``direct_http``, because a tool call through a general client costs twenty times as much here. It follows no
redirect, knows no proxy, retries nothing and reads no compressed body: whatever needs that goes by the SDK's transport.
"""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import cast

import httptools

_MAX_HEAD_BYTES = 64 * 1024
_PAUSE_BYTES = 256 * 1024
_IDLE_SECONDS = 4.0
"""Shorter than the five seconds after which common servers hang up, so that a request does not meet that moment."""
_MOST_IDLE = 64
_JSON, _STREAM = "application/json", "text/event-stream"
_TYPE, _ENCODING = b"content-type", b"content-encoding"


class HttpBroken(Exception):
    """The connection failed. The server may have seen the request, or not."""


class NotHttp(Exception):
    """What came is no HTTP answer, or one over the limits."""


class Answer:
    """One answer: its head is known, its body is read by ``chunks`` or ``read``. Close it when done."""

    __slots__ = ("_connection", "is_encoded", "kind", "status")

    def __init__(self, connection: "_Connection", status: int, kind: str, *, is_encoded: bool) -> None:
        self.status = status
        self.kind = kind
        """Its content type, in small letters."""
        self.is_encoded = is_encoded
        """Whether its body is compressed, or else another than it is read as."""
        self._connection = connection

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers by their names in small letters."""
        return _joined(self._connection.headers)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, piece by piece."""
        while piece := await self._connection.piece():
            yield piece

    async def read(self, max_bytes: int) -> bytes | None:
        """The whole body; None when it is over the limit."""
        parts: list[bytes] = []
        size = 0
        while piece := await self._connection.piece():
            size += len(piece)
            if size > max_bytes:
                return None
            parts.append(piece)
        return b"".join(parts)

    def close(self) -> None:
        """Give the connection back, or hang up where the answer was not read to its end."""
        self._connection.done()


class _Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self, pool: "HttpWire") -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self.idle_since = 0.0
        self.lost = False
        self._paused = False
        self._spoiled = False
        self._begin()

    def _begin(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self._kind = ""
        self._is_encoded = self._is_whole = False
        self._due = False
        self._head_bytes = 0
        self._head_done = False
        self._complete = False
        self._stays = False
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._error: Exception | None = None
        self._news: asyncio.Future[None] | None = None

    # What its user calls.

    async def ask(self, request: bytes) -> Answer:
        """Send a whole request; its answer as soon as the head is there, and of JSON all or much of the body."""
        assert self._transport is not None
        self._begin()
        self.idle_since = 0.0
        self._transport.write(request)
        while not (self._head_done and self._due):
            await self._wait()
        return Answer(self, self._parser.get_status_code(), self._kind, is_encoded=self._is_encoded)

    async def piece(self) -> bytes:
        """The next part of the body; empty at its end."""
        while not self._pieces:
            if self._complete:
                return b""
            await self._wait()
        piece = self._pieces.popleft()
        self._held -= len(piece)
        if self._paused and not self._pieces and not self.lost and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return piece

    def done(self) -> None:
        """The answer is no longer read."""
        read = self._complete and not self._pieces
        if read and not self.lost and not self._spoiled and self._stays:
            self._pool.keep(self)
        else:
            self.hang_up()

    def hang_up(self) -> None:
        """Close it now."""
        self.lost = True
        if self._transport is not None:
            self._transport.abort()

    async def _wait(self) -> None:
        self._raise()
        self._news = asyncio.get_running_loop().create_future()
        try:
            await self._news
        finally:
            self._news = None
        if not self._pieces:
            self._raise()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _tell(self) -> None:
        self._due = True
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _fail(self, error: Exception) -> None:
        if self._error is None and not self._complete:
            self._error = error
        self._tell()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(NotHttp(f"no HTTP answer: {error}"))
            self.hang_up()
            return
        if not self._head_done:
            self._head_bytes += len(data)
            if self._head_bytes > _MAX_HEAD_BYTES:
                self._fail(NotHttp("the head of the answer does not end"))
                self.hang_up()
        elif self._held > _PAUSE_BYTES and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._pool.drop(self)
        unframed = not {b"content-length", b"transfer-encoding"} & {name.lower() for name, _ in self.headers}
        if exc is None and self._head_done and unframed:
            self._complete = True  # such a body ends with the connection
            self._tell()
        else:
            self._fail(HttpBroken(str(exc) if exc else "the server hung up in the middle of an answer"))

    # What the parser calls.

    def on_message_begin(self) -> None:
        """More than was asked for: whose answer it would be taken for, nobody could say."""
        if self._complete:
            self._spoiled = True
            self.lost = self.lost or bool(self.idle_since)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._spoiled:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200:  # before it, only hints
            self._head_done = True
            self._stays = self._parser.should_keep_alive()  # once the body is over, the parser always says no
            self._look_at_headers()
            # Half an answer in JSON is of no use, nor is a stream's head: whoever waits for it wakes up once.
            self._is_whole = status < 300 and self._kind.startswith(_JSON)
            if not self._is_whole and not (status < 300 and self._kind.startswith(_STREAM)):
                self._tell()

    def _look_at_headers(self) -> None:
        for name, value in self.headers:
            length = len(name)  # the quickest way past most of them
            if length == len(_TYPE) and name.lower() == _TYPE:
                self._kind = self._kind or value.decode("latin-1").lower()
            elif length == len(_ENCODING) and name.lower() == _ENCODING:
                self._is_encoded = self._is_encoded or value.strip().lower() not in (b"", b"identity")

    def on_body(self, body: bytes) -> None:
        if self._spoiled:
            return
        self._pieces.append(body)
        self._held += len(body)
        if not self._is_whole or self._held > _PAUSE_BYTES:
            self._tell()

    def on_message_complete(self) -> None:
        if self._head_done:
            self._complete = True
            self._tell()
        else:
            self.headers = []


def _joined(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """A header that comes several times as one, its values in their order."""
    found: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


LookUp = Callable[[str, int], Awaitable[list[str]]]
"""Finds the addresses of a host that may be called. Raises OSError."""


class HttpWire:
    """Requests to one server. Make it inside a running event loop."""

    def __init__(
        self, host: str, port: int, target: bytes, *, authority: bytes, tls: ssl.SSLContext | None,
        connect_seconds: float, look_up: LookUp | None = None,
    ) -> None:  # fmt: skip
        """``target`` and ``authority`` as they go over the wire: path with query, host with port.

        ``look_up`` says which addresses of the host may be called; without it the system does.
        """
        self._look_up = look_up
        self._host = host
        self._port = port
        self._tls = tls
        self._connect_seconds = connect_seconds
        self._idle: list[_Connection] = []
        self._all: set[_Connection] = set()
        self._closed = False
        self._start = b"POST %b HTTP/1.1\r\nHost: %b\r\n" % (target, authority)

    async def post(self, head: bytes, body: bytes) -> Answer:
        """Send a request; ``head`` are header lines, each with its line break. Raises HttpBroken, NotHttp, OSError."""
        connection = self._free() or await self._connect()
        try:
            length = b"Content-Length: %d\r\n\r\n" % len(body)
            return await connection.ask(b"".join((self._start, head, length, body)))
        except BaseException:
            connection.hang_up()
            raise

    def keep(self, connection: _Connection) -> None:
        """Take a connection back."""
        if self._closed or len(self._idle) >= _MOST_IDLE:
            connection.hang_up()
            return
        connection.idle_since = time.monotonic()
        self._idle.append(connection)

    def drop(self, connection: _Connection) -> None:
        """It is gone."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """Hang up; requests under way fail."""
        self._closed = True
        self._idle.clear()
        for connection in list(self._all):
            connection.hang_up()

    def _free(self) -> _Connection | None:
        """The connection that was used last, unless the server may be about to close it."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.lost and time.monotonic() - connection.idle_since < _IDLE_SECONDS:
                return connection
            connection.hang_up()
        return None

    async def _connect(self) -> _Connection:
        async with asyncio.timeout(self._connect_seconds):
            connection = await self._call()
        self._all.add(connection)
        if self._closed:
            connection.hang_up()
        return connection

    async def _call(self) -> _Connection:
        """A connection to the first address that answers."""
        found = [self._host] if self._look_up is None else await self._look_up(self._host, self._port)
        named = self._host if self._tls is not None else None
        failed: OSError = OSError("the host has no address")
        for address in found:
            try:
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: _Connection(self), address, self._port, ssl=self._tls, server_hostname=named
                )
            except OSError as error:
                failed = error
            else:
                return connection
        raise failed
