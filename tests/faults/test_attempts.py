"""How attempts end, by the runner itself over real PostgreSQL and Redis with executors that do as they are told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from orchestrator.bootstrap import build_container
from orchestrator.core.errors import IllegalTransition, ServerUnreachable, ToolFailed
from orchestrator.core.events import EventKind
from orchestrator.core.states import TaskState
from orchestrator.models.database import Database
from orchestrator.services.leases import Leases
from orchestrator.services.run_task import Outcome, TaskRunner, Work
from orchestrator.services.task_service import TaskRequest
from tests.faults.stage import Stage, tool, until
from tests.faults.test_database_faults import forgets_answers

Script = Callable[[Work], Awaitable[Outcome]]


@dataclass
class Actor:
    """An executor that plays a script, and how often it was asked."""

    script: Script
    calls: int = 0

    async def execute(self, work: Work) -> Outcome:
        self.calls += 1
        return await self.script(work)


@dataclass
class Bench:
    """A stage, and a runner with connections of its own, as a worker process has."""

    stage: Stage
    actor: Actor
    runner: TaskRunner
    leases: Leases
    database: Database

    async def task(self, **more: object) -> UUID:
        return await self.stage.submit(TaskRequest("diagnostics", {"text": "hello"}, **more))

    async def run(self, task: UUID, attempt: int = 1) -> None:
        async with asyncio.timeout(20):
            await self.runner.run(task, attempt)


async def _fails(_: Work) -> Outcome:
    raise ServerUnreachable("nobody there")


async def _waits(_: Work) -> Outcome:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


@pytest.fixture
async def bench(stage: Stage) -> AsyncIterator[Bench]:
    own = build_container(stage.settings)
    leases = Leases(own.database, "test", seconds=2, every=0.2)
    own.wake.on_stop(lambda task_id: leases.stop(task_id))
    actor = Actor(_fails)
    runner = TaskRunner(own.writer, leases, own.blobs, lambda _: actor, inline_bytes=1000)
    yield Bench(stage, actor, runner, leases, own.database)
    await leases.close()
    await own.close()


async def test_a_passing_fault_is_tried_three_times_with_growing_pauses_and_then_fails_with_its_reason(
    bench: Bench,
) -> None:
    task = await bench.task()
    pauses = []
    for attempt in (1, 2, 3):
        await bench.run(task, attempt)
        pauses += bench.stage.query(
            "SELECT round(extract(epoch FROM not_before - created_at))::int AS s FROM outbox WHERE task_id = %s", task
        )
    assert [row["s"] for row in pauses] == [1, 2]
    row = bench.stage.row(task)
    assert (row["state"], row["reason"], row["error"]["message"]) == ("failed", "server_unreachable", "nobody there")
    assert bench.stage.attempts(task) == ["server_unreachable"] * 3
    tried, again = ["attempt.started", "attempt.ended"], ["task.retry"]
    assert bench.stage.events(task)[3:] == [*tried, *again, *tried, *again, *tried, "task.failed"]


async def test_a_fault_that_stays_is_not_tried_again(bench: Bench) -> None:
    async def breaks(_: Work) -> Outcome:
        raise ToolFailed("never")

    bench.actor.script = breaks
    task = await bench.task()
    await bench.run(task)
    assert (bench.stage.row(task)["reason"], bench.stage.attempts(task)) == ("tool_error", ["tool_error"])


async def test_a_bug_of_ours_ends_as_internal_error_and_says_nothing_of_itself(bench: Bench) -> None:
    async def breaks(_: Work) -> Outcome:
        raise ZeroDivisionError("secret")

    bench.actor.script = breaks
    task = await bench.task(max_attempts=1)
    with capture_logs() as logged:
        await bench.run(task)
    assert "attempt_crashed" in [line["event"] for line in logged]
    row = bench.stage.row(task)
    assert row["reason"] == "internal_error"
    assert "secret" not in str(row["error"])


async def test_the_time_limit_ends_an_attempt_for_good(bench: Bench) -> None:
    bench.actor.script = _waits
    task = await bench.task(timeout_seconds=0.3)
    await bench.run(task)
    assert (bench.stage.row(task)["state"], bench.stage.attempts(task)) == ("failed", ["timeout"])
    assert "0.3 s" in bench.stage.row(task)["error"]["message"]


async def test_a_timeout_inside_the_work_is_not_called_the_time_limit(bench: Bench) -> None:
    async def times_out(_: Work) -> Outcome:
        raise TimeoutError("socket")

    bench.actor.script = times_out
    task = await bench.task()
    await bench.run(task)
    assert bench.stage.row(task)["state"] == TaskState.QUEUED
    assert "time limit" not in str(bench.stage.row(task)["error"])


async def test_work_that_answers_a_cancellation_with_an_error_is_cancelled_all_the_same(bench: Bench) -> None:
    async def complains(_: Work) -> Outcome:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ServerUnreachable("the session broke") from None
        raise AssertionError("unreachable")

    bench.actor.script = complains
    task = await bench.task()
    running = asyncio.create_task(bench.run(task))
    await bench.stage.state(task, TaskState.RUNNING)
    await bench.stage.container.tasks.cancel(bench.stage.caller, task)
    await running
    assert (bench.stage.row(task)["state"], bench.stage.attempts(task)) == ("cancelled", ["cancelled_by_user"])


async def test_a_task_asked_to_stop_while_its_attempt_fails_is_cancelled_and_not_tried_again(bench: Bench) -> None:
    async def is_cancelled_and_fails(work: Work) -> Outcome:
        bench.leases.stop = lambda _: None  # type: ignore[method-assign]  # the request to stop comes too late
        await bench.stage.container.tasks.cancel(bench.stage.caller, work.id)
        raise ServerUnreachable("nobody there")

    bench.actor.script = is_cancelled_and_fails
    task = await bench.task()
    await bench.run(task)
    assert (bench.stage.row(task)["state"], bench.stage.attempts(task)) == ("cancelled", ["server_unreachable"])
    assert "task.retry" not in bench.stage.events(task)


async def test_work_that_finished_before_the_request_to_stop_reached_it_is_completed(bench: Bench) -> None:
    async def is_cancelled_and_succeeds(work: Work) -> Outcome:
        bench.leases.stop = lambda _: None  # type: ignore[method-assign]  # the request to stop comes too late
        await bench.stage.container.tasks.cancel(bench.stage.caller, work.id)
        return Outcome({"done": True})

    bench.actor.script = is_cancelled_and_succeeds
    task = await bench.task()
    await bench.run(task)
    assert (bench.stage.row(task)["state"], bench.stage.attempts(task)) == ("completed", ["ok"])
    with pytest.raises(IllegalTransition, match="already completed"):
        await bench.stage.container.tasks.cancel(bench.stage.caller, task)


async def test_a_task_claimed_while_somebody_cancels_it_is_cancelled(bench: Bench) -> None:
    bench.actor.script = _waits
    task = await bench.task()
    with bench.stage.holding_row(task):
        running = asyncio.create_task(bench.run(task))
        await bench.stage.step_waits()
        stopping = asyncio.create_task(bench.stage.container.tasks.cancel(bench.stage.caller, task))
        await bench.stage.somebody_waits("FROM tasks WHERE id = ANY%FOR UPDATE")
    await asyncio.gather(running, stopping)
    assert bench.stage.row(task)["state"] == TaskState.CANCELLED


async def test_cancelled_while_it_waits_to_be_tried_again_it_never_starts(bench: Bench) -> None:
    task = await bench.task()
    await bench.run(task)
    assert bench.stage.row(task)["waiting_for"] == "retry in 1 s"
    row = await bench.stage.container.tasks.cancel(bench.stage.caller, task)
    assert row["state"] == TaskState.CANCELLED
    await bench.run(task, 2)
    assert bench.actor.calls == 1


async def test_cancelled_while_queued_it_never_starts(bench: Bench) -> None:
    task = await bench.task()
    await bench.stage.container.tasks.cancel(bench.stage.caller, task)
    await bench.run(task)
    assert (bench.actor.calls, bench.stage.attempts(task)) == (0, [])


async def test_delivered_ten_times_at_once_it_starts_once(bench: Bench) -> None:
    async def succeeds(_: Work) -> Outcome:
        return Outcome()

    bench.actor.script = succeeds
    task = await bench.task()
    await asyncio.gather(*(bench.run(task) for _ in range(10)))
    await bench.run(task)
    assert (bench.actor.calls, bench.stage.attempts(task)) == (1, ["ok"])


async def test_an_ending_that_cannot_be_stored_ends_the_task_as_internal_error(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def returns_what_no_database_takes(_: Work) -> Outcome:
        return Outcome({"text": "\x00"})

    monkeypatch.setattr("orchestrator.services.run_task.storable", lambda value: value)
    bench.actor.script = returns_what_no_database_takes
    task = await bench.task()
    with capture_logs() as logged:
        await bench.run(task)
    assert "ending_not_storable" in [line["event"] for line in logged]
    assert (bench.stage.row(task)["state"], bench.stage.attempts(task)) == ("failed", ["internal_error"])


@pytest.mark.parametrize("committed", [True, False], ids=["in doubt", "not written"])
async def test_an_ending_outlives_a_database_that_is_away_and_is_written_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    async def succeeds_as_the_database_leaves(_: Work) -> Outcome:
        away = forgets_answers(bench.database.transaction, 1 if committed else 3, committed=committed)
        monkeypatch.setattr(bench.database, "transaction", away)
        return Outcome()

    bench.actor.script = succeeds_as_the_database_leaves
    task = await bench.task()
    await bench.run(task)
    assert (bench.stage.row(task)["state"], bench.stage.attempts(task)) == ("completed", ["ok"])


async def test_what_is_told_while_the_database_is_away_is_stored_when_it_is_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = asyncio.Event()

    async def tells_and_waits(work: Work) -> Outcome:
        away = forgets_answers(bench.database.transaction, 2, committed=False)
        monkeypatch.setattr(bench.database, "transaction", away)
        work.report.tell(EventKind.MESSAGE, text="hello")
        await done.wait()
        return Outcome()

    bench.actor.script = tells_and_waits
    task = await bench.task()
    running = asyncio.create_task(bench.run(task))
    await until(lambda: "agent.message" in bench.stage.events(task), "the message is stored")
    done.set()
    await running
    assert bench.stage.events(task)[-2:] == ["agent.message", "task.completed"]


async def test_two_attempts_of_one_task_in_one_worker_both_learn_what_became_of_their_lease(bench: Bench) -> None:
    """The first was reaped while the worker slept; the second came to the same worker."""
    bench.actor.script = _waits
    task = await bench.task()
    first = asyncio.create_task(bench.run(task))
    await bench.stage.state(task, TaskState.RUNNING)
    renewing, bench.leases._renew = bench.leases._renew, _nothing  # type: ignore[method-assign]
    bench.stage.query("UPDATE tasks SET lease_expires_at = now() - interval '1 s' WHERE id = %s RETURNING 1", task)
    assert await bench.stage.container.reaper.sweep() == 1
    second = asyncio.create_task(bench.run(task, 2))
    await bench.stage.state(task, TaskState.RUNNING)
    bench.leases._renew = renewing  # type: ignore[method-assign]
    await first
    assert not second.done()
    await bench.stage.container.tasks.cancel(bench.stage.caller, task)
    await second
    assert bench.stage.attempts(task) == ["lost_worker", "cancelled_by_user"]


async def _nothing() -> None:
    """A worker that sleeps renews nothing."""


async def test_a_tool_of_a_server_is_stopped_by_the_limit_of_the_task(stage: Stage) -> None:
    stage.light()
    task = await stage.submit(TaskRequest("tool_call", tool("wait", seconds=30).input, timeout_seconds=0.5))
    row = await stage.ended(task)
    assert (row["reason"], stage.attempts(task)) == ("timeout", ["timeout"])
