"""kill -9 a heavy worker, its forked process, or both, at each step of an attempt: git work, really running."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

import psutil
import pytest

from orchestrator.core.errors import NotFound
from orchestrator.core.states import TaskState
from orchestrator.services.project_service import NewProject
from orchestrator.services.task_service import TaskRequest
from tests.faults.processes import Process, runs
from tests.faults.stage import Stage, until


@contextmanager
def silent_server() -> Iterator[str]:
    """An address where connections are taken and nothing is ever answered: git waits for it."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/repository.git"


async def fetch(stage: Stage, **source: str) -> tuple[UUID, UUID]:
    """A project and the task that fetches it."""
    wanted = NewProject("project", build_graph=False, **(source or {"template": "empty"}))
    row, task = await stage.container.projects.create(stage.caller, wanted)
    return UUID(str(row["id"])), task


async def git_runs(worker: Process) -> list[int]:
    """The pids of git and of whatever it started, once it works."""
    found: list[int] = []

    def look() -> bool:
        with suppress(psutil.NoSuchProcess):  # one ended while we looked
            below = [child for horse in worker.children() for child in horse.children(recursive=True)]
            found[:] = [child.pid for child in below]
            return any("remote-http" in child.name() for child in below)
        return False

    await until(look, "git talks to the server")
    return found


async def all_gone(pids: list[int]) -> None:
    await until(lambda: not any(runs(pid) for pid in pids), f"the processes {pids} are gone")


async def test_killed_between_pop_and_claim_it_lost_nothing_and_used_no_attempt(stage: Stage) -> None:
    stage.monitor()
    _, task = await fetch(stage)
    with stage.holding_row(task):
        victim = stage.heavy()
        await stage.step_waits()
        victim.kill_all()
        stage.lose_steps()
    stage.heavy()
    assert (await stage.ended(task))["state"] == TaskState.COMPLETED
    assert stage.attempts(task) == ["ok"]


async def test_its_process_alone_killed_before_the_claim_the_worker_takes_the_delivery_again(stage: Stage) -> None:
    stage.monitor()
    _, task = await fetch(stage)
    with stage.holding_row(task):
        worker = stage.heavy()
        await stage.step_waits()
        worker.children()[0].kill()
        stage.lose_steps()
    await stage.ended(task)
    assert stage.attempts(task) == ["ok"]


async def test_killed_whole_after_the_claim_another_worker_tries_again(stage: Stage) -> None:
    stage.monitor()
    _, task = await fetch(stage)
    with stage.holding_table("projects"):
        victim = await _reaches_the_table(stage, task)
        victim.kill_all()
    await _runs_again(stage, task)


async def test_the_worker_alone_killed_its_process_ends_the_attempt_it_holds(stage: Stage) -> None:
    stage.monitor()
    _, task = await fetch(stage)
    with stage.holding_table("projects"):
        victim = await _reaches_the_table(stage, task)
        victim.kill()
    assert (await stage.ended(task))["state"] == TaskState.COMPLETED
    assert stage.attempts(task) == ["ok"]


async def test_its_process_alone_killed_while_git_runs_git_dies_too_and_the_worker_tries_again(stage: Stage) -> None:
    stage.monitor()
    worker = stage.heavy()
    with silent_server() as url:
        _, task = await fetch(stage, repository_url=url)
        pids = await git_runs(worker)
        worker.children()[0].kill()
        await all_gone(pids)
        await until(lambda: len(stage.attempts(task)) == 2, "the second attempt")
        await stage.container.tasks.cancel(stage.caller, task)
        await stage.ended(task)
    assert stage.attempts(task)[0] == "lost_worker"


async def test_killed_between_work_and_ending_it_is_tried_again_and_ends_once(stage: Stage) -> None:
    stage.monitor()
    _, task = await fetch(stage)
    async with stage.held_at_its_ending(task, stage.heavy, "projects") as victim:
        victim.kill_all()
        stage.lose_steps()
    await _runs_again(stage, task)
    assert stage.events(task).count("task.completed") == 1


async def test_cancel_kills_the_running_git_and_everything_below_it(stage: Stage) -> None:
    worker = stage.heavy()
    with silent_server() as url:
        _, task = await fetch(stage, repository_url=url)
        pids = await git_runs(worker)
        await stage.container.tasks.cancel(stage.caller, task)
        row = await stage.ended(task)
        await all_gone(pids)
    assert (row["state"], row["reason"]) == (TaskState.CANCELLED, "cancelled_by_user")
    assert worker.alive


async def test_the_time_limit_kills_the_running_git_and_is_not_tried_again(stage: Stage) -> None:
    with silent_server() as url:
        project, unlimited = await fetch(stage, repository_url=url)
        await stage.container.tasks.cancel(stage.caller, unlimited)
        task = await stage.submit(TaskRequest("project_sync", project_id=project, timeout_seconds=5.0))
        pids = await git_runs(stage.heavy())
        row = await stage.ended(task)
        await all_gone(pids)
    assert (row["state"], row["reason"], stage.attempts(task)) == (TaskState.FAILED, "timeout", ["timeout"])


async def test_a_project_deleted_while_its_task_runs_leaves_no_process_and_no_row(stage: Stage) -> None:
    worker = stage.heavy()
    with silent_server() as url:
        project, task = await fetch(stage, repository_url=url)
        pids = await git_runs(worker)
        await stage.container.projects.delete(stage.caller, project)
        await all_gone(pids)
    assert stage.query("SELECT FROM tasks WHERE id = %s", task) == []
    with pytest.raises(NotFound):
        await stage.container.tasks.get(stage.caller, task)
    _, other = await fetch(stage)
    assert (await stage.ended(other))["state"] == TaskState.COMPLETED
    assert worker.alive


async def _reaches_the_table(stage: Stage, task: UUID) -> Process:
    """A worker that has claimed the task and touched nothing yet, because the test holds the table of projects."""
    victim = stage.heavy()
    await stage.state(task, TaskState.RUNNING)
    await stage.somebody_waits("FROM projects")
    return victim


async def _runs_again(stage: Stage, task: UUID) -> None:
    stage.heavy()
    row = await stage.ended(task)
    assert (row["state"], stage.attempts(task)) == (TaskState.COMPLETED, ["lost_worker", "ok"])
    assert stage.events(task).count("attempt.started") == 2
