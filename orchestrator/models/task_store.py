"""Births and readings of tasks: insert with events, route and outbox row in one statement; reads of rows and events.

Services call it inside ``Database.transaction``. Moving an existing task is ``models.transitions``' work.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.core.errors import Conflict
from orchestrator.core.events import Event, EventKind, NewEvent
from orchestrator.core.states import Reason, TaskState
from orchestrator.models.slots import HAS_LIMIT
from orchestrator.models.steps import Delivery
from orchestrator.models.usage import HAS_BUDGET


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task about to be born, in whatever state its route allows."""

    id: UUID
    user_id: UUID
    type: str
    state: TaskState
    timeout_seconds: float
    events: tuple[NewEvent, ...]
    route: dict[str, Any]
    project_id: UUID | None = None
    parent_id: UUID | None = None
    depth: int = 0
    part: str | None = None
    start_commit: str | None = None
    base_commit: str | None = None
    title: str = ""
    input: dict[str, Any] = field(default_factory=dict)
    required_capabilities: list[Any] = field(default_factory=list)
    acceptance: list[Any] = field(default_factory=list)
    budget: dict[str, Any] = field(default_factory=dict)
    consent: dict[str, Any] = field(default_factory=dict)
    preferred_target: str | None = None
    priority: int = 0
    is_heavy: bool = False
    max_attempts: int = 3
    idempotency_key: str | None = None
    reason: Reason | None = None
    waiting_for: str | None = None
    error: dict[str, Any] | None = None
    target_id: str | None = None
    target_type: str | None = None
    delivery: Delivery | None = None
    quota_account: str | None = None
    wakes_at: datetime | None = None
    origin: dict[str, Any] | None = None


_SCALARS = (
    "id", "user_id", "type", "state", "timeout_seconds", "project_id", "parent_id", "depth",
    "part", "start_commit", "base_commit", "title", "input",
    "required_capabilities", "acceptance", "budget", "consent", "preferred_target", "priority", "is_heavy",
    "max_attempts", "idempotency_key", "reason", "waiting_for", "error", "target_id", "target_type", "events", "route",
    "quota_account", "wakes_at", "origin",
)  # fmt: skip


def _record(task: NewTask) -> dict[str, Any]:
    record = {name: getattr(task, name) for name in _SCALARS}
    record["events"] = [{"kind": event.kind, "data": event.data} for event in task.events]
    record["queue"] = task.delivery.queue if task.delivery else None
    record["delay"] = task.delivery.delay if task.delivery else 0
    return record


async def insert_tasks(connection: AsyncConnection, tasks: Sequence[NewTask]) -> set[UUID]:
    """Insert tasks with their events, routes and outbox rows; returns the ids inserted.

    A task whose (user, idempotency key) exists already is left out, with everything of it.
    """
    batch = orjson.dumps([_record(task) for task in tasks], default=str).decode()
    try:
        return set((await connection.execute(_INSERT, {"batch": batch})).scalars())
    except IntegrityError as error:
        raise Conflict("the project of the task, or its user, is no longer there") from error


async def existing_tasks(connection: AsyncConnection, ids: Sequence[UUID]) -> set[UUID]:
    """Which of these tasks are stored."""
    rows = await connection.execute(text("SELECT id FROM tasks WHERE id = ANY(:ids)"), {"ids": list(ids)})
    return set(rows.scalars())


async def find_task(connection: AsyncConnection, task_id: UUID) -> Mapping[str, Any] | None:
    """One task's row."""
    row = (await connection.execute(text("SELECT * FROM tasks WHERE id = :id"), {"id": task_id})).mappings().first()
    return dict(row) if row else None


async def find_tasks(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Mapping[str, Any]]:
    """The rows of those that are there, by id; ``has_limit`` and ``has_budget`` say what a start has to look at."""
    rows = await connection.execute(_TO_START, {"ids": list(ids)})
    return {row["id"]: dict(row) for row in rows.mappings()}


async def find_visible(
    connection: AsyncConnection, pairs: Sequence[tuple[UUID, UUID]]
) -> dict[tuple[UUID, UUID], Mapping[str, Any]]:
    """Tasks by (task, user), only where that user may see them: their own, or those of a project they belong to."""
    rows = await connection.execute(_VISIBLE, {"tasks": [t for t, _ in pairs], "users": [u for _, u in pairs]})
    return {(row["id"], row["asked_by"]): dict(row) for row in rows.mappings()}


async def find_by_key(connection: AsyncConnection, user_id: UUID, key: str) -> UUID | None:
    """The task this user already made under an idempotency key."""
    statement = text("SELECT id FROM tasks WHERE user_id = :user AND idempotency_key = :key")
    return (await connection.execute(statement, {"user": user_id, "key": key})).scalar()


async def list_tasks(
    connection: AsyncConnection,
    user_id: UUID,
    *,
    project_id: UUID | None = None,
    states: Sequence[str] = (),
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[Mapping[str, Any]], int]:
    """A page of the tasks a user may see, newest first, and how many there are in all."""
    values = {"user": user_id, "project": project_id, "states": list(states) or None, "limit": limit, "offset": offset}
    total = (await connection.execute(text(f"SELECT count(*) {_LISTED}"), values)).scalar_one()
    page = text(f"SELECT t.* {_LISTED} ORDER BY t.created_at DESC, t.id DESC LIMIT :limit OFFSET :offset")
    return [dict(row) for row in (await connection.execute(page, values)).mappings()], int(total)


