"""Light tasks through the real path: route, outbox, RQ, the light worker, events, result."""

import asyncio

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.core.capabilities import Requirement
from orchestrator.jobs.light import LightWorker
from orchestrator.models.task_store import read_events
from orchestrator.services.task_service import TaskRequest
from tests.tasks.conftest import Wait


def tool(name: str, **arguments: object) -> TaskRequest:
    return TaskRequest("tool_call", {"tool": name, "arguments": arguments})


async def test_a_tool_call_is_routed_delivered_run_and_stored(
    container: Container, caller: Caller, worker: LightWorker, wait: Wait
) -> None:
    born = await container.tasks.create(caller, tool("echo", text="hello"))
    assert born["state"] == "queued"
    row = await wait(born["id"])
    assert (row["state"], row["reason"], row["generation"]) == ("completed", "ok", 1)
    assert "hello" in str(row["result"])


async def test_events_are_numbered_without_gaps_and_tell_the_whole_story(
    container: Container, caller: Caller, worker: LightWorker, wait: Wait
) -> None:
    born = await container.tasks.create(caller, tool("wait", seconds=0.2))
    await wait(born["id"])
    events = [event async for event in container.events.follow(born["id"])]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    kinds = [str(event.kind) for event in events]
    assert kinds[:4] == ["task.created", "task.routed", "task.queued", "attempt.started"]
    assert kinds[-1] == "task.completed"
    assert "tool.called" in kinds
    assert "tool.returned" in kinds


async def test_a_task_no_target_can_serve_fails_at_once_with_what_would_help(
    container: Container, caller: Caller
) -> None:
    request = TaskRequest("translate_whales", required_capabilities=(Requirement("whale_song"),))
    row = await container.tasks.create(caller, request)
    assert (row["state"], row["reason"]) == ("failed", "no_target")
    assert "whale_song" in row["error"]["details"]["would_help"][0]


async def test_cancel_reaches_the_running_tool(
    container: Container, caller: Caller, worker: LightWorker, wait: Wait
) -> None:
    born = await container.tasks.create(caller, tool("wait", seconds=50))
    await wait(born["id"], "running")
    started = asyncio.get_running_loop().time()
    await container.tasks.cancel(caller, born["id"])
    row = await wait(born["id"])
    assert (row["state"], row["reason"]) == ("cancelled", "cancelled_by_user")
    assert asyncio.get_running_loop().time() - started < 2


async def test_a_tool_error_fails_the_task_with_its_reason(
    container: Container, caller: Caller, worker: LightWorker, wait: Wait
) -> None:
    born = await container.tasks.create(caller, tool("fail", message="no luck"))
    row = await wait(born["id"])
    assert (row["state"], row["reason"]) == ("failed", "tool_error")
    assert "no luck" in row["error"]["message"]


async def test_two_hundred_half_second_calls_end_within_four_seconds(
    container: Container, caller: Caller, worker: LightWorker, wait: Wait
) -> None:
    started = asyncio.get_running_loop().time()
    born = await asyncio.gather(*(container.tasks.create(caller, tool("wait", seconds=0.5)) for _ in range(200)))
    rows = await asyncio.gather(*(wait(row["id"]) for row in born))
    assert {row["state"] for row in rows} == {"completed"}
    assert (
        asyncio.get_running_loop().time() - started < 8
    )  # the benchmark holds the 4 s; this only tells one by one apart


async def test_the_same_idempotency_key_gives_the_same_task(container: Container, caller: Caller) -> None:
    request = TaskRequest("tool_call", {"tool": "echo", "arguments": {}}, idempotency_key="once")
    first, second = await asyncio.gather(*(container.tasks.create(caller, request) for _ in range(2)))
    assert first["id"] == second["id"]
    async with container.database.transaction() as connection:
        assert len(await read_events(connection, first["id"], 0)) == 3


async def test_a_nul_in_a_result_is_stored_visibly(
    container: Container, caller: Caller, worker: LightWorker, wait: Wait
) -> None:
    born = await container.tasks.create(caller, tool("echo", text="a\x00b\ud800"))
    row = await wait(born["id"])
    assert row["state"] == "completed"
    assert "a\ufffdb" in str(row["result"])
