"""What happened to one task, as plain records: services fill them from their tables and events. Used by the writer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Outcome = Literal["passed", "failed", "unfinished"]


@dataclass(frozen=True, slots=True)
class ToolCallRecord:
    """A call of a tool. ``ran_tests``: it was a run of tests, and ``failing`` are the tests it named as failed.

    ``failing`` are IRIs of definitions of the graph; names that fit none are left out by whoever fills this.
    """

    number: int
    tool: str
    server: str
    at: datetime | None
    ended_at: datetime | None
    outcome: Outcome
    ran_tests: bool = False
    failing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One try at the task."""

    number: int
    target: str
    started_at: datetime | None
    ended_at: datetime | None
    reason: str
    calls: tuple[ToolCallRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class ApprovalRecord:
    """A person's answer."""

    number: int
    at: datetime | None
    granted: bool


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """A task of the project. ``changed`` are paths, ``modified`` IRIs of definitions its diff touched.

    ``agent_name`` is what people call the target; ``commit`` where it left its work, "" if it changed nothing.
    """

    id: str
    title: str
    type: str
    state: str
    reason: str
    user_id: str
    target: str
    agent_name: str
    created_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    branch: str = ""
    commit: str = ""
    changed: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    attempts: tuple[AttemptRecord, ...] = ()
    approvals: tuple[ApprovalRecord, ...] = ()
