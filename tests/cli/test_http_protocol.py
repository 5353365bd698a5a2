"""An answer's head leaves together with the beginning of its body; a stream still opens before its first event."""

import asyncio

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from orchestrator.api.whole_answer import is_offered, whole
from orchestrator.cli.start.http_protocol import HeadWithBody

WHOLE = {b"/whole": [b"hello, ", b"you"], b"/whole-none": [b""], b"/whole-long": [b"x", b"y" * 100_000]}
ASKED = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


class Wire(asyncio.Transport):
    """Keeps every write apart."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False
        self.wrote = asyncio.Event()
        self.gone = asyncio.Event()

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
        self.gone.set()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers by path: a short body, a long one, none, or a head after which nothing comes for long."""
    body = {b"/long": b"x" * 100_000, b"/none": b""}.get(scope["raw_path"], b"hello")
    if (parts := WHOLE.get(scope["raw_path"])) is not None:
        assert is_offered(scope)
        await send(whole(201, b"content-length: %d\r\nx-ours: yes\r\n" % sum(map(len, parts)), parts))
        return
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


@pytest.mark.parametrize(
    ("path", "bodies"),
    [("/whole", [b"hello, you"]), ("/whole-none", [b""]), ("/whole-long", [b"", b"x", b"y" * 100_000])],
)
async def test_an_answer_in_one_piece_is_written_as_it_is(
    talk: tuple[HeadWithBody, Wire], path: str, bodies: list[bytes]
) -> None:
    protocol, wire = talk
    protocol.server_state.default_headers = [(b"date", b"today")]
    protocol.data_received(ASKED.replace(b"GET /", b"GET " + path.encode(), 1))
    await asyncio.gather(*protocol.tasks)
    head, mark, first = wire.writes[0].partition(b"\r\n\r\n")
    length = sum(map(len, bodies))
    assert head.decode() == f"HTTP/1.1 201 Created\r\ndate: today\r\ncontent-length: {length}\r\nx-ours: yes"
    assert [mark, first, *wire.writes[1:]] == [b"\r\n\r\n", *bodies]
    assert not wire.closed


@pytest.mark.parametrize("path", ["/", "/whole"])
async def test_an_answer_of_any_kind_says_that_the_connection_ends_and_ends_it(
    talk: tuple[HeadWithBody, Wire], path: str
) -> None:
    protocol, wire = talk
    asked = ASKED.replace(b"GET /", b"GET " + path.encode(), 1)
    protocol.data_received(asked.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    await asyncio.gather(*protocol.tasks)
    assert b"\r\nconnection: close\r\n" in wire.writes[0]
    assert wire.closed


async def test_a_connection_that_nobody_uses_is_closed_once_its_time_is_over(talk: tuple[HeadWithBody, Wire]) -> None:
    protocol, wire = talk
    protocol.timeout_keep_alive = 0.01  # type: ignore[assignment]
    protocol.data_received(ASKED)
    await asyncio.wait_for(wire.gone.wait(), 10)
    assert wire.writes[0].endswith(b"hello")


async def test_the_time_of_an_earlier_answer_closes_no_connection_that_was_used_since(
    talk: tuple[HeadWithBody, Wire],
) -> None:
    protocol, wire = talk
    protocol.data_received(ASKED)
    await asyncio.gather(*protocol.tasks)
    protocol.timeout_keep_alive_handler()
    assert not wire.closed
    assert protocol.timeout_keep_alive_task is not None
    protocol.data_received(ASKED.replace(b"GET /", b"GET /slow", 1))
    protocol.timeout_keep_alive_handler()
    assert not wire.closed
    for task in protocol.tasks:
        task.cancel()
    protocol.connection_lost(None)
