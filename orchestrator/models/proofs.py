"""Tables of what attempts brought and how it was checked: changes of code, and a proof for each acceptance criterion.

Written while the attempt, or the merge, that they belong to holds its lease; ``services.proofs`` sees to that. Kept as
long as their task.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, func
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.models.base import Base, Identified


class ChangeRow(Base):
    """The code an attempt changed: a branch from a base commit. There is one only where something changed."""

    __tablename__ = "changes"

    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)
    generation: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    base_commit: Mapped[str]
    branch: Mapped[str]
    commit: Mapped[str]
    files: Mapped[int]
    added: Mapped[int]
    removed: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class ProofRow(Identified, Base):
    """How one criterion came out for one attempt, or for its merge (``merge_id``)."""

    __tablename__ = "proofs"
    __table_args__ = (Index("ix_proofs_task_id_generation", "task_id", "generation"),)

    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))
    generation: Mapped[int]
    merge_id: Mapped[UUID | None]
    number: Mapped[int]
    name: Mapped[str]
    kind: Mapped[str]
    verdict: Mapped[str]
    why: Mapped[str]
    exit_code: Mapped[int | None]
    output: Mapped[str]
    output_pointer: Mapped[dict[str, Any] | None]
    seconds: Mapped[float]
    commit: Mapped[str]
    enclosed: Mapped[bool | None]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
