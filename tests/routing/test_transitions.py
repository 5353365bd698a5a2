"""The one function that moves tasks, against a real PostgreSQL: random steps, stale generations, whole batches.

A plain model predicts each answer; after every batch the rows themselves are looked at. Now and then a step is taken by
somebody who knows the row, as it is or as it was: what is then written is what would have been, or nothing.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import text

from orchestrator.core.errors import OrchestratorError
from orchestrator.core.events import EventKind, NewEvent
from orchestrator.core.ids import new_id
from orchestrator.core.states import ALLOWED, TERMINAL, WAITING, Reason, TaskState
from orchestrator.models import User
from orchestrator.models.database import Database
from orchestrator.models.task_store import NewTask, find_tasks, insert_tasks
from orchestrator.models.transitions import Applied, Delivery, Lease, Transition, apply, apply_known

_TABLES = (
    ("tasks", "id", "id"),
    ("task_events", "task_id", "seq"),
    ("attempts", "task_id", "generation"),
    ("outbox", "task_id", "id"),
)
_DECIDING = ("state", "generation", "last_seq", "cancel_requested_at")
_LEASES = ["nobody", "present", "stale", "future"]


Row = Mapping[str, Any]


@dataclass(frozen=True)
class Move:
    """A random step, before it is known which generation is the present one."""

    to: TaskState | None
    lease: str
    told: int
    asks_to_stop: bool
    with_words: bool


moves = st.builds(
    Move,
    to=st.none() | st.sampled_from(TaskState) | st.sampled_from([TaskState.QUEUED, TaskState.RUNNING]),
    lease=st.sampled_from([*_LEASES, "present", "present"]),
    told=st.integers(0, 2),
    asks_to_stop=st.sampled_from([False, False, False, True]),
    with_words=st.sampled_from([True, True, True, False]),
)


@dataclass
class Model:
    """What the task should look like."""

    state: TaskState = TaskState.QUEUED
    generation: int = 0
    events: int = 1
    asked_to_stop: bool = False
    attempts: list[bool] = field(default_factory=list)
    """Per attempt, whether it is open."""

    def allows(self, move: Move, step: Transition) -> bool:
        claims = move.to == TaskState.RUNNING
        if move.to is not None and move.to not in ALLOWED[self.state]:
            return False
        if not move.with_words and move.to in TERMINAL | WAITING:
            return False
        if step.generation is not None and not claims and self.state != TaskState.RUNNING:
            return False
        goes_on = claims or (self.state == TaskState.RUNNING and move.to in (TaskState.QUEUED, *WAITING))
        return step.generation in (None, self.generation + claims) and not (goes_on and self.asked_to_stop)

    def take(self, move: Move) -> None:
        self.events += move.told
        if move.asks_to_stop:
            self.asked_to_stop = True
        elif move.to is not None and self.state in TERMINAL:
            self.asked_to_stop = False
        if move.to is None:
            return
        if self.state == TaskState.RUNNING:
            self.attempts[-1] = False
        if move.to == TaskState.RUNNING:
            self.generation += 1
            self.attempts.append(True)
        self.state = move.to


class Bench:
    """A database and the loop it lives on."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self._database = Database(url, pool_size=1)
        self._user = self._runner.run(self._add_user())

    async def _add_user(self) -> UUID:
        user = User(email="ada@example.org", display_name="Ada")
        async with self._database.session() as session:
            session.add(user)
            await session.flush()
        return user.id

    def new_task(self) -> UUID:
        task = NewTask(
            new_id(), self._user, "diagnostics", TaskState.QUEUED, 60.0, (NewEvent(EventKind.CREATED),), {},
            delivery=Delivery("light"),
        )  # fmt: skip
        self._runner.run(self._write(lambda connection: insert_tasks(connection, [task])))
        return task.id

    def apply(self, steps: list[Transition]) -> list[Applied | OrchestratorError]:
        answers: list[Applied | OrchestratorError] = self._runner.run(self._write(lambda c: apply(c, steps)))
        return answers

    def apply_known(self, *steps: Transition) -> list[Applied | None]:
        """Each on a connection of its own, at the same time."""

        async def one(step: Transition) -> Applied | None:
            async with self._database.single() as connection:
                return await apply_known(connection, step)

        async def all_of_them() -> list[Applied | None]:
            return await asyncio.gather(*(one(step) for step in steps))

        return self._runner.run(all_of_them())

    def row(self, task: UUID) -> Row:
        """The row as a worker reads it before it claims."""
        found: dict[UUID, Row] = self._runner.run(self._write(lambda connection: find_tasks(connection, [task])))
        return found[task]

    async def _write(self, work: Any) -> Any:
        async with self._database.transaction() as connection:
            return await work(connection)

    def look(self, task: UUID) -> dict[str, list[Any]]:
        """Everything stored about a task, as of one moment."""

        async def read(connection: Any) -> dict[str, list[Any]]:
            found = {}
            for table, key, order in _TABLES:
                statement = text(f"SELECT * FROM {table} WHERE {key} = :task ORDER BY {order}")
                found[table] = list((await connection.execute(statement, {"task": task})).mappings())
            return found

        seen: dict[str, list[Any]] = self._runner.run(self._write(read))
        return seen

    def close(self) -> None:
        self._runner.run(self._database.close())
        self._runner.close()


