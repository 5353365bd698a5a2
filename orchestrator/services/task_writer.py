"""The hands of every task write: gathers births and steps into batches, commits, then relays jobs and wakes readers.

Used by the task service, the runner, the reaper and the monitor. It decides nothing: ``models.transitions`` checks each
step. Delivery, waking and telling of freed slots come strictly after the commit, so a rolled-back write leaves no job.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeGuard
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.core.batching import Batcher
from orchestrator.core.errors import OrchestratorError, Unavailable
from orchestrator.core.states import TERMINAL, TaskState
from orchestrator.eventlog.wake import Wake
from orchestrator.models.agent_asking import put_questions
from orchestrator.models.database import Database
from orchestrator.models.delivery import Undelivered
from orchestrator.models.task_store import NewTask, existing_tasks, insert_tasks
from orchestrator.models.transitions import Applied, Transition, apply, apply_known
from orchestrator.services.relay import Relay

log = structlog.get_logger(__name__)

Along = Callable[[AsyncConnection], Awaitable[None]]
"""What is written in the transaction of a step: both or neither."""

_DOUBT_SECONDS = 5.0
_PAUSE_SECONDS = 0.3


class TaskWriter:
    """Group commit of task writes for one process."""

    def __init__(self, database: Database, wake: Wake, relay: Relay) -> None:
        self._database = database
        self._wake = wake
        self._relay = relay
        self._births: Batcher[NewTask, bool] = Batcher(self._insert)
        self._steps: Batcher[Transition, Applied] = Batcher(self._apply)
        self._freed: Callable[[Sequence[str]], None] = lambda _: None
        self._left: Callable[[Sequence[UUID]], None] = lambda _: None
        self._ended: Callable[[Sequence[UUID]], None] = lambda _: None

    def on_freed(self, tell: Callable[[Sequence[str]], None]) -> None:
        """Tell of each slot that a step gave back, by target id."""
        self._freed = tell

    def on_left(self, tell: Callable[[Sequence[UUID]], None]) -> None:
        """Tell of each task of an agent that works on a project's code no longer, or waits to no longer."""
        self._left = tell

    def on_ended(self, tell: Callable[[Sequence[UUID]], None]) -> None:
        """Tell of each task of an agent that failed, was cancelled or was asked to stop: it may have parts."""
        self._ended = tell

    async def create(self, task: NewTask) -> bool:
        """Store a new task; False when this user's idempotency key was used before."""
        return await self._births.submit(task)

    async def apply(self, step: Transition) -> Applied:
        """Apply one step; raises IllegalTransition, StaleLease or NotFound when it is refused."""
        return await self._steps.submit(step)

    def announce(self, task: NewTask) -> None:
        """Relay a task that a caller stored in a transaction of its own, after that committed."""
        if task.delivery and not task.delivery.delay:
            self._relay.send_soon([Undelivered(task.id, 1, task.delivery.queue)])

    def stop_workers(self, task_ids: Sequence[UUID]) -> None:
        """Ask whichever workers run these tasks to stop now."""
        self._wake.stop(task_ids)

    async def settle(self) -> None:
        """Wait until everything handed in is written and relayed."""
        await self._births.settle()
        await self._steps.settle()
        await self._relay.settle()

    async def _insert(self, tasks: Sequence[NewTask]) -> Sequence[bool | Exception]:
        try:
            async with self._database.single() as connection:
                born = await insert_tasks(connection, tasks)
        except Unavailable as error:
            log.warning("births_in_doubt", tasks=len(tasks), why=error.message)
            born = await self._insert_again(tasks)
        for task in tasks:
            if task.id in born:
                self.announce(task)
        return [task.id in born for task in tasks]

    async def _insert_again(self, tasks: Sequence[NewTask]) -> set[UUID]:
        """After a lost connection the commit may have happened: look before writing again, for a few seconds."""
        deadline = time.monotonic() + _DOUBT_SECONDS
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            try:
                async with self._database.transaction() as connection:
                    there = await existing_tasks(connection, [task.id for task in tasks])
                    missing = [task for task in tasks if task.id not in there]
                    return there | await insert_tasks(connection, missing)
            except Unavailable as error:
                if time.monotonic() > deadline:
                    hint = "it may have been stored all the same; with an Idempotency-Key it is safe to ask again"
                    raise Unavailable(error.message, hint=hint) from error

    async def apply_along(self, step: Transition, along: Along) -> Applied:
        """One step and what belongs to it, in one transaction: both happen or neither."""
        (answer,) = await self._apply([step], along)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _apply(self, steps: Sequence[Transition], along: Along | None = None) -> Sequence[Applied | Exception]:
        answers: Sequence[Applied | OrchestratorError] = ()
        if len(steps) == 1 and along is None:
            answers = await self._apply_known(steps[0])
        if not answers:
            answers = await self._apply_locked(steps, along)
        pairs = list(zip(steps, answers, strict=True))
        self._relay.send_soon([row for step, answer in pairs if (row := _delivery(step, answer))])
        self._wake.changed({step.task_id for step, answer in pairs if isinstance(answer, Applied)})
        self._freed([answer.task["target_id"] for answer in answers if _gives_slot_back(answer)])
        self._left([answer.task["id"] for answer in answers if _leaves_ground(answer)])
        self._ended([step.task_id for step, answer in pairs if _takes_parts_along(step, answer)])
        return answers

    async def _apply_known(self, step: Transition) -> Sequence[Applied]:
        """A step that comes alone and needs no look at its row: one trip to the database instead of four."""
        if step.known is None:
            return ()
        async with self._database.single() as connection:
            answer = await apply_known(connection, step)
        return () if answer is None else (answer,)

    async def _apply_locked(
        self, steps: Sequence[Transition], along: Along | None
    ) -> Sequence[Applied | OrchestratorError]:
        async with self._database.transaction() as connection:
            answers = await apply(connection, steps)
            await _ask(connection, list(zip(steps, answers, strict=True)))
            if along is not None and isinstance(answers[0], Applied):
                await along(connection)
        return answers


