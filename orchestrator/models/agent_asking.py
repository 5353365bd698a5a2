"""Tables of what stands between agents and people: rules, questions with their answers, and words to a running agent.

Used by ``services.agent_rules`` and ``services.agent_questions``. A question goes with its task.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.core.policy import Effect, Level
from orchestrator.models.base import Base, Identified, Stamped


class AgentRuleRow(Identified, Stamped, Base):
    """A rule of ``core.agent_rules``."""

    __tablename__ = "agent_rules"

    level: Mapped[Level]
    effect: Mapped[Effect]
    agent: Mapped[str] = mapped_column(default="*", server_default="*")
    tool: Mapped[str] = mapped_column(default="*", server_default="*")
    path: Mapped[str] = mapped_column(default="", server_default="")
    command: Mapped[str] = mapped_column(default="", server_default="")
    cost_above: Mapped[float | None]
    project_id: Mapped[UUID | None] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    reason: Mapped[str] = mapped_column(default="", server_default="")
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class AgentQuestion(Identified, Base):
    """What a running agent wants to know of a person. ``outcome`` says how it ended: answered, deadline or gone."""

    __tablename__ = "agent_questions"
    __table_args__ = (
        Index("ix_agent_questions_task_id", "task_id"),
        Index("ix_agent_questions_open", "deadline", postgresql_where=text("outcome IS NULL")),
    )

    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))
    generation: Mapped[int]
    question: Mapped[str]
    choices: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    action: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    agent: Mapped[str]
    default_choice: Mapped[str | None]
    asked_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    deadline: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[UUID | None]
    answer: Mapped[str | None]
    outcome: Mapped[str | None]


class AgentMessage(Identified, Base):
    """What a person told a running agent; ``taken_at`` is when it was handed over."""

    __tablename__ = "agent_messages"
    __table_args__ = (Index("ix_agent_messages_waiting", "task_id", postgresql_where=text("taken_at IS NULL")),)

    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[UUID]
    text: Mapped[str]
    told_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    taken_at: Mapped[datetime | None]
