"""A provider says stop: its account is left alone, the work is kept, and the task goes on in place or elsewhere."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from orchestrator.bootstrap import Container, build_container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.errors import Forbidden, NotFound, QuotaReached
from orchestrator.core.events import EventKind
from orchestrator.jobs.runner import make_runner
from orchestrator.services.task_service import TaskRequest
from tests.agents.conftest import MakeProject, RunTask, make_caller
from tests.fakes.openai import FakeOpenAI

LIMIT = {"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}
Row = Mapping[str, Any]


async def ask(container: Container, caller: Caller, prompt: str = "Hi", **more: Any) -> UUID:
    container.targets.refresh()
    request = TaskRequest("ask", {"prompt": prompt}, preferred_target="agent:llm", **more)
    return UUID(str((await container.tasks.create(caller, request))["id"]))


async def attempt(container: Container, caller: Caller, task: UUID, number: int) -> Row:
    runner, _ = make_runner(container, "agents")
    await runner.run(task, number)
    return await container.tasks.get(caller, task)


async def events(container: Container, caller: Caller, task: UUID, kind: EventKind) -> list[dict[str, Any]]:
    return [event.data for event in await container.tasks.events_of(caller, task) if event.kind == kind]


async def routed_again(container: Container, caller: Caller, task: UUID) -> Row:
    """The task after the monitor looked at what is pending."""
    container.targets.refresh()
    await container.pending.sweep()
    return await container.tasks.get(caller, task)


async def time_passes(container: Container, seconds: float) -> None:
    """Every account's time passes by so much sooner, and every task's with it."""
    sooner = {"by": timedelta(seconds=seconds)}
    async with container.database.transaction() as connection:
        await connection.execute(
            text("UPDATE quota_waits SET until = until - :by, trial_until = trial_until - :by"), sooner
        )
        await connection.execute(text("UPDATE tasks SET wakes_at = wakes_at - :by WHERE wakes_at IS NOT NULL"), sooner)


async def test_a_stop_is_known_before_the_agent_that_heard_it_has_ended(
    container: Container, caller: Caller, model: FakeOpenAI, run_task: RunTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    note = container.quota.stopped

    async def ended(account: str, stop: QuotaReached) -> None:
        with pytest.raises(QuotaReached):
            await container.quota.check(account)
        closed.append(account)
        await note(account, stop)

    monkeypatch.setattr(container.quota, "stopped", ended)
    model.refuse(429, LIMIT, {"Retry-After": "600"})
    task = await run_task(await ask(container, caller))
    assert task["state"] == "pending"
    assert closed == [task["quota_account"]]


@pytest.fixture
async def stopped(container: Container, caller: Caller, model: FakeOpenAI, run_task: RunTask) -> Row:
    """A task whose agent was stopped in the middle: after one tool call, for ten minutes."""
    model.call(("diagnostics__none", {}), text="I look around first. ")
    model.refuse(429, LIMIT, {"Retry-After": "600"})
    return await run_task(await ask(container, caller, "Look around"))


async def test_a_stopped_task_is_pending_and_says_for_which_account_and_until_when(
    container: Container, caller: Caller, stopped: Row
) -> None:
    assert (stopped["state"], stopped["reason"]) == ("pending", None)
    account = stopped["quota_account"]
    assert account.startswith("127.0.0.1:")
    assert stopped["waiting_for"].startswith(f"quota of {account} until ")
    (waiting,) = await events(container, caller, stopped["id"], EventKind.WAITING)
    left = datetime.fromisoformat(waiting["until"]) - datetime.now(UTC)
    assert 500 < left.total_seconds() <= 600
    (ended,) = await events(container, caller, stopped["id"], EventKind.ENDED)
    assert (ended["reason"], ended["error"]["code"]) == ("quota", "quota_reached")
    (told,) = await container.quota.page(caller)
    assert (told["account"], told["tasks"], "agent:llm" in told["agents"]) == (account, 1, True)
    waits = await routed_again(container, caller, stopped["id"])
    assert (waits["state"], waits["wakes_at"] > datetime.now(UTC)) == ("pending", True)
    route = await container.tasks.route_of(caller, stopped["id"])
    (mine,) = [one for one in route["candidates"] if one["target_id"] == "agent:llm"]
    assert [one["obstacle"] for one in mine["rejections"]] == ["quota"]


async def test_no_agent_of_the_account_is_started_meanwhile(
    container: Container, caller: Caller, stopped: Row, model: FakeOpenAI
) -> None:
    asked = len(model.asked)
    late = await ask(container, caller)
    assert (await container.tasks.get(caller, late))["state"] == "pending", "routing knows"
    async with container.database.transaction() as connection:  # as if it had been queued before the stop
        await connection.execute(text("UPDATE tasks SET state = 'queued' WHERE id = :id"), {"id": late})
    row = await attempt(container, caller, late, 1)
    assert (row["state"], row["generation"], row["quota_account"]) == ("pending", 0, stopped["quota_account"])
    assert len(model.asked) == asked


async def test_it_goes_on_with_its_conversation_when_the_time_has_passed(
    container: Container, caller: Caller, stopped: Row, model: FakeOpenAI
) -> None:
    await routed_again(container, caller, stopped["id"])
    await time_passes(container, 600)
    assert (await routed_again(container, caller, stopped["id"]))["state"] == "queued"
    model.say("All seen.")
    row = await attempt(container, caller, stopped["id"], 2)
    assert (row["state"], row["result"]["summary"]) == ("completed", "All seen.")
    roles = [message["role"] for message in model.asked[-1]["messages"] if message["role"] != "system"]
    assert roles == ["user", "assistant", "tool"], "the conversation went on; nothing was asked twice"
    assert await container.quota.page(caller) == []


async def test_one_tries_first_and_the_others_follow(
    container: Container, caller: Caller, stopped: Row, model: FakeOpenAI
) -> None:
    second = await ask(container, caller)
    await routed_again(container, caller, stopped["id"])
    await time_passes(container, 600)
    await routed_again(container, caller, stopped["id"])
    model.hold()
    model.arrived.clear()
    first = asyncio.create_task(attempt(container, caller, stopped["id"], 2))
    assert await asyncio.to_thread(model.arrived.wait, 30)
    held = await attempt(container, caller, second, 1)
    assert (held["state"], held["generation"]) == ("pending", 0), "somebody tries already"
    model.say("It works again.")
    model.release()
    assert (await first)["state"] == "completed"
    assert (await routed_again(container, caller, second))["state"] == "queued"
    model.say("Here, too.")
    assert (await attempt(container, caller, second, 1))["state"] == "completed"


async def test_a_stop_survives_the_process_that_heard_it(
    llm_settings: Settings, container: Container, caller: Caller, stopped: Row
) -> None:
    other = build_container(llm_settings)
    try:
        assert (await routed_again(other, caller, stopped["id"]))["state"] == "pending"
        late = await ask(other, caller)
        assert (await other.tasks.get(caller, late))["quota_account"] == stopped["quota_account"]
    finally:
        await other.close()


async def test_an_account_is_tried_again_now_by_whoever_may(container: Container, caller: Caller, stopped: Row) -> None:
    account = stopped["quota_account"]
    with pytest.raises(Forbidden, match="admin"):
        await container.quota.lift(caller, account)
    with pytest.raises(NotFound):
        await container.quota.lift(caller, "nobody")
    admin = Caller((await make_caller(container, "root@example.org")).user_id, is_admin=True)
    await routed_again(container, caller, stopped["id"])
    await container.quota.lift(admin, account)
    assert (await routed_again(container, caller, stopped["id"]))["state"] == "queued"


@pytest.fixture
async def impatient(llm_settings: Settings) -> AsyncIterator[Container]:
    made = build_container(Settings(_env_file=None, **(llm_settings.model_dump() | {"quota_patience_seconds": 5})))
    yield made
    await made.close()


async def program(container: Container, caller: Caller, name: str) -> str:
    """A coding agent of the caller's own, which does what a script in its prompt says."""
    config = {
        "command": sys.executable, "args": ["-P", "-m", "orchestrator.agents.scripted.acp_process"], "sandbox": "off",
        "env": {"PYTHONPATH": str(Path(__file__).parents[2])},
    }  # fmt: skip
    made = {"name": name, "kind": "acp", "config": config, "capabilities": ["coding"]}
    return (await container.agents.create(replace(caller, is_admin=True), made)).id


