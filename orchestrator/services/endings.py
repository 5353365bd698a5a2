"""Endings that take the place of others: of an attempt that was asked to stop, or whose own cannot be stored.

Used by ``run_task``. Pure: what an attempt's own ending is, is decided there.
"""

from dataclasses import replace

from orchestrator.core.events import EventKind, NewEvent
from orchestrator.core.states import Reason, TaskState
from orchestrator.models.transitions import Transition

OUR_FAULT = {
    "code": "internal_error",
    "message": "the orchestrator failed while running this task; its log says more",
}


def cancelled_instead(ending: Transition) -> Transition:
    """The ending of an attempt that would be tried again, or wait, if nobody had asked the task to stop."""
    reason = Reason.CANCELLED_BY_USER
    told = [event for event in ending.events if event.kind not in (EventKind.RETRY, EventKind.WAITING)]
    events = (*told, NewEvent(EventKind.CANCELLED, {"reason": reason}))
    return replace(
        ending, to=TaskState.CANCELLED, events=events, reason=reason, waiting_for=None, delivery=None, error=None
    )


def our_fault(ending: Transition) -> Transition:
    """The ending of an attempt whose own cannot be stored."""
    reason = Reason.INTERNAL_ERROR
    data = {"reason": reason, "error": OUR_FAULT}
    events = (
        NewEvent(EventKind.ENDED, {"attempt": ending.generation, **data}),
        NewEvent(EventKind.FAILED, data),
    )
    return Transition(ending.task_id, TaskState.FAILED, events, ending.generation, reason, error=OUR_FAULT)
