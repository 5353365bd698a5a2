"""The one function that moves tasks: checks the state machine and the lease, writes state, event and lease together.

Callers open the transaction; ``apply`` locks the rows in id order, decides in Python, and writes a whole batch in one
statement. A refused step is returned as its error and touches nothing. Nothing else updates a task's state, so this is
where limits are kept: a task stands in line while its target has no slot, another one works on the same code
(``models.grounds``), or its agent's account takes no more (``models.quota``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.core.errors import Cancelled, Conflict, IllegalTransition, NotFound, OrchestratorError, StaleLease
from orchestrator.core.events import EventKind, NewEvent
from orchestrator.core.ids import new_id
from orchestrator.core.overlap import Footprint
from orchestrator.core.routing import capacity_of
from orchestrator.core.states import RESUMED_BY_PERSON, TERMINAL, WAITING, Reason, TaskState, check_transition
from orchestrator.models.agent_asking import Asked
from orchestrator.models.grounds import Behind, take_grounds
from orchestrator.models.quota import HeldBack, hold_back
from orchestrator.models.slots import HAS_LIMIT, Slots, take_slots

_SHOWN = 20


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


async def apply(connection: AsyncConnection, steps: Sequence[Transition]) -> list[Applied | OrchestratorError]:
    """Apply a batch in one transaction of the caller's; one answer per step, in order.

    Several steps of one task are applied one after the other. Raises nothing of its own for a refused step.
    """
    ids = sorted({step.task_id for step in steps})
    found = await connection.execute(_LOCK, {"ids": ids})
    rows = {row["id"]: dict(row) for row in found.mappings()}
    waits = await hold_back(connection, _spending(steps, rows))
    steps = [_wait(step, waits[step.task_id]) if _claims(step) and step.task_id in waits else step for step in steps]
    grounds = await take_grounds(connection, _claiming(steps, rows), rows)
    steps = [_stand_behind(step, grounds[step.task_id]) if _is_held(step, grounds) else step for step in steps]
    slots = await take_slots(connection, dict(_asking(steps, rows)))
    answers: list[Applied | OrchestratorError] = []
    rounds: list[list[dict[str, Any]]] = []
    depth: dict[UUID, int] = {}
    for asked in steps:
        step = _rest_instead(asked, rows.get(asked.task_id))
        answer = _decide(step, rows.get(step.task_id))
        if isinstance(answer, Applied) and _takes_slot(step, answer.task) and step.task_id not in slots.granted:
            step, answer = _stand_in_line(step, answer, slots)
        answers.append(answer)
        if isinstance(answer, Applied):
            level = depth.get(step.task_id, 0)
            depth[step.task_id] = level + 1
            if level == len(rounds):
                rounds.append([])
            rounds[level].append(_record(step, answer))
            rows[step.task_id] = _after(rows[step.task_id], step, answer)
    for records in rounds:
        await connection.execute(_WRITE, {"batch": orjson.dumps(records, default=str).decode()})
    return answers


def _rest_instead(step: Transition, row: Mapping[str, Any] | None) -> Transition:
    """What becomes of another attempt at a task that a person asked to pause meanwhile."""
    again = step.to in (TaskState.QUEUED, TaskState.PENDING) and row is not None and row["state"] == TaskState.RUNNING
    if not again or row is None or row["pause_requested_at"] is None:
        return step
    kept = tuple(event for event in step.events if event.kind != EventKind.RETRY)
    told = (*kept, NewEvent(EventKind.WAITING, {"for": RESUMED_BY_PERSON}))
    step = replace(step, delivery=None, account=None, wakes_at=None)
    return replace(step, to=TaskState.AWAITING_INPUT, waiting_for=RESUMED_BY_PERSON, events=told)


def _target(step: Transition, row: Mapping[str, Any]) -> str:
    return step.target[0] if step.target else str(row["target_id"])


def _takes_slot(step: Transition, row: Mapping[str, Any]) -> bool:
    if step.to == TaskState.RUNNING:
        return bool(row["has_limit"])
    return step.to == TaskState.QUEUED and step.delivery is not None and step.delivery.admitted


def _asking(steps: Sequence[Transition], rows: Mapping[UUID, Mapping[str, Any]]) -> Iterator[tuple[UUID, str]]:
    """The tasks that take a slot if nothing else speaks against it, with their targets."""
    for step in steps:
        row = rows.get(step.task_id)
        if row is not None and _takes_slot(step, row) and isinstance(_decide(step, row), Applied):
            yield step.task_id, _target(step, row)


def _claiming(steps: Sequence[Transition], rows: Mapping[UUID, Mapping[str, Any]]) -> dict[UUID, Footprint]:
    """The tasks that start if nothing else speaks against it and say what they touch."""
    return {
        step.task_id: step.touches
        for step in steps
        if step.touches is not None
        and step.to == TaskState.RUNNING
        and isinstance(_decide(step, rows.get(step.task_id)), Applied)
    }


def _claims(step: Transition) -> bool:
    return step.to == TaskState.RUNNING


def _spending(steps: Sequence[Transition], rows: Mapping[UUID, Mapping[str, Any]]) -> dict[UUID, str]:
    """The tasks that start if nothing else speaks against it, with the account that each would use."""
    return {
        step.task_id: step.account
        for step in steps
        if step.account and _claims(step) and isinstance(_decide(step, rows.get(step.task_id)), Applied)
    }


def _wait(step: Transition, held: HeldBack) -> Transition:
    """What becomes of a claim for which its agent's account takes no more."""
    data = {"for": held.in_words, "account": held.account, "until": held.until.isoformat()}
    return Transition(
        step.task_id, TaskState.PENDING, (NewEvent(EventKind.WAITING, data),), waiting_for=held.in_words,
        account=held.account, wakes_at=held.wakes_at,
    )  # fmt: skip


