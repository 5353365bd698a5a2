"""A registry entry as services see it: a frozen value made from a table row or from a built-in server.

Used by the MCP registry, the tool executor, the doors and routing. Secrets stay encrypted in it; only their names show.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

from orchestrator.core.capabilities import Capability, parse_capability
from orchestrator.core.routing import Health, Target, TargetType
from orchestrator.mcp.builtin import BuiltinServer
from orchestrator.mcp.capabilities import derive_capabilities
from orchestrator.mcp.pins import sort_tools
from orchestrator.mcp.result import ToolInfo

_BUILTIN_SPACE = UUID("6f2d9a52-5b0c-4c7e-9d0e-3f0f6f1f2a10")


def builtin_id(name: str) -> UUID:
    """The fixed id of a built-in server."""
    return uuid5(_BUILTIN_SPACE, name)


@dataclass(frozen=True, slots=True)
class ServerEntry:
    """One MCP server in the registry. ``tools`` are the approved ones of those it was last ``seen`` to have."""

    id: UUID
    name: str
    transport: str
    description: str = ""
    owner_id: UUID | None = None
    project_id: UUID | None = None
    command: str | None = None
    args: tuple[str, ...] = ()
    url: str | None = None
    secrets_encrypted: str | None = field(default=None, repr=False)
    user_env: tuple[str, ...] = ()
    user_headers: tuple[str, ...] = ()
    oauth: Mapping[str, Any] | None = None
    viewer: UUID | None = None
    own_encrypted: str | None = field(default=None, repr=False)
    """The values that the viewer set for themselves."""
    declared: tuple[Any, ...] = ()
    task_types: frozenset[str] = frozenset()
    tools: tuple[ToolInfo, ...] = ()
    seen: tuple[ToolInfo, ...] = ()
    pins: Mapping[str, str] | None = None
    """Approved hashes by tool; None while nothing was ever seen of it, and for our own servers."""
    apart: tuple[tuple[UUID | None, str, ToolInfo], ...] = ()
    """Tools shown only to clients that can be asked: to whose session, what its client had declared, and the tool."""
    enabled: bool = True
    can_run_on_user_space: bool = False
    result_pointer_preferred: bool = False
    fallback_to_oracle: bool = True
    timeout_seconds: float = 60.0
    max_concurrency: int = 32
    priority: int = 0
    sandbox: str = "preferred"
    network: str = "none"
    folders: tuple[Mapping[str, Any], ...] = ()
    limits: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, Any] | None = None
    """What the ``server.json`` said that it was imported from."""
    health: Health = Health.UNKNOWN
    health_error: str | None = None
    latency_ms: float | None = field(default=None, compare=False)
    protocol_version: str | None = None
    server_info: Mapping[str, Any] = field(default_factory=dict)
    probed_at: Any = field(default=None, compare=False)
    """Like the latency, new at every probe: the entry is the same one without."""

    @property
    def target_id(self) -> str:
        """The id routing knows it by."""
        return f"mcp:{self.id}"

    @property
    def personal(self) -> bool:
        """Whether each user reaches it with credentials of their own, in a session of their own."""
        return bool(self.user_env or self.user_headers or (self.oauth or {}).get("mode") == "per_user")

    def credential(self, user_id: UUID | None) -> str:
        """Whose credentials a user's calls go with, as the pool knows it; empty: those of all who may use it."""
        return str(user_id or "") if self.personal else ""

    @property
    def reads_project(self) -> bool:
        """Whether its tools work on a project's files or graph, so that a call has to name one."""
        return self.transport == "builtin" and self.name != "diagnostics"

    @property
    def capabilities(self) -> tuple[Capability, ...]:
        """Declared ones as declared; the tools' own where nothing is declared; tool names always count."""
        declared = [parse_capability(raw) for raw in self.declared]
        known = {capability.name for capability in declared}
        derived = derive_capabilities(self.tools) if not declared else sorted(tool.name for tool in self.tools)
        return (*declared, *(Capability(name) for name in derived if name not in known))

    def target(self, stats: Mapping[str, Any] | None = None) -> Target:
        """This entry as routing sees it."""
        stats = stats or {}
        return Target(
            id=self.target_id,
            name=self.name,
            type=TargetType.ORACLE,
            capabilities=self.capabilities,
            task_types=self.task_types,
            enabled=self.enabled,
            owner_id=str(self.owner_id) if self.owner_id else None,
            project_id=str(self.project_id) if self.project_id else None,
            can_run_on_user_space=self.can_run_on_user_space,
            fallback_to_oracle=self.fallback_to_oracle,
            health=self.health,
            running=int(stats.get("running", 0)),
            max_concurrency=self.max_concurrency,
            succeeded=int(stats.get("succeeded", 0)),
            failed=int(stats.get("failed", 0)),
            priority=self.priority,
        )


def entry_of_builtin(server: BuiltinServer) -> ServerEntry:
    """The entry of a server that runs in this process: always there, always healthy."""
    return ServerEntry(
        id=builtin_id(server.name),
        name=server.name,
        transport="builtin",
        description=f"Built in: {', '.join(tool.name for tool in server.tools)}.",
        declared=tuple(sorted(server.capabilities)),
        tools=server.tools,
        max_concurrency=100_000,
        health=Health.HEALTHY,
    )


def entry_of_row(
    row: Mapping[str, Any],
    hashes: Mapping[str, str],
    before: ServerEntry | None = None,
    apart: tuple[tuple[UUID | None, str, ToolInfo], ...] = (),
) -> ServerEntry:
    """The entry of a table row and its approved hashes; what is as ``before`` is kept, with all computed of it."""
    same = (
        "id", "name", "transport", "description", "owner_id", "project_id", "command", "url", "secrets_encrypted",
        "enabled", "can_run_on_user_space", "result_pointer_preferred", "fallback_to_oracle", "timeout_seconds",
        "max_concurrency", "priority", "health_error", "latency_ms", "protocol_version", "server_info", "probed_at",
        "oauth", "sandbox", "network", "limits", "origin",
    )  # fmt: skip
    seen = tuple(ToolInfo.from_wire(tool) for tool in row["tools"])
    if before is not None and before.seen == seen:
        seen = before.seen
    pins = None if row["pinned_at"] is None else hashes
    return ServerEntry(
        **{name: row[name] for name in same},
        args=tuple(row["args"]),
        user_env=tuple(row["user_env"]),
        user_headers=tuple(row["user_headers"]),
        folders=tuple(row["folders"]),
        declared=tuple(row["capabilities"]),
        task_types=frozenset(row["task_types"]),
        tools=seen if pins is None else sort_tools(seen, pins).trusted,
        seen=seen,
        pins=pins,
        apart=apart,
        health=Health(row["health"]),
    )
