"""Claims of running attempts on code: read under the ground lock, made there, and forgotten with their attempts.

Used by ``services.claims`` and by ``models.grounds``, for which claimed code is code that its task touches.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.core.overlap import Footprint

Row = Mapping[str, Any]


async def standing_claims(connection: AsyncConnection, projects: Sequence[str]) -> list[Row]:
    """Every claim in force in these projects, with the task that holds it."""
    found = await connection.execute(_STANDING, {"projects": list(projects)})
    return [dict(row) for row in found.mappings()]


def claimed(rows: Sequence[Row]) -> dict[UUID, Footprint]:
    """What each task holds."""
    by_task: dict[UUID, list[Row]] = {}
    for row in rows:
        by_task.setdefault(row["task_id"], []).append(row)
    return {
        task: Footprint(
            {one["name"]: one["path"] for one in mine if one["path"] is not None},
            frozenset(one["name"] for one in mine if one["path"] is None),
        )
        for task, mine in by_task.items()
    }


async def add_claims(connection: AsyncConnection, task: Row, wanted: Footprint) -> None:
    """Keep these for the attempt under way, and forget those of attempts that are over."""
    await connection.execute(_FORGET, {"project": task["project_id"]})
    symbols = [*wanted.symbols.items()]
    records = [{"name": name, "path": path} for name, path in (*symbols, *((path, None) for path in wanted.paths))]
    values = {
        "task": task["id"], "generation": task["generation"], "project": task["project_id"],
        "batch": orjson.dumps(records).decode(),
    }  # fmt: skip
    await connection.execute(_ADD, values)


async def drop_claims(connection: AsyncConnection, task_id: UUID) -> int:
    """Give back everything a task holds; how many claims that were."""
    return (await connection.execute(text("DELETE FROM claims WHERE task_id = :task"), {"task": task_id})).rowcount


_IN_FORCE = "t.state = 'running' AND t.generation = c.generation"

_STANDING = text(
    f"""
    SELECT c.task_id, c.project_id, c.name, c.path, c.claimed_at, t.priority, t.created_at, t.parent_id, t.target_id,
        t.title
    FROM claims c JOIN tasks t ON t.id = c.task_id
    WHERE c.project_id = ANY(CAST(:projects AS uuid[])) AND {_IN_FORCE} ORDER BY c.claimed_at, c.name
    """
)

_FORGET = text(
    f"""
    DELETE FROM claims c WHERE c.project_id = :project
    AND NOT EXISTS (SELECT FROM tasks t WHERE t.id = c.task_id AND {_IN_FORCE})
    """
)

_ADD = text(
    """
    INSERT INTO claims (id, task_id, generation, project_id, name, path)
    SELECT gen_random_uuid(), :task, :generation, :project, x.name, x.path
    FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS x(name text, path text)
    ON CONFLICT (task_id, generation, name) DO NOTHING
    """
)
