"""Whose turn it is on the same ground: which tasks that change code may start, and behind whom the others wait.

Used by ``models.transitions`` for every claim that comes with a footprint, and by the service that calls those in line.
A lock per project makes looking and starting one. A task waits for running ones and for those in line before it, by
priority and age; running ones wait for nobody, so no circle can come about. A part of a running task waits for its
sisters only, because that task, and whoever waits for it, waits for the part. Claimed code is touched code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.core.overlap import Footprint, in_words
from orchestrator.models.claims import claimed, standing_claims

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Behind:
    """Whom a task waits for, and why."""

    task_id: UUID
    common: tuple[str, ...]

    @property
    def in_words(self) -> str:
        """What ``waiting_for`` says."""
        return f"task {self.task_id}: {in_words(list(self.common))}"


async def take_grounds(
    connection: AsyncConnection, asking: Mapping[UUID, Footprint], rows: Mapping[UUID, Row]
) -> dict[UUID, Behind]:
    """Note the footprints of these tasks, and say which of them must wait for whom; the others may start."""
    if not asking:
        return {}
    projects = sorted({str(rows[task]["project_id"]) for task in asking})
    await lock_grounds(connection, projects)
    await _note(connection, asking, rows)
    holders = await _holders(connection, projects, list(asking))
    parts = set((await connection.execute(_PARTS, {"asking": list(asking)})).scalars())
    waits: dict[UUID, Behind] = {}
    for task in sorted(asking, key=lambda one: _rank(rows[one])):
        row, footprint = rows[task], asking[task]
        among = [one for one in holders if one["parent_id"] == row["parent_id"]] if task in parts else holders
        behind = _before(row, footprint, among)
        if behind is not None and not row["consent"].get("overlap"):
            waits[task] = behind
        holders.append({**row, "touches": footprint.as_dict(), "runs": task not in waits})
    return waits


async def lock_grounds(connection: AsyncConnection, projects: Sequence[str]) -> None:
    """Nobody else looks at, starts on or claims code of these projects until the transaction ends."""
    await connection.execute(_LOCK_PROJECTS, {"projects": sorted(projects)})


async def _holders(connection: AsyncConnection, projects: Sequence[str], asking: Sequence[UUID]) -> list[Row]:
    """Who runs or stands in line, with what each is expected to touch or has claimed."""
    found = await connection.execute(_HOLDERS, {"projects": list(projects), "asking": list(asking)})
    holders = {row["id"]: dict(row) for row in found.mappings()}
    standing = await standing_claims(connection, projects)
    by_task = claimed(standing)
    for one in standing:
        if one["task_id"] in asking:
            continue
        holder = holders.setdefault(one["task_id"], {**one, "id": one["task_id"], "touches": _NOTHING, "runs": True})
        expected = Footprint.from_dict(holder["touches"])
        mine = by_task[one["task_id"]]
        both = Footprint({**expected.symbols, **mine.symbols}, expected.paths | mine.paths)
        holder["touches"] = both.as_dict()
    return list(holders.values())


async def footprints_of(connection: AsyncConnection, project_id: UUID) -> list[Row]:
    """The running tasks of a project with what they were expected to touch, first started first."""
    rows = await connection.execute(_RUNNING, {"project": project_id})
    return [dict(row) for row in rows.mappings()]


async def in_line_behind(connection: AsyncConnection, tasks: Sequence[UUID]) -> list[Row]:
    """The tasks that wait for one of these."""
    return [dict(row) for row in (await connection.execute(_BEHIND, {"tasks": list(tasks)})).mappings()]


async def in_line_behind_nobody(connection: AsyncConnection) -> list[Row]:
    """Tasks in line that nobody called: what they wait for ended, left the line or was deleted."""
    return [dict(row) for row in (await connection.execute(_FORGOTTEN)).mappings()]


def _rank(row: Row) -> tuple[int, Any, Any]:
    return -row["priority"], row["created_at"], row["id"]


def _before(row: Row, footprint: Footprint, holders: Sequence[Row]) -> Behind | None:
    """The last in line before this task on its ground, or a running one there: one behind the other."""
    met: list[tuple[Row, list[str]]] = []
    for holder in holders:
        if holder["project_id"] != row["project_id"] or not (holder["runs"] or _rank(holder) < _rank(row)):
            continue
        common = footprint.common(Footprint.from_dict(holder["touches"]))
        if common:
            met.append((holder, common))
    if not met:
        return None
    last, common = max(met, key=lambda pair: (not pair[0]["runs"], _rank(pair[0])))
    return Behind(last["id"], tuple(common))


async def _note(connection: AsyncConnection, asking: Mapping[UUID, Footprint], rows: Mapping[UUID, Row]) -> None:
    records = [
        {"task_id": task, "project_id": rows[task]["project_id"], "touches": footprint.as_dict()}
        for task, footprint in asking.items()
    ]
    await connection.execute(_NOTE, {"batch": orjson.dumps(records, default=str).decode()})


_NOTHING: dict[str, Any] = {"symbols": {}, "paths": []}

_LOCK_PROJECTS = text(
    "SELECT pg_advisory_xact_lock(hashtextextended('ground:' || x, 0)) FROM unnest(CAST(:projects AS text[])) AS x"
)

_NOTE = text(
    """
    INSERT INTO footprints (task_id, project_id, touches)
    SELECT task_id, project_id, touches
    FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS x(task_id uuid, project_id uuid, touches jsonb)
    ON CONFLICT (task_id) DO UPDATE SET touches = excluded.touches, noted_at = clock_timestamp()
    """
)

_HOLDERS = text(
    """
    SELECT t.id, t.project_id, t.priority, t.created_at, t.parent_id, f.touches, t.state = 'running' AS runs
    FROM footprints f JOIN tasks t ON t.id = f.task_id
    WHERE f.project_id = ANY(CAST(:projects AS uuid[])) AND t.id <> ALL(:asking)
        AND (t.state = 'running' OR (t.waits_for_task IS NOT NULL AND t.state IN ('pending', 'queued')))
    """
)
"""Who runs, and who stands in line; a task in line that was called and has not started yet keeps its place."""

_PARTS = text(
    """
    WITH RECURSIVE up AS (
        SELECT id AS part, parent_id, 0 AS depth FROM tasks WHERE id = ANY(:asking)
        UNION ALL
        SELECT up.part, t.parent_id, up.depth + 1 FROM up JOIN tasks t ON t.id = up.parent_id WHERE up.depth < 32
    )
    SELECT DISTINCT up.part FROM up JOIN tasks t ON t.id = up.parent_id WHERE t.state = 'running'
    """
)

_RUNNING = text(
    """
    SELECT t.id, t.generation, t.started_at, f.touches, a.started_at AS attempt_started_at
    FROM footprints f JOIN tasks t ON t.id = f.task_id
    JOIN attempts a ON a.task_id = t.id AND a.generation = t.generation AND a.ended_at IS NULL
    WHERE f.project_id = :project AND t.state = 'running' ORDER BY a.started_at, t.id
    """
)

_BEHIND = text(
    """
    SELECT * FROM tasks WHERE state = 'pending' AND waits_for_task = ANY(:tasks)
    ORDER BY priority DESC, created_at, id
    """
)

_FORGOTTEN = text(
    """
    SELECT t.* FROM tasks t WHERE t.state = 'pending' AND t.waits_for_task IS NOT NULL AND NOT EXISTS (
        SELECT FROM tasks b WHERE b.id = t.waits_for_task
        AND (b.state = 'running' OR (b.waits_for_task IS NOT NULL AND b.state IN ('pending', 'queued'))))
    ORDER BY t.priority DESC, t.created_at, t.id LIMIT 200
    """
)