async def read_events(connection: AsyncConnection, task_id: UUID, after: int, limit: int = 500) -> list[Event]:
    """Events of a task numbered above ``after``, in order."""
    rows = await connection.execute(_EVENTS, {"id": task_id, "after": after, "limit": limit})
    return [Event(task_id, row.seq, row.at, EventKind(row.kind), row.data) for row in rows]


async def read_on(
    connection: AsyncConnection, task_id: UUID, after: int, limit: int
) -> tuple[tuple[str, int] | None, list[Event]]:
    """A task's state and the number of its last event, None when it is gone; and its events as ``read_events``."""
    rows = (await connection.execute(_ON, {"id": task_id, "after": after, "limit": limit})).all()
    events = [Event(task_id, row.seq, row.at, EventKind(row.kind), row.data) for row in rows if row.seq is not None]
    return ((rows[0].state, rows[0].last_seq) if rows else None), events


async def latest_route(connection: AsyncConnection, task_id: UUID) -> dict[str, Any] | None:
    """The routing decision in force."""
    statement = text("SELECT decision FROM routes WHERE task_id = :id ORDER BY decided_at DESC, id DESC LIMIT 1")
    return (await connection.execute(statement, {"id": task_id})).scalar()


async def count_open(connection: AsyncConnection) -> dict[str, int]:
    """Tasks that have not ended, by state."""
    statement = text(
        "SELECT state, count(*) AS n FROM tasks WHERE state NOT IN ('completed', 'failed', 'cancelled') GROUP BY state"
    )
    return {row.state: row.n for row in await connection.execute(statement)}


_TO_START = text(f"SELECT *, {HAS_LIMIT} AS has_limit, {HAS_BUDGET} AS has_budget FROM tasks WHERE id = ANY(:ids)")

_LISTED = """
    FROM tasks t WHERE (CAST(:project AS uuid) IS NULL OR t.project_id = :project)
    AND (CAST(:states AS text[]) IS NULL OR t.state = ANY(:states))
    AND (t.user_id = :user OR t.project_id IN (SELECT project_id FROM memberships WHERE user_id = :user))
"""

_VISIBLE = text(
    """
    SELECT t.*, asked.user_id AS asked_by
    FROM unnest(CAST(:tasks AS uuid[]), CAST(:users AS uuid[])) AS asked(task_id, user_id)
    JOIN tasks t ON t.id = asked.task_id
    WHERE t.user_id = asked.user_id OR EXISTS (
        SELECT 1 FROM memberships m WHERE m.project_id = t.project_id AND m.user_id = asked.user_id)
    """
)

_EVENTS = text(
    "SELECT seq, at, kind, data FROM task_events WHERE task_id = :id AND seq > :after ORDER BY seq LIMIT :limit"
)

_ON = text(
    """
    SELECT t.state, t.last_seq, e.seq, e.at, e.kind, e.data FROM tasks t LEFT JOIN LATERAL (
        SELECT seq, at, kind, data FROM task_events
        WHERE task_id = t.id AND seq > :after ORDER BY seq LIMIT :limit) e ON true
    WHERE t.id = :id ORDER BY e.seq
    """
)

_INSERT = text(
    """
    WITH x AS (
        SELECT * FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS x(
            id uuid, user_id uuid, type text, state text, timeout_seconds float8, project_id uuid, parent_id uuid,
            depth int, part text, start_commit text, base_commit text, title text, input jsonb,
            required_capabilities jsonb, acceptance jsonb, budget jsonb, consent jsonb, preferred_target text,
            priority int, is_heavy boolean, max_attempts int, idempotency_key text, reason text, waiting_for text,
            error jsonb, target_id text, target_type text, events jsonb, route jsonb, queue text, delay float8,
            quota_account text, wakes_at timestamptz, origin jsonb)
    ), born AS (
        INSERT INTO tasks (id, user_id, type, state, timeout_seconds, project_id, parent_id, depth, part, start_commit,
            base_commit, title, input, required_capabilities, acceptance, budget, consent, preferred_target, priority,
            is_heavy, max_attempts, idempotency_key, reason, waiting_for, error, target_id, target_type, quota_account,
            wakes_at, origin, last_seq, finished_at)
        SELECT id, user_id, type, state, timeout_seconds, project_id, parent_id, depth, part, start_commit, base_commit,
            title, input, required_capabilities, acceptance, budget, consent, preferred_target, priority, is_heavy,
            max_attempts, idempotency_key, reason, waiting_for, nullif(error, 'null'), target_id, target_type,
            quota_account, wakes_at, nullif(origin, 'null'),
            jsonb_array_length(events),
            CASE WHEN state IN ('completed', 'failed', 'cancelled') THEN clock_timestamp() END
        FROM x ON CONFLICT DO NOTHING
        RETURNING id
    ), told AS (
        INSERT INTO task_events (task_id, seq, kind, data)
        SELECT x.id, e.number, e.event ->> 'kind', e.event -> 'data'
        FROM x JOIN born ON born.id = x.id
        CROSS JOIN LATERAL jsonb_array_elements(x.events) WITH ORDINALITY AS e(event, number)
    ), routed AS (
        INSERT INTO routes (id, task_id, decision) SELECT x.id, x.id, x.route FROM x JOIN born ON born.id = x.id
    ), delivering AS (
        INSERT INTO outbox (task_id, generation, queue, not_before)
        SELECT x.id, 1, x.queue, clock_timestamp() + make_interval(secs => x.delay)
        FROM x JOIN born ON born.id = x.id WHERE x.queue IS NOT NULL
    )
    SELECT id FROM born
    """
)
