"""Shapes of the MCP doors. Values of environment variables and headers go in and never come out; their names do."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from orchestrator.core.errors import InvalidInput
from orchestrator.core.policy import Effect
from orchestrator.core.routing import Health
from orchestrator.services.server_entry import ServerEntry

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Tag = Annotated[str, Field(min_length=1, max_length=100)]


_TRANSPORTS = {
    "stdio": "stdio", "http": "streamable_http", "streamable-http": "streamable_http",
    "streamable_http": "streamable_http", "sse": "sse",
}  # fmt: skip
"""What an mcp.json calls a transport, and what we do."""


class CapabilityIn(BaseModel):
    """A declared capability."""

    model_config = ConfigDict(extra="forbid")

    name: Tag = Field(description="Its name.")
    version: str = Field("1", max_length=32, pattern=r"^[0-9.]+$", description="Its version.")
    parameters: dict[str, Any] = Field(default_factory=dict, max_length=32, description="Parameter values it offers.")


class OAuthIn(BaseModel):
    """How a server is reached with OAuth 2.1. Log in with ``POST /mcps/{id}/connect``."""

    model_config = ConfigDict(extra="forbid")

    mode: Literal["shared", "per_user"] = Field(
        description="per_user: everybody logs in for themselves; shared: who may change the entry logs in for all."
    )
    scopes: list[Tag] = Field(
        default_factory=list, max_length=64, description="Scopes to ask for; empty: those the server names."
    )
    client_id: str | None = Field(
        None,
        max_length=2048,
        description="A client registered by hand, or the https address of a document about us; empty: we introduce "
        "ourselves.",
    )
    client_secret: str | None = Field(None, max_length=4096, description="Its secret; stored encrypted.")
    issuer: str | None = Field(
        None,
        max_length=2048,
        description="The only authorization server to log in at; needed with a client_id that is no address.",
    )


class FolderShape(BaseModel):
    """A folder that a local server may see. A path alone is one to read."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _of_path(cls, given: Any) -> Any:
        return {"path": given} if isinstance(given, str) else given

    path: str = Field(
        min_length=1, max_length=4096, description="Absolute path without links, or `projects`: their repositories."
    )
    access: Literal["ro", "rw"] = Field("ro", description="Whether it may read (ro) or also write (rw).")


class LimitsShape(BaseModel):
    """What a local server may take; absent: as usual. Most hold for each of its processes."""

    model_config = ConfigDict(extra="forbid")

    memory_mib: int = Field(2048, ge=32, le=1_048_576, description="Memory of a process, in MiB.")
    processes: int = Field(256, ge=4, le=65_536, description="Processes and threads, all together.")
    open_files: int = Field(1024, ge=32, le=1_048_576, description="Open files of a process.")
    file_mib: int = Field(1024, ge=1, le=1_048_576, description="Size of a file it writes, in MiB.")
    scratch_mib: int = Field(256, ge=1, le=1_048_576, description="Its own /tmp, and its own home, in MiB each.")
    cpu_seconds: int | None = Field(None, ge=1, le=31_536_000, description="Processor time of a process.")


