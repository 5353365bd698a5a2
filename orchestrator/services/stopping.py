"""One step of stopping a task: at once when nothing runs it, else by asking its worker.

Used wherever tasks are stopped. Whether somebody may is decided before. A task that moved meanwhile is refused as
IllegalTransition: look again.
"""

from typing import Any
from uuid import UUID

from orchestrator.core.events import EventKind, NewEvent
from orchestrator.core.states import Reason, TaskState
from orchestrator.eventlog.wake import Wake
from orchestrator.models.transitions import Transition
from orchestrator.services.task_writer import TaskWriter


class Stopper:
    """Stops tasks."""

    def __init__(self, writer: TaskWriter, wake: Wake) -> None:
        self._writer = writer
        self._wake = wake

    async def stop(self, task_id: UUID, state: TaskState, **asked: Any) -> None:
        """Stop a task that is in this state; ``asked`` says in its events who wants that, and why."""
        requested = NewEvent(EventKind.CANCEL_REQUESTED, asked)
        if state == TaskState.RUNNING:
            running = frozenset({TaskState.RUNNING})
            await self._writer.apply(Transition(task_id, None, (requested,), expect=running, request_cancel=True))
            self._wake.stop([task_id])
            return
        reason = Reason.CANCELLED_BY_USER
        told = (requested, NewEvent(EventKind.CANCELLED, {"reason": reason}))
        idle = frozenset({state})
        await self._writer.apply(Transition(task_id, TaskState.CANCELLED, told, reason=reason, expect=idle))
