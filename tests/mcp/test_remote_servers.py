"""Servers over streamable HTTP, both eras, both forms of answers: calls, progress, cancellation, deaths, refusals."""

import asyncio
from pathlib import Path

import pytest

from orchestrator.core.errors import NotConfigured, ServerMisbehaved, ServerUnreachable
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.pool import ServerPool
from tests.mcp.conftest import NOBODY, HttpServer, hostile, http_server, until


async def test_a_remote_server_is_probed_listed_and_called(pool: ServerPool, remote: HttpServer) -> None:
    there = remote.definition()
    probe = await pool.probe(there)
    assert (probe.healthy, probe.era, probe.server_name) == (True, remote.era, "over-http")
    assert {tool.name for tool in probe.tools} >= {"echo", "count", "nap"}
    result = await pool.call_tool(there, "echo", {"text": "hello"}, context=NOBODY)
    assert result.text == "hello"
    assert result.structured == {"result": "hello"}


async def test_progress_of_a_remote_tool_reaches_the_caller(pool: ServerPool, remote: HttpServer) -> None:
    heard: list[tuple[float, float | None, str | None]] = []

    async def note(done: float, total: float | None, message: str | None) -> None:
        heard.append((done, total, message))

    await pool.call_tool(remote.definition(), "count", {"to": 3}, context=NOBODY, on_progress=note)
    if remote.form != "json":  # a JSON answer has no room for progress
        await until(lambda: len(heard) == 3)
        assert (3.0, 3.0, "counted 3") in heard


async def test_cancelling_the_caller_cancels_a_remote_tool(
    pool: ServerPool, remote: HttpServer, tmp_path: Path
) -> None:
    there, mark = remote.definition(), tmp_path / "mark"
    call = asyncio.create_task(pool.call_tool(there, "nap", {"seconds": 60, "mark": str(mark)}, context=NOBODY))
    await until(lambda: pool.state(there.id).status == "ready")
    await pool.call_tool(there, "echo", {"text": "the nap has begun"}, context=NOBODY)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    if remote.form == "json" and remote.era == "modern":
        return  # the SDK's server does not watch for the end of a connection it will answer with JSON
    await until(mark.exists)


async def test_a_remote_death_fails_the_calls_in_flight_at_once_and_the_next_call_heals(
    pool: ServerPool, remote: HttpServer
) -> None:
    there, other = remote.definition(timeout_seconds=30.0), hostile("fine")
    await pool.call_tool(there, "echo", {"text": "x"}, context=NOBODY)
    calls = [pool.call_tool(there, "nap", {"seconds": 60}, context=NOBODY) for _ in range(3)]
    calls.append(pool.call_tool(there, "die", {}, context=NOBODY))
    async with asyncio.timeout(10):
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {ServerUnreachable}
    assert (await pool.call_tool(other, "poke", {}, context=NOBODY)).text == "ok"
    remote.stop()
    remote.start()
    await remote.ready()
    await until(lambda: pool.state(there.id).retry_in_seconds == 0)
    assert (await pool.call_tool(there, "echo", {"text": "back"}, context=NOBODY)).text == "back"


async def test_an_answer_over_the_limit_is_cut_off_and_the_session_lives(pool: ServerPool, remote: HttpServer) -> None:
    there = remote.definition()
    with pytest.raises(ServerMisbehaved, match="too large"):
        await pool.call_tool(there, "big", {"size": 3_000_000}, context=NOBODY)
    assert (await pool.call_tool(there, "echo", {"text": "y"}, context=NOBODY)).text == "y"
    assert pool.state(there.id).starts == 1


async def test_a_server_that_wants_a_token_says_so_and_gets_it_from_the_headers(pool: ServerPool) -> None:
    with http_server("json", TOKEN="t0ken-value") as server:
        await server.ready()
        with pytest.raises(NotConfigured) as caught:
            await pool.list_tools(server.definition())
        assert "401" in caught.value.message
        assert "Authorization" in (caught.value.hint or "")
        allowed = server.definition(headers={"Authorization": "Bearer t0ken-value"})
        assert (await pool.call_tool(allowed, "echo", {"text": "in"}, context=NOBODY)).text == "in"
        assert "t0ken" not in repr(allowed)


async def test_an_address_nobody_listens_at_is_unreachable(pool: ServerPool) -> None:
    server = HttpServer()
    probe = await pool.probe(server.definition())
    assert probe.error is not None
    assert probe.error["code"] == "server_unreachable"
    with pytest.raises(ServerUnreachable, match="ConnectError"):
        await pool.call_tool(server.definition(), "echo", {}, context=NOBODY)


@pytest.mark.parametrize("body", [b"<html>hello</html>", b'{"no": "json-rpc"}', b"\xff\xfe"])
async def test_a_web_site_that_is_no_mcp_server_is_told_apart(pool: ServerPool, body: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        kind = b"text/html" if body.startswith(b"<") else b"application/json"
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n" % (kind, len(body)))
        writer.write(b"connection: close\r\n\r\n")
        writer.write(body)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as site:
        port = site.sockets[0].getsockname()[1]
        there = ServerDefinition.build(
            id=hostile("x").id, name="site", transport="streamable_http", url=f"http://127.0.0.1:{port}/"
        )
        probe = await pool.probe(there)
        assert not probe.healthy
        assert probe.error is not None
        assert probe.error["code"] in ("server_misbehaved", "server_unreachable")