class _Settings(BaseModel):
    """What may be set and changed alike."""

    model_config = ConfigDict(extra="forbid")

    description: str = Field("", max_length=2000, description="What it is for.")
    command: str | None = Field(None, max_length=4096, description="stdio: the program.")
    args: list[Annotated[str, Field(max_length=4096)]] = Field(
        default_factory=list, max_length=256, description="stdio: its arguments."
    )
    env: dict[str, Annotated[str, Field(max_length=32_768)]] = Field(
        default_factory=dict, max_length=256, description="stdio: environment variables; stored encrypted."
    )
    url: str | None = Field(None, max_length=2048, description="streamable_http: the endpoint.")
    headers: dict[str, Annotated[str, Field(max_length=8192)]] = Field(
        default_factory=dict, max_length=64, description="streamable_http: headers; stored encrypted."
    )
    user_env: list[Tag] = Field(
        default_factory=list, max_length=64, description="stdio: names of variables that each user sets for themselves."
    )
    user_headers: list[Tag] = Field(
        default_factory=list, max_length=64, description="HTTP: names of headers that each user sets for themselves."
    )
    oauth: OAuthIn | None = Field(None, description="HTTP: log in with OAuth instead of setting a header.")
    sandbox: Literal["preferred", "required", "off"] | None = Field(
        None,
        description="stdio: without a sandbox where the kernel refuses (preferred), never, or always (off). "
        "Null: preferred, but off for docker and its like.",
    )
    network: Literal["none", "loopback", "full"] | None = Field(
        None,
        description="stdio, in a sandbox: no network, one of its own, or the machine's. "
        "Null: none, but full for programs that download what they run (npx, uvx).",
    )
    folders: list[FolderShape] = Field(
        default_factory=list,
        max_length=64,
        description="stdio, in a sandbox: folders it may see; a path alone is one to read.",
    )
    limits: LimitsShape = Field(default_factory=LimitsShape, description="stdio, in a sandbox: what it may take.")
    capabilities: list[Tag | CapabilityIn] = Field(
        default_factory=list,
        max_length=200,
        description="Declared capabilities; empty: those derived from its tools.",
    )
    task_types: list[Tag] = Field(
        default_factory=list, max_length=100, description="Only these task types; empty: any."
    )
    enabled: bool = Field(True, description="Whether tasks may go to it.")
    can_run_on_user_space: bool = Field(False, description="May run on a user's Space.")
    result_pointer_preferred: bool = Field(False, description="Prefers to return large results by pointer.")
    fallback_to_oracle: bool = Field(True, description="Takes heavy tasks where no Space does.")
    timeout_seconds: float = Field(60.0, gt=0, le=3600, description="Time limit of a call.")
    max_concurrency: int = Field(32, ge=1, le=1024, description="Calls at once.")
    priority: int = Field(0, ge=-100, le=100, description="Weight among equals.")


class ServerIn(_Settings):
    """An MCP server to register, in our words or in those of an `mcp.json`."""

    name: Name = Field(description="Its name; unique among yours.")
    transport: Literal["stdio", "streamable_http", "sse"] | None = Field(
        None, description="How it is reached; default: what `type` says, else stdio for a command and HTTP for a url."
    )
    type: Literal["stdio", "http", "streamable-http", "streamable_http", "sse"] | None = Field(
        None, description="The same in the words of an mcp.json."
    )
    shared: bool = Field(False, description="Register it for everybody; for admins of the service.")

    def values(self) -> dict[str, Any]:
        """What the registry takes, the transport told or inferred; InvalidInput names the field that contradicts."""
        given = self.model_dump(exclude={"shared", "type"})
        named = _TRANSPORTS.get(self.type or "")
        if self.transport and named and self.transport != named:
            raise InvalidInput(f"type {self.type} contradicts transport {self.transport}", field="type")
        inferred = "stdio" if self.command else "streamable_http" if self.url else None
        transport = self.transport or named or inferred
        if transport is None:
            raise InvalidInput("give a command (stdio) or a url (HTTP)", field="url")
        return given | {"transport": transport}


class ServerChange(_Settings):
    """What to change; absent fields stay."""

    name: Name | None = Field(None, description="Its name.")


class ToolOut(BaseModel):
    """A tool of a server, as the server describes it."""

    name: str = Field(description="Its name.")
    title: str | None = Field(None, description="Its name for people.")
    description: str | None = Field(None, description="What it does.")
    input_schema: dict[str, Any] = Field(description="JSON Schema of its arguments.")
    output_schema: dict[str, Any] | None = Field(None, description="JSON Schema of its structured result.")
    annotations: dict[str, Any] | None = Field(None, description="Hints: read-only, destructive, …")
    policy: Effect | None = Field(None, description="What the rules say of a call by you: allow, ask or deny.")
    shown_to: str | None = Field(
        None,
        description="Only clients that declare this are shown it by its server, so it stands in no list of tools and "
        "only they can call it, such as `elicitation.form`. Null: everybody is.",
    )


class CapabilityOut(BaseModel):
    """A capability a server offers."""

    name: str = Field(description="Its name.")
    version: str = Field(description="Its version.")
    parameters: dict[str, Any] = Field(description="Parameter values it offers.")
    declared: bool = Field(description="Whether the entry declares it; else it is derived from the tools.")


