"""kill -9 the worker under a team, or under a task that waits for quota: nothing is lost and nothing done twice."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.services.agent_service import request_for, start
from orchestrator.services.task_service import TaskRequest
from tests.agents.conftest import MakeProject, make_project
from tests.agents.test_quota import LIMIT
from tests.agents.test_teams import edit, says, talk
from tests.fakes.openai import FakeOpenAI
from tests.faults.processes import Nursery
from tests.faults.stage import Stage, open_stage, until
from tests.faults.test_killed_agents import texts

__all__ = ["make_project"]

QUOTA_SECONDS = 4


@pytest.fixture
def model() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as model:
        yield model


@pytest.fixture
def lease() -> float:
    """Long enough that a busy worker keeps its attempts."""
    return 8.0


@pytest.fixture
async def stage(
    nursery: Nursery, tmp_path: Path, fresh_database_url: str, fresh_redis_url: str, model: FakeOpenAI, lease: float
) -> AsyncIterator[Stage]:
    """A stage whose agents have a language model."""
    known = {"llm_base_url": model.base_url, "llm_model": "test-model", "llm_api_key": "sk-of-the-service"}
    made = await open_stage(nursery, tmp_path, fresh_database_url, fresh_redis_url, lease_seconds=lease, **known)
    yield made
    made.kill_everything()
    print(made.told())  # noqa: T201  shown by pytest when the test fails
    await made.container.close()
    made.check()


@pytest.fixture
def container(stage: Stage) -> Container:
    return stage.container


@pytest.fixture
def caller(stage: Stage) -> Caller:
    return stage.caller


def gap_free(stage: Stage) -> bool:
    """Whether the events of every task are numbered from 1 without a gap."""
    wrong = """SELECT task_id FROM task_events GROUP BY task_id
               HAVING min(seq) <> 1 OR max(seq) <> count(*) OR count(DISTINCT seq) <> count(*)"""
    return stage.query(wrong) == []


async def hand_in(stage: Stage, project: UUID, *steps: dict[str, Any]) -> UUID:
    """A task for a team of these steps."""
    agents, tasks = stage.container.agents, stage.container.tasks
    made = {"name": "Team", "kind": "team", "config": {"steps": list(steps)}}
    team = (await agents.create(stage.caller, made)).id
    request = await request_for(agents, stage.caller, team, input={}, project_id=project)
    stage.container.targets.refresh()
    return UUID(str((await start(agents, tasks, stage.caller, team, request))["id"]))


async def test_a_team_whose_worker_is_killed_goes_on_and_does_no_step_twice(
    stage: Stage, make_project: MakeProject
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    middle = [
        {"do": "write", "path": "b.txt", "text": "{{first.summary}}\n"}, {"do": "say", "text": "before"},
        {"do": "wait", "seconds": 3}, {"do": "say", "text": "after"},
    ]  # fmt: skip
    last = [{"do": "write", "path": "c.txt", "text": "{{second.summary}}\n"}, {"do": "say", "text": "the end"}]
    stage.monitor()
    victim = stage.start("worker", "agents")
    task = await hand_in(
        stage, project, talk("first", says("one")), edit("second", middle), edit("third", last, start="second")
    )

    def parts() -> dict[str, UUID]:
        rows = stage.query("SELECT part, id FROM tasks WHERE parent_id = %s ORDER BY created_at", task)
        return {row["part"]: row["id"] for row in rows}

    await until(
        lambda: "second" in parts() and "before" in texts(stage, parts()["second"]), "the second step is half done"
    )
    await until(lambda: "attempt.checkpoint" in stage.events(parts()["second"]), "its files were noted")
    await asyncio.sleep(0.2)
    begun = parts()
    victim.kill_all()
    stage.start("worker", "agents")
    row = await stage.ended(task, 80)
    assert row["state"] == "completed", row["error"]
    ends = parts()
    assert set(ends) == {"first", "second", "third"}
    assert begun.items() <= ends.items(), "what was begun is gone on with, not made again"
    assert stage.attempts(task) == ["lost_worker", "ok"]
    assert [stage.attempts(ends[name]) for name in ends] == [["ok"], ["lost_worker", "ok"], ["ok"]]
    assert [texts(stage, ends[name]) for name in ends] == [["one"], ["before", "after"], ["the end"]]
    read = stage.container.mirrors.read_file
    commit = row["result"]["commit"]
    assert await read(project, commit, "b.txt") == b"one\n"
    assert await read(project, commit, "c.txt") == b"after\n"
    assert await stage.container.worktrees.list(project) == ()
    assert gap_free(stage)


@pytest.mark.parametrize("lease", [60.0])
async def test_a_task_that_waits_for_quota_outlives_its_worker_and_asks_nothing_twice(
    stage: Stage, model: FakeOpenAI
) -> None:
    model.call(("diagnostics__none", {}), text="I look around first. ")
    model.refuse(429, LIMIT, {"Retry-After": str(QUOTA_SECONDS)})
    model.say("All seen.")
    stage.monitor()
    victim = stage.start("worker", "agents")
    task = await stage.submit(TaskRequest("ask", {"prompt": "Look around"}, preferred_target="agent:llm"))
    await until(lambda: "task.waiting" in stage.events(task), "the task waits for quota")
    victim.kill_all()
    stage.start("worker", "agents")
    row = await stage.ended(task, 80)
    assert (row["state"], row["result"]["summary"]) == ("completed", "All seen."), row["error"]
    assert stage.attempts(task) == ["quota", "ok"]
    assert len(model.asked) == 3, "each request was made once"
    roles = [message["role"] for message in model.asked[-1]["messages"] if message["role"] != "system"]
    assert roles == ["user", "assistant", "tool"], "the conversation went on"
    times = """SELECT (SELECT (data ->> 'until')::timestamptz FROM task_events
                       WHERE task_id = %s AND kind = 'task.waiting' ORDER BY seq LIMIT 1) AS until,
                      (SELECT max(at) FROM task_events WHERE task_id = %s AND kind = 'attempt.started') AS again"""
    (found,) = stage.query(times, task, task)
    assert found["again"] >= found["until"], "nobody was asked before the provider's time had passed"
    assert gap_free(stage)
