"""Tables of what people and reviewing agents say of attempts, and of the queue in which changes are merged.

A merge is carried out by a task of its own (``work_id``), so it has a lease, events and somebody who takes back what a
dead worker left. At most one entry of a project has one and is unfinished: an index sees to that.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.core.merging import MergeAction, MergeMethod, MergeState, ReviewVerdict
from orchestrator.models.base import Base, Identified


class ReviewRow(Identified, Base):
    """One review of an attempt's change. ``comments``: ``{path, side, line, text}`` each."""

    __tablename__ = "reviews"
    __table_args__ = (Index("ix_reviews_task_id", "task_id"),)

    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))
    generation: Mapped[int]
    commit: Mapped[str]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    agent_id: Mapped[str | None]
    """The agent whose findings these are; its word approves nothing."""
    verdict: Mapped[ReviewVerdict]
    summary: Mapped[str]
    comments: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class MergeRow(Identified, Base):
    """One entry of a project's merge queue."""

    __tablename__ = "merges"
    __table_args__ = (
        Index("ix_merges_project_id_created_at", "project_id", "created_at"),
        Index(
            "uq_merges_active", "project_id", unique=True,
            postgresql_where=text("work_id IS NOT NULL AND finished_at IS NULL"),
        ),
        Index("uq_merges_unfinished", "task_id", unique=True, postgresql_where=text("finished_at IS NULL")),
    )  # fmt: skip

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))
    generation: Mapped[int]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    action: Mapped[MergeAction]
    method: Mapped[MergeMethod]
    state: Mapped[MergeState] = mapped_column(default=MergeState.QUEUED, server_default=MergeState.QUEUED.value)
    message: Mapped[str] = mapped_column(default="", server_default="")
    """What was done, or why not, in words."""
    commit: Mapped[str]
    """The attempt's commit; for an undo, the merge commit to revert."""
    override_reason: Mapped[str] = mapped_column(default="", server_default="")
    """Of an undo: why an admin of the project has it done though its criteria fail."""
    base_commit: Mapped[str | None]
    merged_commit: Mapped[str | None]
    conflicts: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    pull_request: Mapped[dict[str, Any] | None]
    work_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
