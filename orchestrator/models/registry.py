"""Tables of targets: MCP servers, custom agents, users' Spaces, and what was observed of each."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.core.routing import Health
from orchestrator.models.base import Base, Identified, Stamped


class McpServer(Identified, Stamped, Base):
    """A registry entry. Without an owner it is everybody's. ``tools`` are the definitions as last seen."""

    __tablename__ = "mcp_servers"
    __table_args__ = (
        Index(
            "uq_mcp_servers_owner_name",
            text("coalesce(owner_id, '00000000-0000-0000-0000-000000000000')"),
            "name",
            unique=True,
        ),
    )

    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="", server_default="")
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    project_id: Mapped[UUID | None] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    transport: Mapped[str]
    command: Mapped[str | None]
    args: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    url: Mapped[str | None]
    secrets_encrypted: Mapped[str | None]
    """JSON of {"env": {...}, "headers": {...}, "client_secret": …}, encrypted."""
    user_env: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    user_headers: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    """Names whose values each user sets for themselves."""
    oauth: Mapped[dict[str, Any] | None]
    """{"mode": "shared" | "per_user", "scopes", "client_id", "issuer"}, where it is reached with OAuth."""
    capabilities: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    task_types: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    tools: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    enabled: Mapped[bool] = mapped_column(default=True, server_default="true")
    can_run_on_user_space: Mapped[bool] = mapped_column(default=False, server_default="false")
    result_pointer_preferred: Mapped[bool] = mapped_column(default=False, server_default="false")
    fallback_to_oracle: Mapped[bool] = mapped_column(default=True, server_default="true")
    timeout_seconds: Mapped[float] = mapped_column(default=60.0, server_default="60")
    max_concurrency: Mapped[int] = mapped_column(default=32, server_default="32")
    priority: Mapped[int] = mapped_column(default=0, server_default="0")
    sandbox: Mapped[str] = mapped_column(default="preferred", server_default="preferred")
    network: Mapped[str] = mapped_column(default="none", server_default="none")
    folders: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    limits: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    origin: Mapped[dict[str, Any] | None]
    """What the server.json said that it was imported from, without any value."""
    health: Mapped[Health] = mapped_column(default=Health.UNKNOWN, server_default=Health.UNKNOWN.value)
    health_error: Mapped[str | None]
    latency_ms: Mapped[float | None]
    protocol_version: Mapped[str | None]
    server_info: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    probed_at: Mapped[datetime | None]
    pinned_at: Mapped[datetime | None]
    """When its tools were pinned for the first time; before, whatever it shows counts as approved."""


class McpToolPin(Base):
    """What was decided of one tool of an MCP server: the definition that is approved, the one that was rejected."""

    __tablename__ = "mcp_tool_pins"

    server_id: Mapped[UUID] = mapped_column(ForeignKey("mcp_servers.id", ondelete="CASCADE"), primary_key=True)
    tool: Mapped[str] = mapped_column(primary_key=True)
    hash: Mapped[str | None]
    definition: Mapped[dict[str, Any] | None]
    rejected_hash: Mapped[str | None]
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    decided_at: Mapped[datetime] = mapped_column(server_default=func.now())


class McpShownTools(Identified, Stamped, Base):
    """Tools that a server shows only to clients that can be asked, by what these declared; nobody's: null user."""

    __tablename__ = "mcp_shown_tools"
    __table_args__ = (
        Index(
            "uq_mcp_shown_tools_session",
            "server_id",
            text("coalesce(user_id, '00000000-0000-0000-0000-000000000000')"),
            "capabilities",
            unique=True,
        ),
    )

    server_id: Mapped[UUID] = mapped_column(ForeignKey("mcp_servers.id", ondelete="CASCADE"))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    capabilities: Mapped[str]
    tools: Mapped[list[Any]]


class McpEndpoint(Identified, Stamped, Base):
    """A face of the MCP gateway under ``/mcp/{name}``: a project's, a user's, or everybody's where both are missing."""

    __tablename__ = "mcp_endpoints"

    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str] = mapped_column(default="", server_default="")
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    project_id: Mapped[UUID | None] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    servers: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    prefix: Mapped[bool] = mapped_column(default=True, server_default="true")
    own_tools: Mapped[bool] = mapped_column(default=False, server_default="false")
    read_only: Mapped[bool] = mapped_column(default=False, server_default="false")
    search: Mapped[bool] = mapped_column(default=False, server_default="false")
    listed: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    tools: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    renames: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    annotations: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")


class CustomAgent(Identified, Stamped, Base):
    """An agent a user made from a template or from scratch. Built-in agents live in code."""

    __tablename__ = "custom_agents"

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    project_id: Mapped[UUID | None] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="", server_default="")
    kind: Mapped[str]
    template: Mapped[str | None]
    config: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    capabilities: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    enabled: Mapped[bool] = mapped_column(default=True, server_default="true")


class UserSpace(Identified, Stamped, Base):
    """A user's own Hugging Face Space that may carry heavy work, with the user's consent."""

    __tablename__ = "user_spaces"
    __table_args__ = (UniqueConstraint("user_id", "space_id"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    space_id: Mapped[str]
    url: Mapped[str]
    tools: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    capabilities: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    consented_at: Mapped[datetime | None]
    health: Mapped[Health] = mapped_column(default=Health.UNKNOWN, server_default=Health.UNKNOWN.value)


class TargetEstimate(Base):
    """What routing learned of a target for one kind of work: weighted attempts for it and against it."""

    __tablename__ = "target_estimates"

    target_id: Mapped[str] = mapped_column(primary_key=True)
    capability: Mapped[str] = mapped_column(primary_key=True)
    good: Mapped[float]
    bad: Mapped[float]
    counted_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class TargetStats(Base):
    """What the monitor last counted per target: attempts that ended well and ended badly."""

    __tablename__ = "target_stats"

    target_id: Mapped[str] = mapped_column(primary_key=True)
    succeeded: Mapped[int] = mapped_column(default=0, server_default="0")
    failed: Mapped[int] = mapped_column(default=0, server_default="0")
    counted_at: Mapped[datetime | None]