def _is_held(step: Transition, grounds: Mapping[UUID, Behind]) -> bool:
    return step.touches is not None and step.to == TaskState.RUNNING and step.task_id in grounds


def _stand_behind(step: Transition, behind: Behind) -> Transition:
    """What becomes of a claim of code that another task works on."""
    data = {"for": behind.in_words, "task_id": str(behind.task_id), "common": list(behind.common[:_SHOWN])}
    told = NewEvent(EventKind.WAITING, data)
    return Transition(step.task_id, TaskState.PENDING, (told,), waiting_for=behind.in_words, behind=behind.task_id)


def _stand_in_line(step: Transition, answer: Applied, slots: Slots) -> tuple[Transition, Applied | OrchestratorError]:
    """What becomes of a step for which its target has no room."""
    target = _target(step, answer.task)
    waiting_for = capacity_of(slots.names.get(target, target))
    if step.to == TaskState.QUEUED:
        return step, Conflict(f"no {waiting_for} is free")
    told = (NewEvent(EventKind.WAITING, {"for": waiting_for}),)
    step = Transition(step.task_id, TaskState.PENDING, told, waiting_for=waiting_for)
    return step, Applied(answer.task, TaskState.PENDING, answer.generation - 1, answer.first_seq, answer.first_seq)


def _decide(step: Transition, row: Mapping[str, Any] | None) -> Applied | OrchestratorError:
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


def _record(step: Transition, answer: Applied) -> dict[str, Any]:
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


def _after(row: Mapping[str, Any], step: Transition, answer: Applied) -> dict[str, Any]:
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


_LOCK = text(
    f"""
    SELECT *, coalesce(lease_expires_at < clock_timestamp(), true) AS lease_expired, {HAS_LIMIT} AS has_limit
    FROM tasks WHERE id = ANY(:ids) ORDER BY id FOR UPDATE
    """
)

