"""The MCP doors over REST: the registry, its secrets, who may change it, imports, probes, and a call here and now."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller, Scope
from tests.mcp.conftest import http_server
from tests.mcp_door.conftest import HOSTILE, Service, local_server, make_caller, make_token
from tests.mcp_door.conftest import ada as ada
from tests.mcp_door.conftest import container as container
from tests.mcp_door.conftest import service as service
from tests.mcp_door.conftest import token as token

TIME = local_server("time", "-m", "mcp_server_time", "--local-timezone", "UTC")


def client_of(service: Service, token: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=f"{service.url}/api/v1", headers=headers, timeout=60)


@pytest.fixture
async def client(service: Service, token: str) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(service, token) as client:
        yield client


@pytest.fixture
async def bob(service: Service, container: Container) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who is no admin of the service."""
    caller = await make_caller(container, "bob@example.org", is_admin=False)
    async with client_of(service, await make_token(container, caller)) as client:
        yield client


async def made(client: httpx.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post("/mcps", json=body, params={"wait_seconds": 60})
    assert answer.status_code == 201, answer.text
    entry: dict[str, Any] = answer.json()
    return entry


def refused(answer: httpx.Response, status: int, code: str, field: str | None = None) -> bool:
    """Whether this is that problem, and names the field at fault."""
    told = answer.json()
    assert (answer.status_code, told["code"]) == (status, code), answer.text
    return field is None or told["field"] == field


async def test_a_registered_server_is_probed_and_its_tools_are_known(client: httpx.AsyncClient) -> None:
    entry = await made(client, TIME)
    assert (entry["health"], entry["tools"]) == ("healthy", 2)
    assert "get_current_time" in entry["capabilities"]
    told = (await client.get(f"/mcps/{entry['id']}/capabilities")).json()
    assert "timezone" in told["tools"][0]["input_schema"]["properties"]


async def test_a_tool_call_answers_here_and_now(client: httpx.AsyncClient) -> None:
    entry = await made(client, TIME)
    body = {"tool": "get_current_time", "arguments": {"timezone": "Asia/Tokyo"}}
    answer = await client.post(f"/mcps/{entry['id']}/execute", json=body)
    assert answer.status_code == 200
    assert "Asia/Tokyo" in answer.json()["content"][0]["text"]
    assert answer.json()["is_error"] is False


async def test_what_a_server_says_beside_its_result_comes_along(client: httpx.AsyncClient) -> None:
    entry = await made(client, local_server("odd", str(HOSTILE), "odd"))
    answer = (await client.post(f"/mcps/{entry['id']}/execute", json={"tool": "poke"})).json()
    assert isinstance(answer["meta"]["pid"], int)


async def test_a_tools_own_error_is_an_answer(client: httpx.AsyncClient) -> None:
    servers = (await client.get("/mcps/list")).json()["items"]
    diagnostics = next(one["id"] for one in servers if one["name"] == "diagnostics")
    body = {"tool": "fail", "arguments": {"message": "no luck"}}
    answer = await client.post(f"/mcps/{diagnostics}/execute", json=body)
    assert (answer.status_code, answer.json()["is_error"]) == (200, True)
    assert answer.json()["content"][0]["text"] == "no luck"


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"tool": "nothing"}, 404, "not_found", "tool"),
        ({"tool": "wait", "arguments": {"seconds": "soon"}}, 422, "invalid_input", "arguments.seconds"),
        ({"tool": "wait", "arguments": {"seconds": 5}, "timeout_seconds": 0.2}, 504, "timed_out", None),
        ({"tool": "echo", "project_id": "00000000-0000-7000-8000-000000000000"}, 404, "not_found", None),
        ({"tool": "echo", "argument": {}}, 422, "invalid_input", "argument"),
    ],
)
async def test_a_wrong_call_names_what_is_wrong(
    client: httpx.AsyncClient, body: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    servers = (await client.get("/mcps")).json()["items"]
    diagnostics = next(one["id"] for one in servers if one["name"] == "diagnostics")
    assert refused(await client.post(f"/mcps/{diagnostics}/execute", json=body), status, code, field)


async def test_secrets_go_in_and_never_come_out(client: httpx.AsyncClient) -> None:
    entry = await made(client, local_server("env", str(HOSTILE), "environment", env={"API_KEY": "geheim"}))
    assert entry["env_names"] == ["API_KEY"]
    pages = [await client.get(path) for path in ("/mcps", f"/mcps/{entry['id']}", "/mcps/health", "/mcps/stats")]
    assert "geheim" not in "".join(page.text for page in pages)
    answer = await client.post(f"/mcps/{entry['id']}/execute", json={"tool": "poke"})
    assert '"API_KEY": "geheim"' in answer.json()["content"][0]["text"]


async def test_a_change_keeps_the_secrets_and_is_effective_at_once(client: httpx.AsyncClient) -> None:
    entry = await made(client, local_server("env", str(HOSTILE), "environment", env={"API_KEY": "geheim"}))
    changed = await client.patch(f"/mcps/{entry['id']}", json={"description": "mine", "enabled": False})
    assert (changed.json()["description"], changed.json()["env_names"]) == ("mine", ["API_KEY"])
    assert refused(await client.post(f"/mcps/{entry['id']}/execute", json={"tool": "poke"}), 503, "unavailable")
    await client.patch(f"/mcps/{entry['id']}", json={"env": {"API_KEY": "anders"}, "enabled": True})
    answer = await client.post(f"/mcps/{entry['id']}/execute", json={"tool": "poke"})
    assert '"API_KEY": "anders"' in answer.json()["content"][0]["text"]


async def test_a_deleted_server_is_gone(client: httpx.AsyncClient) -> None:
    entry = await made(client, local_server("env", str(HOSTILE), "fine"))
    assert (await client.delete(f"/mcps/{entry['id']}")).status_code == 204
    assert refused(await client.get(f"/mcps/{entry['id']}"), 404, "not_found")
    assert refused(await client.post(f"/mcps/{entry['id']}/execute", json={"tool": "poke"}), 404, "not_found")


async def test_a_built_in_server_can_be_neither_changed_nor_deleted(client: httpx.AsyncClient) -> None:
    servers = (await client.get("/mcps")).json()["items"]
    code = next(one["id"] for one in servers if one["name"] == "code")
    assert refused(await client.patch(f"/mcps/{code}", json={"description": "mine"}), 409, "conflict")
    assert refused(await client.delete(f"/mcps/{code}"), 409, "conflict")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"command": None}, "command"),
        ({"url": "http://127.0.0.1/mcp"}, "url"),
        ({"env": {"NOT A NAME": "x"}}, "env.NOT A NAME"),
        ({"args": ["a\x00b"]}, "args[0]"),
        ({"transport": "builtin"}, "transport"),
        ({"name": "a/b"}, "name"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_malformed_entry_is_refused_and_the_field_named(
    client: httpx.AsyncClient, change: dict[str, Any], field: str
) -> None:
    assert refused(await client.post("/mcps", json=TIME | change), 422, "invalid_input", field)


async def test_a_name_is_taken_once(client: httpx.AsyncClient) -> None:
    await made(client, TIME)
    assert refused(await client.post("/mcps", json=TIME), 409, "conflict", "name")


async def test_only_an_admin_starts_programs_and_shares_servers(bob: httpx.AsyncClient) -> None:
    assert refused(await bob.post("/mcps", json=TIME), 403, "forbidden")
    shared = {"name": "far", "transport": "streamable_http", "url": "http://127.0.0.1:9/mcp", "shared": True}
    assert refused(await bob.post("/mcps", json=shared), 403, "forbidden")


async def test_a_server_of_ones_own_is_nobody_elses(client: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    own = await made(client, TIME)
    shared = await made(client, TIME | {"name": "ours", "shared": True})
    seen = {one["id"] for one in (await bob.get("/mcps")).json()["items"]}
    assert shared["id"] in seen
    assert own["id"] not in seen
    assert refused(await bob.get(f"/mcps/{own['id']}"), 404, "not_found")
    assert refused(await bob.post(f"/mcps/{own['id']}/execute", json={"tool": "get_current_time"}), 404, "not_found")
    assert refused(await bob.delete(f"/mcps/{shared['id']}"), 403, "forbidden")


async def test_a_server_that_cannot_start_is_kept_and_shown_as_unhealthy(client: httpx.AsyncClient) -> None:
    broken = local_server("broken", str(HOSTILE), "dies-at-start", env={"API_KEY": "geheim"})
    entry = await made(client, broken)
    assert entry["health"] == "unhealthy"
    assert "no module named luck" in entry["health_error"]
    assert "geheim" not in entry["health_error"]
    health = (await client.get("/mcps/health")).json()
    assert (health["healthy"], health["total"]) == (3, 4)
    answer = await client.post(f"/mcps/{entry['id']}/execute", json={"tool": "poke"})
    assert refused(answer, 502, "server_unreachable")


async def test_a_command_that_never_greets_holds_up_nobody_who_registers_it(client: httpx.AsyncClient) -> None:
    silent = local_server("silent", str(HOSTILE), "silent")
    answer = await client.post("/mcps", json=silent, params={"wait_seconds": 0})
    assert answer.status_code == 201
    assert (answer.json()["status"], answer.json()["health"]) == ("starting", "unknown")
    rows = (await client.get("/mcps/health")).json()["items"]
    assert [row["status"] for row in rows if row["name"] == "silent"] == ["starting"]
    assert (await client.delete(f"/mcps/{answer.json()['id']}")).status_code == 204
    assert refused(await client.post("/mcps?wait_seconds=61", json=silent), 422, "invalid_input", "wait_seconds")
    imported = {"mcpServers": {"late": {name: silent[name] for name in ("command", "args")}}}
    answer = await client.post("/mcps/import", json=imported, params={"wait_seconds": 0})
    (entry,) = answer.json()["items"]
    assert (answer.status_code, entry["status"], entry["health"]) == (201, "starting", "unknown")


async def test_a_server_that_dies_heals_at_the_next_call(client: httpx.AsyncClient) -> None:
    with http_server("json") as remote:
        await remote.ready()
        entry = await made(client, {"name": "far", "transport": "streamable_http", "url": remote.url})
        call = {"tool": "echo", "arguments": {"text": "x"}}
        assert (await client.post(f"/mcps/{entry['id']}/execute", json=call)).status_code == 200
        remote.stop()
        assert refused(await client.post(f"/mcps/{entry['id']}/execute", json=call), 502, "server_unreachable")
        remote.start()
        await remote.ready()
        probe = (await client.post(f"/mcps/{entry['id']}/probe")).json()
        assert probe["healthy"], probe
        assert (await client.post(f"/mcps/{entry['id']}/execute", json=call)).status_code == 200


async def test_a_probe_tells_era_tools_and_latency(client: httpx.AsyncClient) -> None:
    entry = await made(client, TIME)
    probe = (await client.post(f"/mcps/{entry['id']}/probe")).json()
    assert (probe["healthy"], probe["era"], probe["error"]) == (True, "modern", None)
    assert sorted(probe["tools"]) == ["convert_time", "get_current_time"]
    assert probe["latency_ms"] > 0


async def test_an_mcp_json_is_imported_whole_or_not_at_all(client: httpx.AsyncClient, tmp_path: Path) -> None:
    one = {"command": TIME["command"], "args": TIME["args"]}
    answer = await client.post(
        "/mcps/import?wait_seconds=60", json={"mcpServers": {"one": one, "two": {"url": "http://127.0.0.1:9/mcp"}}}
    )
    assert [entry["name"] for entry in answer.json()["items"]] == ["one", "two"]
    bad = {"mcpServers": {"three": one, "four": {"command": 4}}}
    assert refused(await client.post("/mcps/import", json=bad), 422, "invalid_input", "mcpServers.four.command")
    taken = {"mcpServers": {"three": one, "two": one, "one": one}}
    assert refused(again := await client.post("/mcps/import", json=taken), 409, "conflict", "mcpServers")
    assert again.json()["details"]["names"] == ["one", "two"]
    assert "one, two" in again.json()["detail"]
    both = {"mcpServers": {"three": one}, "servers": {"four": one}}
    assert refused(await client.post("/mcps/import", json=both), 422, "invalid_input", "servers")
    assert "three" not in [entry["name"] for entry in (await client.get("/mcps")).json()["items"]]


async def test_scopes_of_a_token_hold_for_each_door(service: Service, container: Container, ada: Caller) -> None:
    async with client_of(service, await make_token(container, ada, Scope.MCPS_READ)) as reader:
        listed = await reader.get("/mcps")
        assert listed.status_code == 200
        identifier = listed.json()["items"][0]["id"]
        assert refused(await reader.post("/mcps", json=TIME), 403, "forbidden")
        assert refused(await reader.post(f"/mcps/{identifier}/execute", json={"tool": "echo"}), 403, "forbidden")
        assert refused(await reader.post(f"/mcps/{identifier}/probe"), 403, "forbidden")


@pytest.mark.parametrize(
    ("given", "transport"),
    [
        ({"command": "/bin/true"}, "stdio"),
        ({"type": "stdio", "command": "/bin/true"}, "stdio"),
        ({"url": "http://127.0.0.1:1/mcp"}, "streamable_http"),
        ({"type": "http", "url": "http://127.0.0.1:1/mcp"}, "streamable_http"),
    ],
)
async def test_the_transport_is_inferred_or_told_in_the_words_of_an_mcp_json(
    client: httpx.AsyncClient, given: dict[str, str], transport: str
) -> None:
    assert (await made(client, {"name": "one"} | given))["transport"] == transport


async def test_what_cannot_be_registered_names_its_field(client: httpx.AsyncClient) -> None:
    url = "http://127.0.0.1:1/mcp"
    assert refused(await client.post("/mcps", json={"name": "one"}), 422, "invalid_input", "url")
    contradiction = {"name": "one", "type": "stdio", "transport": "streamable_http", "url": url}
    assert refused(await client.post("/mcps", json=contradiction), 422, "invalid_input", "type")
    assert refused(await client.post("/mcps", json={"name": "code", "url": url}), 409, "conflict", "name")
    metadata = {"name": "one", "url": "http://169.254.169.254/mcp"}
    assert refused(await client.post("/mcps", json=metadata), 422, "invalid_input", "url")


async def test_an_entry_tells_its_sandbox_and_refuses_folders_that_are_not_to_be_granted(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    folder = {"path": str(tmp_path), "access": "rw"}
    given = {**TIME, "sandbox": "preferred", "network": "loopback", "folders": [folder], "limits": {"memory_mib": 512}}
    entry = await made(client, given)
    assert (entry["sandbox"], entry["network"], entry["folders"]) == ("preferred", "loopback", [folder])
    assert (entry["limits"]["memory_mib"], entry["limits"]["processes"]) == (512, 256)
    assert entry["sandboxed"] is True or "kernel" in entry["sandbox_note"]
    path = f"/mcps/{entry['id']}"
    changed = (await client.patch(path, json={"sandbox": "off"})).json()
    assert (changed["sandboxed"], changed["sandbox_note"], changed["folders"]) == (False, "its entry says so", [folder])
    alone = (await client.patch(path, json={"folders": [str(tmp_path)]})).json()
    assert alone["folders"] == [{"path": str(tmp_path), "access": "ro"}]
    absent = await client.patch(path, json={"folders": [str(tmp_path), "/x"]})
    assert refused(absent, 422, "invalid_input", "folders[1].path")
    assert "no folder /x on the machine of the service" in absent.json()["detail"]
    for wrong in ("/", "relative", "/proc/1", str(tmp_path / "absent"), "/srv/../etc"):
        answer = await client.patch(path, json={"folders": [{"path": wrong}]})
        assert answer.status_code == 422, wrong
        assert answer.json()["field"].startswith("folders"), wrong
    assert refused(await client.patch(path, json={"limits": {"memory_mib": 1}}), 422, "invalid_input")
