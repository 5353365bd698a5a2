"""One attempt at a task: claim it, let its executor work with no transaction open, then store how it ended.

Called by the light worker for many tasks at once and by a heavy worker's process for one. Every ending goes through
the writer with the attempt's generation; when that is stale, nothing is written and nothing is said.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import structlog

from orchestrator.core.errors import (
    BudgetReached,
    Cancelled,
    ChoiceNeeded,
    Conflict,
    NotFound,
    OrchestratorError,
    Paused,
    QuotaReached,
    TimedOut,
    Unavailable,
)
from orchestrator.core.events import EventKind, NewEvent
from orchestrator.core.jsonsafe import storable
from orchestrator.core.overlap import Footprint
from orchestrator.core.states import RESUMED_BY_PERSON, Reason, TaskState, backoff_seconds, reason_for
from orchestrator.jobqueue.queues import queue_of
from orchestrator.models.agent_asking import Asked
from orchestrator.models.quota import quota_of
from orchestrator.models.transitions import Applied, Delivery, Lease, Transition
from orchestrator.services.blobs import BlobStore
from orchestrator.services.endings import OUR_FAULT, cancelled_instead, our_fault
from orchestrator.services.leases import Held, Leases
from orchestrator.services.reporter import Reporter
from orchestrator.services.resting import about_budget, about_choice
from orchestrator.services.task_writer import TaskWriter

log = structlog.get_logger(__name__)

_STORE_SECONDS = 60.0
"""How long an ending is kept for a database that is away: an outage must not cost the work of an hour."""


@dataclass(frozen=True, slots=True)
class Work:
    """What an executor gets: the task's row, the attempt's number, and a way to tell what happens."""

    task: Mapping[str, Any]
    generation: int
    report: Reporter
    more_time: Callable[[float], None] = lambda _: None
    """Gives the attempt so many seconds more: those in which it waited for a person."""
    pausing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a person asked for a pause; work that can be taken up again then raises Paused."""

    @property
    def id(self) -> UUID:
        """The task's id."""
        return UUID(str(self.task["id"]))


@dataclass(frozen=True, slots=True)
class Change:
    """The code an attempt changed: a branch that begins at a base commit, and how much differs."""

    base_commit: str
    branch: str
    commit: str
    files: int
    added: int
    removed: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended well, or where it waits for a person. ``result`` must be JSON.

    ``state`` is where it waits, ``consent`` what is then noted of what a person is asked to agree to.
    """

    result: dict[str, Any] = field(default_factory=dict)
    change: Change | None = None
    waiting_for: str | None = None
    state: TaskState = TaskState.AWAITING_INPUT
    consent: dict[str, Any] | None = None


class Executor(Protocol):
    """Carries out tasks on one kind of target. Raises an OrchestratorError when it cannot."""

    async def execute(self, work: Work) -> Outcome:
        """Do the work; cancellation must reach everything it started."""
        ...


Prove = Callable[[Work, Outcome], Awaitable[Outcome]]
"""Checks what an attempt brought before it counts as done: the outcome with its proof, or CriteriaUnmet."""


async def no_proof(work: Work, outcome: Outcome) -> Outcome:
    """For runners of tasks without acceptance criteria; what has some does not complete there."""
    if work.task["acceptance"]:
        raise Unavailable("nothing here can check the acceptance criteria of this task")
    return outcome


class Grounds(Protocol):
    """Knows which code tasks are about to change."""

    async def of(self, task_id: UUID) -> Footprint | None:
        """What the task will touch; None where it changes no code."""
        ...

    async def tell(self, project_id: UUID, task_id: UUID, touches: Footprint) -> None:
        """The task started; tell whoever works on the same code, and the task of them."""
        ...


AccountOf = Callable[[UUID], Awaitable[str | None]]
"""The provider's account that the next attempt at a task would use."""
Find = Callable[[UUID], Awaitable[Mapping[str, Any] | None]]
"""A task's row; a runner that knows it claims without a lock."""


