"""Readings of tasks and the parts they have: upwards, downwards, and the lock under which a part is born.

Used by ``services.families`` inside its transactions. Nothing is written here.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

Row = Mapping[str, Any]

_DEEPEST = 32
_MEASURED = ("money", "tokens", "tool_calls", "requests")


async def chain(connection: AsyncConnection, task_id: UUID) -> list[Row]:
    """The task, the one it is part of, and so on to the one a person handed in; empty when there is no such task."""
    return await _rows(connection, _CHAIN, {"task": task_id})


async def hold(connection: AsyncConnection, root_id: UUID, parent_id: UUID) -> Row | None:
    """The parent's row, which nobody moves, and a family to which nobody adds, until the transaction ends."""
    await connection.execute(_LOCK, {"root": str(root_id)})
    rows = await _rows(connection, _PARENT, {"parent": parent_id})
    return rows[0] if rows else None


async def parts_below(connection: AsyncConnection, task_id: UUID, limit: int = 1000) -> list[Row]:
    """Every part below a task, a parent before its parts and elder ones first."""
    return await _rows(connection, _BELOW, {"task": task_id, "limit": limit})


async def open_parts(connection: AsyncConnection, parents: Sequence[UUID]) -> list[Row]:
    """The parts of these tasks that have not ended and were not asked to stop."""
    return await _rows(connection, _OPEN, {"parents": list(parents)})


async def left_behind(connection: AsyncConnection) -> list[Row]:
    """Open parts of tasks that failed, were cancelled, or were asked to stop."""
    return await _rows(connection, _LEFT_BEHIND, {})


async def find_part(connection: AsyncConnection, parent_id: UUID, part: str) -> UUID | None:
    """The part of this name, if it was made already."""
    statement = text("SELECT id FROM tasks WHERE parent_id = :parent AND part = :part")
    return (await connection.execute(statement, {"parent": parent_id, "part": part})).scalar()


async def used_by(connection: AsyncConnection, parent_id: UUID) -> dict[UUID, Row]:
    """By part of this task, what it and all below it used of each limit; what was not measured is left out."""
    rows = await _rows(connection, _USED, {"parent": parent_id})
    return {row["id"]: {name: row[name] for name in _MEASURED if row[name] is not None} for row in rows}


async def _rows(connection: AsyncConnection, statement: Any, values: dict[str, Any]) -> list[Row]:
    return [dict(row) for row in (await connection.execute(statement, values)).mappings()]


_CHAIN = text(
    f"""
    WITH RECURSIVE up AS (
        SELECT t.*, 0 AS step FROM tasks t WHERE t.id = :task
        UNION ALL
        SELECT t.*, up.step + 1 FROM up JOIN tasks t ON t.id = up.parent_id WHERE up.step < {_DEEPEST}
    )
    SELECT id, parent_id, depth, project_id, user_id, target_id, state, budget FROM up ORDER BY step
    """
)

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('family:' || CAST(:root AS text), 0))")

_PARENT = text(
    "SELECT id, depth, state, project_id, user_id, budget, cancel_requested_at FROM tasks WHERE id = :parent FOR SHARE"
)

_BELOW = text(
    f"""
    WITH RECURSIVE down AS (
        SELECT t.*, ARRAY[t.created_at] AS way FROM tasks t WHERE t.parent_id = :task
        UNION ALL
        SELECT t.*, down.way || t.created_at FROM down JOIN tasks t ON t.parent_id = down.id
        WHERE cardinality(down.way) < {_DEEPEST}
    )
    SELECT id, parent_id, depth, part, type, title, state, reason, waiting_for, target_id, generation, budget, user_id,
        created_at, started_at, finished_at, (
            SELECT CASE WHEN bool_and(p.verdict = 'passed') THEN 'passed'
                WHEN bool_or(p.verdict = 'failed') THEN 'failed' WHEN count(*) > 0 THEN 'unknown' END
            FROM proofs p WHERE p.task_id = down.id AND p.generation = down.generation AND p.merge_id IS NULL
        ) AS proof
    FROM down ORDER BY way, id LIMIT :limit
    """
)

_OPEN = text(
    """
    SELECT id, state, parent_id, user_id FROM tasks WHERE parent_id = ANY(:parents)
    AND state NOT IN ('completed', 'failed', 'cancelled') AND cancel_requested_at IS NULL ORDER BY id
    """
)

_LEFT_BEHIND = text(
    """
    SELECT t.id, t.state, t.parent_id, t.user_id FROM tasks t JOIN tasks p ON p.id = t.parent_id
    WHERE t.state NOT IN ('completed', 'failed', 'cancelled') AND t.cancel_requested_at IS NULL
    AND (p.state IN ('failed', 'cancelled') OR p.cancel_requested_at IS NOT NULL) ORDER BY t.id LIMIT 500
    """
)

_USED = text(
    f"""
    WITH RECURSIVE down AS (
        SELECT id AS part, id, 0 AS step FROM tasks WHERE parent_id = :parent
        UNION ALL
        SELECT down.part, t.id, down.step + 1 FROM down JOIN tasks t ON t.parent_id = down.id
        WHERE down.step < {_DEEPEST}
    ), tried AS (
        SELECT down.part, u.*, coalesce(u.requests, 0) > 0 OR coalesce(u.input_tokens + u.output_tokens, 0) > 0
            OR a.target_id NOT LIKE 'agent:%' AS counted
        FROM down JOIN attempts a ON a.task_id = down.id
        LEFT JOIN attempt_usage u ON u.task_id = a.task_id AND u.generation = a.generation
    )
    SELECT part AS id, coalesce(sum(tool_calls), 0)::float8 AS tool_calls,
        CASE WHEN bool_and(counted) THEN sum(requests)::float8 END AS requests,
        CASE WHEN bool_and(counted) THEN sum(input_tokens + output_tokens)::float8 END AS tokens,
        CASE WHEN bool_and(money IS NOT NULL AND counted OR target_id IS NULL AND counted)
            THEN coalesce(sum(money), 0)::float8 END AS money
    FROM tried GROUP BY part
    """
)
"""Of an attempt that told of no tokens nobody knows how many it used, unless a tool did the work."""
