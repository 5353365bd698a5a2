"""Everything that can happen to a task, as a closed list of kinds.

Stored by models, streamed by api, shown by the console. The data each kind carries is open; the kinds are not.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class EventKind(StrEnum):
    """What happened. The data beside each is described in docs/reference/events.md."""

    CREATED = "task.created"
    ROUTED = "task.routed"
    QUEUED = "task.queued"
    STARTED = "attempt.started"
    PROGRESS = "attempt.progress"
    LOG = "attempt.log"
    TOOL_CALLED = "tool.called"
    TOOL_RETURNED = "tool.returned"
    MESSAGE = "agent.message"
    CHECKPOINT = "attempt.checkpoint"
    DIFF = "diff.ready"
    PROOF_STARTED = "proof.started"
    PROOF_RESULT = "proof.result"
    REVIEWED = "task.reviewed"
    MERGE_QUEUED = "merge.queued"
    MERGE_ENDED = "merge.ended"
    OVERLAP = "task.overlap"
    COLLISION = "task.collision"
    HANDED_OVER = "task.handed_over"
    ENDED = "attempt.ended"
    RETRY = "task.retry"
    WAITING = "task.waiting"
    ANSWERED = "task.answered"
    PAUSE_REQUESTED = "task.pause_requested"
    RESUMED = "task.resumed"
    CANCEL_REQUESTED = "task.cancel_requested"
    COMPLETED = "task.completed"
    FAILED = "task.failed"
    CANCELLED = "task.cancelled"


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event about to be stored."""

    kind: EventKind
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """A stored event: numbered per task from 1, without gaps."""

    task_id: UUID
    seq: int
    at: datetime
    kind: EventKind
    data: dict[str, Any]
