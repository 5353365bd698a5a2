"""Tables of credentials towards MCP servers: values users set for themselves, OAuth connections, and OAuth clients.

Used by the services of the registry. Everything secret is sealed (``*_encrypted``); a row without a user is shared by
all who may use the server.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.core.routing import Health
from orchestrator.models.base import Base, Identified, Stamped


class McpCredential(Identified, Stamped, Base):
    """What one user has at one server: values of their own, and what a session with these was last seen to offer."""

    __tablename__ = "mcp_credentials"
    __table_args__ = (UniqueConstraint("user_id", "server_id"),)

    server_id: Mapped[UUID] = mapped_column(ForeignKey("mcp_servers.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    secrets_encrypted: Mapped[str | None]
    """JSON of {"env": {...}, "headers": {...}}, encrypted."""
    tools: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    health: Mapped[Health] = mapped_column(default=Health.UNKNOWN, server_default=Health.UNKNOWN.value)
    health_error: Mapped[str | None]
    latency_ms: Mapped[float | None]
    protocol_version: Mapped[str | None]
    server_info: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    probed_at: Mapped[datetime | None]


class McpConnection(Identified, Stamped, Base):
    """Tokens that an authorization server gave for one server: a user's, or shared. Bound to the issuer."""

    __tablename__ = "mcp_connections"
    __table_args__ = (
        Index(
            "uq_mcp_connections_server_user",
            "server_id",
            text("coalesce(user_id, '00000000-0000-0000-0000-000000000000')"),
            unique=True,
        ),
    )

    server_id: Mapped[UUID] = mapped_column(ForeignKey("mcp_servers.id", ondelete="CASCADE"))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    issuer: Mapped[str]
    resource: Mapped[str]
    client_id: Mapped[str]
    auth_method: Mapped[str]
    token_endpoint: Mapped[str]
    revocation_endpoint: Mapped[str | None]
    secrets_encrypted: Mapped[str | None]
    """JSON of {"access_token", "refresh_token", "client_secret"}, encrypted; null once a log-in is needed."""
    scopes: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    wanted: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    """Scopes the server asked for beyond these."""
    expires_at: Mapped[datetime | None]
    generation: Mapped[int] = mapped_column(default=0, server_default="0")
    """Grows with every token; whoever renews names the one they saw."""
    claim: Mapped[UUID | None]
    claimed_until: Mapped[datetime | None]
    """Who is renewing right now, and until when that is believed."""


class UpstreamClient(Identified, Stamped, Base):
    """What we are at an authorization server that registered us by itself; nobody else is ever shown it."""

    __tablename__ = "upstream_clients"
    __table_args__ = (UniqueConstraint("issuer", "redirect_uri"),)

    issuer: Mapped[str]
    redirect_uri: Mapped[str]
    client_id: Mapped[str]
    auth_method: Mapped[str]
    client_secret_encrypted: Mapped[str | None]
    expires_at: Mapped[datetime | None]
