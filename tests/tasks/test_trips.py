"""What a task costs the database is counted: each trip is time that somebody waits, whatever the agent itself needs."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from orchestrator.bootstrap import Container, build_container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.capabilities import Requirement
from orchestrator.core.errors import BudgetReached
from orchestrator.core.fresh import Fresh
from orchestrator.core.spending import Period
from orchestrator.jobs.light import AgentWorker
from orchestrator.models.database import Database
from orchestrator.services.task_service import TaskRequest
from tests.tasks.conftest import Wait

NOTHING = TaskRequest("scripted", {"steps": []}, preferred_target="agent:scripted")


@contextmanager
def trips(database: Database, about: str) -> Iterator[list[str]]:
    """What is asked of the database about something, transactions that are begun and ended included."""
    asked: list[str] = []
    engine = database.engine.sync_engine

    def statement(_: object, __: object, text: str, *___: object) -> None:
        if about in text:
            asked.append(" ".join(text.split()))

    def ended(connection: object) -> None:
        asked.append("COMMIT")

    event.listen(engine, "before_cursor_execute", statement)
    event.listen(engine, "commit", ended)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", statement)
        event.remove(engine, "commit", ended)


@pytest.fixture
async def at_work(settings: Settings) -> AsyncIterator[Container]:
    """The container of a worker for agents, as its process would have it."""
    own = build_container(settings)
    worker = AgentWorker(own)
    running = asyncio.create_task(worker.run())
    yield own
    worker.stop()
    await asyncio.wait_for(running, 15)
    await own.close()


async def test_an_attempt_that_needs_no_look_at_others_is_three_statements_about_its_task(
    container: Container, caller: Caller, at_work: Container, wait: Wait
) -> None:
    with trips(at_work.database, "tasks") as asked:
        row = await wait((await container.tasks.create(caller, NOTHING))["id"])
        await at_work.writer.settle()
    assert row["state"] == "completed"
    assert [text[:12] for text in asked] == ["SELECT *, co", "WITH x AS ( ", "WITH x AS ( "], "read, claimed, ended"


async def test_while_tasks_come_one_after_the_other_a_task_is_one_statement(
    container: Container, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.services.targets._RECENT_SECONDS", 3600.0)
    await container.tasks.create(caller, NOTHING)
    with trips(container.database, "INSERT INTO tasks") as asked:
        await container.tasks.create(caller, NOTHING)
    assert len(asked) == 1


async def test_no_task_fails_by_what_was_known_some_seconds_ago(
    container: Container, caller: Caller, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.services.targets._FRESH_SECONDS", 0.0)
    monkeypatch.setattr("orchestrator.services.targets._RECENT_SECONDS", 3600.0)
    await container.tasks.create(caller, NOTHING)
    elsewhere = build_container(settings)
    program = {"command": sys.executable, "args": [], "sandbox": "off"}
    values = {"name": "Whales", "kind": "acp", "config": program, "capabilities": ["whale_song"]}
    made = await elsewhere.agents.create(caller, values)
    await elsewhere.close()
    wanted = TaskRequest("code_change", required_capabilities=(Requirement("whale_song"),))
    task = await container.tasks.prepare(caller, wanted)
    assert (task.state, task.target_id) == ("queued", made.id)


async def test_a_budget_that_is_used_up_stops_a_task_that_has_none_of_its_own(
    container: Container, caller: Caller, at_work: Container, wait: Wait
) -> None:
    calls = TaskRequest("scripted", {"steps": [{"do": "tool"}]},
                        preferred_target="agent:scripted")  # fmt: skip
    await container.budgets.put(caller, None, Period.DAY, {"tool_calls": 1})
    assert (await wait((await container.tasks.create(caller, calls))["id"]))["state"] == "completed"
    row = await wait((await container.tasks.create(caller, calls))["id"], "awaiting_input")
    assert row["error"]["code"] == BudgetReached.code


async def test_what_is_kept_is_given_at_once_and_made_anew_beside() -> None:
    made: list[int] = []
    again = asyncio.Event()

    async def make() -> int:
        made.append(len(made))
        if len(made) == 2:
            again.set()
        return made[-1]

    kept = Fresh(make, 0.0)
    assert await kept.recent(3600) == 0
    assert await kept.recent(3600) == 0, "nobody waits for the newer one"
    await asyncio.wait_for(again.wait(), 15)
    assert await kept.get() == 2, "too old for this question: it is waited for"


async def test_a_making_that_fails_beside_is_the_fault_of_whoever_waits_for_one() -> None:
    fails, failed = False, asyncio.Event()

    async def make() -> str:
        if fails:
            failed.set()
            raise ZeroDivisionError
        return "made"

    kept = Fresh(make, 0.0)
    assert await kept.get() == "made"
    fails = True
    assert await kept.recent(3600) == "made"
    await asyncio.wait_for(failed.wait(), 15)
    assert await kept.recent(3600) == "made"
    with pytest.raises(ZeroDivisionError):
        await kept.get()