async def _ask(connection: AsyncConnection, pairs: Sequence[tuple[Transition, Applied | OrchestratorError]]) -> None:
    """Store the questions of tasks that rest from now on."""
    asked = [
        (step.task_id, answer.generation, step.asked)
        for step, answer in pairs
        if step.asked is not None and isinstance(answer, Applied)
    ]
    if asked:
        await put_questions(connection, asked)


def _takes_parts_along(step: Transition, answer: Applied | OrchestratorError) -> bool:
    if not isinstance(answer, Applied) or not str(answer.task["target_id"]).startswith("agent:"):
        return False
    return step.request_cancel or (step.to is not None and answer.state in (TaskState.FAILED, TaskState.CANCELLED))


def _gives_slot_back(answer: Applied | OrchestratorError) -> TypeGuard[Applied]:
    """Whether the task ran, or was delivered and may have had a slot kept for it, and no longer does."""
    if not isinstance(answer, Applied) or not answer.task["has_limit"]:
        return False
    if answer.task["state"] == TaskState.RUNNING:
        return answer.state != TaskState.RUNNING
    return answer.task["state"] == TaskState.QUEUED and answer.state in (*TERMINAL, TaskState.AWAITING_INPUT)


def _leaves_ground(answer: Applied | OrchestratorError) -> TypeGuard[Applied]:
    """Whether an agent worked on a project, or its task stood in line to, and others may have waited for that."""
    if not isinstance(answer, Applied) or answer.task["project_id"] is None:
        return False
    if answer.task["state"] == TaskState.RUNNING:
        return answer.state != TaskState.RUNNING and str(answer.task["target_id"]).startswith("agent:")
    return answer.task["waits_for_task"] is not None and answer.state in (*TERMINAL, TaskState.AWAITING_INPUT)


def _delivery(step: Transition, answer: Applied | OrchestratorError) -> Undelivered | None:
    if not isinstance(answer, Applied) or step.delivery is None or step.delivery.delay:
        return None
    if answer.state != TaskState.QUEUED:  # it rests instead, as a person asked
        return None
    return Undelivered(step.task_id, answer.generation + 1, step.delivery.queue)
