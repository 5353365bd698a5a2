"""Takes back what dead workers left: attempts whose lease has passed are retried with backoff, or fail as lost_worker.

Run by the monitor every second. A lease renewed in the same moment wins: the step is checked under the row's lock.
"""

import asyncio
from typing import Any

import structlog

from orchestrator.core.errors import Cancelled, Conflict, NotFound
from orchestrator.core.events import EventKind, NewEvent
from orchestrator.core.states import Reason, TaskState, backoff_seconds
from orchestrator.jobqueue.queues import queue_of
from orchestrator.models.database import Database
from orchestrator.models.delivery import expired_leases
from orchestrator.models.transitions import Delivery, Transition
from orchestrator.services.task_writer import TaskWriter

log = structlog.get_logger(__name__)


class Reaper:
    """Ends or re-queues abandoned attempts."""

    def __init__(self, database: Database, writer: TaskWriter) -> None:
        self._database = database
        self._writer = writer

    async def sweep(self) -> int:
        """Look once; returns how many attempts were taken back."""
        async with self._database.transaction() as connection:
            rows = await expired_leases(connection)
        return sum(await asyncio.gather(*(self._take_back(row) for row in rows)))

    async def _take_back(self, row: dict[str, Any]) -> bool:
        try:
            await self._writer.apply(_ending(row))
        except (Conflict, NotFound, Cancelled) as error:
            # It was renewed, ended, deleted or asked to stop since we looked; the next look knows.
            log.info("lease_not_reaped", task_id=str(row["id"]), why=error.message)
            return False
        return True


def _ending(row: dict[str, Any]) -> Transition:
    error = {"code": "lost_worker", "message": f"worker {row['worker_id']} stopped renewing the lease of this attempt"}
    data = {"attempt": row["generation"], "reason": Reason.LOST_WORKER, "error": error}
    ended = NewEvent(EventKind.ENDED, data)
    if row["cancel_requested_at"] is not None:
        told = (ended, NewEvent(EventKind.CANCELLED, {"reason": Reason.CANCELLED_BY_USER}))
        return _step(row, TaskState.CANCELLED, told, reason=Reason.CANCELLED_BY_USER)
    if row["generation"] >= row["max_attempts"]:
        told = (ended, NewEvent(EventKind.FAILED, {"reason": Reason.LOST_WORKER, "error": error}))
        return _step(row, TaskState.FAILED, told, reason=Reason.LOST_WORKER, error=error)
    # A dying worker is seldom the task's doing; only who loses a second one waits.
    delay = backoff_seconds(row["generation"]) if row["generation"] > 1 else 0.0
    again = NewEvent(EventKind.RETRY, {"after_seconds": delay, "next_attempt": row["generation"] + 1})
    queue = queue_of(row)
    return _step(
        row, TaskState.QUEUED, (ended, again), error=error, delivery=Delivery(queue, delay),
        waiting_for=f"retry in {delay:g} s" if delay else "another worker",
    )  # fmt: skip


def _step(row: dict[str, Any], to: TaskState, events: tuple[NewEvent, ...], **more: Any) -> Transition:
    return Transition(
        row["id"],
        to,
        events,
        row["generation"],
        only_if_lease_expired=True,
        attempt_reason=Reason.LOST_WORKER,
        **more,
    )
