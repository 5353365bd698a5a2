"""Slots of targets: how many attempts may run on one at once, and who is next when all are taken.

Used by ``models.transitions`` for every step that takes a slot, and by the service that hands out freed ones. A slot is
taken by an open attempt, or kept for a delivery that was admitted. A lock per target, held to the end of the
transaction, makes counting and taking one. Targets without a limit of their own (built-in servers; agents, which get
a process each) are not counted. Nothing is written here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.core.routing import DEFAULT_CONCURRENCY

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Slots:
    """Which of the tasks that asked got a slot, and what their targets are called."""

    granted: frozenset[UUID] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)


async def take_slots(connection: AsyncConnection, asking: Mapping[UUID, str]) -> Slots:
    """Lock the targets of these tasks (task to target id) until the transaction ends, and say which tasks go on.

    Those whose delivery was admitted do. The others go by priority, then age, among themselves and the tasks in line.
    """
    if not asking:
        return Slots()
    # In the order of their names: two transactions never wait for each other. A statement of its own, so that the
    # counting sees what was committed while we waited.
    await connection.execute(_LOCK_TARGETS, {"targets": sorted(set(asking.values()))})
    values = {"tasks": list(asking), "targets": list(asking.values()), "space": DEFAULT_CONCURRENCY}
    rows = [dict(row) for row in (await connection.execute(_COUNT, values)).mappings()]
    granted = {task for row in rows for task in _granted(row)}
    return Slots(frozenset(granted & asking.keys()), {row["target_id"]: row["name"] for row in rows})


def _granted(row: Row) -> set[UUID]:
    if row["most"] is None:
        return set(row["asking"])
    admitted = set(row["admitted"])
    free = max(0, row["most"] - row["taken"] - len(admitted))
    return admitted | set([task for task in row["line"] if task not in admitted][:free])


async def next_in_line(connection: AsyncConnection, target_id: str, limit: int) -> list[Row]:
    """The first tasks that wait for a slot of this target, best first."""
    return [dict(row) for row in (await connection.execute(_NEXT, {"target": target_id, "limit": limit})).mappings()]


async def awaited_targets(connection: AsyncConnection) -> list[str]:
    """Targets somebody waits for."""
    statement = text(
        "SELECT DISTINCT target_id FROM tasks"
        " WHERE state = 'pending' AND target_id IS NOT NULL AND waits_for_task IS NULL AND wakes_at IS NULL"
    )
    return list((await connection.execute(statement)).scalars())


HAS_LIMIT = """
    coalesce(tasks.target_id LIKE 'space:%' OR tasks.target_id LIKE 'mcp:%' AND tasks.target_id NOT LIKE
        'mcp:________-____-5___-____-____________', false)
"""
"""SQL: whether the target of a row of ``tasks`` may have a limit that attempts are counted against.

Ids of built-in servers are made from their names (UUID version 5) and cost no look at the registry: no task waits here.
"""

_LOCK_TARGETS = text("SELECT pg_advisory_xact_lock(hashtextextended(x, 0)) FROM unnest(CAST(:targets AS text[])) AS x")

_COUNT = text(
    """
    WITH asks AS (
        SELECT * FROM unnest(CAST(:targets AS text[]), CAST(:tasks AS uuid[])) AS a(target_id, task_id)
    ), x AS (
        SELECT target_id, array_agg(task_id) AS asking FROM asks GROUP BY target_id
    )
    SELECT x.target_id, x.asking, coalesce(server.name, space.space_id, x.target_id) AS name, limits.most,
        ARRAY(SELECT task_id FROM outbox WHERE admitted AND task_id = ANY(x.asking)) AS admitted,
        (SELECT count(*) FROM attempts a WHERE a.target_id = x.target_id AND a.ended_at IS NULL)
            + (SELECT count(*) FROM outbox o JOIN tasks t ON t.id = o.task_id
               WHERE o.admitted AND t.target_id = x.target_id AND t.id <> ALL(x.asking)) AS taken,
        ARRAY(SELECT t.id FROM tasks t
              WHERE (t.state = 'pending' AND t.target_id = x.target_id) OR t.id = ANY(x.asking)
              ORDER BY t.priority DESC, t.created_at, t.id LIMIT limits.most + cardinality(x.asking)) AS line
    FROM x
    LEFT JOIN mcp_servers server ON x.target_id = 'mcp:' || CAST(server.id AS text)
    LEFT JOIN user_spaces space ON x.target_id = 'space:' || CAST(space.id AS text)
    CROSS JOIN LATERAL (SELECT coalesce(server.max_concurrency,
        CASE WHEN space.id IS NOT NULL THEN CAST(:space AS int) END) AS most) AS limits
    """
)

_NEXT = text(
    """
    SELECT * FROM tasks
    WHERE state = 'pending' AND target_id = :target AND waits_for_task IS NULL AND wakes_at IS NULL
    ORDER BY priority DESC, created_at, id LIMIT :limit
    """
)
