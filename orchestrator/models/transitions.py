"""The one function that moves tasks: checks the state machine and the lease, writes state, event and lease together.

Callers open the transaction; ``apply`` locks the rows in id order, decides in Python, and writes a whole batch in one
statement. A refused step is returned as its error and touches nothing. Nothing else updates a task's state, so this is
where limits are kept: a task stands in line while its target has no slot, another one works on the same code
(``models.grounds``), or its agent's account takes no more (``models.quota``). ``apply_known`` is the short way for
whoever knows the row: the same decision, written in one trip on condition that the row still is as it is known.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.core.errors import Conflict, OrchestratorError
from orchestrator.core.events import EventKind, NewEvent
from orchestrator.core.overlap import Footprint
from orchestrator.core.routing import capacity_of
from orchestrator.core.states import TaskState
from orchestrator.models.grounds import Behind, take_grounds
from orchestrator.models.quota import HeldBack, hold_back
from orchestrator.models.slots import HAS_LIMIT, Slots, take_slots
from orchestrator.models.steps import Applied, Delivery, Lease, Transition, after, decide, record, rest_instead

__all__ = ["Applied", "Delivery", "Lease", "Transition", "apply", "apply_known"]

_SHOWN = 20


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
        step = rest_instead(asked, rows.get(asked.task_id))
        answer = decide(step, rows.get(step.task_id))
        if isinstance(answer, Applied) and _takes_slot(step, answer.task) and step.task_id not in slots.granted:
            step, answer = _stand_in_line(step, answer, slots)
        answers.append(answer)
        if isinstance(answer, Applied):
            level = depth.get(step.task_id, 0)
            depth[step.task_id] = level + 1
            if level == len(rounds):
                rounds.append([])
            rounds[level].append(record(step, answer))
            rows[step.task_id] = after(rows[step.task_id], step, answer)
    for records in rounds:
        await connection.execute(_WRITE, {"batch": orjson.dumps(records, default=str).decode()})
    return answers


async def apply_known(connection: AsyncConnection, step: Transition) -> Applied | None:
    """Apply one step of a task whose row is known, with no lock and in one statement, which may be its transaction.

    None, and nothing is written, where the row is not as it is known any more, the step would be refused, or others
    have to be looked at first: ``apply`` then decides.
    """
    row = step.known
    if row is None or not _decides_alone(step, row):
        return None
    answer = decide(step, row)
    if not isinstance(answer, Applied):
        return None
    seen = {"was": row["state"], "was_generation": row["generation"], "was_target": row["target_id"]}
    batch = orjson.dumps([record(step, answer) | seen], default=str).decode()
    moved = (await connection.execute(_WRITE_KNOWN, {"batch": batch})).scalars().all()
    return answer if moved else None


def _decides_alone(step: Transition, row: Mapping[str, Any]) -> bool:
    """Whether the row is all there is to look at: nobody asked the task to stop or rest, and no line is joined."""
    free = row["cancel_requested_at"] is None and row["pause_requested_at"] is None and not step.only_if_lease_expired
    joins = _claims(step) and (step.touches is not None or step.account is not None)
    return free and step.asked is None and not joins and not _takes_slot(step, row)


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
        if row is not None and _takes_slot(step, row) and isinstance(decide(step, row), Applied):
            yield step.task_id, _target(step, row)


def _claiming(steps: Sequence[Transition], rows: Mapping[UUID, Mapping[str, Any]]) -> dict[UUID, Footprint]:
    """The tasks that start if nothing else speaks against it and say what they touch."""
    return {
        step.task_id: step.touches
        for step in steps
        if step.touches is not None
        and step.to == TaskState.RUNNING
        and isinstance(decide(step, rows.get(step.task_id)), Applied)
    }


def _claims(step: Transition) -> bool:
    return step.to == TaskState.RUNNING


def _spending(steps: Sequence[Transition], rows: Mapping[UUID, Mapping[str, Any]]) -> dict[UUID, str]:
    """The tasks that start if nothing else speaks against it, with the account that each would use."""
    return {
        step.task_id: step.account
        for step in steps
        if step.account and _claims(step) and isinstance(decide(step, rows.get(step.task_id)), Applied)
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


_LOCK = text(
    f"""
    SELECT *, coalesce(lease_expires_at < clock_timestamp(), true) AS lease_expired, {HAS_LIMIT} AS has_limit
    FROM tasks WHERE id = ANY(:ids) ORDER BY id FOR UPDATE
    """
)


def _write(only_if: str = "") -> TextClause:
    """The write of a batch. Where ``only_if`` does not hold of a row, nothing of its step is written."""
    return text(_STATEMENT.replace("/* only if */", only_if))


_STATEMENT = """
    WITH x AS (
        SELECT * FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS x(
            id uuid, state text, moved boolean, reason text, waiting_for text, behind uuid, account text,
            wakes_at timestamptz, result jsonb, result_pointer jsonb, error jsonb, generation int, last_seq int,
            first_seq int, finished boolean, starts boolean, ends_attempt boolean, attempt_reason text, worker_id text,
            lease_seconds float8, queue text, delay float8, admitted boolean, target_id text, target_type text,
            request_cancel boolean, request_pause boolean, reopens boolean, more_attempts int, patch jsonb,
            route_id uuid, route jsonb, events jsonb,
            was text, was_generation int, was_target text)
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
        FROM x WHERE t.id = x.id /* only if */
        RETURNING t.id, t.target_id, t.target_type
    ), started AS (
        INSERT INTO attempts (task_id, generation, target_id, target_type, worker_id, started_at)
        SELECT x.id, x.generation, moved.target_id, moved.target_type, x.worker_id, clock_timestamp()
        FROM x JOIN moved ON moved.id = x.id WHERE x.starts
    ), ended AS (
        UPDATE attempts a SET ended_at = clock_timestamp(), reason = x.attempt_reason, error = nullif(x.error, 'null')
        FROM x JOIN moved ON moved.id = x.id
        WHERE x.ends_attempt AND a.task_id = x.id AND a.generation = x.generation
    ), told AS (
        INSERT INTO task_events (task_id, seq, kind, data)
        SELECT x.id, x.first_seq + e.number::int - 1, e.event ->> 'kind', e.event -> 'data'
        FROM x JOIN moved ON moved.id = x.id
        CROSS JOIN LATERAL jsonb_array_elements(x.events) WITH ORDINALITY AS e(event, number)
    ), routed AS (
        INSERT INTO routes (id, task_id, decision)
        SELECT x.route_id, x.id, x.route FROM x JOIN moved ON moved.id = x.id WHERE x.route_id IS NOT NULL
    ), undelivered AS (
        DELETE FROM outbox o USING x JOIN moved ON moved.id = x.id
        WHERE o.task_id = x.id AND x.moved AND x.state <> 'queued'
    ), delivering AS (
        INSERT INTO outbox (task_id, generation, queue, admitted, not_before)
        SELECT x.id, x.generation + 1, x.queue, x.admitted, clock_timestamp() + make_interval(secs => x.delay)
        FROM x JOIN moved ON moved.id = x.id WHERE x.queue IS NOT NULL
    )
    SELECT id FROM moved
"""

_WRITE = _write()
_WRITE_KNOWN = _write(
    """
    AND t.state = x.was AND t.generation = x.was_generation AND t.last_seq = x.first_seq - 1
    AND t.target_id IS NOT DISTINCT FROM x.was_target
    AND t.cancel_requested_at IS NULL AND t.pause_requested_at IS NULL
    """
)
