"""A step of a task as data, and the rules by which it is taken or refused: pure, over the row as it is known.

Used by ``models.transitions``, which locks, asks and writes; everybody else takes the types from there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from orchestrator.core.errors import Cancelled, Conflict, IllegalTransition, NotFound, OrchestratorError, StaleLease
from orchestrator.core.events import EventKind, NewEvent
from orchestrator.core.ids import new_id
from orchestrator.core.overlap import Footprint
from orchestrator.core.states import RESUMED_BY_PERSON, TERMINAL, WAITING, Reason, TaskState, check_transition
from orchestrator.models.agent_asking import Asked


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds an attempt, and for how long without a heartbeat."""

    worker_id: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """Into which queue the next attempt goes, and after how many seconds.

    ``admitted``: only if its target has a slot free now, which is then kept for it; refused as a Conflict otherwise.
    """

    queue: str
    delay: float = 0.0
    admitted: bool = False


@dataclass(frozen=True, slots=True)
class Transition:
    """One step of one task. ``to=None`` only appends events.

    ``generation`` is the writer's lease (for a claim: the attempt it may start); None is a person or the monitor.
    """

    task_id: UUID
    to: TaskState | None
    events: tuple[NewEvent, ...] = ()
    generation: int | None = None
    reason: Reason | None = None
    waiting_for: str | None = None
    result: dict[str, Any] | None = None
    result_pointer: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    attempt_reason: Reason | None = None
    lease: Lease | None = None
    delivery: Delivery | None = None
    target: tuple[str, str] | None = None
    only_if_lease_expired: bool = False
    expect: frozenset[TaskState] | None = None
    request_cancel: bool = False
    request_pause: bool = False
    more_attempts: int = 0
    patch: dict[str, Any] | None = None
    """Columns a person's step may set beside: ``input``, ``consent`` or ``budget``."""
    route: dict[str, Any] | None = None
    """The newer routing decision that this step follows; it comes into force with the step or not at all."""
    touches: Footprint | None = None
    """For a claim of a task that changes code: what it is expected to touch."""
    behind: UUID | None = None
    """The task behind which this one now stands in line."""
    account: str | None = None
    """The provider's account: for a claim the one it would use, else the one that the task waits for."""
    wakes_at: datetime | None = None  # when the pending task is looked at again
    asked: Asked | None = None
    """What a person is asked while the task rests; whoever applies the step stores it along."""
    known: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)
    """The row as whoever takes the step knows it: while it is so, the step needs no look at it."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What a step left: the row as it was locked, its new state and generation, and the numbers of its events.

    A claim that was held back leaves the task ``pending``. ``task["has_limit"]``: its target has slots.
    """

    task: Mapping[str, Any]
    state: TaskState
    generation: int
    first_seq: int
    last_seq: int

    @property
    def known(self) -> Mapping[str, Any]:
        """The row as the step left it, as far as a next step must know it."""
        changed = {"state": self.state, "generation": self.generation, "last_seq": self.last_seq}
        return {**self.task, **changed}


def decide(step: Transition, row: Mapping[str, Any] | None) -> Applied | OrchestratorError:
    """What the step leaves of the row, or why it is refused."""
    if row is None:
        return NotFound("no such task")
    state, generation = TaskState(row["state"]), int(row["generation"])
    claims = step.to == TaskState.RUNNING
    try:
        # The lease first: whoever lost it learns that, whatever became of the task since.
        _check_lease(step, row, state, generation + 1 if claims else generation)
        if step.to is not None:
            check_transition(state, step.to)
            _check_words(step, step.to)
        if row["cancel_requested_at"] is not None:
            _check_stop(step, state)
    except OrchestratorError as error:
        return error
    first = row["last_seq"] + 1
    return Applied(
        row, step.to or state, generation + 1 if claims else generation, first, row["last_seq"] + len(step.events)
    )


def _check_words(step: Transition, to: TaskState) -> None:
    if to in TERMINAL and step.reason is None:
        raise IllegalTransition(f"a task that becomes {to} needs a reason")
    if to in WAITING and not step.waiting_for:
        raise IllegalTransition(f"a task that becomes {to} must say what it waits for")


