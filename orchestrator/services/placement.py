"""From a route to a first state: queued for its target, waiting with what for, or failed at once with what would help.

Used by the task service when a task is born and when it is routed again. It writes nothing.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator.core.events import EventKind, NewEvent
from orchestrator.core.routing import Candidate, Route
from orchestrator.core.states import Reason, TaskState
from orchestrator.jobqueue.queues import queue_for
from orchestrator.models.transitions import Delivery


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a routed task goes."""

    state: TaskState
    events: tuple[NewEvent, ...]
    reason: Reason | None = None
    waiting_for: str | None = None
    error: dict[str, Any] | None = None
    delivery: Delivery | None = None
    target: tuple[str, str] | None = None
    """The id and type of the target that was chosen, or in whose line the task stands."""
    account: str | None = None
    wakes_at: datetime | None = None
    """For a task that waits for an account's quota: which, and when it is looked at again."""


def place(route: Route, *, is_heavy: bool, priority: int, depth: int = 0) -> Placement:
    """The state a route leads to."""
    routed = NewEvent(EventKind.ROUTED, _summary(route))
    if route.chosen is not None:
        queue = queue_for(is_heavy=is_heavy, priority=priority, target_id=route.target_id, depth=depth)
        queued = NewEvent(EventKind.QUEUED, {"queue": queue})
        return Placement(TaskState.QUEUED, (routed, queued), delivery=Delivery(queue), target=_named(route.chosen))
    if route.needs_consent:
        waiting = NewEvent(EventKind.WAITING, {"for": route.needs_consent})
        return Placement(TaskState.AWAITING_CONSENT, (routed, waiting), waiting_for=route.needs_consent)
    if route.awaited is not None:
        waiting = NewEvent(EventKind.WAITING, {"for": route.waits_for})
        events, target, pause = (routed, waiting), _named(route.awaited), route.awaited.pause
        account, wakes_at = (pause.account, _after(pause.seconds)) if pause else (None, None)
        return Placement(
            TaskState.PENDING, events, waiting_for=route.waits_for, target=target, account=account, wakes_at=wakes_at
        )
    error = {
        "code": "no_target",
        "message": f"no target can carry out a task of type {route.task_type}",
        "details": {"would_help": list(route.would_help)},
    }
    failed = NewEvent(EventKind.FAILED, {"reason": Reason.NO_TARGET, "error": error})
    return Placement(TaskState.FAILED, (routed, failed), Reason.NO_TARGET, error=error)


def _after(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def _named(candidate: Candidate) -> tuple[str, str]:
    return candidate.target_id, str(candidate.type)


def _summary(route: Route) -> dict[str, Any]:
    """The decision as an event: who, how well, and how many others were considered."""
    fit = [candidate for candidate in route.candidates if candidate.fit]
    return {
        "type": route.type,
        "target_id": route.target_id,
        "target": route.chosen.name if route.chosen else None,
        "score": route.chosen.score if route.chosen else None,
        "candidates": len(route.candidates),
        "fit": len(fit),
    }
