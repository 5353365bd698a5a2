"""Tables of projects: the repository, its members with roles, and the graphs built of it."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.models.base import Base, Identified, Stamped


class Role(StrEnum):
    """What a member may do: a viewer reads, a member runs tasks, an admin changes the project."""

    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"


class RepositoryState(StrEnum):
    """Whether the project's mirror is there."""

    PENDING = "pending"
    SYNCING = "syncing"
    READY = "ready"
    FAILED = "failed"


class Project(Identified, Stamped, Base):
    """One repository with its members, tasks, agents and graph. Exactly one of the three sources is set."""

    __tablename__ = "projects"

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="", server_default="")
    repository_url: Mapped[str | None]
    local_path: Mapped[str | None]
    template: Mapped[str | None]
    default_branch: Mapped[str | None]
    head_commit: Mapped[str | None]
    repository_state: Mapped[RepositoryState] = mapped_column(
        default=RepositoryState.PENDING, server_default=RepositoryState.PENDING.value
    )
    repository_error: Mapped[str | None]
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    synced_at: Mapped[datetime | None]


class Membership(Stamped, Base):
    """A user's role on a project."""

    __tablename__ = "memberships"
    __table_args__ = (Index("ix_memberships_user_id", "user_id"),)

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[Role]


class Graph(Identified, Stamped, Base):
    """A project's knowledge graph. One per project; ``task_id`` is the build that made the present one."""

    __tablename__ = "graphs"

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), unique=True)
    task_id: Mapped[UUID | None]
    commit: Mapped[str | None]
    triples: Mapped[int | None]
    report: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    built_at: Mapped[datetime | None]
