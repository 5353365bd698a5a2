"""Rules about tool calls: what is denied is neither shown nor made, and where a rule says so a person is asked."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import MCPError

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.core.errors import ConsentNeeded
from orchestrator.jobs.light import LightWorker
from orchestrator.mcp.builtin import CallContext
from orchestrator.services.agent_surroundings import PooledTools
from orchestrator.services.project_service import NewProject
from tests.gate.conftest import DIAGNOSTICS, Person, calls, client_of, execute, rule
from tests.mcp_door.conftest import Connect, Service, local_server, make_token, register

ERAS = Path(__file__).parents[1] / "mcp" / "servers" / "eras.py"


async def test_what_is_denied_is_in_no_list_and_refused_with_a_clear_error(
    service: Service, connect: Connect, rest: httpx.AsyncClient, bob: Caller
) -> None:
    await rule(rest, "deny", server_id=DIAGNOSTICS, tool="ech*", reason="it talks too much")
    bearer = await make_token(service.container, bob)
    async with connect(bearer) as client, client_of(service, bearer) as bobs:
        listed = (await client.list_tools()).tools
        found = (await client.call_tool("search_tools", {"query": "echo"})).structured_content
        with pytest.raises(MCPError, match="denies the tool echo of diagnostics: it talks too much") as raised:
            await client.call_tool("diagnostics__echo", {})
        capabilities = (await bobs.get(f"/mcps/{DIAGNOSTICS}/capabilities")).text
        servers = (await bobs.get("/mcps")).text
        refused = await execute(bobs)
        unknown = await execute(bobs, "sing")
        stats = (await bobs.get("/mcps/stats")).text
    assert "diagnostics__echo" not in {tool.name for tool in listed}
    assert "diagnostics__wait" in {tool.name for tool in listed}
    assert "echo" not in {tool["name"] for tool in found["tools"]}
    assert raised.value.error.data["code"] == "denied_by_policy"
    assert (refused.status_code, refused.json()["code"]) == (403, "denied_by_policy")
    assert '"echo"' not in capabilities
    assert '"echo"' not in servers
    assert '"echo"' not in stats
    assert unknown.status_code == 404
    assert "echo" not in unknown.json()["detail"]


async def test_a_tool_of_ours_can_be_denied_like_any_other(
    service: Service, connect: Connect, rest: httpx.AsyncClient
) -> None:
    await rule(rest, "deny", tool="cancel_task")
    async with connect() as client:
        assert "cancel_task" not in {tool.name for tool in (await client.list_tools()).tools}
        with pytest.raises(MCPError, match="denies the tool cancel_task of orchestrator"):
            await client.call_tool("cancel_task", {"task_id": DIAGNOSTICS})


@pytest.mark.parametrize(("answer", "made"), [("once", True), ("always", True), ("no", False), (None, False)])
async def test_a_person_is_asked_before_the_call_and_decides(
    service: Service, connect: Connect, rest: httpx.AsyncClient, answer: str | None, made: bool
) -> None:
    await rule(rest, "ask", tool="echo", reason="better be sure")
    person = Person(answer)
    async with connect(elicitation_callback=person) as client:
        first = await client.call_tool("diagnostics__echo", {"text": "hello"})
        await client.call_tool("diagnostics__echo", {"text": "hello"})
    assert first.is_error is not made
    assert "echo" in person.asked[0]
    assert '"text": "hello"' in person.asked[0]
    assert "better be sure" in person.asked[0]
    assert len(person.asked) == (1 if answer == "always" else 2)
    newest = (await calls(service, rest, tool="echo"))[0]
    told = (newest["outcome"], newest["confirmed"])
    assert told == (("ok", answer) if made else ("refused", None))


async def test_a_person_agrees_once_to_a_call_in_which_the_server_asks_too(
    service: Service, container: Container, ada: Caller, connect: Connect, rest: httpx.AsyncClient
) -> None:
    entry = await register(container, ada, **local_server("eras", str(ERAS), "both", "stdio"))
    await rule(rest, "ask", server_id=str(entry.id))
    asked: list[str] = []
    person = Person("once")

    async def answers(context: Any, params: Any) -> Any:
        asked.append(params.message)
        if params.message == "What is your name?":
            told = await person(context, params)
            return told.model_copy(update={"content": {"name": "Ada"}})
        return await person(context, params)

    async with connect(elicitation_callback=answers) as client:
        result = await client.call_tool("eras__ask", {})
    assert result.content[0].text == "accept {'name': 'Ada'}"  # type: ignore[union-attr]
    assert len(asked) == 2


async def test_wrong_arguments_bother_nobody(connect: Connect, rest: httpx.AsyncClient) -> None:
    await rule(rest, "ask", tool="wait")
    person = Person("once")
    async with connect(elicitation_callback=person) as client:
        result = await client.call_tool("diagnostics__wait", {"seconds": "soon"})
    assert result.is_error
    assert person.asked == []


async def test_a_client_that_cannot_be_asked_is_told_what_to_do(connect: Connect, rest: httpx.AsyncClient) -> None:
    await rule(rest, "ask", tool="echo")
    async with connect() as client:
        with pytest.raises(MCPError, match="a person must agree first") as raised:
            await client.call_tool("diagnostics__echo", {})
        told = raised.value.error.data
        assert told["code"] == "consent_needed"
        assert "policies/approvals" in told["hint"]
        body = {"server_id": DIAGNOSTICS, "tool": "echo"}
        assert (await rest.post("/mcps/policies/approvals", json=body)).status_code == 204
        assert not (await client.call_tool("diagnostics__echo", {})).is_error
        approval = (await rest.get("/mcps/policies/approvals")).json()["items"][0]
        await rest.delete(f"/mcps/policies/approvals/{approval['id']}")
        with pytest.raises(MCPError, match="a person must agree first"):
            await client.call_tool("diagnostics__echo", {})


async def test_over_rest_the_digest_that_was_shown_confirms_this_call_and_no_other(rest: httpx.AsyncClient) -> None:
    made = await rule(rest, "ask", tool="echo")
    asked = await execute(rest)
    told = asked.json()
    assert (asked.status_code, told["code"], told["field"]) == (428, "consent_needed", "confirm")
    assert '"a": 1' in told["details"]["question"]
    digest = told["details"]["digest"]
    assert (await execute(rest, arguments={"a": 2}, confirm=digest)).status_code == 428
    assert (await execute(rest, confirm=digest)).status_code == 200
    assert (await execute(rest)).status_code == 428
    assert (await execute(rest, confirm=digest, always=True)).status_code == 200
    assert (await execute(rest)).status_code == 200
    # Another rule is another question.
    await rest.patch(f"/mcps/policies/{made['id']}", json={"remember": False})
    assert (await execute(rest)).status_code == 428
    body = {"server_id": DIAGNOSTICS, "tool": "echo"}
    assert (await rest.post("/mcps/policies/approvals", json=body)).status_code == 409


@pytest.mark.parametrize(("grant", "state", "reason"), [(True, "completed", "ok"), (False, "failed", "consent_denied")])
async def test_a_task_awaits_consent_and_goes_on_or_ends(
    rest: httpx.AsyncClient, worker: LightWorker, grant: bool, state: str, reason: str
) -> None:
    await rule(rest, "ask", tool="echo")
    body = {"type": "tool_call", "input": {"tool": "echo", "arguments": {"a": 1}}, "max_attempts": 1}
    task = (await rest.post("/tasks", json=body)).json()["task_id"]
    asked = await _resting(rest, task)
    assert asked["state"] == "awaiting_consent"
    assert "echo" in asked["waiting_for"]
    answer = await rest.post(f"/tasks/{task}/consent", json={"grant": grant})
    assert answer.status_code == 200, answer.text
    ended = await _resting(rest, task)
    assert (ended["state"], ended["reason"]) == (state, reason)


async def test_a_denied_task_has_no_target_and_its_route_says_by_which_rule(
    rest: httpx.AsyncClient, worker: LightWorker
) -> None:
    made = await rule(rest, "deny", tool="echo")
    body = {"type": "tool_call", "input": {"tool": "echo", "arguments": {}}}
    task = (await rest.post("/tasks", json=body)).json()["task_id"]
    ended = await _resting(rest, task)
    assert (ended["state"], ended["reason"]) == ("failed", "no_target")
    route = (await rest.get(f"/tasks/{task}/route")).json()
    assert made["id"] in str(route)


async def _resting(rest: httpx.AsyncClient, task: str) -> dict[str, Any]:
    async with rest.stream("GET", f"/tasks/{task}/events", timeout=60) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("event: task.waiting") or "event: task.awaiting" in line:
                break
    told: dict[str, Any] = (await rest.get(f"/tasks/{task}")).json()
    return told


async def test_an_agent_is_not_offered_what_is_denied_and_cannot_ask(
    container: Container, ada: Caller, rest: httpx.AsyncClient
) -> None:
    entry = await register(container, ada, **local_server("time", "-m", "mcp_server_time", "--local-timezone", "UTC"))
    await rule(rest, "deny", server_id=str(entry.id), tool="convert_time")
    await rule(rest, "ask", server_id=str(entry.id), tool="get_current_time")
    context = CallContext(user_id=ada.user_id)
    tools = PooledTools(container.registry, container.pool, container.gate, container.views, None, context)
    names = {tool.name for tool in await tools.available()}
    assert "time__convert_time" not in names
    with pytest.raises(ConsentNeeded) as raised:
        await tools.call("time__get_current_time", {"timezone": "UTC"})
    assert "policies/approvals" in str(raised.value.hint)


async def test_hints_decide_where_a_rule_names_them(rest: httpx.AsyncClient) -> None:
    await rule(rest, "deny", annotations={"readOnlyHint": False})
    assert (await execute(rest)).status_code == 200  # echo says that it only reads
    explained = await rest.post("/mcps/policies/explain", json={"server_id": DIAGNOSTICS, "tool": "nobody_said"})
    assert explained.json()["effect"] == "deny"


async def test_who_may_write_which_rule(service: Service, rest: httpx.AsyncClient, bob: Caller, ada: Caller) -> None:
    container = service.container
    project, _ = await container.projects.create(bob, NewProject("bobs", template="empty"))
    bearer = await make_token(container, bob)
    narrow = await make_token(container, bob, project_id=project["id"])
    named = {"project_id": str(project["id"])}
    async with client_of(service, bearer) as bobs, client_of(service, narrow) as narrowed:
        for body, status in (
            ({"level": "service", "effect": "deny"}, 403),
            ({"level": "project", "effect": "deny"}, 422),
            ({"level": "project", "effect": "deny", **named}, 201),
            ({"effect": "allow"}, 201),
            ({"effect": "deny", "roles": ["emperor"]}, 422),
            ({"effect": "deny", "annotations": {"evilHint": True}}, 422),
        ):
            answer = await bobs.post("/mcps/policies", json=body)
            assert answer.status_code == status, (body, answer.text)
        assert (await narrowed.post("/mcps/policies", json={"effect": "deny"})).status_code == 403
        assert (
            await rest.post("/mcps/policies", json={"level": "project", "effect": "deny", **named})
        ).status_code == 404
        # The project's rule speaks of calls in the project, and of no others; nobody else sees it or Bob's own.
        assert (await execute(bobs)).status_code == 200
        assert (await execute(bobs, **named)).status_code == 403
        mine = {item["id"] for item in (await bobs.get("/mcps/policies")).json()["items"]}
        hers = {item["id"] for item in (await rest.get("/mcps/policies")).json()["items"]}
        assert len(mine) == 2
        assert not mine & hers
        assert (await rest.delete(f"/mcps/policies/{mine.pop()}")).status_code == 404


async def test_a_user_narrows_and_never_widens(rest: httpx.AsyncClient, bobs: httpx.AsyncClient) -> None:
    everybodys = await rule(rest, "deny", tool="echo")
    await rule(bobs, "allow", level="user", server_id=DIAGNOSTICS, tool="echo")
    await rule(bobs, "deny", level="user", tool="wait")
    assert (await execute(bobs)).status_code == 403
    assert (await execute(bobs, "wait", arguments={"seconds": 0})).status_code == 403
    assert (await execute(rest, "wait", arguments={"seconds": 0})).status_code == 200
    told = (await bobs.post("/mcps/policies/explain", json={"server_id": DIAGNOSTICS, "tool": "echo"})).json()
    assert (told["effect"], told["rule_id"]) == ("deny", everybodys["id"])
    assert [one["decides_level"] for one in told["rules"]] == [True, True, False]
    assert told["rules"][2]["why_not"] == "another tool"


async def test_a_changed_rule_changes_the_lists_of_who_is_connected(
    service: Service, connect: Connect, rest: httpx.AsyncClient
) -> None:
    async with connect() as client:
        assert "diagnostics__echo" in {tool.name for tool in (await client.list_tools()).tools}
        made = await rule(rest, "deny", tool="echo")
        listed = await client.list_tools(cache_mode="refresh")
        assert "diagnostics__echo" not in {tool.name for tool in listed.tools}
        await rest.delete(f"/mcps/policies/{made['id']}")
        assert (await execute(rest)).status_code == 200
