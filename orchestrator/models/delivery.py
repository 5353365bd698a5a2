"""What the relay, the reaper and the heartbeats read and write: outbox rows and leases. No task changes state here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class Undelivered:
    """An outbox row that is due: this attempt of this task may be handed to this queue."""

    task_id: UUID
    generation: int
    queue: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whether somebody asked a running task to stop for good, or to rest."""

    stop: bool
    pause: bool


async def due(connection: AsyncConnection, limit: int = 1000) -> list[Undelivered]:
    """Rows that were never delivered and whose time has come, oldest first.

    Rows younger than a second are left to the process that wrote them.
    """
    return await _rows(connection, _DUE, {"limit": limit})


async def delivered_unclaimed(connection: AsyncConnection, older_than: float, limit: int = 5000) -> list[Undelivered]:
    """Rows delivered more than ``older_than`` seconds ago that no worker has claimed."""
    return await _rows(connection, _UNCLAIMED, {"age": older_than, "limit": limit})


async def mark_delivered(connection: AsyncConnection, rows: Iterable[Undelivered]) -> None:
    """Note that these went out; a row claimed meanwhile is gone and stays gone."""
    rows = list(rows)
    values = {"tasks": [row.task_id for row in rows], "generations": [row.generation for row in rows]}
    await connection.execute(_MARK, values)


async def forget_deliveries(connection: AsyncConnection) -> int:
    """Redis lost its data: everything unclaimed counts as undelivered again. Returns how many rows."""
    return (
        await connection.execute(text("UPDATE outbox SET delivered_at = NULL WHERE delivered_at IS NOT NULL"))
    ).rowcount


async def renew_leases(
    connection: AsyncConnection, worker_id: str, leases: Sequence[tuple[UUID, int]], seconds: float
) -> dict[tuple[UUID, int], "Wanted"]:
    """Renew the leases (task, generation) a worker holds. Maps each one still held to what people want of it."""
    values: dict[str, Any] = {
        "tasks": [task for task, _ in leases],
        "generations": [generation for _, generation in leases],
        "worker": worker_id,
        "seconds": seconds,
    }
    rows = await connection.execute(_RENEW, values)
    return {(row.id, row.generation): Wanted(stop=row.cancel, pause=row.pause) for row in rows}


async def expired_leases(connection: AsyncConnection, limit: int = 200) -> list[dict[str, Any]]:
    """Running tasks whose lease has passed."""
    return [dict(row) for row in (await connection.execute(_EXPIRED, {"limit": limit})).mappings()]


async def _rows(connection: AsyncConnection, statement: Any, values: dict[str, Any]) -> list[Undelivered]:
    rows = await connection.execute(statement, values)
    return [Undelivered(row.task_id, row.generation, row.queue) for row in rows]


_DUE = text(
    """
    SELECT task_id, generation, queue FROM outbox
    WHERE delivered_at IS NULL AND not_before <= clock_timestamp()
    AND created_at <= clock_timestamp() - interval '1 second' ORDER BY id LIMIT :limit
    """
)

_UNCLAIMED = text(
    """
    SELECT task_id, generation, queue FROM outbox
    WHERE delivered_at < clock_timestamp() - make_interval(secs => :age) ORDER BY id LIMIT :limit
    """
)

_MARK = text(
    """
    UPDATE outbox o SET delivered_at = clock_timestamp()
    FROM unnest(CAST(:tasks AS uuid[]), CAST(:generations AS int[])) AS x(task_id, generation)
    WHERE o.task_id = x.task_id AND o.generation = x.generation
    """
)

_RENEW = text(
    """
    UPDATE tasks t SET lease_expires_at = clock_timestamp() + make_interval(secs => :seconds)
    FROM unnest(CAST(:tasks AS uuid[]), CAST(:generations AS int[])) AS x(task_id, generation)
    WHERE t.id = x.task_id AND t.generation = x.generation AND t.state = 'running' AND t.worker_id = :worker
    RETURNING t.id, t.generation, t.cancel_requested_at IS NOT NULL AS cancel,
        t.pause_requested_at IS NOT NULL AS pause
    """
)

_EXPIRED = text(
    """
    SELECT id, generation, max_attempts, cancel_requested_at, worker_id, is_heavy, priority, target_id, depth
    FROM tasks
    WHERE state = 'running' AND lease_expires_at < clock_timestamp() ORDER BY lease_expires_at LIMIT :limit
    """
)
