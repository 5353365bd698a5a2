"""Servers that are let go of while they start: whoever lets go does not wait for what will never be ready."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from orchestrator.core.errors import ServerUnreachable
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.pool import ServerPool
from tests.mcp.conftest import NOBODY, until


@asynccontextmanager
async def silent() -> AsyncIterator[str]:
    """A remote server that takes every connection, reads, and never answers."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(4096):
                continue
        finally:
            writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
    finally:
        server.close()


def remote(url: str, transport: str) -> ServerDefinition:
    return ServerDefinition.build(id=uuid4(), name="silent", transport=transport, url=url)  # type: ignore[arg-type]


@pytest.mark.parametrize("transport", ["streamable_http", "sse"])
async def test_forgetting_a_remote_server_while_it_starts_ends_the_start(make_pool, transport: str) -> None:
    pool: ServerPool = make_pool()
    async with silent() as url:
        there = remote(url, transport)
        call = asyncio.create_task(pool.call_tool(there, "echo", {}, context=NOBODY))
        await until(lambda: pool.state(there.id).status == "starting")
        async with asyncio.timeout(8):
            await pool.forget(there.id)
            with pytest.raises(ServerUnreachable):
                await call
        assert pool.state(there.id).status == "idle"


async def test_forgetting_a_server_that_waits_for_its_turn_to_start_does_not_wait(make_pool) -> None:
    pool: ServerPool = make_pool(starts_at_once=1)
    async with silent() as url:
        several = [remote(url, "streamable_http") for _ in range(6)]
        calls = [asyncio.create_task(pool.call_tool(one, "echo", {}, context=NOBODY)) for one in several]
        await until(lambda: all(pool.state(one.id).status == "starting" for one in several))
        async with asyncio.timeout(8):
            await pool.forget(several[-1].id)
            with pytest.raises(ServerUnreachable, match="being closed"):
                await calls[-1]
        assert not calls[1].done()
        await pool.aclose()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {ServerUnreachable}
