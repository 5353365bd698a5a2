"""Tables of what stands between agents and people: rules, questions with their answers, and words to a running agent.

Used by ``services.agent_rules`` and ``services.agent_questions``, and by the task writer, which stores the question of
a task that rests together with the step that lets it rest. A question goes with its task.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.core.ids import new_id
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


ABOUT_BUDGET, ABOUT_CHOICE = "budget", "choice"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person is asked while a task rests. ``about``: ``budget``, or ``choice:`` and the step of a team."""

    about: str
    question: str
    choices: Sequence[dict[str, str]]
    default: str
    deadline: datetime
    agent: str


class AgentQuestion(Identified, Base):
    """What an agent wants to know of a person. ``outcome`` says how it ended: answered, deadline or gone.

    ``about`` is empty where the agent runs and waits; else the task rests, and it says for what.
    """

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
    about: Mapped[str] = mapped_column(default="", server_default="")
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


_Q = AgentQuestion.__table__


async def put_questions(connection: AsyncConnection, asked: Sequence[tuple[UUID, int, Asked]]) -> None:
    """Store what is asked of people by tasks that rest from now on; earlier questions of theirs are gone."""
    tasks = [task_id for task_id, _, _ in asked]
    gone = update(AgentQuestion).where(_Q.c.task_id.in_(tasks), _Q.c.outcome.is_(None)).values(outcome="gone")
    await connection.execute(gone)
    rows = [
        {
            "id": new_id(), "task_id": task_id, "generation": generation, "question": one.question,
            "choices": list(one.choices), "agent": one.agent, "about": one.about, "default_choice": one.default,
            "deadline": one.deadline,
        }
        for task_id, generation, one in asked
    ]  # fmt: skip
    await connection.execute(insert(AgentQuestion), rows)


async def close_resting(
    connection: AsyncConnection, task_id: UUID, outcome: str, answer: str | None, by: UUID | None
) -> None:
    """How the question of a task that rests ended; quiet where it asked none."""
    values = {"outcome": outcome, "answer": answer, "answered_by": by, "answered_at": func.clock_timestamp()}
    of_it = (_Q.c.task_id == task_id, _Q.c.about != "", _Q.c.outcome.is_(None))
    await connection.execute(update(AgentQuestion).where(*of_it).values(**values))
