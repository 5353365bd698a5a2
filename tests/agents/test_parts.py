"""Agents make parts of their task: within limits, waited for without a deadlock, seen and stopped with their task."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.bootstrap import Container, build_container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from orchestrator.core.events import EventKind
from orchestrator.core.families import share
from orchestrator.core.states import TERMINAL
from orchestrator.jobs.light import AgentWorker
from orchestrator.services.task_service import TaskRequest
from tests.agents.conftest import MakeProject, make_caller
from tests.fakes.openai import FakeOpenAI

SAY = [{"do": "say", "text": "hello"}]


@asynccontextmanager
async def working(settings: Settings, **other: Any) -> AsyncIterator[Container]:
    """A worker for agents while the block runs; its container."""
    made = build_container(Settings(_env_file=None, **(settings.model_dump() | other)))
    worker = AgentWorker(made)
    worker.grace_seconds = 0.1
    running = asyncio.create_task(worker.run())
    try:
        yield made
    finally:
        worker.stop()
        await running
        await made.close()


async def script(container: Container, caller: Caller, *steps: dict[str, Any], **more: Any) -> UUID:
    request = TaskRequest("scripted", {"steps": list(steps)}, preferred_target="agent:scripted", **more)
    return UUID(str((await container.tasks.create(caller, request))["id"]))


async def ended(container: Container, caller: Caller, task: UUID, seconds: float = 20) -> Any:
    async with asyncio.timeout(seconds):
        async for _ in container.events.follow(task):
            pass
    row = await container.tasks.get(caller, task)
    assert row["state"] in TERMINAL
    return row


async def reached(container: Container, task: UUID, kind: EventKind) -> None:
    async with asyncio.timeout(60):
        async for event in container.events.follow(task):
            if event.kind == kind:
                return


def tool(name: str, **arguments: Any) -> dict[str, Any]:
    return {"do": "tool", "tool": name, "arguments": arguments}


def part(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return tool("create_task", type="scripted", agent_id="agent:scripted", input={"steps": list(steps)}, **more)


WAITED = tool("wait_task", task_id="{{0.task_id}}", seconds=60)


async def test_a_worker_with_one_place_carries_a_task_that_waits_for_its_parts_and_they_for_theirs(
    container: Container, caller: Caller, llm_settings: Settings
) -> None:
    inner = part(part(*SAY), WAITED, {"do": "say", "text": "middle"})
    task = await script(container, caller, inner, WAITED, {"do": "say", "text": "all done"})
    async with working(llm_settings, agent_concurrency=1):
        row = await ended(container, caller, task)
    assert (row["state"], row["result"]["summary"]) == ("completed", "all done"), row["error"]
    below = await container.families.below(task)
    assert [(one["depth"], one["state"]) for one in below] == [(1, "completed"), (2, "completed")]
    assert below[0]["parent_id"] == task
    assert below[1]["parent_id"] == below[0]["id"]


async def test_an_agent_is_asked_and_its_answer_comes_back(
    container: Container, caller: Caller, llm_settings: Settings, make_project: MakeProject
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    asked = tool("ask_agent", agent_id="scripted-editor", input={"steps": SAY})
    task = await script(container, caller, asked, project_id=project)
    async with working(llm_settings, agent_concurrency=1):
        row = await ended(container, caller, task)
    assert row["state"] == "completed", row["error"]
    (answer,) = row["result"]["data"]["answers"]
    assert '"completed"' in answer
    assert "hello" in answer


async def at_work(container: Container, caller: Caller, **more: Any) -> tuple[UUID, Caller]:
    """A task whose agent is at work and waits, and that agent as a caller."""
    task = await script(container, caller, {"do": "wait", "seconds": 600}, **more)
    await reached(container, task, EventKind.STARTED)
    row = await container.tasks.get(caller, task)
    return task, Caller(caller.user_id, via="agent", project_id=row["project_id"], task_id=task)


SCRIPT = TaskRequest("scripted", {"steps": SAY}, preferred_target="agent:scripted")


async def test_depth_and_numbers_of_parts_are_limited_and_the_limit_is_named(
    container: Container, caller: Caller, llm_settings: Settings
) -> None:
    limits = {"subtask_depth": 1, "subtask_fanout": 2, "subtask_total": 3}
    async with working(llm_settings, **limits) as strict:
        _, agent = await at_work(strict, caller)
        long = replace(SCRIPT, input={"steps": [{"do": "wait", "seconds": 600}]})
        first = await strict.tasks.create(agent, long)
        await strict.tasks.create(agent, long)
        with pytest.raises(Conflict, match="subtask_fanout of 2") as full:
            await strict.tasks.create(agent, long)
        assert full.value.details == {"limit": "subtask_fanout", "value": 2}
        await reached(strict, first["id"], EventKind.STARTED)
        with pytest.raises(Conflict, match="subtask_depth of 1"):
            await strict.tasks.create(replace(agent, task_id=first["id"]), SCRIPT)
        for row in await strict.families.below(agent.task_id or first["id"]):
            await strict.tasks.cancel(agent, row["id"])
            await ended(strict, caller, row["id"])
        third = await strict.tasks.create(agent, SCRIPT)
        await ended(strict, caller, third["id"])
        with pytest.raises(Conflict, match="subtask_total of 3"):
            await strict.tasks.create(agent, SCRIPT)


async def test_an_agent_sees_and_stops_its_own_parts_and_nothing_else(
    container: Container, caller: Caller, llm_settings: Settings
) -> None:
    async with working(llm_settings) as worker:
        task, agent = await at_work(worker, caller)
        other = await script(worker, caller, *SAY)
        mine = await worker.tasks.create(agent, SCRIPT)
        assert (await worker.tasks.get(agent, mine["id"]))["parent_id"] == task
        assert (await worker.tasks.get(agent, task))["id"] == task
        for look in (worker.tasks.get, worker.tasks.cancel, worker.tasks.route_of, worker.tasks.events_of):
            with pytest.raises(NotFound):
                await look(agent, other)
        with pytest.raises(NotFound):
            await worker.room.wait(agent, other, 1)
        with pytest.raises(Forbidden):
            await worker.tasks.cancel(agent, task)
        for decide in (worker.tasks.retry(agent, mine["id"]), worker.tasks.page(agent)):
            with pytest.raises(Forbidden, match="for people"):
                await decide
        with pytest.raises(Forbidden, match="for people"):
            await worker.tasks.consent(agent, mine["id"], grant=True, patch={})


async def test_nobody_waits_in_a_circle(container: Container, caller: Caller, llm_settings: Settings) -> None:
    async with working(llm_settings) as worker:
        task, agent = await at_work(worker, caller)
        long = replace(SCRIPT, input={"steps": [{"do": "wait", "seconds": 600}]})
        below = await worker.tasks.create(agent, long)
        await reached(worker, below["id"], EventKind.STARTED)
        deeper = replace(agent, task_id=below["id"])
        with pytest.raises(Conflict, match="wait for itself"):
            await worker.room.wait(agent, task, 1)
        with pytest.raises(Conflict, match="of which it is a part"):
            await worker.room.wait(deeper, task, 1)
        with pytest.raises(Conflict, match="in a circle"):
            await worker.room.ask(deeper, "scripted", {"steps": SAY}, None)


async def test_what_people_decide_is_not_put_into_a_part_by_an_agent(
    container: Container, caller: Caller, llm_settings: Settings, make_project: MakeProject
) -> None:
    project, elsewhere = await make_project({"a.py": ""}), await make_project({"b.py": ""})
    async with working(llm_settings) as worker:
        _, agent = await at_work(worker, caller, project_id=project)
        with pytest.raises(InvalidInput) as consent:
            await worker.tasks.create(agent, replace(SCRIPT, consent={"user_space": True}))
        assert consent.value.field == "consent"
        command = [{"kind": "command", "name": "c", "command": ["touch", "x"]}]
        with pytest.raises(InvalidInput) as criteria:
            await worker.tasks.create(agent, replace(SCRIPT, acceptance=command))
        assert criteria.value.field == "acceptance[0].kind"
        with pytest.raises(Forbidden, match="own project"):
            await worker.tasks.create(agent, replace(SCRIPT, project_id=elsewhere))
        made = await worker.tasks.create(agent, SCRIPT)
        assert made["project_id"] == project


async def test_parts_share_the_budget_of_their_task(
    container: Container, caller: Caller, llm_settings: Settings
) -> None:
    async with working(llm_settings) as worker:
        _, agent = await at_work(worker, caller, budget={"tokens": 1000})
        first = await worker.tasks.create(agent, replace(SCRIPT, budget={"tokens": 700}))
        second = await worker.tasks.create(agent, SCRIPT)
        assert (first["budget"], second["budget"]) == ({"tokens": 700}, {"tokens": 150})
        with pytest.raises(Conflict, match=r"budget.tokens of 1000: 150 are left") as over:
            await worker.tasks.create(agent, replace(SCRIPT, budget={"tokens": 151}))
        assert over.value.field == "budget.tokens"


async def test_what_a_part_did_not_use_comes_back_when_it_ends(
    container: Container, caller: Caller, llm_settings: Settings, model: FakeOpenAI
) -> None:
    model.say("Hi.")  # fifteen tokens
    ask = TaskRequest("ask", {"prompt": "Hi"}, preferred_target="agent:llm")
    calls = replace(SCRIPT, input={"steps": [{"do": "tool", "count": 3}]})
    async with working(llm_settings) as worker:
        _, agent = await at_work(worker, caller, budget={"tokens": 1000, "tool_calls": 10})
        first = await worker.tasks.create(agent, replace(ask, budget={"tokens": 700, "tool_calls": 1}))
        with pytest.raises(Conflict, match=r"budget.tokens of 1000: 300 are left"):
            await worker.tasks.create(agent, replace(calls, budget={"tokens": 301}))
        await ended(worker, caller, first["id"])
        second = await worker.tasks.create(agent, replace(calls, budget={"tokens": 900, "tool_calls": 9}))
        await ended(worker, caller, second["id"])
        # Nobody knows how many tokens a script used: its whole share stays given.
        with pytest.raises(Conflict, match=r"budget.tokens of 1000: 85 are left"):
            await worker.tasks.create(agent, replace(SCRIPT, budget={"tokens": 86}))
        with pytest.raises(Conflict, match=r"budget.tool_calls of 10: 7 are left"):
            await worker.tasks.create(agent, replace(SCRIPT, budget={"tool_calls": 8}))


@given(st.integers(1, 16), st.integers(100, 10**9), st.floats(0.01, 1e6))
def test_parts_that_are_made_together_share_evenly_and_leave_as_much_for_later(
    n: int, tokens: int, money: float
) -> None:
    made: list[dict[str, Any]] = []
    for number in range(n):
        made.append(share({"tokens": tokens, "money": money}, {}, made, n - number))
    assert max(one["tokens"] for one in made) - min(one["tokens"] for one in made) <= 1
    assert all(one["money"] == pytest.approx(money / (n + 1)) for one in made)
    assert sum(one["tokens"] for one in made) <= tokens * n / (n + 1) + 1


async def test_the_same_key_makes_the_same_part_and_never_meets_a_persons_keys(
    container: Container, caller: Caller, llm_settings: Settings
) -> None:
    async with working(llm_settings) as worker:
        _, agent = await at_work(worker, caller)
        keyed = replace(SCRIPT, idempotency_key="once")
        person = await worker.tasks.create(caller, keyed)
        first, again = [await worker.tasks.create(agent, keyed) for _ in range(2)]
        assert first["id"] == again["id"] != person["id"]


async def test_stopping_a_task_stops_every_part_below_it(
    container: Container, caller: Caller, llm_settings: Settings
) -> None:
    sleeper = {"do": "wait", "seconds": 600}
    inner = part(part(sleeper), WAITED)
    task = await script(container, caller, inner, WAITED)
    async with working(llm_settings) as worker:
        async with asyncio.timeout(60):
            while len(below := await worker.families.below(task)) < 2 or below[1]["state"] != "running":  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await worker.tasks.cancel(caller, task)
        for one in (task, *(row["id"] for row in below)):
            assert (await ended(worker, caller, one))["state"] == "cancelled"
        events = await worker.tasks.events_of(caller, below[1]["id"])
        (asked,) = [event for event in events if event.kind == EventKind.CANCEL_REQUESTED]
        assert f"task {below[0]['id']}" in asked.data["message"]
        with pytest.raises(Conflict, match="retry that one"):
            await worker.tasks.retry(caller, below[1]["id"])


async def test_a_failed_task_takes_its_open_parts_along_also_when_nobody_told(
    container: Container, caller: Caller, llm_settings: Settings
) -> None:
    task = await script(container, caller, part({"do": "wait", "seconds": 600}), {"do": "fail", "text": "no"})
    async with working(llm_settings) as worker:
        worker.writer.on_ended(lambda _: None)
        assert (await ended(worker, caller, task))["state"] == "failed"
        (below,) = await worker.families.below(task)
        assert below["state"] not in TERMINAL
        await container.families.sweep()
        assert (await ended(worker, caller, below["id"]))["state"] == "cancelled"
        with pytest.raises(Conflict, match="not at work"):
            await worker.tasks.create(Caller(caller.user_id, via="agent", task_id=task), SCRIPT)


async def test_somebody_else_sees_no_parts(container: Container, caller: Caller, llm_settings: Settings) -> None:
    async with working(llm_settings) as worker:
        _, agent = await at_work(worker, caller)
        made = await worker.tasks.create(agent, SCRIPT)
        stranger = await make_caller(container, "eve@example.org")
        with pytest.raises(NotFound):
            await worker.tasks.get(stranger, made["id"])