class TaskRunner:
    """Runs attempts. ``executor_for`` finds who carries out work on a target id."""

    def __init__(
        self,
        writer: TaskWriter,
        leases: Leases,
        blobs: BlobStore,
        executor_for: Callable[[str], Executor],
        *,
        inline_bytes: int,
        prove: Prove = no_proof,
        grounds: Grounds | None = None,
        account_of: AccountOf | None = None,
        find: Find | None = None,
        decision_seconds: float = 7 * 86_400.0,
    ) -> None:
        self._decision = timedelta(seconds=decision_seconds)
        self._account_of = account_of
        self._find = find
        self._grounds = grounds
        self._writer = writer
        self._leases = leases
        self._blobs = blobs
        self._executor_for = executor_for
        self._inline_bytes = inline_bytes
        self._prove = prove

    async def run(self, task_id: UUID, generation: int) -> None:
        """Run attempt ``generation`` of a task if it may still start; never raises for what the task did."""
        claimed = await self._claim(task_id, generation)
        if claimed is None:
            return
        report = Reporter(self._writer, claimed)
        with self._leases.holding(task_id, generation) as held:
            ending = await self._attempt(Work(claimed.task, generation, report, pausing=held.pausing), held)
            held.over = True
            if ending is not None:
                events = (*await report.rest(), *ending.events)
                await self._store(replace(ending, events=events, known=report.known))

    async def _claim(self, task_id: UUID, generation: int) -> Applied | None:
        touches, account, known = await asyncio.gather(
            self._grounds.of(task_id) if self._grounds else _nothing(),
            self._account_of(task_id) if self._account_of else _nothing(),
            self._find(task_id) if self._find else _nothing(),
        )
        started = NewEvent(EventKind.STARTED, {"attempt": generation, "worker": self._leases.worker_id})
        step = Transition(
            task_id,
            TaskState.RUNNING,
            events=(started,),
            generation=generation,
            lease=Lease(self._leases.worker_id, self._leases.seconds),
            touches=touches,
            account=account,
            known=known,
        )
        try:
            claimed = await self._writer.apply(step)
        except (Conflict, NotFound) as error:
            # Delivered twice, cancelled or deleted meanwhile: somebody else has it, or nobody wants it any more.
            log.info("claim_refused", task_id=str(task_id), generation=generation, why=error.message)
            return None
        if claimed.state != TaskState.RUNNING:
            # Its target is full, its account takes no more, or another task works on the same code: it stands in line.
            return None
        if self._grounds and touches:
            await self._grounds.tell(claimed.task["project_id"], task_id, touches)
        return claimed

    async def _attempt(self, work: Work, held: Held) -> Transition | None:
        """The attempt's last step, or None when the lease is lost."""
        limit = asyncio.timeout(work.task["timeout_seconds"])

        def more_time(seconds: float) -> None:
            if not limit.expired():
                limit.reschedule((limit.when() or 0.0) + seconds)

        work = replace(work, more_time=more_time)
        try:
            async with limit:
                outcome = await self._executor_for(str(work.task["target_id"])).execute(work)
            # Proving has time limits of its own, and is cancelled like the work.
            return await self._success(work, await self._prove(work, outcome))
        except asyncio.CancelledError:
            if held.lost:
                return None
            _absorb_cancellation()
            return self._cancelled(work) if held.stop_asked else self._given_back(work)
        except Exception as error:  # noqa: BLE001
            # The edge of an attempt: a bug of ours must end it with a reason, not leave it running.
            return self._failed(work, error, held, timed_out=limit.expired())

    def _failed(self, work: Work, error: Exception, held: Held, *, timed_out: bool) -> Transition | None:
        """The step after an exception. What broke because we stopped it ends as stopped, whatever it raised."""
        if held.lost:
            return None
        if held.stop_asked:
            _absorb_cancellation()
            return self._cancelled(work)
        if isinstance(error, Paused):
            return self._paused(work)
        if timed_out:
            seconds = work.task["timeout_seconds"]
            limit = {"code": TimedOut.code, "message": f"the task ran into its time limit of {seconds:g} s"}
            return self._failure(work, Reason.TIMEOUT, limit, retry=False)
        if isinstance(error, TimeoutError):
            error = TimedOut(f"something the task waited for timed out: {error}")
        if isinstance(error, QuotaReached) and "until" in error.details:
            return self._parked(work, error)
        if isinstance(error, BudgetReached):
            return self._asks(work, error)
        if isinstance(error, ChoiceNeeded):
            return self._lets_choose(work, error)
        if isinstance(error, OrchestratorError):
            return self._failure(work, reason_for(error), error.as_dict(), retry=error.retry)
        log.error("attempt_crashed", task_id=str(work.id), exc_info=error)
        return self._failure(work, Reason.INTERNAL_ERROR, OUR_FAULT, retry=True)

    async def _success(self, work: Work, outcome: Outcome) -> Transition:
        if outcome.waiting_for:
            events = (*work.report.take(), NewEvent(EventKind.WAITING, {"for": outcome.waiting_for}))
            return Transition(
                work.id, outcome.state, events, work.generation, waiting_for=outcome.waiting_for,
                attempt_reason=Reason.OK, patch={"consent": outcome.consent} if outcome.consent is not None else None,
            )  # fmt: skip
        result, pointer = await self._blobs.keep(storable(outcome.result), self._inline_bytes)
        events = (*work.report.take(), NewEvent(EventKind.COMPLETED, {"attempt": work.generation}))
        return Transition(
            work.id, TaskState.COMPLETED, events, work.generation, Reason.OK, result=result, result_pointer=pointer
        )

    def _cancelled(self, work: Work) -> Transition:
        reason = Reason.CANCELLED_BY_USER
        events = (*work.report.take(), NewEvent(EventKind.CANCELLED, {"reason": reason}))
        return Transition(work.id, TaskState.CANCELLED, events, work.generation, reason)

    def _paused(self, work: Work) -> Transition:
        """The attempt is over and its work is kept: the next one goes on with it."""
        ended = NewEvent(EventKind.ENDED, {"attempt": work.generation, "reason": Reason.PAUSED})
        events = (*work.report.take(), ended, NewEvent(EventKind.WAITING, {"for": RESUMED_BY_PERSON}))
        return Transition(
            work.id, TaskState.AWAITING_INPUT, events, work.generation, waiting_for=RESUMED_BY_PERSON,
            attempt_reason=Reason.PAUSED,
        )  # fmt: skip

    def _given_back(self, work: Work) -> Transition:
        """The worker itself was told to stop: another takes the task at once, and the attempt does not count."""
        told = {"code": Reason.LOST_WORKER, "message": "the worker was stopped; another one takes the task"}
        ended = NewEvent(EventKind.ENDED, {"attempt": work.generation, "reason": Reason.LOST_WORKER, "error": told})
        again = NewEvent(EventKind.RETRY, {"after_seconds": 0, "next_attempt": work.generation + 1})
        task = work.task
        return Transition(
            work.id, TaskState.QUEUED, (*work.report.take(), ended, again), work.generation, error=told,
            attempt_reason=Reason.LOST_WORKER, waiting_for="another worker", delivery=Delivery(queue_of(task)),
            more_attempts=task["max_attempts"] + 1 - work.generation,
        )  # fmt: skip

    def _parked(self, work: Work, error: QuotaReached) -> Transition:
        """Its account takes no more: the task is pending, routing says for what, and the attempt does not count."""
        until = datetime.fromisoformat(error.details["until"])
        account, told, reason = str(error.details["account"]), storable(error.as_dict()), Reason.QUOTA
        waiting_for = quota_of(account, until)
        ended = NewEvent(EventKind.ENDED, {"attempt": work.generation, "reason": reason, "error": told})
        waits = {"for": waiting_for, "account": account, "until": error.details["until"]}
        return Transition(
            work.id, TaskState.PENDING, (*work.report.take(), ended, NewEvent(EventKind.WAITING, waits)),
            work.generation, error=told, attempt_reason=reason, waiting_for=waiting_for, account=account,
            wakes_at=datetime.now(UTC), more_attempts=max(1, work.task["max_attempts"] + 1 - work.generation),
        )  # fmt: skip

    def _asks(self, work: Work, error: BudgetReached) -> Transition:
        """A budget is used up: the task awaits a person's word, nothing runs, and the attempt does not count."""
        told, reason = storable(error.as_dict()), Reason.BUDGET_EXCEEDED
        ended = NewEvent(EventKind.ENDED, {"attempt": work.generation, "reason": reason, "error": told})
        asked = about_budget(error, str(work.task["target_id"]), self._decision)
        return self._rests(work, reason, asked, asked.question, ended, error=told)

    def _lets_choose(self, work: Work, error: ChoiceNeeded) -> Transition:
        """A person is to choose among what was made: nothing runs meanwhile, and the next attempt goes on with it."""
        ended = NewEvent(EventKind.ENDED, {"attempt": work.generation, "reason": Reason.PAUSED})
        asked = about_choice(error, str(work.task["target_id"]), self._decision)
        return self._rests(work, Reason.PAUSED, asked, "a person to choose among its tries", ended)

    def _rests(
        self, work: Work, reason: Reason, asked: Asked, waiting_for: str, ended: NewEvent, **more: Any
    ) -> Transition:
        told = {
            "for": waiting_for, "question": asked.question, "choices": list(asked.choices), "default": asked.default,
            "deadline": asked.deadline.isoformat(),
        }  # fmt: skip
        events = (*work.report.take(), ended, NewEvent(EventKind.WAITING, told))
        return Transition(
            work.id, TaskState.AWAITING_INPUT, events, work.generation, attempt_reason=reason, waiting_for=waiting_for,
            more_attempts=max(1, work.task["max_attempts"] + 1 - work.generation), asked=asked, **more,
        )  # fmt: skip

    def _failure(self, work: Work, reason: Reason, error: dict[str, Any], *, retry: bool) -> Transition:
        error = storable(error)
        told = work.report.take()
        ended = NewEvent(EventKind.ENDED, {"attempt": work.generation, "reason": reason, "error": error})
        if retry and work.generation < work.task["max_attempts"]:
            delay = backoff_seconds(work.generation)
            again = NewEvent(EventKind.RETRY, {"after_seconds": delay, "next_attempt": work.generation + 1})
            return Transition(
                work.id, TaskState.QUEUED, (*told, ended, again), work.generation, error=error,
                attempt_reason=reason, waiting_for=f"retry in {delay:g} s",
                delivery=Delivery(queue_of(work.task), delay),
            )  # fmt: skip
        failed = NewEvent(EventKind.FAILED, {"reason": reason, "error": error})
        return Transition(work.id, TaskState.FAILED, (*told, ended, failed), work.generation, reason, error=error)

    async def _store(self, ending: Transition) -> None:
        """Write the ending; while the database is away, keep trying.

        An ending whose commit was in doubt is written again, and refused if it was written after all.
        """
        deadline = time.monotonic() + _STORE_SECONDS
        while True:
            try:
                return await self._write_once(ending)
            except Unavailable as error:
                log.warning("ending_postponed", task_id=str(ending.task_id), why=error.message)
                if time.monotonic() > deadline:
                    return None  # the reaper takes the attempt back
                await asyncio.sleep(0.3)
            except Exception:
                # The edge again: an ending that cannot be stored must not leave the task running.
                if ending.error is OUR_FAULT:
                    raise
                log.exception("ending_not_storable", task_id=str(ending.task_id))
                ending = our_fault(ending)

    async def _write_once(self, ending: Transition) -> None:
        try:
            await self._writer.apply(ending)
        except Cancelled:
            await self._write_once(cancelled_instead(ending))
        except (Conflict, NotFound) as error:
            log.warning("ending_refused", task_id=str(ending.task_id), why=error.message)


async def _nothing() -> None:
    """For a worker that knows no such thing."""


def _absorb_cancellation() -> None:
    """The cancellation was ours and is answered: the ending must still be written by this very asyncio task."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
