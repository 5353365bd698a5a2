"""Endpoints of one's own: chosen servers and tools under other names, made and changed over REST."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.services.mcp_endpoint import Endpoint
from orchestrator.services.server_entry import ServerEntry
from tests.mcp_door.conftest import Service, local_server, make_caller, make_token, register
from tests.mcp_door.test_eras import ERAS


@pytest.fixture
async def api(service: Service, token: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=f"{service.url}/api/v1/mcps", headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
async def eras(container: Container, ada: Caller) -> str:
    entry = await register(container, ada, **local_server("eras", str(ERAS), "both", "stdio"))
    return str(entry.id)


async def _make(api: httpx.AsyncClient, **face: Any) -> dict[str, Any]:
    answer = await api.post("/endpoints", json={"name": "mine", **face})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def _tools(service: Service, token: str, name: str = "mine") -> dict[str, Any]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30) as http,
        Client(streamable_http_client(f"{service.url}/mcp/{name}", http_client=http)) as client,
    ):
        return {tool.name: tool for tool in (await client.list_tools()).tools}


async def _call(service: Service, token: str, tool: str, **arguments: Any) -> str:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30) as http,
        Client(streamable_http_client(f"{service.url}/mcp/mine", http_client=http)) as client,
    ):
        try:
            return (await client.call_tool(tool, arguments)).content[0].text
        except MCPError as error:
            return error.message


async def test_it_shows_its_servers_only_and_names_as_they_are(
    service: Service, token: str, api: httpx.AsyncClient, eras: str
) -> None:
    made = await _make(api, servers=[eras], prefix=False)
    assert made["url"].endswith("/mcp/mine")
    tools = await _tools(service, token)
    assert "add" in tools
    assert not any("__" in name or name == "create_task" for name in tools)
    assert await _call(service, token, "add", a=1, b=2) == "3"


async def test_patterns_renames_and_annotations_shape_it(
    service: Service, token: str, api: httpx.AsyncClient, eras: str
) -> None:
    face = {
        "servers": [eras], "prefix": False, "tools": ["plus", "count"], "renames": {"add": "plus"},
        "annotations": {"plus": {"title": "Plus", "readOnlyHint": True}},
    }  # fmt: skip
    await _make(api, **face)
    tools = await _tools(service, token)
    assert set(tools) == {"plus", "count"}
    assert (tools["plus"].title, tools["plus"].annotations.read_only_hint) == ("Plus", True)
    assert await _call(service, token, "plus", a=1, b=2) == "3"
    assert await _call(service, token, "add", a=1, b=2) == "Unknown tool: add"
    assert await _call(service, token, "nap", mark="") == "Unknown tool: nap"


async def test_a_renamed_tool_stays_in_the_patterns_and_annotations_that_know_its_old_name(
    service: Service, token: str, api: httpx.AsyncClient, eras: str
) -> None:
    made = await _make(
        api, servers=["eras"], tools=["eras__*"], renames={"eras__add": "plus"},
        annotations={"eras__add": {"title": "Plus"}},
    )  # fmt: skip
    assert (made["servers"], made["warnings"]) == ([eras], [])
    tools = await _tools(service, token)
    assert {"plus", "eras__count"} <= set(tools)
    assert tools["plus"].title == "Plus"
    assert await _call(service, token, "plus", a=1, b=2) == "3"
    assert await _call(service, token, "eras__add", a=1, b=2) == "Unknown tool: eras__add"


async def test_a_rename_takes_no_other_tools_name(api: httpx.AsyncClient, eras: str) -> None:
    faces: list[tuple[dict[str, str], str]] = [
        ({"eras__add": "eras__count"}, "renames.eras__add"),
        ({"eras__add": "plus", "eras__count": "plus"}, "renames.eras__count"),
        ({"eras__add": "create_task"}, "renames.eras__add"),
    ]
    for renames, field in faces:
        refused = await api.post("/endpoints", json={"name": "mine", "servers": [eras], "renames": renames})
        assert (refused.status_code, refused.json()["field"]) == (422, field), refused.text
    swapped = {"eras__add": "eras__count", "eras__count": "eras__add"}
    await _make(api, servers=[eras], renames=swapped)
    late = await api.patch("/endpoints/mine", json={"renames": {"eras__nap": "eras__add"}})
    assert (late.status_code, late.json()["field"]) == (422, "renames.eras__nap")


async def test_what_fits_no_known_tool_is_told(api: httpx.AsyncClient, eras: str) -> None:
    nothing = {"title": "Nothing"}
    made = await _make(
        api, servers=[eras], tools=["eras__*", "nope__*"], renames={"eras__gone": "here"},
        annotations={"eras__lost": nothing, "eras__add": nothing},
    )  # fmt: skip
    told = ["renames.eras__gone", "annotations.eras__lost", "tools: nope__*"]
    assert [one.rpartition(":")[0] for one in made["warnings"]] == told
    assert (await api.patch("/endpoints/mine", json={"renames": {}})).json()["warnings"] == made["warnings"][1:]


def test_a_tool_that_turns_up_later_keeps_its_name_from_a_rename() -> None:
    face = Endpoint(renames={"git__git_log": "git__git_show"})
    entry = ServerEntry(id=uuid4(), name="git", transport="stdio")
    names = face.names([("git", entry, "git_log"), ("git", entry, "git_show")])
    assert names[1] == "git__git_show"
    assert names[0].startswith("git__git_show-")


async def test_read_only_hides_what_does_not_say_so(service: Service, token: str, api: httpx.AsyncClient) -> None:
    await _make(api, read_only=True, own_tools=False)
    tools = await _tools(service, token)
    assert "code__search_files" in tools
    assert all(tool.annotations.read_only_hint for tool in tools.values())


async def test_two_servers_with_the_same_tool_are_told_apart_without_prefixes(
    service: Service, token: str, api: httpx.AsyncClient, container: Container, ada: Caller, eras: str
) -> None:
    twin = await register(container, ada, **local_server("twin", str(ERAS), "both", "stdio"))
    await _make(api, servers=[eras, str(twin.id)], prefix=False)
    tools = await _tools(service, token)
    assert {"add", "twin__add"} <= set(tools)


async def test_changes_are_in_force_at_once_and_a_deleted_one_is_gone(
    service: Service, token: str, api: httpx.AsyncClient, eras: str
) -> None:
    await _make(api, servers=[eras])
    assert "eras__add" in await _tools(service, token)
    changed = await api.patch("/endpoints/mine", json={"tools": ["eras__count"]})
    assert changed.json()["servers"] == [eras]
    assert set(await _tools(service, token)) == {"eras__count"}
    assert (await api.delete("/endpoints/mine")).status_code == 204
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {token}"}) as client:
        assert (await client.post(f"{service.url}/mcp/mine", json={})).status_code == 404


async def test_anothers_endpoint_is_not_there(
    service: Service, container: Container, api: httpx.AsyncClient, eras: str
) -> None:
    await _make(api, servers=[eras])
    bob = await make_caller(container, "bob@example.org", is_admin=False)
    headers = {"authorization": f"Bearer {await make_token(container, bob)}"}
    async with httpx.AsyncClient(headers=headers) as client:
        assert (await client.post(f"{service.url}/mcp/mine", json={})).status_code == 404
        assert (await client.get(f"{service.url}/api/v1/mcps/endpoints")).json() == {"items": []}
        assert (await client.patch(f"{service.url}/api/v1/mcps/endpoints/mine", json={})).status_code == 404


@pytest.mark.parametrize(
    ("face", "status", "field"),
    [
        ({"name": "Not A Slug"}, 422, "name"),
        ({"servers": ["0199d9a4-0000-7000-8000-000000000000"]}, 404, None),
        ({"servers": ["nobody"]}, 404, "servers.0"),
        ({"renames": {"add": "not a name"}}, 422, "renames.add"),
        ({"annotations": {"add": {"unknown": 1}}}, 422, "annotations.add.unknown"),
    ],
)
async def test_a_wrong_endpoint_names_its_field(
    api: httpx.AsyncClient, face: dict[str, Any], status: int, field: str | None
) -> None:
    answer = await api.post("/endpoints", json={"name": "mine", **face})
    assert answer.status_code == status, answer.text
    assert field is None or answer.json()["field"] == field


async def test_a_name_is_given_out_once(api: httpx.AsyncClient) -> None:
    await _make(api)
    assert (await api.post("/endpoints", json={"name": "mine"})).status_code == 409