_WRITE = text(
    """
    WITH x AS (
        SELECT * FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS x(
            id uuid, state text, moved boolean, reason text, waiting_for text, behind uuid, account text,
            wakes_at timestamptz, result jsonb, result_pointer jsonb, error jsonb, generation int, last_seq int,
            first_seq int, finished boolean, starts boolean, ends_attempt boolean, attempt_reason text, worker_id text,
            lease_seconds float8, queue text, delay float8, admitted boolean, target_id text, target_type text,
            request_cancel boolean, request_pause boolean, reopens boolean, more_attempts int, patch jsonb,
            route_id uuid, route jsonb, events jsonb)
    ), moved AS (
        UPDATE tasks t SET
            state = x.state,
            reason = CASE WHEN x.moved THEN x.reason ELSE t.reason END,
            waiting_for = nullif(
                CASE WHEN x.moved THEN x.waiting_for ELSE coalesce(x.waiting_for, t.waiting_for) END, ''),
            waits_for_task = CASE WHEN x.moved AND x.state <> 'queued' THEN x.behind ELSE t.waits_for_task END,
            quota_account = CASE WHEN x.moved OR x.route_id IS NOT NULL THEN x.account ELSE t.quota_account END,
            wakes_at = CASE WHEN x.moved OR x.route_id IS NOT NULL OR x.wakes_at IS NOT NULL THEN x.wakes_at
                ELSE t.wakes_at END,
            result = CASE WHEN x.moved THEN nullif(x.result, 'null') ELSE t.result END,
            result_pointer = CASE WHEN x.moved THEN nullif(x.result_pointer, 'null') ELSE t.result_pointer END,
            error = CASE WHEN x.moved THEN nullif(x.error, 'null') ELSE t.error END,
            generation = x.generation,
            last_seq = x.last_seq,
            worker_id = CASE WHEN x.moved THEN x.worker_id ELSE t.worker_id END,
            lease_expires_at = CASE WHEN NOT x.moved THEN t.lease_expires_at
                WHEN x.lease_seconds IS NULL THEN NULL
                ELSE clock_timestamp() + make_interval(secs => x.lease_seconds) END,
            target_id = coalesce(x.target_id, t.target_id),
            target_type = coalesce(x.target_type, t.target_type),
            cancel_requested_at = CASE WHEN x.request_cancel THEN coalesce(t.cancel_requested_at, clock_timestamp())
                WHEN x.reopens THEN NULL ELSE t.cancel_requested_at END,
            pause_requested_at = CASE WHEN x.request_pause THEN coalesce(t.pause_requested_at, clock_timestamp())
                WHEN x.moved AND x.state <> 'awaiting_input' THEN NULL ELSE t.pause_requested_at END,
            max_attempts = CASE WHEN x.more_attempts > 0 THEN t.generation + x.more_attempts ELSE t.max_attempts END,
            input = coalesce(nullif(x.patch -> 'input', 'null'), t.input),
            consent = coalesce(nullif(x.patch -> 'consent', 'null'), t.consent),
            budget = coalesce(nullif(x.patch -> 'budget', 'null'), t.budget),
            started_at = CASE WHEN x.starts THEN coalesce(t.started_at, clock_timestamp()) ELSE t.started_at END,
            finished_at = CASE WHEN x.finished AND x.moved THEN clock_timestamp()
                WHEN x.moved THEN NULL ELSE t.finished_at END,
            updated_at = clock_timestamp()
        FROM x WHERE t.id = x.id
        RETURNING t.id, t.target_id, t.target_type
    ), started AS (
        INSERT INTO attempts (task_id, generation, target_id, target_type, worker_id, started_at)
        SELECT x.id, x.generation, moved.target_id, moved.target_type, x.worker_id, clock_timestamp()
        FROM x JOIN moved ON moved.id = x.id WHERE x.starts
    ), ended AS (
        UPDATE attempts a SET ended_at = clock_timestamp(), reason = x.attempt_reason, error = nullif(x.error, 'null')
        FROM x WHERE x.ends_attempt AND a.task_id = x.id AND a.generation = x.generation
    ), told AS (
        INSERT INTO task_events (task_id, seq, kind, data)
        SELECT x.id, x.first_seq + e.number::int - 1, e.event ->> 'kind', e.event -> 'data'
        FROM x CROSS JOIN LATERAL jsonb_array_elements(x.events) WITH ORDINALITY AS e(event, number)
    ), routed AS (
        INSERT INTO routes (id, task_id, decision) SELECT x.route_id, x.id, x.route FROM x WHERE x.route_id IS NOT NULL
    ), undelivered AS (
        DELETE FROM outbox o USING x WHERE o.task_id = x.id AND x.moved AND x.state <> 'queued'
    )
    INSERT INTO outbox (task_id, generation, queue, admitted, not_before)
    SELECT x.id, x.generation + 1, x.queue, x.admitted, clock_timestamp() + make_interval(secs => x.delay)
    FROM x WHERE x.queue IS NOT NULL
    """
)
