"""An answer's head leaves together with the beginning of its body; a stream still opens before its first event."""

import asyncio

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from orchestrator.cli.http_protocol import HeadWithBody

ASKED = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


class Wire(asyncio.Transport):
    """Keeps every write apart."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False
        self.wrote = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))
        self.wrote.set()

    def pause_reading(self) -> None:
        """Nothing more comes anyway."""

    def resume_reading(self) -> None:
        """Nothing more comes anyway."""

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers by path: a short body, a long one, none, or a head after which nothing comes for long."""
    body = {b"/long": b"x" * 100_000, b"/none": b""}.get(scope["raw_path"], b"hello")
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["raw_path"] == b"/slow":
        await receive()
        await receive()
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def talk() -> tuple[HeadWithBody, Wire]:
    config = Config(app, log_config=None, lifespan="off")
    config.load()
    protocol, wire = HeadWithBody(config, ServerState(), {}), Wire()
    protocol.connection_made(wire)
    return protocol, wire


@pytest.mark.parametrize(("path", "lengths"), [("/", [5]), ("/none", [0]), ("/long", [0, 100_000])])
async def test_one_write_carries_head_and_body(talk: tuple[HeadWithBody, Wire], path: str, lengths: list[int]) -> None:
    protocol, wire = talk
    protocol.data_received(ASKED.replace(b"GET /", b"GET " + path.encode(), 1))
    await asyncio.gather(*protocol.tasks)
    head, *rest = wire.writes
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert [len(head.partition(b"\r\n\r\n")[2]), *map(len, rest)] == lengths


async def test_a_head_that_nothing_follows_leaves_at_once(talk: tuple[HeadWithBody, Wire]) -> None:
    protocol, wire = talk
    protocol.data_received(ASKED.replace(b"GET /", b"GET /slow", 1))
    await asyncio.wait_for(wire.wrote.wait(), 5)
    assert wire.writes[0].endswith(b"\r\n\r\n")
    for task in protocol.tasks:
        task.cancel()


async def test_two_requests_in_one_packet_are_answered_in_their_order(talk: tuple[HeadWithBody, Wire]) -> None:
    protocol, wire = talk
    protocol.data_received(ASKED + ASKED.replace(b"GET /", b"GET /none", 1))
    while len(wire.writes) < 2:
        wire.wrote.clear()
        await asyncio.wait_for(wire.wrote.wait(), 5)
    assert [write.partition(b"\r\n\r\n")[2] for write in wire.writes] == [b"hello", b""]


async def test_an_answer_that_closes_is_written_before(talk: tuple[HeadWithBody, Wire]) -> None:
    protocol, wire = talk
    protocol.data_received(ASKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    await asyncio.gather(*protocol.tasks)
    assert wire.closed
    assert wire.writes[0].endswith(b"hello")
