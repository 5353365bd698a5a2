"""Clients of others use servers of others through the gateway, by prefixed names and by the servers' own."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import fastmcp
import httpx2
import mcp_types as types
import orjson
import pytest
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from fastmcp.exceptions import MCPError, ToolError
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.console.conftest import node
from tests.counterparts.conftest import PACKAGES, House
from tests.mcp_door.conftest import stdio_door

pytestmark = [pytest.mark.xdist_group("counterparts"), pytest.mark.timeout(300)]

ELICITS = "everything__trigger-elicitation-request"
LONG = "everything__trigger-long-running-operation"


@asynccontextmanager
async def sdk(house: House, url: str, mode: str, **more: Any) -> AsyncIterator[Client]:
    """The official SDK's client."""
    headers = {"Authorization": f"Bearer {house.token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode, **more) as client,
    ):
        yield client


def text(result: Any) -> str:
    return "".join(getattr(part, "text", "") for part in result.content)


async def uses_every_server(client: Any, house: House, *, prefixed: bool) -> None:
    """List, and call a tool of each. Both clients from Python have these methods."""
    listed = await client.list_tools()
    names = {tool.name for tool in getattr(listed, "tools", listed)}
    for server, (tool, arguments, told) in house.calls.items():
        name = f"{server}__{tool}" if prefixed else tool
        assert name in names
        assert told in text(await client.call_tool(name, arguments))


async def accepted(*_: Any) -> types.ElicitResult:
    return types.ElicitResult(action="accept", content={"name": "Ada"})


@pytest.mark.parametrize("mode", ["auto", "legacy"], ids=["modern", "legacy"])
async def test_the_sdks_client_uses_every_server_over_stdio(over_stdio: House, mode: str) -> None:
    async with sdk(over_stdio, over_stdio.everything, mode, elicitation_callback=accepted) as client:
        await uses_every_server(client, over_stdio, prefixed=True)
        told: list[float] = []

        async def hear(done: float, total: float | None, message: str | None) -> None:
            told.append(done)

        await client.call_tool(LONG, {"duration": 0.2, "steps": 2}, progress_callback=hear)
        assert told == [1, 2]
        await _approved_and_asked(over_stdio, client)
        resource = (await client.list_resources()).resources[0]
        assert (await client.read_resource(resource.uri)).contents
        prompt = await client.get_prompt("everything__args-prompt", {"city": "Oslo"})
        assert "Oslo" in str(prompt.messages[0].content)
    async with sdk(over_stdio, over_stdio.plain, mode) as client:
        await uses_every_server(client, over_stdio, prefixed=False)


async def _approved_and_asked(house: House, client: Client) -> None:
    """The server shows this tool to none but clients that can be asked: it is approved once it was seen there."""
    _, _, name = ELICITS.partition("__")
    assert "not approved yet" in text(await client.call_tool(ELICITS, {}))
    headers = {"Authorization": f"Bearer {house.token}"}
    async with httpx2.AsyncClient(base_url=f"{house.url}/api/v1", headers=headers, timeout=60) as rest:
        servers = (await rest.get("/mcps", params={"limit": 100})).json()["items"]
        (server,) = [one["id"] for one in servers if one["name"] == "everything"]
        path = f"/mcps/{server}/definitions"
        held = {one["name"]: one for one in (await rest.get(path)).json()["items"]}
        assert held[name]["state"] == "new"
        assert held[name]["shown_to"].startswith("elicitation")
        answer = await rest.post(f"{path}/approve", json={"tools": {name: held[name]["live_hash"]}})
        assert answer.status_code == 200, answer.text
    told = text(await client.call_tool(ELICITS, {}))
    assert "Ada" in told
    assert ELICITS in {tool.name for tool in (await client.list_tools(cache_mode="refresh")).tools}


async def test_fastmcps_client_and_the_inspector_use_every_server_over_stdio(over_stdio: House) -> None:
    await _fastmcp(over_stdio)
    await _inspector(over_stdio)
    await _through_the_door_over_stdio(over_stdio)


async def _through_the_door_over_stdio(house: House) -> None:
    """Both start a program of ours in place of opening our address."""
    door = stdio_door(house.url, house.token)
    transport = StdioTransport(door.command, door.args, {**os.environ, **(door.env or {})}, keep_alive=False)
    async with fastmcp.Client(transport) as client:
        await uses_every_server(client, house, prefixed=True)
    tool, arguments, told = house.calls["everything"]
    given = [part for key, value in arguments.items() for part in ("--tool-arg", f"{key}={_argument(value)}")]
    call = ("--tool-name", f"everything__{tool}", *given)
    for era in ERAS:
        code, said = await _run(house, STDIO, era, "tools/call", *call)
        assert code == 0, said[-2000:]
        assert told in said


