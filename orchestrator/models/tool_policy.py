"""Tables of the gate: rules about tool calls, what people always allow, and the record of every call.

Used by ``services.tool_policy`` and ``services.call_audit``. The record refers to nothing: it stays when a user, a
project or a server goes.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.core.policy import Effect, Level
from orchestrator.models.base import Base, Identified, Stamped


class ToolRule(Identified, Stamped, Base):
    """A rule of ``core.policy``. ``user_id``: whose own it is; ``project_id``: in which project it speaks."""

    __tablename__ = "tool_rules"

    level: Mapped[Level]
    effect: Mapped[Effect]
    tool: Mapped[str] = mapped_column(default="*", server_default="*")
    server_id: Mapped[UUID | None]
    hints: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    roles: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    project_id: Mapped[UUID | None] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    remember: Mapped[bool] = mapped_column(default=True, server_default="true")
    reason: Mapped[str] = mapped_column(default="", server_default="")
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class ToolApproval(Identified, Base):
    """What a person always allows where one rule would ask. It goes with the rule."""

    __tablename__ = "tool_approvals"
    __table_args__ = (
        Index(
            "uq_tool_approvals_what", "user_id", "rule_id", "server_id", "tool",
            text("coalesce(project_id, '00000000-0000-0000-0000-000000000000')"), unique=True,
        ),
    )  # fmt: skip

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    rule_id: Mapped[UUID] = mapped_column(ForeignKey("tool_rules.id", ondelete="CASCADE"), index=True)
    server_id: Mapped[UUID]
    tool: Mapped[str]
    project_id: Mapped[UUID | None] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CallRecord(Identified, Base):
    """One tool call, made or refused. Arguments are never here, only their digest."""

    __tablename__ = "tool_calls"
    __table_args__ = (
        Index("ix_tool_calls_user_id_at", "user_id", "at"),
        Index("ix_tool_calls_project_id_at", "project_id", "at"),
        Index("ix_tool_calls_server_id_at", "server_id", "at"),
    )

    at: Mapped[datetime] = mapped_column(index=True)
    user_id: Mapped[UUID]
    via: Mapped[str]
    credential_id: Mapped[UUID | None]
    project_id: Mapped[UUID | None]
    task_id: Mapped[UUID | None]
    agent: Mapped[str | None]
    door: Mapped[str]
    endpoint: Mapped[str]
    server_id: Mapped[UUID]
    server: Mapped[str]
    tool: Mapped[str]
    arguments_digest: Mapped[str]
    outcome: Mapped[str]
    reason: Mapped[str | None]
    rule_id: Mapped[UUID | None]
    confirmed: Mapped[str | None]
    ms: Mapped[float]
    request_id: Mapped[str | None]
