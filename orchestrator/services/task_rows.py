"""Rows of tasks for work that was handed to it already: those asked for together are read by one query.

Used by what looks at a task before its attempt starts: the runner, footprints and quota, which look side by side.
Whether a caller may see a task is ``task_service``'s question.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from orchestrator.core.batching import Batcher
from orchestrator.models.database import Database
from orchestrator.models.task_store import find_tasks

Row = Mapping[str, Any]


class TaskRows:
    """Reads tasks by id."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked: Batcher[UUID, Row | None] = Batcher(self._read)

    async def find(self, task_id: UUID) -> Row | None:
        """One task's row; None when it is gone."""
        return await self._asked.submit(task_id)

    async def _read(self, ids: Sequence[UUID]) -> Sequence[Row | None]:
        async with self._database.single() as connection:
            found = await find_tasks(connection, list(set(ids)))
        return [found.get(task_id) for task_id in ids]
