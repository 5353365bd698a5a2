"""The agent doors through the real application: listing, agents of one's own, handing work over."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select

from orchestrator.bootstrap import Container
from orchestrator.config import Settings
from orchestrator.main import create_app
from orchestrator.models import CustomAgent
from tests.accounts.conftest import another_client
from tests.accounts.doors import caller, client, container, enter
from tests.agents.test_parts import working

__all__ = ["caller", "client", "container"]

KEY = "sk-of-a-user-1234567"


OURS = (
    *("lint-fix", "sort-imports", "licence-header", "bump-dependency", "rename-symbol"),
    *("graph-analyst", "graph-translator", "llm", "best-of"),
    *("scripted", "scripted-editor", "scripted-acp"),
)
PROGRAMS = ("claude-code", "codex", "gemini-cli", "goose", "opencode")


async def made(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post("/agents", json={"name": "Mine", **body})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("path", ["/agents", "/agents/list"])
async def test_the_built_in_agents_are_listed_with_what_they_can_do(client: httpx.AsyncClient, path: str) -> None:
    page = (await client.get(path)).json()
    known = {agent["id"]: agent for agent in page["items"]}
    assert set(known) == {f"agent:{name}" for name in (*OURS, *PROGRAMS)}
    assert page["total"] == len(known)
    assert all(agent["built_in"] for agent in known.values())
    assert all(known[f"agent:{name}"]["available"] for name in OURS)
    assert all(agent["available"] or "install" in agent["unavailable_reason"] for agent in known.values())
    assert known["agent:lint-fix"]["changes_code"]


async def test_without_a_model_the_assistant_is_listed_with_what_to_set(settings: Settings) -> None:
    app = create_app(settings)
    async with app.router.lifespan_context(app), another_client(app) as client:
        await enter(client, "ada@example.org")
        agent = (await client.get("/agents/agent:llm")).json()
        assert (agent["available"], agent["unavailable_reason"]) == (
            False,
            "no language model is configured: set LLM_BASE_URL and LLM_MODEL",
        )
        answer = await client.post("/agents/execute", json={"agent_id": "agent:llm", "input": {"prompt": "Hi"}})
        assert (answer.status_code, answer.json()["code"]) == (503, "not_configured")


async def test_every_template_makes_an_agent(client: httpx.AsyncClient) -> None:
    templates = (await client.get("/agents/templates")).json()["items"]
    assert [bool(template["team"]) for template in templates].count(False) == 8
    for template in templates:
        agent = await made(client, name=template["title"], template=template["name"])
        if not template["team"]:
            assert agent["config"]["instructions"] == template["instructions"]
        of_kind = ["teamwork"] if template["team"] else []
        assert [c["name"] for c in agent["capabilities"]] == [*of_kind, *template["capabilities"]]
        assert agent["available"]


async def test_an_own_agent_is_made_read_changed_and_deleted(client: httpx.AsyncClient) -> None:
    agent = await made(client, template="code-review", config={"temperature": 0.5}, capabilities=["review@2"])
    path = f"/agents/{agent['id']}"
    assert (await client.get(path)).json() == agent
    assert agent["config"]["temperature"] == 0.5
    assert agent["config"]["instructions"]
    assert {"name": "review", "version": "2", "parameters": {}} in agent["capabilities"]
    changed = (await client.patch(path, json={"enabled": False, "config": {"model": "other"}})).json()
    assert (changed["enabled"], changed["available"], changed["unavailable_reason"]) == (False, False, "it is disabled")
    assert (changed["config"]["model"], changed["config"]["temperature"]) == ("other", 0.5)
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404


async def test_a_key_goes_in_encrypted_and_never_comes_out(client: httpx.AsyncClient, container: Container) -> None:
    agent = await made(client, config={"base_url": "http://127.0.0.1:9/v1", "model": "m"}, api_key=KEY)
    assert agent["has_api_key"]
    assert KEY not in str(agent)
    async with container.database.transaction() as connection:
        row = (await connection.execute(select(CustomAgent.__table__))).mappings().one()
    assert KEY not in str(dict(row))
    kept = (await client.patch(f"/agents/{agent['id']}", json={"description": "x"})).json()
    assert kept["has_api_key"]


async def test_a_key_does_not_follow_an_agent_to_another_endpoint(client: httpx.AsyncClient) -> None:
    agent = await made(client, config={"base_url": "http://127.0.0.1:9/v1", "model": "m"}, api_key=KEY)
    moved = await client.patch(f"/agents/{agent['id']}", json={"config": {"base_url": "http://127.0.0.1:8/v1"}})
    assert moved.json()["has_api_key"] is False


async def test_agents_of_others_are_hidden(client: httpx.AsyncClient) -> None:
    agent = await made(client)
    async with another_client(client.app) as other:  # type: ignore[attr-defined]
        await enter(other, "eve@example.org")
        assert (await other.get(f"/agents/{agent['id']}")).status_code == 404
        assert (await other.patch(f"/agents/{agent['id']}", json={"name": "x"})).status_code == 404
        assert (await other.delete(f"/agents/{agent['id']}")).status_code == 404
        assert (await other.get("/agents")).json()["total"] == len(OURS) + len(PROGRAMS)
        body = {"agent_id": agent["id"], "input": {"prompt": "Hi"}}
        assert (await other.post("/agents/execute", json=body)).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x", "template": "no-such"}, "template"),
        ({"name": "x", "kind": "codemod"}, "kind"),
        ({"name": "x", "colour": "red"}, "colour"),
        ({"name": "x", "description": "a\0b"}, "description"),
        ({"name": "x", "config": {"instructions": "a\0b"}}, "config.instructions"),
        ({"name": "x", "config": {"base_url": "ftp://x"}}, "config.base_url"),
        ({"name": "x", "config": {"base_url": "https://u:p@x.example"}}, "config.base_url"),
        ({"name": "x", "config": {"temperature": 9}}, "config.temperature"),
        ({"name": "x", "capabilities": ["not a name!"]}, "capabilities[0]"),
    ],
)
async def test_wrong_input_names_the_field(client: httpx.AsyncClient, body: dict[str, Any], field: str) -> None:
    answer = await client.post("/agents", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_a_project_that_is_hidden_cannot_be_named(client: httpx.AsyncClient) -> None:
    answer = await client.post("/agents", json={"name": "x", "project_id": str(uuid4())})
    assert answer.status_code == 404


async def test_built_in_agents_cannot_be_changed(client: httpx.AsyncClient) -> None:
    assert (await client.patch("/agents/agent:lint-fix", json={"name": "x"})).status_code == 409
    assert (await client.delete("/agents/lint-fix")).status_code == 409


async def test_where_private_addresses_are_forbidden_an_endpoint_must_be_public(llm_settings: Settings) -> None:
    strict = Settings(_env_file=None, **(llm_settings.model_dump() | {"allow_private_urls": False}))
    app = create_app(strict)
    async with app.router.lifespan_context(app), another_client(app) as client:
        await enter(client, "ada@example.org")
        for url in ("http://127.0.0.1:1/v1", "http://[::1]/v1", "http://169.254.169.254/v1", "http://localhost/v1"):
            answer = await client.post("/agents", json={"name": "x", "config": {"base_url": url}})
            assert (answer.status_code, answer.json()["field"]) == (422, "config.base_url"), url


async def test_execute_makes_a_task_for_this_very_agent(client: httpx.AsyncClient) -> None:
    mine = await made(client, template="security-review")
    for agent_id in ("agent:llm", mine["id"]):
        body = {"agent_id": agent_id, "input": {"prompt": "Hi"}, "wait": 0}
        answer = await client.post("/agents/execute", json=body)
        assert answer.status_code == 202, answer.text
        assert (answer.json()["state"], answer.json()["target_id"]) == ("queued", agent_id)
        task = (await client.get(f"/tasks/{answer.json()['task_id']}")).json()
        assert (task["type"], task["target_type"], task["is_heavy"]) == ("ask", "agent", True)


async def test_execute_answers_with_the_result_of_a_quick_agent_and_with_the_task_of_a_slow_one(
    client: httpx.AsyncClient, container: Container
) -> None:
    def body(wait: float, *steps: dict[str, Any]) -> dict[str, Any]:
        return {"agent_id": "agent:scripted", "input": {"steps": list(steps)}, "wait": wait}

    async with working(container.settings):
        done = await client.post("/agents/execute", json=body(60, {"do": "say", "text": "hello"}))
        assert (done.status_code, done.json()["state"]) == (200, "completed"), done.text
        assert done.json()["result"]["summary"] == "hello"
        failed = await client.post("/agents/execute", json=body(60, {"do": "fail", "text": "not today"}))
        assert (failed.status_code, failed.json()["state"]) == (200, "failed")
        assert "not today" in failed.json()["error"]["message"]
        slow = await client.post("/agents/execute", json=body(0.2, {"do": "wait", "seconds": 600}))
        assert (slow.status_code, slow.json()["result"]) == (202, None)
        assert (await client.post(f"/tasks/{slow.json()['task_id']}/cancel")).status_code == 200
    assert (await client.post("/agents/execute", json=body(61))).json()["field"] == "wait"


@pytest.mark.parametrize(
    ("agent_id", "given", "field"),
    [
        ("agent:llm", {}, "input.prompt"),
        ("agent:graph-analyst", {"question": ""}, "input.question"),
        ("agent:lint-fix", {}, "project_id"),
        ("agent:llm", {"prompt": "x", "colour": "red"}, "input.colour"),
    ],
)
async def test_execute_refuses_wrong_input_at_once(
    client: httpx.AsyncClient, agent_id: str, given: dict[str, Any], field: str
) -> None:
    answer = await client.post("/agents/execute", json={"agent_id": agent_id, "input": given})
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_execute_refuses_a_disabled_agent(client: httpx.AsyncClient) -> None:
    agent = await made(client, enabled=False)
    answer = await client.post("/agents/execute", json={"agent_id": agent["id"], "input": {"prompt": "Hi"}})
    assert (answer.status_code, answer.json()["field"]) == (409, "agent_id")
    assert "is disabled" in answer.json()["detail"]


@pytest.mark.parametrize("agent_id", ["agent:nobody", "agent:01890a5d-ac96-774b-bcce-b302099a8057", "x" * 99])
async def test_an_unknown_agent_is_not_found(client: httpx.AsyncClient, agent_id: str) -> None:
    assert (await client.get(f"/agents/{agent_id}")).status_code == 404
    body = {"agent_id": agent_id, "input": {"prompt": "Hi"}}
    assert (await client.post("/agents/execute", json=body)).status_code == 404


async def test_a_lost_key_hides_one_agent_and_not_the_list(client: httpx.AsyncClient, container: Container) -> None:
    agent = await made(client, api_key=KEY)
    async with container.database.session() as session:
        row = await session.get(CustomAgent, UUID(agent["id"].removeprefix("agent:")))
        assert row is not None
        row.config = {**row.config, "api_key_encrypted": "not-a-token"}
    listed = {entry["id"]: entry for entry in (await client.get("/agents")).json()["items"]}
    assert "set api_key again" in listed[agent["id"]]["unavailable_reason"]
    assert listed["agent:lint-fix"]["available"]
