"""What servers behind the door may do to it: be odd, be dead, be slow, take long, share a name."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from tests.mcp.conftest import http_server
from tests.mcp_door.conftest import HOSTILE, Connect, Service, approve_all, local_server, register, until

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


async def ask(service: Service, token: str, method: str, **params: Any) -> dict[str, Any]:
    """A request of the modern era and its answer as they are on the wire."""
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": method,
    } | ({"Mcp-Name": params["name"]} if "name" in params else {})
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": META}}
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{service.url}/mcp", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()["result"]
    return result


async def ask_legacy(service: Service, token: str, method: str, **params: Any) -> dict[str, Any]:
    """The same in the era of sessions."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    async with httpx.AsyncClient(base_url=service.url, headers=headers) as client:
        body = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello}
        client.headers["Mcp-Session-Id"] = (await client.post("/mcp", json=body)).headers["mcp-session-id"]
        answer = await client.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    line = next(line for line in answer.text.splitlines() if line.startswith("data: {"))
    result: dict[str, Any] = json.loads(line.removeprefix("data: "))["result"]
    return result


async def test_schemas_and_results_pass_as_they_are(
    service: Service, token: str, container: Container, ada: Caller
) -> None:
    await register(container, ada, **local_server("odd", str(HOSTILE), "odd"))
    for asked in (ask, ask_legacy):
        tools = {tool["name"]: tool for tool in (await asked(service, token, "tools/list"))["tools"]}
        assert tools["odd__poke"] == {
            "name": "odd__poke",
            "description": "Does what the server was told to do.",
            "inputSchema": {"type": "object", "$defs": {"T": {"$anchor": "t"}}},
            "x-vendor": {"a": [1]},
        }
        result = await asked(service, token, "tools/call", name="odd__poke", arguments={})
        assert result["x-unknown"] == 1
        assert result["_meta"]["pid"] > 0


async def test_each_era_gets_its_own_envelope(service: Service, token: str) -> None:
    call = {"name": "diagnostics__echo", "arguments": {"a": None}}
    modern = await ask(service, token, "tools/call", **call)
    assert modern["resultType"] == "complete"
    assert modern["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "orchestrator"
    legacy = await ask_legacy(service, token, "tools/call", **call)
    assert set(legacy) == {"content", "isError", "structuredContent"}
    assert modern["structuredContent"] == legacy["structuredContent"] == {"a": None}


@pytest.mark.parametrize(("mode", "status"), [("dies-at-start", "failed"), ("silent", "starting")])
async def test_a_dead_server_hides_only_itself_and_is_seen_to_be_dead(
    service: Service, token: str, connect: Connect, container: Container, ada: Caller, mode: str, status: str
) -> None:
    await container.registry.create(ada, local_server("broken", str(HOSTILE), mode))
    await register(container, ada, **local_server("fine", str(HOSTILE), "fine"))
    listed = await ask(service, token, "tools/list")
    names = {tool["name"] for tool in listed["tools"]}
    assert {"fine__poke", "diagnostics__echo", "create_task"} <= names
    assert "broken__poke" not in names
    standings = {one["server"]: one for one in listed["_meta"]["orchestrator/servers"]}
    assert standings["fine"] == {"server": "fine", "status": "ready", "tools": 1}
    assert standings["broken"]["status"] == status
    assert standings["broken"]["error"]["code"]
    async with connect() as client:
        told = (await client.call_tool("list_servers", {})).structured_content
    assert {one["server"]: one["status"] for one in told["items"]}["broken"] == standings["broken"]["status"]


async def test_a_call_to_a_server_that_dies_is_a_result_that_says_so(
    connect: Connect, container: Container, ada: Caller
) -> None:
    await register(container, ada, **local_server("frail", str(HOSTILE), "dies-mid-call", env={"API_KEY": "geheim"}))
    async with connect() as client:
        result = await client.call_tool("frail__poke", {})
        assert result.is_error
        assert result.structured_content["error"] | {"message": ""} == {
            "code": "server_unreachable",
            "message": "",
            "retry": True,
        }
        assert "geheim" not in str(result)
        assert (await client.call_tool("diagnostics__echo", {})).structured_content == {}


async def test_cancelling_a_call_cancels_it_at_the_server_behind(
    connect: Connect, container: Container, ada: Caller, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    await register(container, ada, **local_server("patient", str(HOSTILE), "waits-for-cancel", str(mark)))
    async with connect() as client:
        call = asyncio.create_task(client.call_tool("patient__poke", {}))
        await until(mark.exists)
        call.cancel()
        await until(lambda: mark.read_text() == "true")


async def test_a_client_that_hangs_up_cancels_its_call(
    service: Service, token: str, container: Container, ada: Caller, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    await register(container, ada, **local_server("patient", str(HOSTILE), "waits-for-cancel", str(mark)))
    call = asyncio.create_task(ask(service, token, "tools/call", name="patient__poke", arguments={}))
    await until(mark.exists)
    call.cancel()
    await until(lambda: mark.read_text() == "true")


async def test_a_remote_server_is_called_with_its_progress(connect: Connect, container: Container, ada: Caller) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    async def hear(done: float, total: float | None, message: str | None) -> None:
        told.append((done, total, message))

    with http_server("sse") as remote:
        await remote.ready()
        await register(container, ada, name="far", transport="streamable_http", url=remote.url)
        async with connect() as client:
            result = await client.call_tool("far__count", {"to": 3}, progress_callback=hear)
    assert result.structured_content == {"result": 3}
    assert told == [(1, 3, "counted 1"), (2, 3, "counted 2"), (3, 3, "counted 3")]


async def test_a_tool_that_appeared_since_the_last_probe_waits_for_its_approval(
    connect: Connect, container: Container, ada: Caller
) -> None:
    entry = await register(container, ada, **local_server("moving", str(HOSTILE), "lists-change"))
    async with connect() as client:
        assert (await client.call_tool("moving__poke", {})).content[0].text == "changed"
        assert "moving__poked" not in {tool.name for tool in (await client.list_tools(cache_mode="bypass")).tools}
        refused = await client.call_tool("moving__poked", {})
        assert refused.structured_content["error"]["code"] == "tool_quarantined"
        await approve_all(container, ada, entry)
        names = {tool.name for tool in (await client.list_tools(cache_mode="bypass")).tools}
        assert "moving__poked" in names
        assert (await client.call_tool("moving__poked", {})).content[0].text == "changed"


async def test_a_disabled_server_is_neither_listed_nor_called(
    connect: Connect, container: Container, ada: Caller
) -> None:
    entry = await register(container, ada, **local_server("off", str(HOSTILE), "fine"))
    await container.registry.change(ada, entry.id, {"enabled": False})
    async with connect() as client:
        assert "off__poke" not in {tool.name for tool in (await client.list_tools()).tools}
