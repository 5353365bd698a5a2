"""A worker that sleeps past its lease writes nothing, one that dies is found out in time, monitors take turns."""

import time

from orchestrator.config import Settings
from orchestrator.core.states import TaskState
from tests.faults.stage import Stage, tool, until

_PROMISED_SECONDS = 15.0


async def test_a_worker_that_slept_past_its_lease_writes_nothing(stage: Stage) -> None:
    stage.monitor()
    sleeper = stage.light()
    task = await stage.submit(tool("wait", seconds=1))
    await until(lambda: "tool.called" in stage.events(task), "the tool is called")
    sleeper.freeze()
    stage.light()
    await stage.ended(task)
    before = stage.query("SELECT * FROM task_events WHERE task_id = %s ORDER BY seq", task), stage.row(task)
    sleeper.thaw()
    await until(lambda: "refused" in sleeper.output or "lease_lost" in sleeper.output, "the sleeper learns of it")
    other = await stage.submit(tool("echo"))  # the sleeper is well again, or its sibling takes it
    await stage.ended(other)
    assert (stage.query("SELECT * FROM task_events WHERE task_id = %s ORDER BY seq", task), stage.row(task)) == before
    assert stage.attempts(task) == ["lost_worker", "ok"]


async def test_a_worker_that_wakes_while_its_successor_runs_disturbs_nobody(stage: Stage) -> None:
    stage.monitor()
    sleeper = stage.light()
    task = await stage.submit(tool("wait", seconds=2))
    await until(lambda: "tool.called" in stage.events(task), "the tool is called")
    sleeper.freeze()
    stage.light()
    await until(lambda: stage.events(task).count("tool.called") == 2, "the successor works")
    sleeper.thaw()
    row = await stage.ended(task)
    assert (row["state"], stage.attempts(task)) == (TaskState.COMPLETED, ["lost_worker", "ok"])
    assert stage.events(task).count("task.completed") == 1


async def test_a_cancelled_task_whose_worker_died_is_cancelled_by_the_monitor(stage: Stage) -> None:
    worker = stage.light()
    task = await stage.submit(tool("wait", seconds=50))
    await stage.state(task, TaskState.RUNNING)
    worker.kill()
    await stage.container.tasks.cancel(stage.caller, task)
    stage.monitor()
    row = await stage.ended(task)
    assert (row["state"], row["reason"], stage.attempts(task)) == ("cancelled", "cancelled_by_user", ["lost_worker"])


async def test_a_task_whose_workers_all_die_fails_as_lost_worker_after_three_attempts(stage: Stage) -> None:
    stage.monitor()
    task = await stage.submit(tool("wait", seconds=50))
    for attempt in (1, 2, 3):
        worker = stage.light()
        await until(lambda attempt=attempt: stage.events(task).count("tool.called") == attempt, f"attempt {attempt}")
        worker.kill()
    row = await stage.ended(task)
    assert (row["reason"], stage.attempts(task)) == ("lost_worker", ["lost_worker"] * 3)


async def test_by_default_no_task_is_running_fifteen_seconds_after_its_worker_died(stage: Stage) -> None:
    fields = Settings.model_fields
    default = {name: fields[name].default for name in ("lease_seconds", "heartbeat_seconds", "reap_seconds")}
    stage.monitor(**default)
    worker = stage.light(**default)
    tasks = [await stage.submit(tool("wait", seconds=50)) for _ in range(20)]
    for task in tasks:
        await until(lambda task=task: "tool.called" in stage.events(task), "the tool is called")
    worker.kill()
    died = time.monotonic()
    for task in tasks:
        await stage.state(task, TaskState.QUEUED)
    assert time.monotonic() - died < _PROMISED_SECONDS


async def test_one_of_two_monitors_leads_and_the_other_takes_over_when_it_is_killed(stage: Stage) -> None:
    first = stage.monitor()
    await until(lambda: "monitor_leads" in first.output, "the first leads")
    second = stage.monitor()
    worker = stage.light()
    task = await stage.submit(tool("wait", seconds=1))
    await until(lambda: "tool.called" in stage.events(task), "the tool is called")
    assert "monitor_leads" not in second.output
    worker.kill()
    first.kill()
    stage.light()
    await stage.ended(task)
    assert "monitor_leads" in second.output
    assert stage.attempts(task) == ["lost_worker", "ok"]
