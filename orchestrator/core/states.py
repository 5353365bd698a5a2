"""The state machine of a task, and the closed list of reasons. Pure; the one writer is ``models.transitions``.

    pending ◄─► queued ──► running ──► completed
       │          ▲  ▲        │ │ └───► failed
       │          │  └────────┘ ▼
       └► awaiting_consent   awaiting_input ──► queued

A task that a person pauses awaits their word, wherever it stood: it is ``awaiting_input``.

A queued task whose target turns out to be full when a worker comes for it is pending again, in line. So is a running
one whose agent's account takes no more for a while. A task that is
asked for again (an answer, a consent, a retry, a review that requests changes) is routed again, so it may land in any
of ``pending``, ``awaiting_consent`` and ``queued``. What was completed may be rejected by a reviewer. A running task
whose tool call needs a person's word awaits consent. Every state that is not terminal may become ``failed`` or
``cancelled``. A terminal state carries a ``Reason``; a waiting one says what it waits for.
"""

from enum import StrEnum

from orchestrator.core.errors import (
    AgentFailed,
    BudgetReached,
    Cancelled,
    ChoiceNeeded,
    ConsentDenied,
    CriteriaUnmet,
    DeniedByPolicy,
    IllegalTransition,
    Looping,
    OrchestratorError,
    Paused,
    QuotaReached,
    ServerUnreachable,
    Stalled,
    TimedOut,
    ToolFailed,
)


class TaskState(StrEnum):
    """Where a task stands."""

    PENDING = "pending"
    AWAITING_CONSENT = "awaiting_consent"
    QUEUED = "queued"
    RUNNING = "running"
    AWAITING_INPUT = "awaiting_input"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Why a task or an attempt ended. Closed: a new one is a change of contract."""

    OK = "ok"
    TOOL_ERROR = "tool_error"
    AGENT_ERROR = "agent_error"
    QUOTA = "quota"
    STALLED = "stalled"
    LOOPING = "looping"
    PAUSED = "paused"
    SERVER_UNREACHABLE = "server_unreachable"
    INVALID_INPUT = "invalid_input"
    TIMEOUT = "timeout"
    LOST_WORKER = "lost_worker"
    NO_TARGET = "no_target"
    CONSENT_DENIED = "consent_denied"
    DENIED_BY_POLICY = "denied_by_policy"
    BUDGET_EXCEEDED = "budget_exceeded"
    CRITERIA_UNMET = "criteria_unmet"
    REJECTED = "rejected"
    CANCELLED_BY_USER = "cancelled_by_user"
    PROJECT_DELETED = "project_deleted"
    INTERNAL_ERROR = "internal_error"


TERMINAL = frozenset({TaskState.COMPLETED, TaskState.FAILED, TaskState.CANCELLED})
RESUMED_BY_PERSON = "a person to resume it"
"""What a paused task waits for."""
WAITING = frozenset({TaskState.PENDING, TaskState.AWAITING_CONSENT, TaskState.AWAITING_INPUT})

_ENDS = frozenset({TaskState.FAILED, TaskState.CANCELLED})
_PLACED = frozenset({TaskState.PENDING, TaskState.AWAITING_CONSENT, TaskState.QUEUED})
"""Where routing puts a task that found, or may yet find, a target."""

ALLOWED: dict[TaskState, frozenset[TaskState]] = {
    TaskState.PENDING: _PLACED - {TaskState.PENDING} | {TaskState.AWAITING_INPUT} | _ENDS,
    TaskState.AWAITING_CONSENT: _PLACED - {TaskState.AWAITING_CONSENT} | _ENDS,
    TaskState.QUEUED: frozenset({TaskState.RUNNING, TaskState.PENDING, TaskState.AWAITING_INPUT}) | _ENDS,
    TaskState.RUNNING: frozenset(
        {
            TaskState.QUEUED,
            TaskState.PENDING,
            TaskState.AWAITING_INPUT,
            TaskState.AWAITING_CONSENT,
            TaskState.COMPLETED,
        }
    )
    | _ENDS,
    TaskState.AWAITING_INPUT: _PLACED | _ENDS,
    TaskState.COMPLETED: _PLACED | {TaskState.FAILED},
    TaskState.FAILED: _PLACED,
    TaskState.CANCELLED: _PLACED,
}
"""Failed and cancelled tasks may be asked for again by a person (retry), and a reviewer may send back or reject what
was completed; nothing else leaves a terminal state."""


def check_transition(current: TaskState, target: TaskState) -> None:
    """Raise IllegalTransition unless the machine has this step."""
    if target not in ALLOWED[current]:
        raise IllegalTransition(
            f"a task that is {current} cannot become {target}", details={"state": current, "to": target}
        )


_REASONS: tuple[tuple[type[OrchestratorError], Reason], ...] = (
    (Cancelled, Reason.CANCELLED_BY_USER),
    (TimedOut, Reason.TIMEOUT),
    (QuotaReached, Reason.QUOTA),
    (BudgetReached, Reason.BUDGET_EXCEEDED),
    (ServerUnreachable, Reason.SERVER_UNREACHABLE),
    (ToolFailed, Reason.TOOL_ERROR),
    (Stalled, Reason.STALLED),
    (Looping, Reason.LOOPING),
    (Paused, Reason.PAUSED),
    (ChoiceNeeded, Reason.PAUSED),
    (AgentFailed, Reason.AGENT_ERROR),
    (ConsentDenied, Reason.CONSENT_DENIED),
    (DeniedByPolicy, Reason.DENIED_BY_POLICY),
    (CriteriaUnmet, Reason.CRITERIA_UNMET),
)


def reason_for(error: OrchestratorError) -> Reason:
    """The reason a task ends with when this error ended its last attempt."""
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    return Reason.INVALID_INPUT if 400 <= error.status < 500 else Reason.TOOL_ERROR


def backoff_seconds(attempt: int) -> float:
    """Delay before the attempt after number ``attempt`` (1-based): 1 s, 2 s, 4 s … at most a minute."""
    return float(min(60, 2 ** max(0, attempt - 1)))