async def test_a_wait_that_is_too_long_hands_the_task_over_with_what_was_done(
    impatient: Container, caller: Caller, make_project: MakeProject
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    first, second = await program(impatient, caller, "First"), await program(impatient, caller, "Second")
    script = {"steps": [{"do": "say", "text": "I begin with a.py. "},
                        {"do": "replace", "path": "a.py", "find": "x = 1", "text": "x = 2"},
                        {"do": "fail", "text": "429 too many requests, try again in 2 hours"}]}  # fmt: skip
    given = {"prompt": json.dumps(script)}
    request = TaskRequest("code_change", given, project_id=project, preferred_target=first)
    task = UUID(str((await impatient.tasks.create(caller, request))["id"]))
    row = await attempt(impatient, caller, task, 1)
    assert (row["state"], row["quota_account"]) == ("pending", first), row["error"]
    row = await routed_again(impatient, caller, task)
    assert (row["state"], row["target_id"]) == ("queued", second)
    (told,) = await events(impatient, caller, task, EventKind.HANDED_OVER)
    assert (told["from"], told["to"]) == (first, second)
    assert told["why"].startswith(f"quota of {first} until ")
    row = await attempt(impatient, caller, task, 2)
    assert row["state"] == "completed", row["error"]
    assert [file["path"] for file in row["result"]["files"]] == ["a.py"], "the change of the first one is there"
    heard = row["result"]["summary"]
    for what in (f"Another agent ({first}) began this task", "+x = 2", "I begin with a.py."):
        assert what in heard


async def test_a_program_takes_up_its_session_and_is_told_to_go_on(
    container: Container, caller: Caller, make_project: MakeProject
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    script = {"steps": [{"do": "write", "path": "b.py", "text": "y = 1\n"},
                        {"do": "fail", "text": "usage limit reached, try again in 30 seconds"}]}  # fmt: skip
    request = TaskRequest("scripted", script, project_id=project, preferred_target="agent:scripted-acp")
    task = UUID(str((await container.tasks.create(caller, request))["id"]))
    assert (await attempt(container, caller, task, 1))["state"] == "pending"
    await routed_again(container, caller, task)
    await time_passes(container, 30)
    assert (await routed_again(container, caller, task))["target_id"] == "agent:scripted-acp"
    row = await attempt(container, caller, task, 2)
    assert row["state"] == "completed", row["error"]
    assert row["result"]["summary"].startswith("You said: You were stopped")
    assert [file["path"] for file in row["result"]["files"]] == ["b.py"], "what was done is still there"
    sessions = [one for one in await events(container, caller, task, EventKind.LOG) if "session" in one]
    assert [one["resumed"] for one in sessions] == [False, True]
