"""A worker that is told to stop gives its work back: another takes it at once, and no attempt is used up."""

from orchestrator.core.states import TaskState
from tests.faults.stage import Stage, tool, until
from tests.faults.test_killed_heavy_workers import all_gone, fetch, git_runs, silent_server


async def test_a_light_worker_told_to_stop_gives_back_what_does_not_end_in_time(stage: Stage) -> None:
    worker = stage.light()
    short, long = await stage.submit(tool("wait", seconds=2)), await stage.submit(tool("wait", seconds=50))
    await until(lambda: "tool.called" in stage.events(long), "the long tool is called")
    worker.terminate()
    await stage.state(long, TaskState.QUEUED)
    await until(lambda: not worker.alive, "the worker ends")
    assert stage.attempts(short) == ["ok"]
    assert (stage.attempts(long), stage.row(long)["max_attempts"]) == (["lost_worker"], 4)
    stage.light()
    await stage.state(long, TaskState.RUNNING)


async def test_a_heavy_worker_told_to_stop_ends_its_git_and_gives_the_task_back(stage: Stage) -> None:
    worker = stage.heavy()
    with silent_server() as url:
        _, task = await fetch(stage, repository_url=url)
        pids = await git_runs(worker)
        worker.terminate()
        await stage.state(task, TaskState.QUEUED)
        await all_gone([*pids, worker.pid])
    assert (stage.attempts(task), stage.row(task)["max_attempts"]) == (["lost_worker"], 4)


async def test_an_idle_heavy_worker_stops_at_once(stage: Stage) -> None:
    worker = stage.heavy()
    _, task = await fetch(stage)
    await stage.ended(task)
    worker.terminate()
    await all_gone([worker.pid])
