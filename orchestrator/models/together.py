"""Tables of what agents share who work together: notes with a list of things to do, claims on code, teams at work.

Used by ``services.notes``, ``services.claims`` and ``services.team_parts``. Notes stay; claims count only while the
attempt that made them runs.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.models.base import Base, Identified, Stamped


class NoteState(StrEnum):
    """A plain note, or where a thing to do stands."""

    NOTE = "note"
    TODO = "todo"
    DOING = "doing"
    DONE = "done"


class ProjectNote(Identified, Stamped, Base):
    """What somebody wrote for all who work on the project; ``task_id`` and ``agent`` when it was an agent."""

    __tablename__ = "project_notes"
    __table_args__ = (Index("ix_project_notes_project_id_id", "project_id", "id"),)

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    topic: Mapped[str] = mapped_column(default="", server_default="")
    text: Mapped[str]
    state: Mapped[NoteState]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    task_id: Mapped[UUID | None] = mapped_column(index=True)
    agent: Mapped[str | None]
    taken_by: Mapped[UUID | None]
    """The task whose agent is at it, where it is an agent."""


class Claim(Identified, Base):
    """Code that the agent of an attempt keeps for itself: a symbol by its full name, or a file or folder."""

    __tablename__ = "claims"
    __table_args__ = (Index("uq_claims_task_id_generation_name", "task_id", "generation", "name", unique=True),)

    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))
    generation: Mapped[int]
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    path: Mapped[str | None]
    """Where the symbol stands; None: ``name`` is a path itself."""
    claimed_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class TeamRun(Base):
    """A team as it was when its task began, and the commit from which it works."""

    __tablename__ = "team_runs"

    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)
    document: Mapped[dict[str, Any]]
    base_commit: Mapped[str | None]
