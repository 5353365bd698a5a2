"""A small HTTP/1.1 load client: prepared requests over kept connections, so that the client itself costs little."""

import asyncio
import json
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: status, body, and how long it took in seconds."""

    status: int
    body: bytes
    seconds: float


def request_bytes(method: str, path: str, token: str = "", body: object | None = None) -> bytes:
    """A whole request, ready to be written."""
    payload = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(payload)}"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body is not None:
        lines.append("Content-Type: application/json")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + payload


class Connection:
    """One kept connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connect to loopback."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes) -> Answer:
        """Send a request and read its whole answer."""
        started = time.perf_counter()
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        length, chunked = 0, False
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
            chunked = chunked or line == b"transfer-encoding: chunked"
        body = await self._chunks() if chunked else await self._reader.readexactly(length) if length else b""
        return Answer(status, body, time.perf_counter() - started)

    async def _chunks(self) -> bytes:
        parts = []
        while size := int(await self._reader.readline(), 16):
            parts.append(await self._reader.readexactly(size))
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return b"".join(parts)

    async def read_until(self, request: bytes, mark: bytes) -> None:
        """Send a request and read its stream until a mark appears."""
        self._writer.write(request)
        await self._reader.readuntil(mark)

    @property
    def ended(self) -> bool:
        """Whether the server has hung up, as it does with idle connections."""
        return self._reader.at_eof()

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


class PlainConnection:
    """A client that connects when it is idle for too long, and reads answers of megabytes by the system call itself.

    A stream of asyncio takes three times as long to read one as the service to send it. ``ask`` blocks its thread.
    """

    _buffer = bytearray(64 * 1024 * 1024)

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = self._connect()

    def _connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._port), timeout=60)

    def ask(self, request: bytes) -> Answer:
        """Send a request and read its answer, which says its length."""
        if select.select([self._socket], [], [], 0)[0]:  # nothing was asked: the server has hung up
            self._socket.close()
            self._socket = self._connect()
        started = time.perf_counter()
        self._socket.sendall(request)
        view, filled, end = memoryview(self._buffer), 0, -1
        while end < 0 or filled < end:
            if not (more := self._socket.recv_into(view[filled:])):
                raise EOFError("the server hung up")
            filled += more
            if end < 0 and (start := self._buffer.find(b"\r\n\r\n", 0, filled) + 4) > 3:
                head = bytes(view[:start]).lower()
                end = start + int(head.partition(b"\r\ncontent-length:")[2].split(b"\r\n", 1)[0])
        seconds = time.perf_counter() - started
        return Answer(int(head[9:12]), bytes(view[start:end]), seconds)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


async def hammer(port: int, make: Callable[[int], bytes], total: int, connections: int) -> list[Answer]:
    """Send ``total`` requests over some connections at once; answers in no particular order."""
    numbers = iter(range(total))
    answers: list[Answer] = []

    async def one() -> None:
        connection = await Connection.open(port)
        for number in numbers:
            answers.append(await connection.ask(make(number)))
        connection.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return answers