async def _fastmcp(house: House) -> None:
    headers = {"Authorization": f"Bearer {house.token}"}
    told: list[float] = []

    async def hear(done: float, total: float | None, message: str | None) -> None:
        told.append(done)

    async def answer(message: str, kind: Any, params: Any, context: Any) -> Any:
        return kind(name="Ada") if kind is not None else {}

    transport = StreamableHttpTransport(house.everything, headers=headers)
    async with fastmcp.Client(transport, elicitation_handler=answer) as client:
        await uses_every_server(client, house, prefixed=True)
        await client.call_tool(LONG, {"duration": 0.2, "steps": 2}, progress_handler=hear)
        assert told == [1, 2]
        resource = (await client.list_resources())[0]
        assert await client.read_resource(resource.uri)
        prompt = await client.get_prompt("everything__args-prompt", {"city": "Oslo"})
        assert "Oslo" in str(prompt.messages[0].content)
        with pytest.raises((ToolError, MCPError), match="Unknown tool"):
            await client.call_tool("no-such-tool", {})
    async with fastmcp.Client(StreamableHttpTransport(house.plain, headers=headers)) as client:
        await uses_every_server(client, house, prefixed=False)


ERAS = ("auto", "legacy", "modern")
"""What the Inspector calls the ways to begin: the newest that is there, and each era alone."""


async def _inspector(house: House) -> None:
    """Each look is a process of its own: every server in one era, and every kind of request in each of the three."""
    await asyncio.gather(*(_in_era(house, era) for era in ERAS))
    await asyncio.gather(*(_calls(house, "auto", server) for server in house.calls))
    plain = await _inspect(house, house.plain, "auto", "tools/list")
    assert {tool for tool, _, _ in house.calls.values()} <= {tool["name"] for tool in plain["tools"]}


async def _in_era(house: House, era: str) -> None:
    """List, call, resource, prompt, and an error."""
    url = house.everything
    listed = await _inspect(house, url, era, "tools/list")
    assert {f"{name}__{tool}" for name, (tool, _, _) in house.calls.items()} <= {one["name"] for one in listed["tools"]}
    await _calls(house, era, "everything")
    uri = (await _inspect(house, url, era, "resources/list"))["resources"][0]["uri"]
    assert (await _inspect(house, url, era, "resources/read", "--uri", uri))["contents"]
    asked = ("--prompt-name", "everything__args-prompt", "--prompt-args", "city=Oslo")
    assert "Oslo" in str(await _inspect(house, url, era, "prompts/get", *asked))
    code, said = await _run(house, url, era, "tools/call", "--tool-name", "everything__no-such-tool")
    assert code != 0, said
    assert "no-such-tool" in said


async def _calls(house: House, era: str, server: str) -> None:
    tool, arguments, told = house.calls[server]
    given = [f"{key}={_argument(value)}" for key, value in arguments.items()]
    more = ["--tool-name", f"{server}__{tool}", *(part for one in given for part in ("--tool-arg", one))]
    assert told in str(await _inspect(house, house.everything, era, "tools/call", *more))


def _argument(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


async def _inspect(house: House, url: str, era: str, method: str, *more: str) -> dict[str, Any]:
    """The result that the Inspector's command line prints."""
    code, said = await _run(house, url, era, method, *more)
    assert code == 0, said[-2000:]
    told: dict[str, Any] = orjson.loads(said)
    return told.get("result", told)


STDIO = "stdio"
"""In the place of an address: the door over stdio."""


async def _run(house: House, url: str, era: str, method: str, *more: str) -> tuple[int, str]:
    """Its code, and its output; what it complains of where it fails."""
    door = stdio_door(house.url, house.token)
    given = [part for name, value in (door.env or {}).items() for part in ("-e", f"{name}={value}")]
    program = ["--format", "json", *more, *given, "--transport", "stdio", "--", door.command, *door.args]
    address = [
        url,
        "--transport",
        "http",
        "--header",
        f"Authorization: Bearer {house.token}",
        "--format",
        "json",
        *more,
    ]
    command = [
        str(node()), str(PACKAGES / "inspector" / "clients" / "launcher" / "build" / "index.js"),
        "--cli", "--protocol-era", era, "--method", method,
        *(program if url == STDIO else address),
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PATH": f"{node().parent}:{os.environ['PATH']}"},
    )  # fmt: skip
    try:
        said, complained = await asyncio.wait_for(process.communicate(), 90)
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode or 0, (said + (complained if process.returncode else b"")).decode()


async def test_clients_use_every_server_over_http(over_http: House) -> None:
    headers = {"Authorization": f"Bearer {over_http.token}"}
    for url, prefixed in ((over_http.everything, True), (over_http.plain, False)):
        for mode in ("auto", "legacy"):
            async with sdk(over_http, url, mode) as client:
                await uses_every_server(client, over_http, prefixed=prefixed)
        async with fastmcp.Client(StreamableHttpTransport(url, headers=headers)) as client:
            await uses_every_server(client, over_http, prefixed=prefixed)