class OriginOut(BaseModel):
    """Where an entry was imported from, as the official registry knows it."""

    name: str | None = Field(description="Its full name there, such as `io.github.ada/notes`.")
    version: str | None = Field(description="The version that was imported.")


class ServerOut(BaseModel):
    """A registry entry."""

    id: UUID = Field(description="The server.")
    target_id: str = Field(description="Its id as a routing target.")
    name: str = Field(description="Its name.")
    description: str = Field(description="What it is for.")
    transport: str = Field(description="builtin, stdio, streamable_http or sse.")
    shared: bool = Field(description="Whether it is everybody's.")
    project_id: UUID | None = Field(description="The project it belongs to.")
    command: str | None = Field(description="stdio: the program.")
    args: list[str] = Field(description="stdio: its arguments.")
    url: str | None = Field(description="streamable_http: the endpoint.")
    env_names: list[str] = Field(description="Names of its environment variables; the values stay secret.")
    header_names: list[str] = Field(description="Names of its headers; the values stay secret.")
    user_env: list[str] = Field(description="Names of variables that each user sets for themselves.")
    user_headers: list[str] = Field(description="Names of headers that each user sets for themselves.")
    oauth: dict[str, Any] | None = Field(description="How it is reached with OAuth; a client's secret stays secret.")
    capabilities: list[str] = Field(description="What it can do.")
    task_types: list[str] = Field(description="Only these task types; empty: any.")
    tools: int = Field(description="How many tools of it can be used, as last seen.")
    quarantined: int = Field(description="How many more are held back until somebody approves their definitions.")
    enabled: bool = Field(description="Whether tasks may go to it.")
    can_run_on_user_space: bool = Field(description="May run on a user's Space.")
    result_pointer_preferred: bool = Field(description="Prefers to return large results by pointer.")
    fallback_to_oracle: bool = Field(description="Takes heavy tasks where no Space does.")
    timeout_seconds: float = Field(description="Time limit of a call.")
    max_concurrency: int = Field(description="Calls at once.")
    priority: int = Field(description="Weight among equals.")
    sandbox: str = Field(description="stdio: preferred, required or off.")
    network: str = Field(description="stdio: none, loopback or full.")
    folders: list[FolderShape] = Field(description="stdio: folders it may see.")
    limits: LimitsShape = Field(description="stdio: what it may take.")
    sandboxed: bool | None = Field(description="Whether it runs in a sandbox here; null: it is no local process.")
    sandbox_note: str | None = Field(description="Why it does not.")
    origin: OriginOut | None = Field(description="The `server.json` it was imported from; null: none.")
    status: str = Field(description="How its session stands in this process: idle, starting, ready or failed.")
    health: Health = Field(description="What the last probe said; unknown: none has ended yet.")
    health_error: str | None = Field(description="Why it is unhealthy.")
    latency_ms: float | None = Field(description="How long the last probe took.")
    protocol_version: str | None = Field(description="MCP revision it speaks.")
    server_info: dict[str, Any] = Field(description="Name and version it gives itself.")
    probed_at: datetime | None = Field(description="When it was last probed.")

    @classmethod
    def of(
        cls,
        entry: ServerEntry,
        secret_names: tuple[list[str], list[str]],
        sandboxing: tuple[bool | None, str | None],
        status: str,
    ) -> "ServerOut":
        """From a registry entry."""
        same = ("id", "target_id", "name", "description", "transport", "project_id", "command", "url", "enabled",
                "can_run_on_user_space", "result_pointer_preferred", "fallback_to_oracle", "timeout_seconds",
                "max_concurrency", "priority", "health", "health_error", "latency_ms", "protocol_version",
                "probed_at", "sandbox", "network")  # fmt: skip
        return cls(
            **{name: getattr(entry, name) for name in same},
            shared=entry.owner_id is None,
            status=status,
            folders=[FolderShape.model_validate(folder) for folder in entry.folders],
            limits=LimitsShape.model_validate(dict(entry.limits)),
            sandboxed=sandboxing[0],
            sandbox_note=sandboxing[1],
            args=list(entry.args),
            env_names=secret_names[0],
            header_names=secret_names[1],
            user_env=list(entry.user_env),
            user_headers=list(entry.user_headers),
            oauth=dict(entry.oauth) if entry.oauth else None,
            capabilities=[capability.name for capability in entry.capabilities],
            task_types=sorted(entry.task_types),
            tools=len(entry.tools),
            quarantined=len(entry.seen) - len(entry.tools) if entry.transport != "builtin" else 0,
            server_info=dict(entry.server_info),
            origin=_origin(entry),
        )


