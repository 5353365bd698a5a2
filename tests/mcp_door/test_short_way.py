"""The short way of a request: answered as JSON in one piece, as events where there is something to tell, and refused
where the SDK refuses."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from tests.mcp_door.conftest import HOSTILE, Service, local_server, make_caller, make_token, register, until
from tests.mcp_door.test_access import ACCEPT, INITIALIZE

_META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
_MODERN = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "diagnostics__echo"}


def _call(key: object = 7, **params: Any) -> dict[str, Any]:
    named = {"name": "diagnostics__echo", "arguments": {"a": 1}}
    return {"jsonrpc": "2.0", "id": key, "method": "tools/call", "params": named | params}


async def _ask(client: httpx.AsyncClient, body: object, **headers: str) -> httpx.Response:
    return await client.post("/mcp", json=body, headers=headers)


def _client(service: Service, token: str) -> httpx.AsyncClient:
    headers = ACCEPT | {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=service.url, headers=headers, timeout=30)


async def _session(client: httpx.AsyncClient) -> dict[str, str]:
    opened = await _ask(client, INITIALIZE)
    headers = {"Mcp-Session-Id": opened.headers["mcp-session-id"], "MCP-Protocol-Version": "2025-11-25"}
    ready = await _ask(client, {"jsonrpc": "2.0", "method": "notifications/initialized"}, **headers)
    assert ready.status_code == 202
    return headers


async def test_a_plain_call_is_answered_in_one_piece_of_json_in_both_eras(service: Service, token: str) -> None:
    async with _client(service, token) as client:
        session = await _session(client)
        old = await _ask(client, _call("a"), **session)
        new = await _ask(client, _call(_meta=_META), **_MODERN)
    assert old.headers["content-type"] == new.headers["content-type"] == "application/json"
    assert old.headers["mcp-session-id"] == session["Mcp-Session-Id"]
    assert (old.json()["id"], new.json()["id"]) == ("a", 7)
    assert old.json()["result"]["structuredContent"] == new.json()["result"]["structuredContent"] == {"a": 1}
    assert new.json()["result"]["resultType"] == "complete"


async def test_a_number_that_json_has_not_is_refused_in_both_eras(service: Service, token: str) -> None:
    old_text = json.dumps(_call(arguments={"a": float("nan")}))
    new_text = json.dumps(_call(arguments={"a": float("-inf")}, _meta=_META))
    kind = {"Content-Type": "application/json"}
    async with _client(service, token) as client:
        session = await _session(client)
        old = await client.post("/mcp", content=old_text, headers=session | kind)
        new = await client.post("/mcp", content=new_text, headers=_MODERN | kind)
    for answer in (old, new):
        error = answer.json()["error"]
        assert (error["code"], error["data"]["field"]) == (-32602, "arguments.a"), answer.text


async def test_progress_makes_the_answer_a_stream_that_ends_with_it(service: Service, token: str) -> None:
    waits = {"name": "diagnostics__wait", "arguments": {"seconds": 0.3}}
    async with _client(service, token) as client:
        session = await _session(client)
        body = _call(**waits, _meta={"progressToken": "p"})
        answer = await _ask(client, body, **session)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [line for line in answer.text.splitlines() if line.startswith("data:")]
    assert '"progressToken":"p"' in events[0]
    assert '"result"' in events[-1]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Mcp-Method": "tools/list"}, -32020),
        ({"Mcp-Name": "another"}, -32020),
        ({"MCP-Protocol-Version": "2099-01-01"}, -32020),
    ],
    ids=["method", "name", "version"],
)
async def test_headers_that_differ_from_the_body_are_refused(
    service: Service, token: str, change: dict[str, str], code: int
) -> None:
    async with _client(service, token) as client:
        answer = await _ask(client, _call(_meta=_META), **(_MODERN | change))
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == code


async def test_a_session_is_used_by_who_opened_it_only(service: Service, container: Container, token: str) -> None:
    eve = await make_token(container, await make_caller(container, "eve@example.org"))
    async with _client(service, token) as client, _client(service, eve) as other:
        session = await _session(client)
        assert (await _ask(client, _call(), **session)).status_code == 200
        assert (await _ask(other, _call(), **session)).status_code == 404
        assert (await client.delete("/mcp", headers=session)).status_code == 200
        assert (await _ask(client, _call(), **session)).status_code == 404


@pytest.mark.parametrize("body", [[], [_call()], {"id": 1}, _call(1.5), 3, "x"], ids=str)
async def test_what_is_no_request_is_refused_in_both_eras(service: Service, token: str, body: object) -> None:
    async with _client(service, token) as client:
        session = await _session(client)
        # In the older era, the SDK takes what has no valid id for a notice, and drops it.
        assert (await _ask(client, body, **session)).status_code in (400, 202)
        assert (await _ask(client, body, **_MODERN)).status_code == 400


async def test_a_client_of_the_older_era_that_hangs_up_cancels_its_call_and_keeps_its_session(
    service: Service, container: Container, ada: Caller, token: str, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    await register(container, ada, **local_server("patient", str(HOSTILE), "waits-for-cancel", str(mark)))
    async with _client(service, token) as client:
        session = await _session(client)
        async with _client(service, token) as other:
            call = asyncio.create_task(_ask(other, _call(name="patient__poke", arguments={}), **session))
            await until(mark.exists)
            call.cancel()
            await until(lambda: mark.read_text() == "true")
        assert (await _ask(client, _call(), **session)).status_code == 200


async def test_a_list_is_the_same_whichever_way_it_went(service: Service, ada: Caller, token: str) -> None:
    async with _client(service, token) as client:
        session = await _session(client)
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        twice = [(await _ask(client, body, **session)).json() for _ in range(2)]
        long = await _ask(client, body, **session, Accept="*/*")
    assert twice[0] == twice[1]
    assert long.headers["content-type"].startswith("text/event-stream")
    assert f'"name":"{twice[0]["result"]["tools"][-1]["name"]}"' in long.text
    assert len(twice[0]["result"]["tools"]) == long.text.count('"inputSchema"')
