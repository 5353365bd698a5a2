"""The table of work that was stopped in the middle: what was done, and how an agent may go on with it.

Written by ``services.parking`` while the attempt holds its lease. One row for each task: the latest stop.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.models.base import Base


class ParkedWork(Base):
    """What an attempt had done when its quota or a budget stopped it."""

    __tablename__ = "parked_work"

    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)
    generation: Mapped[int]
    target_id: Mapped[str]
    why: Mapped[str]
    base_commit: Mapped[str | None]
    commit: Mapped[str | None]
    diff: Mapped[str] = mapped_column(default="", server_default="")
    conversation: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
