"""Tables of work: tasks, attempts, events, routes and the outbox.

Written only through ``models.transitions`` and ``models.task_store``. A task row,
its first events, its route and its outbox row are born in one transaction. ``last_seq`` numbers events
without gaps; ``generation`` fences attempts.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, func, text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.core.states import Reason, TaskState
from orchestrator.models.base import Base, Identified


class TaskRow(Identified, Base):
    """What a user wants, and where it stands."""

    __tablename__ = "tasks"
    __table_args__ = (
        Index("ix_tasks_user_id_created_at", "user_id", "created_at"),
        Index("ix_tasks_project_id_created_at", "project_id", "created_at"),
        Index("ix_tasks_open", "state", postgresql_where=text("state NOT IN ('completed', 'failed', 'cancelled')")),
        Index("ix_tasks_in_line", "target_id", postgresql_where=text("state = 'pending'")),
        Index("ix_tasks_quota_account", "quota_account", postgresql_where=text("quota_account IS NOT NULL")),
        Index("ix_tasks_parent_id", "parent_id", postgresql_where=text("parent_id IS NOT NULL")),
        Index("uq_tasks_parent_id_part", "parent_id", "part", unique=True, postgresql_where=text("part IS NOT NULL")),
        Index("ix_tasks_waits_for_task", "waits_for_task", postgresql_where=text("waits_for_task IS NOT NULL")),
        Index("uq_tasks_user_id_idempotency_key", "user_id", "idempotency_key", unique=True),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    project_id: Mapped[UUID | None] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    parent_id: Mapped[UUID | None]
    """The task it is a part of: made by the agent that carries that one out."""
    depth: Mapped[int] = mapped_column(default=0, server_default="0")
    """How many tasks it is below one that a person handed in."""
    part: Mapped[str | None]
    """Which part of its parent it is, where each may be there once: the step of a team."""
    start_commit: Mapped[str | None]
    """Where its worktree starts, when not at its base."""
    base_commit: Mapped[str | None]
    """From which its change is counted, when not from the project's head."""
    type: Mapped[str]
    title: Mapped[str] = mapped_column(default="", server_default="")
    input: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    required_capabilities: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    acceptance: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    budget: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    consent: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    preferred_target: Mapped[str | None]
    priority: Mapped[int] = mapped_column(default=0, server_default="0")
    is_heavy: Mapped[bool] = mapped_column(default=False, server_default="false")
    timeout_seconds: Mapped[float]
    max_attempts: Mapped[int] = mapped_column(default=3, server_default="3")
    idempotency_key: Mapped[str | None]

    state: Mapped[TaskState]
    reason: Mapped[Reason | None]
    waiting_for: Mapped[str | None]
    waits_for_task: Mapped[UUID | None]
    """Behind whom it stands in line because both would change the same code; kept until it starts."""
    quota_account: Mapped[str | None]
    """The provider's account that takes no more for a while, for which it is pending."""
    wakes_at: Mapped[datetime | None]
    """When a pending task is looked at again; until then nobody hands it anything."""
    target_id: Mapped[str | None]
    target_type: Mapped[str | None]
    generation: Mapped[int] = mapped_column(default=0, server_default="0")
    """Counts attempts; the present lease carries it, and an older one can write nothing."""
    last_seq: Mapped[int] = mapped_column(default=0, server_default="0")
    result: Mapped[dict[str, Any] | None]
    result_pointer: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    lease_expires_at: Mapped[datetime | None] = mapped_column(index=True)
    worker_id: Mapped[str | None]
    cancel_requested_at: Mapped[datetime | None]
    pause_requested_at: Mapped[datetime | None]
    """When a person asked for a rest; kept until the task goes on."""
    origin: Mapped[dict[str, Any] | None]
    """For a fork: the task, the event and the checkpoint it goes on from."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Attempt(Base):
    """One try at a task by one target; kept for good."""

    __tablename__ = "attempts"
    __table_args__ = (Index("ix_attempts_target_id_ended_at", "target_id", "ended_at"),)

    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)
    generation: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    target_id: Mapped[str | None]
    target_type: Mapped[str | None]
    worker_id: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]
    reason: Mapped[Reason | None]
    error: Mapped[dict[str, Any] | None]


class AttemptContext(Base):
    """What an attempt's agent was told of the code its task names."""

    __tablename__ = "attempt_contexts"

    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)
    generation: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    text: Mapped[str]
    tokens: Mapped[int]
    left_out: Mapped[int]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class FootprintRow(Base):
    """What a task that changes code was expected to touch when its latest attempt wanted to start."""

    __tablename__ = "footprints"

    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    touches: Mapped[dict[str, Any]]
    noted_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class EventRow(Base):
    """Something that happened to a task: numbered per task from 1, without gaps."""

    __tablename__ = "task_events"

    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    kind: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")


class RouteRow(Identified, Base):
    """A stored routing decision; the newest of a task is the one in force."""

    __tablename__ = "routes"

    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), index=True)
    decided_at: Mapped[datetime] = mapped_column(server_default=func.now())
    decision: Mapped[dict[str, Any]]


class OutboxRow(Base):
    """A job decided in a transaction and not yet known to be done. The relay delivers it; the claim deletes it."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_due", "not_before", postgresql_where=text("delivered_at IS NULL")),
        Index("ix_outbox_admitted", "task_id", postgresql_where=text("admitted")),
        Index("uq_outbox_task_id_generation", "task_id", "generation", unique=True),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=True)
    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))
    generation: Mapped[int]
    """The attempt this delivery may start; a claim with another number is refused."""
    queue: Mapped[str]
    admitted: Mapped[bool] = mapped_column(default=False, server_default="false")
    """Whether a slot of the task's target is kept for this attempt."""
    not_before: Mapped[datetime] = mapped_column(server_default=func.now())
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    delivered_at: Mapped[datetime | None]
