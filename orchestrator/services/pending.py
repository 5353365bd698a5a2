"""Tasks that wait for something that passes by itself, and the counts that routing reads. Run by the monitor."""

from sqlalchemy import text

from orchestrator.core.errors import Conflict, NotFound
from orchestrator.models.database import Database
from orchestrator.services.slots import FreedSlots
from orchestrator.services.targets import TargetDirectory, count_targets
from orchestrator.services.task_service import TaskService

_PENDING = text(
    """
    SELECT * FROM tasks
    WHERE state = 'pending' AND waits_for_task IS NULL AND (wakes_at IS NULL OR wakes_at <= clock_timestamp())
    ORDER BY priority DESC, created_at LIMIT 200
    """
)


class Pending:
    """Hands free slots to those in line, and routes pending tasks again."""

    def __init__(self, database: Database, tasks: TaskService, targets: TargetDirectory, slots: FreedSlots) -> None:
        self._database = database
        self._tasks = tasks
        self._targets = targets
        self._slots = slots

    async def sweep(self) -> int:
        """Look once at every line, then at the pending tasks of the highest priority; returns how many of these."""
        await self._slots.sweep()
        async with self._database.transaction() as connection:
            rows = [dict(row) for row in (await connection.execute(_PENDING)).mappings()]
        for row in rows:
            try:
                await self._tasks.reroute(row)
            except (Conflict, NotFound):
                continue  # its target is full again, or it was cancelled, moved or deleted meanwhile
        return len(rows)

    async def count(self) -> None:
        """Count attempts per target for routing."""
        async with self._database.transaction() as connection:
            await count_targets(connection)
        self._targets.refresh()
