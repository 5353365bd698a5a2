"""Our own tools at the door: tasks from the hand-in to the result, routes, projects and their graphs."""

import asyncio
from uuid import UUID

import pytest

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.core.ids import new_id
from orchestrator.git.templates import Author
from orchestrator.jobs.light import LightWorker
from orchestrator.models import Membership, Project, RepositoryState, Role
from tests.mcp_door.conftest import Connect, make_caller, make_token

SOURCE = "def greet(name):\n    return f'hello {name}'\n"


async def make_project(container: Container, owner: Caller) -> UUID:
    """A project whose repository is here."""
    project_id = new_id()
    info = await container.mirrors.create_from_template(project_id, {"greet.py": SOURCE}, Author("T", "t@e"))
    values = {"repository_state": RepositoryState.READY, "head_commit": info.head, "default_branch": "main"}
    async with container.database.session() as session:
        session.add(Project(id=project_id, owner_id=owner.user_id, name="p", template="empty", **values))
        await session.flush()
        session.add(Membership(project_id=project_id, user_id=owner.user_id, role=Role.ADMIN))
    return project_id


async def test_a_task_goes_from_the_hand_in_to_its_result(connect: Connect, worker: LightWorker) -> None:
    told: list[str | None] = []

    async def hear(done: float, total: float | None, message: str | None) -> None:
        told.append(message)

    given = {"type": "tool_call", "input": {"tool": "wait", "arguments": {"seconds": 0.6}}}
    async with connect() as client:
        accepted = (await client.call_tool("create_task", given)).structured_content
        assert accepted["state"] == "queued"
        named = {"task_id": accepted["task_id"]}
        waited = await client.call_tool("wait_task", named, progress_callback=hear)
        got = await client.call_tool("get_task", named)
    assert waited.structured_content["state"] == "completed"
    assert got.structured_content["result"]["structuredContent"] == {"waited_seconds": 0.6}
    assert told[-1] == "task.completed"


async def test_a_wait_ends_with_its_time_and_says_where_the_task_stands(connect: Connect, worker: LightWorker) -> None:
    given = {"type": "tool_call", "input": {"tool": "wait", "arguments": {"seconds": 50}}}
    async with connect() as client:
        named = {"task_id": (await client.call_tool("create_task", given)).structured_content["task_id"]}
        waited = await client.call_tool("wait_task", named | {"seconds": 0.5})
        assert waited.structured_content["state"] in ("queued", "running")
        await client.call_tool("cancel_task", named)
        ended = await client.call_tool("wait_task", named)
    assert ended.structured_content["reason"] == "cancelled_by_user"


async def test_the_same_key_gives_the_same_task(connect: Connect) -> None:
    given = {"type": "tool_call", "input": {"tool": "echo", "arguments": {}}, "idempotency_key": "once"}
    async with connect() as client:
        answers = await asyncio.gather(*(client.call_tool("create_task", given) for _ in range(3)))
    assert len({answer.structured_content["task_id"] for answer in answers}) == 1


async def test_a_route_is_previewed_with_every_candidate(connect: Connect) -> None:
    async with connect() as client:
        route = (await client.call_tool("preview_route", {"type": "file_search"})).structured_content
        lost = (
            await client.call_tool("preview_route", {"type": "sing", "capabilities": ["whale_song"]})
        ).structured_content
    assert (route["type"], route["target_name"]) == ("oracle", "code")
    assert lost["target_id"] is None
    assert "whale_song" in lost["would_help"][0]


async def test_a_misspelt_field_of_a_task_is_named(connect: Connect) -> None:
    async with connect() as client:
        result = await client.call_tool("create_task", {"type": "file_search", "prio": 3})
    assert result.is_error
    assert result.structured_content["error"]["field"] == "arguments.prio"


async def test_tools_of_built_in_servers_ask_for_a_project_and_read_it(
    connect: Connect, container: Container, ada: Caller
) -> None:
    project_id = str(await make_project(container, ada))
    async with connect() as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert "project_id" in tools["code__search_files"].input_schema["required"]
        assert "project_id" not in tools["diagnostics__echo"].input_schema.get("properties", {})
        listed = (await client.call_tool("list_projects", {})).structured_content
        assert [item["project_id"] for item in listed["items"]] == [project_id]
        found = await client.call_tool("code__grep", {"project_id": project_id, "pattern": "def greet"})
        nowhere = await client.call_tool("code__grep", {"pattern": "def greet"})
        wrong = await client.call_tool("code__grep", {"pattern": "def greet", "project_id": "p"})
    assert "greet.py" in str(found.structured_content)
    assert {r.structured_content["error"]["field"] for r in (nowhere, wrong)} == {"arguments.project_id"}


async def test_a_token_of_one_project_needs_no_project_id(connect: Connect, container: Container, ada: Caller) -> None:
    project_id = await make_project(container, ada)
    other = str(await make_project(container, ada))
    token = await make_token(container, ada, project_id=project_id)
    async with connect(token) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert "project_id" not in tools["code__grep"].input_schema["required"]
        assert not (await client.call_tool("code__grep", {"pattern": "greet"})).is_error
        assert not (await client.call_tool("diagnostics__echo", {})).is_error
        refused = await client.call_tool("code__grep", {"pattern": "greet", "project_id": other})
    assert refused.structured_content["error"]["code"] == "forbidden"


async def test_another_ones_project_does_not_exist(connect: Connect, container: Container, ada: Caller) -> None:
    project_id = str(await make_project(container, ada))
    bob = await make_token(container, await make_caller(container, "bob@example.org"))
    async with connect(bob) as client:
        asked = [
            await client.call_tool("code__grep", {"pattern": "greet", "project_id": project_id}),
            await client.call_tool("create_task", {"type": "file_search", "project_id": project_id}),
            await client.call_tool("query_graph", {"query": "ASK {}", "project_id": project_id}),
        ]
    assert {result.structured_content["error"]["code"] for result in asked} == {"not_found"}


@pytest.mark.parametrize("tool", ["get_task", "wait_task", "cancel_task"])
async def test_another_ones_task_does_not_exist(connect: Connect, container: Container, ada: Caller, tool: str) -> None:
    bob = await make_token(container, await make_caller(container, "bob@example.org"))
    async with connect() as client:
        given = {"type": "tool_call", "input": {"tool": "echo", "arguments": {}}}
        task_id = (await client.call_tool("create_task", given)).structured_content["task_id"]
    async with connect(bob) as client:
        result = await client.call_tool(tool, {"task_id": task_id})
    assert result.structured_content["error"]["code"] == "not_found"
