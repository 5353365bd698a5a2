"""Tables of people: users, their outside identities, refresh tokens and personal API tokens.

Used by the account services. Passwords are argon2 hashes, tokens are SHA-256 hashes,
outside access tokens come here encrypted.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.models.base import Base, Identified, Stamped


class User(Identified, Stamped, Base):
    """A person. ``is_admin`` administers the service (global MCP servers), not other people's projects."""

    __tablename__ = "users"
    __table_args__ = (Index("uq_users_email_lower", text("lower(email)"), unique=True),)

    email: Mapped[str]
    email_verified: Mapped[bool] = mapped_column(default=False, server_default="false")
    display_name: Mapped[str] = mapped_column(default="", server_default="")
    avatar_url: Mapped[str | None]
    password_hash: Mapped[str | None]
    is_admin: Mapped[bool] = mapped_column(default=False, server_default="false")
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    disabled_at: Mapped[datetime | None]


class Identity(Identified, Stamped, Base):
    """An account elsewhere (github, huggingface) that belongs to a user."""

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("provider", "subject"), UniqueConstraint("user_id", "provider"))

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    provider: Mapped[str]
    subject: Mapped[str]
    login: Mapped[str] = mapped_column(default="", server_default="")
    email: Mapped[str | None]
    access_token_encrypted: Mapped[str | None]
    refresh_token_encrypted: Mapped[str | None]
    expires_at: Mapped[datetime | None]
    scopes: Mapped[list[str]] = mapped_column(default=list, server_default="[]")


class RefreshToken(Identified, Base):
    """What keeps a log-in alive. A family is one log-in.

    Of kind ``refresh``: one link of a rotating chain, and reuse of a rotated link revokes the family. Of kind
    ``session``: the value of the console's cookie, the only one of its family. Of kind ``application``: a chain of a
    program that the user connected; its family is the grant.
    """

    __tablename__ = "refresh_tokens"

    kind: Mapped[str] = mapped_column(default="refresh", server_default="refresh")
    family_id: Mapped[UUID] = mapped_column(index=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    user_agent: Mapped[str] = mapped_column(default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    rotated_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class ApiToken(Identified, Base):
    """A personal access token for API, CLI and MCP clients. ``project_id`` narrows it to one project.

    ``task_id``: it is lent to the agent of this task, for the MCP endpoint only.
    """

    __tablename__ = "api_tokens"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    prefix: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    project_id: Mapped[UUID | None] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    task_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
