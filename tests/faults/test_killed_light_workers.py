"""kill -9 a light worker at each step of an attempt: the task runs again elsewhere, once, and the past tells why."""

from uuid import UUID

from orchestrator.core.states import TaskState
from tests.faults.stage import Stage, tool, until


async def test_killed_between_pop_and_claim_it_lost_nothing_and_used_no_attempt(stage: Stage) -> None:
    stage.monitor()
    task = await stage.submit(tool("echo", text="hello"))
    with stage.holding_row(task):
        victim = stage.light()
        await stage.step_waits()
        victim.kill()
        stage.lose_steps()
    stage.light()
    row = await stage.ended(task)
    assert (row["state"], row["generation"], stage.attempts(task)) == (TaskState.COMPLETED, 1, ["ok"])


async def test_killed_between_claim_and_tool_it_is_tried_again(stage: Stage) -> None:
    stage.monitor()
    task = await stage.submit(tool("echo", text="hello"))
    with stage.holding_table("mcp_servers"):
        victim = stage.light()
        await stage.state(task, TaskState.RUNNING)
        await stage.somebody_waits("FROM mcp_servers")
        victim.kill()
    await _runs_again(stage, task)
    assert stage.events(task).count("tool.called") == 1


async def test_killed_while_the_tool_runs_it_is_tried_again(stage: Stage) -> None:
    stage.monitor()
    victim = stage.light()
    task = await stage.submit(tool("wait", seconds=1))
    await until(lambda: "tool.called" in stage.events(task), "the tool is called")
    victim.kill()
    await _runs_again(stage, task)


async def test_killed_between_tool_and_ending_it_is_tried_again_and_ends_once(stage: Stage) -> None:
    stage.monitor()
    task = await stage.submit(tool("echo", text="hello"))
    async with stage.held_at_its_ending(task, stage.light, "mcp_servers") as victim:
        victim.kill()
        stage.lose_steps()
    await _runs_again(stage, task)
    assert stage.events(task).count("task.completed") == 1


async def test_killed_after_its_ending_was_sent_the_ending_counts(stage: Stage) -> None:
    task = await stage.submit(tool("echo", text="hello"))
    async with stage.held_at_its_ending(task, stage.light, "mcp_servers") as victim:
        victim.kill()
    row = await stage.ended(task)
    assert (row["state"], stage.attempts(task)) == (TaskState.COMPLETED, ["ok"])


async def _runs_again(stage: Stage, task: UUID) -> None:
    stage.light()
    row = await stage.ended(task)
    assert (row["state"], stage.attempts(task)) == (TaskState.COMPLETED, ["lost_worker", "ok"])
    assert stage.events(task).count("attempt.started") == 2
