"""What must hold once a merge is undone: the criteria of the changes that were merged after it and are still there.

Used by ``run_merge``. They were proven with the change in place, so taking it back may break them. What of the undone
change's own criteria must hold is found by running them; nothing runs here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import text

from orchestrator.core.acceptance import Criterion, criteria
from orchestrator.models.database import Database

_LONGEST_NAME = 100


async def later_criteria(database: Database, entry: Mapping[str, Any]) -> list[Criterion]:
    """The criteria of later changes of the project, the latest first, each named after its task."""
    values = {"project": entry["project_id"], "task": entry["task_id"], "commit": entry["commit"]}
    async with database.transaction() as connection:
        rows = [dict(row) for row in (await connection.execute(_LATER, values)).mappings()]
    return [
        replace(one, name=f"{one.name} (of {row['title'] or row['type']})"[:_LONGEST_NAME])
        for row in rows
        for one in criteria(row["acceptance"])
    ]


def without_doubles(asked: Iterable[Criterion]) -> tuple[Criterion, ...]:
    """Each criterion once, whatever it is called; the first of its names stays."""
    found: dict[Criterion, Criterion] = {}
    for one in asked:
        found.setdefault(replace(one, name=""), one)
    return tuple(found.values())


_LATER = text(
    """
    SELECT t.title, t.type, t.acceptance FROM merges m JOIN tasks t ON t.id = m.task_id
    WHERE m.project_id = :project AND m.task_id <> :task AND m.action = 'merge' AND m.state = 'merged'
    AND m.finished_at > (SELECT max(o.finished_at) FROM merges o
        WHERE o.task_id = :task AND o.action = 'merge' AND o.merged_commit = :commit)
    AND NOT EXISTS (SELECT FROM merges u WHERE u.task_id = m.task_id AND u.action = 'undo' AND u.state = 'merged'
        AND u.finished_at > m.finished_at)
    ORDER BY m.finished_at DESC
    """
)
