"""Shapes of a task on its way: what a caller asks for, what routing sees of it, the row as it was born. Pure.

Used by the task service; ``TaskRequest`` by everybody who hands in tasks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from orchestrator.core.capabilities import Requirement
from orchestrator.core.events import EventKind, NewEvent
from orchestrator.core.routing import Route, Task
from orchestrator.core.task_types import TASK_TYPES
from orchestrator.models.task_store import NewTask

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """What a caller asks for."""

    type: str
    input: dict[str, Any] = field(default_factory=dict)
    required_capabilities: Sequence[Requirement] = ()
    project_id: UUID | None = None
    title: str = ""
    priority: int = 0
    is_heavy: bool | None = None
    preferred_target: str | None = None
    consent: dict[str, bool] = field(default_factory=dict)
    budget: dict[str, Any] = field(default_factory=dict)
    acceptance: list[Any] = field(default_factory=list)
    timeout_seconds: float | None = None
    max_attempts: int | None = None
    idempotency_key: str | None = None
    parent_id: UUID | None = None
    """The task that this one is a part of."""
    depth: int = 0
    """How many tasks it is below one that a person handed in."""
    part: str | None = None
    """Which part of its parent it is, where each may be there once."""
    start_commit: str | None = None
    """Where its worktree starts, when not at its base."""
    base_commit: str | None = None
    """From which its change is counted, when not from the project's head."""
    among: int = 1
    """Of how many parts that share a budget evenly it is one."""
    origin: dict[str, Any] | None = None
    """For a fork: from where it goes on."""


def is_heavy(request: TaskRequest) -> bool:
    """Whether the work is heavy, as asked for or as its type says."""
    if request.is_heavy is not None:
        return request.is_heavy
    known = TASK_TYPES.get(request.type)
    return known.heavy if known else False


def title_of(request: TaskRequest) -> str:
    """The line for people where the caller wrote none."""
    known = TASK_TYPES.get(request.type)
    return known.title if known else request.type


def as_routed(request: TaskRequest, user_id: UUID, *, patience: float, begun_on: str | None = None) -> Task:
    """What routing sees of a request."""
    named = request.input.get("tool")
    needs = tuple(request.required_capabilities)
    if not needs and request.type == "tool_call" and isinstance(named, str):
        needs = (Requirement(named.lower()),)
    return Task(
        type=request.type,
        required_capabilities=needs,
        is_heavy=is_heavy(request),
        priority=request.priority,
        user_id=str(user_id),
        project_id=str(request.project_id) if request.project_id else None,
        preferred_target=request.preferred_target,
        user_space_consent=bool(request.consent.get("user_space")),
        fallback_consent=bool(request.consent.get("fallback", True)),
        begun_on=begun_on,
        patience=patience,
    )


def stored_as_routed(row: Row, consent: Mapping[str, Any], *, patience: float) -> Task:
    """The same of a stored task."""
    needs = [Requirement(raw["name"], raw.get("min_version", ""), raw.get("parameters", {})) for raw in
             row["required_capabilities"]]  # fmt: skip
    request = TaskRequest(
        type=row["type"],
        input=row["input"],
        required_capabilities=needs,
        project_id=row["project_id"],
        priority=row["priority"],
        is_heavy=row["is_heavy"],
        preferred_target=row["preferred_target"],
        consent=dict(consent),
    )
    begun_on = row["target_id"] if row["generation"] else None
    return as_routed(request, row["user_id"], patience=patience, begun_on=begun_on)


def handed_over(row: Row, route: Route) -> tuple[NewEvent, ...]:
    """The event of a task that another target goes on with, because the first one's account takes no more."""
    if not row["quota_account"] or not row["generation"] or route.target_id in (None, row["target_id"]):
        return ()
    why = f"{row['waiting_for']} is longer than the task waits"
    return (NewEvent(EventKind.HANDED_OVER, {"from": row["target_id"], "to": route.target_id, "why": why}),)


def born(task: NewTask) -> Row:
    """The row as the database has it, without asking again."""
    names = ("id", "user_id", "type", "state", "timeout_seconds", "project_id", "parent_id", "depth",
             "part", "start_commit", "base_commit", "title", "input",
             "required_capabilities", "acceptance", "budget", "consent", "preferred_target", "priority", "is_heavy",
             "max_attempts", "reason", "waiting_for", "error", "target_id", "target_type", "quota_account",
             "wakes_at", "origin")  # fmt: skip
    values = {name: getattr(task, name) for name in names}
    blank = ("result", "result_pointer", "created_at", "updated_at", "started_at", "finished_at",
             "cancel_requested_at", "pause_requested_at")  # fmt: skip
    return values | dict.fromkeys(blank) | {"generation": 0, "last_seq": len(task.events), "route": task.route}
