"""kill -9 a worker that runs an agent: the next attempt goes on where it stood, and a pause outlives a restart."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.services.task_service import TaskRequest
from tests.agents.conftest import MakeProject, make_project
from tests.faults.processes import Nursery
from tests.faults.stage import Stage, open_stage, until

__all__ = ["make_project"]

STEPS: list[dict[str, Any]] = [
    {"do": "write", "path": "b.py", "text": "y = 1\n"}, {"do": "say", "text": "before"}, {"do": "wait", "seconds": 3},
    {"do": "say", "text": "after"},
]  # fmt: skip


@pytest.fixture
async def stage(
    nursery: Nursery, tmp_path: Path, fresh_database_url: str, fresh_redis_url: str
) -> AsyncIterator[Stage]:
    """A stage with leases so long that a busy worker keeps its attempts: a first import can hold a loop for seconds."""
    made = await open_stage(nursery, tmp_path, fresh_database_url, fresh_redis_url, lease_seconds=8.0)
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


def texts(stage: Stage, task: UUID) -> list[str]:
    said = "SELECT data ->> 'text' AS t FROM task_events WHERE task_id = %s AND kind = 'agent.message' ORDER BY seq"
    return [row["t"] for row in stage.query(said, task)]


async def begun(stage: Stage, make_project: MakeProject, agent: str) -> UUID:
    """A task whose agent is in the middle of its script."""
    project = await make_project({"a.py": "x = 1\n"})
    request = TaskRequest("scripted", {"steps": STEPS}, project_id=project, preferred_target=agent)
    task = await stage.submit(request)
    await until(lambda: "before" in texts(stage, task), "the agent is in the middle")
    await until(lambda: stage.events(task).count("attempt.checkpoint") >= 1, "its files were noted")
    await asyncio.sleep(0.2)
    return task


@pytest.mark.parametrize("agent", ["agent:scripted-editor", "agent:scripted-acp"])
async def test_a_killed_workers_agent_is_taken_up_where_it_stood(
    stage: Stage, make_project: MakeProject, agent: str
) -> None:
    if agent == "agent:scripted-acp" and not (await stage.container.agents._catalogue.starter.verdict()).possible:
        pytest.skip("a program keeps its sessions in the home of its sandbox, and no sandbox can be made here")
    stage.monitor()
    victim = stage.start("worker", "agents")
    task = await begun(stage, make_project, agent)
    victim.kill_all()
    stage.start("worker", "agents")
    row = await stage.ended(task, 80)
    assert (row["state"], stage.attempts(task)) == ("completed", ["lost_worker", "ok"]), row["error"]
    assert texts(stage, task) == ["before", "after"], "what was done is not done again"
    assert [file["path"] for file in row["result"]["files"]] == ["b.py"]
    assert await stage.container.worktrees.list(row["project_id"]) == ()
    numbers = [row["seq"] for row in stage.query("SELECT seq FROM task_events WHERE task_id = %s ORDER BY seq", task)]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_a_pause_outlives_the_worker_and_is_kept_when_it_dies_before_it_rests(
    stage: Stage, make_project: MakeProject
) -> None:
    stage.monitor()
    victim = stage.start("worker", "agents")
    task = await begun(stage, make_project, "agent:scripted-editor")
    victim.freeze()
    await stage.container.pauses.pause(stage.caller, task)
    victim.kill_all()
    row: Mapping[str, Any] = await stage.state(task, "awaiting_input", seconds=80)
    assert row["waiting_for"] == "a person to resume it"
    stage.start("worker", "agents")
    await stage.container.pauses.resume(stage.caller, task)
    row = await stage.ended(task, 80)
    assert (row["state"], stage.attempts(task)) == ("completed", ["lost_worker", "ok"]), row["error"]
    assert texts(stage, task) == ["before", "after"]


async def test_a_choice_between_tries_outlives_the_worker_and_is_answered_after_the_restart(
    stage: Stage, make_project: MakeProject
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    steps = [{"do": "write", "path": "b.py", "text": "y = 1\n"}, {"do": "say", "text": "done"}]
    wanted = {"agents": ["agent:scripted-editor"], "count": 2, "input": {"steps": steps}}
    stage.monitor()
    victim = stage.start("worker", "agents")
    request = TaskRequest("best_of", wanted, project_id=project, preferred_target="agent:best-of")
    task = await stage.submit(request)
    await stage.state(task, "awaiting_input", seconds=80)
    victim.kill_all()
    question = await stage.container.questions_asked.open_of(task)
    assert question is not None
    tries = [choice["id"] for choice in question["choices"]]
    assert tries == ["try[0]", "try[1]", "none of them"]
    stage.start("worker", "agents")
    again = await stage.container.questions_asked.open_of(task)
    assert again == question, "it is the same question with the same deadline"
    await stage.container.decisions.answered(stage.caller, question, "try[1]")
    row = await stage.ended(task, 80)
    assert row["state"] == "completed", row["error"]
    assert row["result"]["data"]["steps"]["choice"][0]["part"] == "try[1]"
    begun = stage.query("SELECT part, generation FROM tasks WHERE parent_id = %s ORDER BY part", task)
    assert [(part["part"], part["generation"]) for part in begun] == [("try[0]", 1), ("try[1]", 1)], (
        "none was made again"
    )
    assert await stage.container.worktrees.list(project) == ()