def _origin(entry: ServerEntry) -> OriginOut | None:
    told = entry.origin or {}
    known = {name: told.get(name) for name in OriginOut.model_fields}
    return OriginOut(**known) if any(known.values()) else None


class ServerPage(BaseModel):
    """A page of servers."""

    items: list[ServerOut] = Field(description="Built-in ones first, then by name.")
    total: int = Field(description="How many there are in all.")
    limit: int = Field(description="Page size asked for.")
    offset: int = Field(description="Items skipped.")


class ServerCapabilities(BaseModel):
    """What a server can do."""

    id: UUID = Field(description="The server.")
    capabilities: list[CapabilityOut] = Field(description="Declared and derived capabilities.")
    tools: list[ToolOut] = Field(description="Its tools.")


class HealthRow(BaseModel):
    """A server's health."""

    id: UUID = Field(description="The server.")
    name: str = Field(description="Its name.")
    status: str = Field(description="How its session stands in this process: idle, starting, ready or failed.")
    health: Health = Field(description="What the last probe said; unknown: none has ended yet.")
    latency_ms: float | None = Field(description="How long it took.")
    error: str | None = Field(description="Why it is unhealthy.")
    probed_at: datetime | None = Field(description="When it was last probed.")


class HealthList(BaseModel):
    """The health of every server the caller may use."""

    items: list[HealthRow] = Field(description="Built-in ones first, then by name.")
    healthy: int = Field(description="How many are healthy.")
    total: int = Field(description="How many there are.")


class ProbeOut(BaseModel):
    """What a probe found."""

    healthy: bool = Field(description="Whether it answered.")
    latency_ms: float | None = Field(description="How long it took.")
    era: str | None = Field(description="modern or legacy protocol.")
    protocol_version: str | None = Field(description="MCP revision.")
    server_name: str | None = Field(description="The name it gives itself.")
    server_version: str | None = Field(description="The version it gives itself.")
    tools: list[str] = Field(description="Names of its tools.")
    quarantined: list[str] = Field(description="Those of them that are held back until somebody approves them.")
    error: dict[str, Any] | None = Field(description="What went wrong.")


class CallStats(BaseModel):
    """What was counted of calls in a window."""

    calls: int = Field(0, description="Tool calls, refused ones included.")
    errors: int = Field(0, description="Those that ended with an error.")
    refused: int = Field(0, description="Those that were never made.")
    p50_ms: float | None = Field(None, description="Half of the calls took no longer, in milliseconds.")
    p95_ms: float | None = Field(None, description="95 of 100 took no longer.")
    p99_ms: float | None = Field(None, description="99 of 100 took no longer.")
    last_used: datetime | None = Field(None, description="When the last call began.")


class ToolStats(CallStats):
    """What was counted of one tool."""

    tool: str = Field(description="The tool.")


class OtherStats(BaseModel):
    """What was counted of tools that are not named."""

    calls: int = Field(0, description="Calls.")
    errors: int = Field(0, description="Those that failed.")
    refused: int = Field(0, description="Those that were refused.")


class StatsRow(CallStats):
    """What was counted of a server: attempts of tasks in the last week, and calls in the window."""

    id: UUID = Field(description="The server.")
    name: str = Field(description="Its name.")
    running: int = Field(description="Attempts running now.")
    succeeded: int = Field(description="Attempts that ended well.")
    failed: int = Field(description="Attempts that ended badly.")
    tools: list[ToolStats] = Field(default_factory=list, description="The same per tool that was called.")
    other_tools: OtherStats = Field(
        default_factory=lambda: OtherStats(),
        description="Calls of tools that `tools` does not name: held back, denied to you, or not there. With them the "
        "rows add up to the server's.",
    )


class StatsList(BaseModel):
    """Counts per server."""

    items: list[StatsRow] = Field(description="Servers the caller may use.")
    window: str = Field(description="Over how long calls were counted.")
