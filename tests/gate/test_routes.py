"""Routes know the rules and what a user lacks: a target that could not be used is rejected, and the reason says so."""

from typing import Any

import httpx

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.services.server_entry import builtin_id
from tests.gate.conftest import client_of, rule
from tests.mcp_door.conftest import HOSTILE, Service, local_server, make_token, register

CODE = str(builtin_id("code"))


async def _reasons(client: httpx.AsyncClient, server: str, **task: Any) -> dict[str, str]:
    """Why a server is rejected for a task, by kind."""
    answer = await client.post("/tasks/route", json={"type": "file_search", "input": {"pattern": "*"}, **task})
    assert answer.status_code == 200, answer.text
    (candidate,) = [one for one in answer.json()["candidates"] if one["name"] == server]
    return {one["obstacle"]: one["reason"] for one in candidate["rejections"]}


async def test_a_route_says_which_rule_denies_what_it_needs(rest: httpx.AsyncClient, bobs: httpx.AsyncClient) -> None:
    assert await _reasons(bobs, "code") == {}
    made = await rule(rest, "deny", server_id=CODE, tool="search_files", reason="not here")
    told = (await _reasons(bobs, "code"))["policy"]
    assert told == f"file_search is denied by rule {made['id']} of the service level: not here"
    assert await _reasons(bobs, "code", type="code_search") == {}
    await rest.delete(f"/mcps/policies/{made['id']}")
    assert await _reasons(bobs, "code") == {}


async def test_a_persons_own_rule_changes_their_routes_only(rest: httpx.AsyncClient, bobs: httpx.AsyncClient) -> None:
    own = {"level": "user", "effect": "deny", "server_id": CODE}
    assert (await bobs.post("/mcps/policies", json=own)).status_code == 201
    assert "denied by rule" in (await _reasons(bobs, "code"))["policy"]
    assert await _reasons(rest, "code") == {}


async def test_a_route_says_which_credentials_are_missing(rest: httpx.AsyncClient, bobs: httpx.AsyncClient) -> None:
    tracker = {
        "name": "tracker", "transport": "streamable_http", "url": "http://127.0.0.1:9/mcp", "shared": True,
        "user_headers": ["X-Key"], "capabilities": ["file_search"],
    }  # fmt: skip
    made = (await rest.post("/mcps", json=tracker, params={"wait_seconds": 60})).json()
    told = (await _reasons(bobs, "tracker"))["configuration"]
    assert told.startswith("needs credentials: ")
    assert "X-Key" in told
    put = await bobs.put(f"/mcps/{made['id']}/credentials", json={"headers": {"X-Key": "1"}})
    assert put.status_code == 200, put.text
    assert "configuration" not in await _reasons(bobs, "tracker")


async def test_who_may_not_call_a_tool_does_not_read_its_definition_either(
    service: Service, container: Container, ada: Caller, bob: Caller, rest: httpx.AsyncClient
) -> None:
    entry = await register(container, ada, shared=True, **local_server("odd", str(HOSTILE), "fine"))
    await rule(rest, "deny", server_id=str(entry.id), tool="poke")
    async with client_of(service, await make_token(container, bob)) as bobs:
        hidden = (await bobs.get(f"/mcps/{entry.id}/definitions")).json()
    shown = (await rest.get(f"/mcps/{entry.id}/definitions")).json()
    assert hidden["items"] == []
    assert hidden["counts"] == {"approved": 0, "changed": 0, "new": 0, "gone": 0}
    assert [one["name"] for one in shown["items"]] == ["poke"]  # whoever approves has to see it