@pytest.fixture
def bench(fresh_database_url: str) -> Iterator[Bench]:
    made = Bench(fresh_database_url)
    yield made
    made.close()


class TaskMachine(RuleBasedStateMachine):
    """One task, moved about."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self._bench = bench

    @initialize()
    def is_born(self) -> None:
        self._task = self._bench.new_task()
        self._model = Model()
        self._earlier = self._bench.row(self._task)

    @rule(batch=st.lists(moves, min_size=1, max_size=3))
    def is_moved(self, batch: list[Move]) -> None:
        # Leases are chosen for the state the batch meets, so later steps of it are often stale: as in life.
        steps = [self._step(move) for move in batch]
        for move, step, answer in zip(batch, steps, self._bench.apply(steps), strict=True):
            allowed = self._model.allows(move, step)
            assert isinstance(answer, Applied) == allowed, (move, answer, self._model)
            if allowed:
                self._model.take(move)

    @rule(move=moves, is_late=st.booleans())
    def is_moved_by_who_knows_the_row(self, move: Move, is_late: bool) -> None:
        now = self._bench.row(self._task)
        known = self._earlier if is_late else now
        step = replace(self._step(move), known=known)
        is_so = all(known[name] == now[name] for name in _DECIDING) and not self._model.asked_to_stop
        (answer,) = self._bench.apply_known(step)
        assert (answer is not None) == (is_so and self._model.allows(move, step)), (move, answer, self._model)
        if answer is not None:
            self._model.take(move)
        self._earlier = now

    def _step(self, move: Move) -> Transition:
        claims = move.to == TaskState.RUNNING
        present = self._model.generation + claims
        generations = {"nobody": None, "present": present, "stale": present - 1, "future": present + 1}
        return Transition(
            self._task,
            move.to,
            tuple(NewEvent(EventKind.LOG, {"text": "…"}) for _ in range(move.told)),
            generation=generations[move.lease],
            reason=Reason.TOOL_ERROR if move.with_words and move.to in TERMINAL else None,
            waiting_for="an answer" if move.with_words and move.to in WAITING else None,
            attempt_reason=Reason.LOST_WORKER if move.to not in TERMINAL else None,
            lease=Lease("worker", 10) if claims else None,
            delivery=Delivery("light") if move.to == TaskState.QUEUED else None,
            request_cancel=move.asks_to_stop,
        )

    @invariant()
    def the_rows_say_what_happened(self) -> None:
        seen = self._bench.look(self._task)
        self._task_is_true(seen["tasks"][0])
        assert [row["seq"] for row in seen["task_events"]] == list(range(1, self._model.events + 1))
        self._attempts_are_true(seen["attempts"])
        waiting_to_start = [self._model.generation + 1] if self._model.state == TaskState.QUEUED else []
        assert [row["generation"] for row in seen["outbox"]] == waiting_to_start

    def _task_is_true(self, task: Any) -> None:
        model = self._model
        assert (task["state"], task["generation"], task["last_seq"]) == (model.state, model.generation, model.events)
        assert (task["cancel_requested_at"] is not None) == model.asked_to_stop
        assert (task["reason"] is not None) == (task["finished_at"] is not None) == (model.state in TERMINAL)
        assert (task["lease_expires_at"] is not None) == (model.state == TaskState.RUNNING)
        assert task["waiting_for"] or model.state not in WAITING

    def _attempts_are_true(self, attempts: list[Any]) -> None:
        assert [row["ended_at"] is None for row in attempts] == self._model.attempts
        assert sum(self._model.attempts) == (self._model.state == TaskState.RUNNING)
        assert all(row["reason"] is not None for row in attempts if row["ended_at"] is not None)


def test_of_two_workers_that_know_the_same_row_one_claims_it(bench: Bench) -> None:
    for _ in range(20):
        task = bench.new_task()
        known = bench.row(task)
        claims = [
            Transition(task, TaskState.RUNNING, (NewEvent(EventKind.STARTED),), 1, lease=Lease(name, 10), known=known)
            for name in ("one", "other")
        ]
        won = [claim for claim, answer in zip(claims, bench.apply_known(*claims), strict=True) if answer is not None]
        seen = bench.look(task)
        assert len(won) == len(seen["attempts"]) == 1
        assert seen["tasks"][0]["worker_id"] == won[0].lease.worker_id  # type: ignore[union-attr]
        assert [row["kind"] for row in seen["task_events"]] == ["task.created", "attempt.started"]


def test_no_sequence_of_steps_breaks_a_task(bench: Bench) -> None:
    run_state_machine_as_test(
        lambda: TaskMachine(bench), settings=settings(max_examples=20, stateful_step_count=15, deadline=None)
    )