def _check_lease(step: Transition, row: Mapping[str, Any], state: TaskState, generation: int) -> None:
    if step.expect is not None and state not in step.expect:
        raise IllegalTransition(f"the task is {state}", details={"state": state})
    if step.generation is not None and step.generation != generation:
        raise StaleLease(f"attempt {step.generation} is not the present one", details={"present": generation})
    if step.generation is not None and step.to != TaskState.RUNNING and state != TaskState.RUNNING:
        raise StaleLease(f"the task is {state}: this attempt is over", details={"state": state})
    if step.only_if_lease_expired and not row["lease_expired"]:
        raise Conflict("the lease was renewed meanwhile")


def _check_stop(step: Transition, state: TaskState) -> None:
    """A task that was asked to stop starts nothing more; its attempt ends it for good, however it went."""
    if step.to == TaskState.RUNNING:
        raise IllegalTransition("the task was asked to stop")
    if state == TaskState.RUNNING and step.to in (TaskState.QUEUED, *WAITING):
        raise Cancelled("the task was asked to stop")


def rest_instead(step: Transition, row: Mapping[str, Any] | None) -> Transition:
    """What becomes of another attempt at a task that a person asked to pause meanwhile."""
    again = step.to in (TaskState.QUEUED, TaskState.PENDING) and row is not None and row["state"] == TaskState.RUNNING
    if not again or row is None or row["pause_requested_at"] is None:
        return step
    kept = tuple(event for event in step.events if event.kind != EventKind.RETRY)
    told = (*kept, NewEvent(EventKind.WAITING, {"for": RESUMED_BY_PERSON}))
    step = replace(step, delivery=None, account=None, wakes_at=None)
    return replace(step, to=TaskState.AWAITING_INPUT, waiting_for=RESUMED_BY_PERSON, events=told)


def record(step: Transition, answer: Applied) -> dict[str, Any]:
    """The step as the write statement reads it."""
    to, was = step.to, TaskState(answer.task["state"])
    moved = to is not None
    ends_attempt = moved and was == TaskState.RUNNING
    return {
        "id": answer.task["id"],
        "state": answer.state,
        "moved": moved,
        "reason": step.reason,
        "waiting_for": step.waiting_for,
        "behind": step.behind,
        "account": None if to in (TaskState.RUNNING, TaskState.QUEUED) else step.account,
        "wakes_at": step.wakes_at,
        "result": step.result,
        "result_pointer": step.result_pointer,
        "error": step.error,
        "generation": answer.generation,
        "last_seq": answer.last_seq,
        "first_seq": answer.first_seq,
        "finished": answer.state in TERMINAL,
        "starts": to == TaskState.RUNNING,
        "ends_attempt": ends_attempt,
        "attempt_reason": (step.attempt_reason or step.reason) if ends_attempt else None,
        "worker_id": step.lease.worker_id if step.lease else None,
        "lease_seconds": step.lease.seconds if step.lease else None,
        "queue": step.delivery.queue if step.delivery else None,
        "delay": step.delivery.delay if step.delivery else 0,
        "admitted": step.delivery.admitted if step.delivery else False,
        "target_id": step.target[0] if step.target else None,
        "target_type": step.target[1] if step.target else None,
        "request_cancel": step.request_cancel,
        "request_pause": step.request_pause,
        "reopens": moved and was in TERMINAL,
        "more_attempts": step.more_attempts,
        "patch": step.patch,
        "route_id": new_id() if step.route is not None else None,
        "route": step.route,
        "events": [{"kind": event.kind, "data": event.data} for event in step.events],
    }


def after(row: Mapping[str, Any], step: Transition, answer: Applied) -> dict[str, Any]:
    """The row for the next step of the same batch."""
    changed = dict(row) | {"state": answer.state, "generation": answer.generation, "last_seq": answer.last_seq}
    changed["lease_expired"] = row["lease_expired"] and not step.lease
    if step.request_pause:
        changed["pause_requested_at"] = changed["pause_requested_at"] or True
    elif step.to not in (None, TaskState.AWAITING_INPUT):
        changed["pause_requested_at"] = None
    if step.request_cancel:
        changed["cancel_requested_at"] = changed["cancel_requested_at"] or True
    elif step.to is not None and row["state"] in TERMINAL:
        changed["cancel_requested_at"] = None
    return changed
