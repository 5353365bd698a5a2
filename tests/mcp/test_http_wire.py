"""The small HTTP client of the calling side, against servers that speak HTTP badly, and what comes of it for a call."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.mcp.direct_http import _Events
from orchestrator.mcp.http_wire import Answer, HttpBroken, HttpWire, NotHttp

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@asynccontextmanager
async def saying(
    *answers: bytes, hang_up: bool = False, connections: list[asyncio.StreamWriter] | None = None
) -> AsyncIterator[tuple[HttpWire, list[bytes]]]:
    """A client of a server that answers so, one after the other, and the requests the server has seen."""
    seen: list[bytes] = []
    met = [] if connections is None else connections
    left = itertools.cycle(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b"":
            seen.append(head + await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split()[0])))
            writer.write(next(left))
            await writer.drain()
            if hang_up:
                break

    ended: list[asyncio.Future[None]] = []

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        end = asyncio.get_running_loop().create_future()
        ended.append(end)
        met.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await serve(reader, writer)
        writer.close()
        end.set_result(None)

    server = await asyncio.start_server(guarded, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    wire = HttpWire("127.0.0.1", port, b"/mcp?x=1", authority=b"there:80", tls=None, connect_seconds=5)
    try:
        yield wire, seen
    finally:
        wire.close()
        server.close()
        async with asyncio.timeout(10):
            await asyncio.gather(*ended)


async def _whole(wire: HttpWire) -> tuple[Answer, bytes | None]:
    answer = await wire.post(b"A: b\r\n", b"{}")
    try:
        return answer, await answer.read(1000)
    finally:
        answer.close()


@pytest.mark.parametrize(
    "answer",
    [
        _HEAD + b"Content-Length: 5\r\n\r\nhello",
        _HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + _HEAD + b"Content-Length: 5\r\n\r\nhello",
    ],
    ids=["length", "chunks", "hints"],
)
async def test_an_answer_is_read_whole_and_its_connection_kept(answer: bytes) -> None:
    connections: list[asyncio.StreamWriter] = []
    async with saying(answer, connections=connections) as (wire, seen):
        for _ in range(3):
            head, body = await _whole(wire)
            assert (head.status, head.headers["content-type"], body) == (200, "application/json", b"hello")
        assert seen[0].startswith(b"POST /mcp?x=1 HTTP/1.1\r\nHost: there:80\r\n")
        assert seen[0].endswith(b"A: b\r\nContent-Length: 2\r\n\r\n{}")
    assert len(connections) == 1


async def test_a_server_that_wants_to_hang_up_is_met_anew() -> None:
    connections: list[asyncio.StreamWriter] = []
    answer = _HEAD + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello"
    async with saying(answer, connections=connections) as (wire, _):
        assert [(await _whole(wire))[1] for _ in range(2)] == [b"hello", b"hello"]
    assert len(connections) == 2


async def test_a_body_without_a_length_ends_with_the_connection() -> None:
    async with saying(_HEAD + b"\r\nhello", hang_up=True) as (wire, _):
        assert (await _whole(wire))[1] == b"hello"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", NotHttp),
        (b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(20_000)), NotHttp),
        (_HEAD + b"Content-Length: 50\r\n\r\nhello", HttpBroken),
        (b"", HttpBroken),
    ],
    ids=["no HTTP", "a head without end", "cut off", "silence"],
)
async def test_what_is_no_whole_answer_is_an_error(answer: bytes, error: type[Exception]) -> None:
    async with saying(answer, hang_up=True) as (wire, _):
        with pytest.raises(error):
            await _whole(wire)


async def test_a_body_over_the_limit_is_not_kept_and_its_connection_is_given_up() -> None:
    async with saying(_HEAD + b"Content-Length: 5000\r\n\r\n" + b"x" * 5000) as (wire, _):
        assert (await _whole(wire))[1] is None
        assert (await _whole(wire))[1] is None


async def test_more_than_was_asked_for_is_nobodys_answer() -> None:
    mine = _HEAD + b"Content-Length: 4\r\n\r\nmine"
    async with saying(mine + _HEAD + b"Content-Length: 6\r\n\r\nforged", mine) as (wire, _):
        assert (await _whole(wire))[1] == b"mine"
        assert (await _whole(wire))[1] == b"mine"


async def test_requests_under_way_fail_when_it_is_closed() -> None:
    async with saying(_HEAD + b"Content-Length: 50\r\n\r\nhello") as (wire, seen):
        asking = asyncio.create_task(_whole(wire))
        async with asyncio.timeout(10):
            while not seen:  # noqa: ASYNC110 - the other side has no event of its own
                await asyncio.sleep(0.01)
        wire.close()
        with pytest.raises(HttpBroken):
            await asking


async def test_a_stream_is_there_with_its_first_event_and_read_as_it_comes() -> None:
    head = _HEAD.replace(b"application/json", b"text/event-stream")
    async with saying(head + b"Content-Length: 50\r\n\r\nhello") as (wire, _):
        answer = await wire.post(b"", b"{}")
        assert await anext(answer.chunks()) == b"hello"
        wire.close()
        with pytest.raises(HttpBroken):
            await answer.read(1000)
        answer.close()


@pytest.mark.parametrize(
    "head", [_HEAD.replace(b"200 OK", b"404 Not Found"), _HEAD.replace(b"application/json", b"a/b")]
)
async def test_what_is_no_answer_of_the_protocol_is_known_by_its_head(head: bytes) -> None:
    async with saying(head + b"Content-Length: 50\r\n\r\n") as (wire, _):
        answer = await asyncio.wait_for(wire.post(b"", b"{}"), 10)
        answer.close()
    assert (answer.status, answer.kind) in ((404, "application/json"), (200, "a/b"))


_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1)
_LINES = st.sampled_from(["\n", "\r\n", "\r"])


@given(
    data=st.lists(
        st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), min_size=1), max_size=5
    ),
    line=_LINES,
    cut=st.integers(1, 7),
)
def test_a_stream_of_events_is_read_however_it_is_cut(data: list[str], line: str, cut: int) -> None:
    stream = "".join(f"event: message{line}id: {n}{line}data: {one}{line}{line}" for n, one in enumerate(data)).encode()
    events = _Events(100_000)
    pieces = [stream[start : start + cut] for start in range(0, len(stream), cut)]
    found = [one for piece in pieces for one in events.feed(piece)]
    assert found == [one.encode() for one in data]
    assert events.last_id == (str(len(data) - 1) if data else None)


def test_events_of_other_kinds_and_comments_are_passed_over() -> None:
    events = _Events(1000)
    assert list(events.feed(b": ping\n\nevent: other\ndata: x\n\ndata: a\ndata: b\n\n")) == [b"a\nb"]
