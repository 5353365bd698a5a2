"""Configuration documents over REST: imported in every dialect, exported without a secret; capabilities are edited."""

import json

import httpx

from tests.api.test_mcps import TIME, bob, client, made, refused  # noqa: F401 - fixtures, asked for by name below
from tests.mcp_door.conftest import HOSTILE, local_server
from tests.mcp_door.conftest import ada as ada
from tests.mcp_door.conftest import container as container
from tests.mcp_door.conftest import service as service
from tests.mcp_door.conftest import token as token

# ruff: noqa: F811 - fixtures of another file are imported and then named as parameters


async def test_servers_are_exported_for_every_client_and_come_back_without_their_secrets(
    client: httpx.AsyncClient,
) -> None:
    entry = await made(client, local_server("env", str(HOSTILE), "environment", env={"API_KEY": "geheim"}))
    for form in ("claude", "cursor", "vscode"):
        document = (await client.get("/mcps/export", params={"format": form})).json()
        assert "geheim" not in json.dumps(document)
        (root,) = document.keys() & {"mcpServers", "servers"}
        assert list(document[root]) == ["env"]
        document[root] = {form: document[root]["env"]}
        missing = await client.post("/mcps/import", json=document)
        assert refused(missing, 422, "invalid_input", f"{root}.{form}.env.API_KEY")
        assert [one["name"] for one in missing.json()["details"]["inputs"]] == ["API_KEY"]
        answer = await client.post("/mcps/import?wait_seconds=60", json=document | {"variables": {"API_KEY": "anders"}})
        (again,) = answer.json()["items"]
        assert (again["name"], again["health"], again["env_names"]) == (form, "healthy", ["API_KEY"])
        assert "anders" not in answer.text
        assert (await client.delete(f"/mcps/{again['id']}")).status_code == 204
    none = await client.get("/mcps/export", params={"format": "server.json", "server": entry["id"]})
    assert refused(none, 409, "conflict", "server")


async def test_an_import_says_what_it_did_not_take_over_and_what_the_sandbox_keeps_back(
    client: httpx.AsyncClient,
) -> None:
    program = local_server("x", str(HOSTILE), "fine")
    plain = {name: program[name] for name in ("command", "args")}
    servers = {
        "shut": plain | {"tools": ["poke"], "autoApprove": ["poke"], "cwd": "/srv", "oauth": {}, "icon": "x.png"},
        "open": plain | {"sandbox": "off", "tools": ["*"], "sandboxEnabled": False},
        "half": plain | {"network": "full", "headersHelper": "get-headers"},
    }
    answer = (await client.post("/mcps/import?wait_seconds=60", json={"mcpServers": servers})).json()
    told = {(one["server"], one["field"]): one["note"] for one in answer["ignored"]}
    shut = {("shut", field) for field in ("tools", "autoApprove", "cwd")}
    assert set(told) == shut | {("open", "sandboxEnabled"), ("half", "headersHelper")}
    assert told["shut", "tools"].startswith("NOT RESTRICTED")
    if {one["name"]: one["sandboxed"] for one in answer["items"]}["shut"]:
        both, one = answer["warnings"]
        assert both.startswith("shut: in a sandbox without network and write access.")
        assert one.startswith("half: in a sandbox without write access.")
        assert "`folders`" in both


async def test_a_server_json_is_imported_and_exported(client: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    header = {"name": "X-Key", "isRequired": True, "isSecret": True, "description": "Your key"}
    remote = {"type": "streamable-http", "url": "http://127.0.0.1:9/mcp", "headers": [header]}
    document = {"name": "io.github.ada/weather", "description": "Weather.", "version": "1.0.0", "remotes": [remote]}
    missing = await bob.post("/mcps/import", json=document)
    assert refused(missing, 422, "invalid_input", "remotes[0].headers[0]")
    told = {"name": "X-Key", "field": "remotes[0].headers[0]", "description": "Your key", "secret": True}
    assert missing.json()["details"]["inputs"] == [told]
    answer = await bob.post("/mcps/import", json=document | {"variables": {"X-Key": "geheim"}})
    (entry,) = answer.json()["items"]
    assert (entry["name"], entry["url"], entry["header_names"]) == ("weather", remote["url"], ["X-Key"])
    assert entry["origin"] == {"name": "io.github.ada/weather", "version": "1.0.0"}
    asked = {"format": "server.json", "server": entry["id"], "namespace": "io.github.ada"}
    written = await bob.get("/mcps/export", params=asked)
    assert "geheim" not in written.text
    assert written.json()["remotes"] == [remote]
    del asked["namespace"]
    again = (await bob.get("/mcps/export", params=asked)).json()
    assert {name: again[name] for name in document} == document
    await bob.patch(f"/mcps/{entry['id']}", json={"name": "rain", "url": f"{remote['url']}2"})
    moved = (await bob.get("/mcps/export", params=asked)).json()
    assert (moved["name"], moved["version"]) == ("io.github.ada/rain", "0.0.0")
    assert moved["remotes"][0]["headers"] == [header]
    bad = await bob.get("/mcps/export", params={"format": "server.json", "namespace": "a/b"})
    assert refused(bad, 422, "invalid_input", "namespace")
    assert refused(await client.get("/mcps/export", params=asked), 404, "not_found", "server")
    package = {"registryType": "npm", "identifier": "x", "transport": {"type": "stdio"}}
    local = {"name": "a/b", "description": "x", "version": "1", "packages": [package]}
    assert refused(await bob.post("/mcps/import", json=local), 403, "forbidden")


async def test_capabilities_are_edited_and_set_back_to_those_of_the_tools(client: httpx.AsyncClient) -> None:
    entry = await made(client, TIME)
    derived = entry["capabilities"]
    assert "time" in derived
    assert entry["origin"] is None
    edited = (await client.patch(f"/mcps/{entry['id']}", json={"capabilities": ["clock", {"name": "zones"}]})).json()
    assert edited["capabilities"] == ["clock", "zones", "convert_time", "get_current_time"]
    told = (await client.get(f"/mcps/{entry['id']}/capabilities")).json()["capabilities"]
    assert [one["name"] for one in told if one["declared"]] == ["clock", "zones"]
    back = (await client.patch(f"/mcps/{entry['id']}", json={"capabilities": []})).json()
    assert back["capabilities"] == derived
