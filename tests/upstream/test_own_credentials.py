"""A shared server that each user reaches with credentials of their own: set, used, kept apart, taken away."""

import sys
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from orchestrator.bootstrap import Container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.errors import CredentialsNeeded
from orchestrator.jobs.light import LightWorker
from orchestrator.mcp.builtin import CallContext
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.limits import Limits
from orchestrator.mcp.pool import ServerPool
from orchestrator.services.agent_surroundings import PooledTools
from tests.api.test_mcps import made, refused
from tests.mcp_door.conftest import Connect
from tests.upstream.conftest import BY_KEY, ended


async def registered(client: httpx.AsyncClient, url: str, **more: Any) -> str:
    body = {"name": "keyed", "url": url, "shared": True, "user_headers": ["X-Key"], **more}
    return str((await made(client, body))["id"])


async def give(client: httpx.AsyncClient, server: str, key: str) -> dict[str, Any]:
    answer = await client.put(f"/mcps/{server}/credentials", json={"headers": {"X-Key": key}})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def call(client: httpx.AsyncClient, server: str, tool: str) -> httpx.Response:
    return await client.post(f"/mcps/{server}/execute", json={"tool": tool})


async def test_a_user_without_credentials_is_told_what_to_set(
    as_ada: httpx.AsyncClient, as_bob: httpx.AsyncClient, keyed: str
) -> None:
    server = await registered(as_ada, keyed)
    answer = await call(as_bob, server, "of_bob")
    assert refused(answer, 424, "credentials_needed")
    assert answer.json()["details"] == {"server_id": server, "missing": ["X-Key"]}
    assert f"/mcps/{server}/credentials" in answer.json()["hint"]
    assert (await as_bob.get(f"/mcps/{server}/credentials")).json()["missing"] == ["X-Key"]


async def test_each_user_calls_with_their_own_and_sees_only_their_own(
    as_ada: httpx.AsyncClient, as_bob: httpx.AsyncClient, keyed: str, token: str, bobs_token: str, connect: Connect
) -> None:
    server = await registered(as_ada, keyed)
    for client, key in ((as_ada, "ada"), (as_bob, "bob")):
        assert (await give(client, server, key))["tools"] == 1
    for client, key in ((as_ada, "ada"), (as_bob, "bob")):
        assert (await call(client, server, f"of_{key}")).json()["content"][0]["text"].startswith(f"{key} in")
        told = (await client.get(f"/mcps/{server}/capabilities")).json()["tools"]
        assert [tool["name"] for tool in told] == [f"of_{key}"]
    assert (await call(as_bob, server, "of_ada")).status_code == 404
    for bearer, key in ((token, "ada"), (bobs_token, "bob")):
        async with connect(bearer) as client:
            names = [tool.name for tool in (await client.list_tools()).tools if tool.name.startswith("keyed")]
            assert names == [f"keyed__of_{key}"]
            assert [one.uri for one in (await client.list_resources()).resources] == [f"file:///{key}"]


async def test_names_come_out_and_values_never(as_ada: httpx.AsyncClient, keyed: str, settings: Settings) -> None:
    server = await registered(as_ada, keyed)
    await give(as_ada, server, "s3cret-value")
    answer = await as_ada.get(f"/mcps/{server}/credentials")
    assert (answer.json()["headers"], answer.json()["missing"]) == (["X-Key"], [])
    assert "s3cret" not in answer.text
    with psycopg.connect(settings.database_url) as connection:
        rows = connection.execute("SELECT secrets_encrypted FROM mcp_credentials").fetchall()
    assert rows
    assert "s3cret" not in str(rows)


async def test_removed_credentials_end_the_session_and_what_it_showed(
    as_ada: httpx.AsyncClient, keyed: str, container: Container, ada: Caller
) -> None:
    server = await registered(as_ada, keyed)
    await give(as_ada, server, "ada")
    assert container.pool.state(UUID(server), str(ada.user_id)).status == "ready"
    assert (await as_ada.delete(f"/mcps/{server}/credentials")).status_code == 204
    assert container.pool.state(UUID(server), str(ada.user_id)).status == "idle"
    assert (await as_ada.get(f"/mcps/{server}/capabilities")).json()["tools"] == []
    assert refused(await call(as_ada, server, "of_ada"), 424, "credentials_needed")


async def test_what_is_not_for_users_to_set_is_refused_by_its_field(as_ada: httpx.AsyncClient, keyed: str) -> None:
    server = await registered(as_ada, keyed)
    for body, field in (
        ({"headers": {"Host": "elsewhere"}}, "headers.Host"),
        ({"env": {"LD_PRELOAD": "x"}}, "env.LD_PRELOAD"),
        ({"headers": {"X-Key": "two\nlines"}}, "headers.X-Key"),
    ):
        assert refused(await as_ada.put(f"/mcps/{server}/credentials", json=body), 422, "invalid_input", field)
    for more, field in (
        ({"user_headers": ["Host"]}, "user_headers.Host"),
        ({"user_headers": ["x-key"], "headers": {"X-Key": "1"}}, "user_headers.x-key"),
        ({"user_env": ["KEY"]}, "user_env"),
    ):
        body = {"name": "odd", "url": keyed, **more}
        assert refused(await as_ada.post("/mcps", json=body), 422, "invalid_input", field)


