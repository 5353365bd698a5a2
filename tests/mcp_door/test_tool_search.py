"""Tools are found by words instead of being listed: over MCP in both eras, over REST, at endpoints of every kind."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from mcp import MCPError

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller, Scope
from orchestrator.models import Membership, Role
from tests.mcp_door.conftest import Connect, Service, local_server, make_caller, make_token, register
from tests.mcp_door.test_eras import ERAS
from tests.mcp_door.test_own_tools import make_project


@pytest.fixture
async def api(service: Service, token: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=f"{service.url}/api/v1/mcps", headers=headers, timeout=30) as client:
        yield client


async def _endpoint(api: httpx.AsyncClient, **face: Any) -> dict[str, Any]:
    made = await api.post("/endpoints", json={"name": "mine", **face})
    assert made.status_code == 201, made.text
    answer: dict[str, Any] = made.json()
    return answer


async def test_an_endpoint_that_searches_lists_two_tools_and_what_it_is_told_to(
    connect: Connect, api: httpx.AsyncClient
) -> None:
    await _endpoint(api, search=True, listed=["diagnostics__ec*"])
    async with connect(path="/mcp/mine") as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
    assert names == ["search_tools", "call_tool", "diagnostics__echo"]


async def test_what_is_found_is_called_by_its_name(connect: Connect, api: httpx.AsyncClient) -> None:
    await _endpoint(api, search=True)
    async with connect(path="/mcp/mine") as client:
        found = (await client.call_tool("search_tools", {"query": "echo what I say", "limit": 3})).structured_content
        best = found["tools"][0]
        assert (best["name"], best["server"]) == ("diagnostics__echo", "diagnostics")
        assert found["searched"] > found["matching"] >= len(found["tools"]) == 3
        named = {"name": best["name"], "arguments": {"text": "hello"}}
        assert (await client.call_tool("call_tool", named)).structured_content == {"text": "hello"}
        # A client that remembers the name needs no detour.
        assert (await client.call_tool(best["name"], {"text": "again"})).structured_content == {"text": "again"}


@pytest.mark.parametrize(
    ("given", "field"),
    [({}, "name"), ({"name": "call_tool"}, "name"), ({"name": "x", "arguments": 1}, "arguments"), ({"n": 1}, "name")],
)
async def test_a_call_that_names_no_tool_is_told_what_to_mend(
    connect: Connect, api: httpx.AsyncClient, given: dict[str, Any], field: str
) -> None:
    await _endpoint(api, search=True)
    async with connect(path="/mcp/mine") as client:
        answer = await client.call_tool("call_tool", given)
        assert answer.is_error
        assert answer.structured_content["error"]["field"] == f"arguments.{field}"
        with pytest.raises(MCPError, match="Unknown tool: nothing"):
            await client.call_tool("call_tool", {"name": "nothing"})


async def test_everything_is_searched_at_the_endpoint_that_lists_everything(connect: Connect) -> None:
    async with connect() as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert "search_tools" in names
        assert "call_tool" not in names
        found = (await client.call_tool("search_tools", {"query": "grep regular expression"})).structured_content
    assert found["tools"][0]["name"] == "code__grep"
    assert "project_id" in found["tools"][0]["input_schema"]["required"]


async def test_a_new_tool_is_found_and_one_that_is_gone_is_not(
    api: httpx.AsyncClient, container: Container, ada: Caller
) -> None:
    words = {"query": "nap mark", "limit": 50}
    before = (await api.get("/tools/search", params=words)).json()
    entry = await register(container, ada, **local_server("eras", str(ERAS), "both", "stdio"))
    after = (await api.get("/tools/search", params=words)).json()
    assert "eras__nap" not in [tool["name"] for tool in before["tools"]]
    assert after["tools"][0]["name"] == "eras__nap"
    await container.registry.remove(ada, entry.id)
    assert (await api.get("/tools/search", params=words)).json() == before


async def test_nobody_finds_what_they_may_not_call(
    service: Service, container: Container, ada: Caller, api: httpx.AsyncClient
) -> None:
    await register(container, ada, **local_server("eras", str(ERAS), "both", "stdio"))
    await _endpoint(api, tools=["code__*"], prefix=True)
    inside = await api.get("/tools/search", params={"query": "nap", "endpoint": "mine"})
    assert "eras__nap" not in [tool["name"] for tool in inside.json()["tools"]]
    bob = await make_caller(container, "bob@example.org", is_admin=False)
    words = {"query": "nap"}
    for scopes, status in (((), 200), ((Scope.MCPS_READ,), 403)):
        headers = {"authorization": f"Bearer {await make_token(container, bob, *scopes)}"}
        answer = await api.get("/tools/search", params=words, headers=headers)
        assert answer.status_code == status
        assert "eras__nap" not in answer.text


@pytest.mark.parametrize("words", ['") OR name:* NEAR(', "*", "AND OR NOT", "\x00", "😀", "a" * 2000])
async def test_words_are_never_read_as_operators(api: httpx.AsyncClient, words: str) -> None:
    answer = await api.get("/tools/search", params={"query": words})
    assert answer.status_code == 200, answer.text


async def test_a_projects_endpoint_is_its_members_and_works_on_the_project(
    connect: Connect, service: Service, container: Container, ada: Caller, api: httpx.AsyncClient
) -> None:
    project = await make_project(container, ada)
    made = await _endpoint(api, project_id=str(project), servers=[], tools=["code__*"])
    assert (made["owner_id"], made["project_id"]) == (None, str(project))
    member = await make_caller(container, "bob@example.org", is_admin=False)
    stranger = await make_caller(container, "eve@example.org", is_admin=False)
    async with container.database.session() as session:
        session.add(Membership(project_id=project, user_id=member.user_id, role=Role.VIEWER))
    tokens = {one: await make_token(container, one) for one in (member, stranger)}
    async with connect(tokens[member], path="/mcp/mine") as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert "project_id" not in tools["code__search_files"].input_schema.get("required", ())
        found = await client.call_tool("code__search_files", {"pattern": "*.py"})
    assert "greet.py" in found.content[0].text
    async with httpx.AsyncClient(base_url=service.url) as client:
        theirs = {"authorization": f"Bearer {tokens[stranger]}"}
        assert (await client.post("/mcp/mine", json={}, headers=theirs)).status_code == 404
        assert (await client.get("/api/v1/mcps/endpoints", headers=theirs)).json() == {"items": []}
        members = {"authorization": f"Bearer {tokens[member]}"}
        listed = (await client.get("/api/v1/mcps/endpoints", headers=members)).json()["items"]
        assert [one["name"] for one in listed] == ["mine"]
        changed = await client.patch("/api/v1/mcps/endpoints/mine", json={"read_only": True}, headers=members)
        assert (changed.status_code, changed.json()["code"]) == (403, "forbidden")


async def test_only_a_projects_admin_makes_an_endpoint_for_it(
    service: Service, container: Container, ada: Caller, api: httpx.AsyncClient
) -> None:
    project = await make_project(container, ada)
    both = await api.post("/endpoints", json={"name": "mine", "project_id": str(project), "shared": True})
    assert (both.status_code, both.json()["field"]) == (422, "shared")
    bob = await make_caller(container, "bob@example.org", is_admin=False)
    headers = {"authorization": f"Bearer {await make_token(container, bob)}"}
    body = {"name": "mine", "project_id": str(project)}
    assert (await api.post("/endpoints", json=body, headers=headers)).status_code == 404