async def test_values_given_for_one_address_do_not_go_to_another(
    as_ada: httpx.AsyncClient, as_bob: httpx.AsyncClient, keyed: str
) -> None:
    server = await registered(as_ada, keyed)
    await give(as_bob, server, "bob")
    elsewhere = keyed.replace("127.0.0.1", "localhost")
    assert (await as_ada.patch(f"/mcps/{server}", json={"url": elsewhere})).status_code == 200
    assert refused(await call(as_bob, server, "of_bob"), 424, "credentials_needed")
    await give(as_bob, server, "bob")
    assert (await call(as_bob, server, "of_bob")).status_code == 200


async def test_a_local_server_runs_once_for_each_user(as_ada: httpx.AsyncClient, as_bob: httpx.AsyncClient) -> None:
    body = {"name": "local", "command": sys.executable, "args": [str(BY_KEY)], "shared": True, "user_env": ["KEY"]}
    server = str((await made(as_ada, body))["id"])
    answers = []
    for client, key in ((as_ada, "ada"), (as_bob, "bob"), (as_ada, "ada")):
        answer = await client.put(f"/mcps/{server}/credentials", json={"env": {"KEY": key}})
        assert answer.json()["missing"] == []
        answers.append((await call(client, server, f"of_{key}")).json()["content"][0]["text"])
    assert [text.split()[0] for text in answers] == ["ada", "bob", "ada"]
    assert answers[0] != answers[1]


async def test_a_task_runs_with_the_credentials_of_its_user(
    as_ada: httpx.AsyncClient, as_bob: httpx.AsyncClient, keyed: str, worker: LightWorker
) -> None:
    server = await registered(as_ada, keyed, capabilities=["keys"])
    for client, key in ((as_ada, "ada"), (as_bob, "bob")):
        await give(client, server, key)
    body = {"type": "keys", "required_capabilities": ["keys"], "input": {"tool": "of_bob", "arguments": {}}}
    task = await ended(as_bob, (await as_bob.post("/tasks", json=body)).json()["task_id"])
    assert task["state"] == "completed", task
    assert task["result"]["content"][0]["text"].startswith("bob in")
    failed = await ended(as_ada, (await as_ada.post("/tasks", json=body)).json()["task_id"])
    assert failed["state"] == "failed"


async def test_an_agent_gets_the_tools_of_its_user_and_none_without_credentials(
    as_ada: httpx.AsyncClient, keyed: str, container: Container, ada: Caller, bob: Caller
) -> None:
    server = await registered(as_ada, keyed)
    await give(as_ada, server, "ada")

    async def names(caller: Caller) -> list[str]:
        context = CallContext(user_id=caller.user_id)
        tools = PooledTools(container.registry, container.pool, container.gate, container.views, None, context)
        return [tool.name for tool in await tools.available() if tool.server == "keyed"]

    assert await names(ada) == ["keyed__of_ada"]
    assert await names(bob) == []


async def test_nobodys_probe_reaches_a_server_of_users_own(
    as_ada: httpx.AsyncClient, keyed: str, container: Container
) -> None:
    server = await registered(as_ada, keyed)
    await give(as_ada, server, "ada")
    await container.probes.sweep()
    entry = next(one for one in await container.registry.all() if str(one.id) == server)
    assert (entry.tools, container.pool.state(entry.id).starts) == ((), 0)
    with pytest.raises(CredentialsNeeded):
        await container.registry.definition(entry)


async def test_the_monitor_probes_with_the_credentials_of_each_user_now_and_then_and_lets_go_again(
    as_ada: httpx.AsyncClient, as_bob: httpx.AsyncClient, keyed: str, container: Container, settings: Settings
) -> None:
    server = UUID(await registered(as_ada, keyed))
    await give(as_ada, str(server), "ada")
    await give(as_bob, str(server), "bob")
    credentials = [row[0] for row in _sql(settings, "SELECT user_id FROM mcp_credentials")]
    await container.pool.forget(server)
    _sql(settings, "UPDATE mcp_credentials SET health = 'unhealthy', probed_at = now() - interval '1 hour'")
    await container.probes.sweep()
    seen = _sql(settings, "SELECT health, probed_at > now() - interval '1 minute' FROM mcp_credentials")
    assert seen == [("healthy", True)] * 2
    assert [container.pool.state(server, str(user)).status for user in credentials] == ["idle", "idle"]
    _sql(settings, "UPDATE mcp_credentials SET health = 'unhealthy'")
    await container.probes.sweep()  # they were seen a moment ago
    assert _sql(settings, "SELECT DISTINCT health FROM mcp_credentials") == [("unhealthy",)]


def _sql(settings: Settings, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(settings.database_url) as connection:
        found = connection.execute(statement)  # type: ignore[call-overload]
        return found.fetchall() if found.description else []


async def test_sessions_of_users_own_are_bounded_and_the_longest_unused_goes(keyed: str) -> None:
    pool = ServerPool(limits=Limits(max_own_sessions=2))
    server = UUID(int=7)

    def of(key: str) -> ServerDefinition:
        return ServerDefinition(server, "keyed", "streamable_http", url=keyed, headers={"X-Key": key}, credential=key)

    try:
        for key in ("a", "b", "a", "c"):
            assert [tool.name for tool in await pool.list_tools(of(key))] == [f"of_{key}"]
        assert [pool.state(server, key).status for key in ("a", "b", "c")] == ["ready", "idle", "ready"]
    finally:
        await pool.aclose()
