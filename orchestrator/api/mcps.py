"""The MCP doors over REST: the registry, health and probes. Calling is in ``mcp_execute`` and ``mcp_contents``."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from orchestrator.api.dependencies import ContainerDep, Limit, Offset, require
from orchestrator.api.mcp_models import (
    CapabilityOut,
    HealthList,
    HealthRow,
    ProbeOut,
    ServerCapabilities,
    ServerChange,
    ServerIn,
    ServerOut,
    ServerPage,
    ToolOut,
)
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.capabilities import parse_capability
from orchestrator.mcp.pins import sort_tools
from orchestrator.services.first_probes import WAIT_SECONDS
from orchestrator.services.server_entry import ServerEntry

router = APIRouter(tags=["mcps"])

Reader = Annotated[Caller, require(Scope.MCPS_READ)]
Writer = Annotated[Caller, require(Scope.MCPS_WRITE)]
Executor = Annotated[Caller, require(Scope.MCPS_EXECUTE)]
WaitSeconds = Annotated[
    float, Query(ge=0, le=60, description="How long to wait for the first probe; it goes on where it takes longer.")
]


async def _out(container: Container, caller: Caller, entry: ServerEntry) -> ServerOut:
    return await out(container, caller, await _shown(container, caller, entry))


async def out(container: Container, caller: Caller, entry: ServerEntry) -> ServerOut:
    """An entry as the doors show it."""
    registry = container.registry
    sandboxing = await registry.sandboxing(entry)
    return ServerOut.of(entry, registry.secret_names(entry), sandboxing, registry.status(entry, caller.user_id))


async def _shown(container: Container, caller: Caller, entry: ServerEntry) -> ServerEntry:
    """The entry without the tools that no list shows this caller; whoever writes the rules sees them all."""
    if caller.is_admin:
        return entry
    tools = await container.gate.shown(caller, entry)
    if tools is entry.tools:
        return entry
    hidden = {tool.name for tool in entry.tools} - {tool.name for tool in tools}
    seen = tuple(tool for tool in entry.seen if tool.name not in hidden)
    return replace(entry, tools=tuple(tools), seen=seen)


@router.get("/mcps", summary="List MCP servers")
@router.get("/mcps/list", summary="List MCP servers (the seed's path)", operation_id="list_mcps_seed")
async def list_servers(caller: Reader, container: ContainerDep, limit: Limit = 50, offset: Offset = 0) -> ServerPage:
    """The servers the caller may use: built-in, everybody's and their own."""
    entries = await container.registry.visible(caller.user_id)
    page = [await _out(container, caller, entry) for entry in entries[offset : offset + limit]]
    return ServerPage(items=page, total=len(entries), limit=limit, offset=offset)


@router.post("/mcps", status_code=201, summary="Register an MCP server")
async def create_server(
    body: ServerIn, caller: Writer, container: ContainerDep, wait_seconds: WaitSeconds = WAIT_SECONDS
) -> ServerOut:
    """Register a server and probe it. One that is not ready in time is there all the same: `status` says `starting`,
    `health` is `unknown` until its probe ends. stdio servers are programs on this machine: for admins of the service.
    """
    entry = await container.registry.create(caller, body.values(), shared=body.shared)
    await container.first_probes.look([entry], caller.user_id, seconds=wait_seconds)
    return await _out(container, caller, await container.registry.find(entry.id, caller.user_id))


@router.get("/mcps/health", summary="Health of all servers")
async def servers_health(caller: Reader, container: ContainerDep) -> HealthList:
    """What the last probe said of each server; probes run every 30 s."""
    entries = await container.registry.visible(caller.user_id)
    rows = [
        HealthRow(id=e.id, name=e.name, status=container.registry.status(e, caller.user_id), health=e.health,
                  latency_ms=e.latency_ms, error=e.health_error, probed_at=e.probed_at)
        for e in entries
    ]  # fmt: skip
    return HealthList(items=rows, healthy=sum(row.health == "healthy" for row in rows), total=len(rows))


@router.get("/mcps/{server_id}", summary="Read an entry")
async def get_server(server_id: UUID, caller: Reader, container: ContainerDep) -> ServerOut:
    """One registry entry."""
    return await _out(container, caller, await container.registry.get(caller, server_id))


@router.patch("/mcps/{server_id}", summary="Change an entry")
async def change_server(server_id: UUID, body: ServerChange, caller: Writer, container: ContainerDep) -> ServerOut:
    """Change what is given; its session is replaced."""
    values = {name: value for name, value in body.model_dump(exclude_unset=True).items() if name != "name" or value}
    entry = await container.registry.change(caller, server_id, values)
    container.targets.refresh()
    return await _out(container, caller, entry)


@router.delete("/mcps/{server_id}", status_code=204, summary="Delete an entry")
async def delete_server(server_id: UUID, caller: Writer, container: ContainerDep) -> None:
    """Delete it and close its session."""
    await container.registry.remove(caller, server_id)
    container.targets.refresh()


@router.get("/mcps/{server_id}/capabilities", summary="Capabilities and tools")
async def server_capabilities(server_id: UUID, caller: Reader, container: ContainerDep) -> ServerCapabilities:
    """What the server can do: declared and derived capabilities, and its tools with their schemas."""
    whole = await container.registry.get(caller, server_id)
    entry = await _shown(container, caller, whole)
    declared = {parse_capability(raw).name for raw in entry.declared}
    apart = await container.tool_trust.apart(whole)
    tools = [*entry.tools, *await container.gate.shown(caller, whole, tuple(tool for tool, _ in apart.values()))]
    effects = {tool.name: await container.policy.decide(caller, whole, tool.name, caller.project_id) for tool in tools}
    return ServerCapabilities(
        id=entry.id,
        capabilities=[
            CapabilityOut(name=c.name, version=c.version, parameters=dict(c.parameters), declared=c.name in declared)
            for c in entry.capabilities
        ],
        tools=[
            ToolOut(
                name=tool.name,
                title=tool.title,
                description=tool.description,
                input_schema=dict(tool.input_schema),
                output_schema=dict(tool.output_schema) if tool.output_schema else None,
                annotations=dict(tool.annotations) if tool.annotations else None,
                policy=effects[tool.name].effect,
                shown_to=apart[tool.name][1] if tool.name in apart else None,
            )
            for tool in tools
        ],
    )


@router.post("/mcps/{server_id}/probe", summary="Probe a server now")
async def probe_server(server_id: UUID, caller: Executor, container: ContainerDep) -> ProbeOut:
    """Ask the server how it is; shows era, tools and latency, and stores them."""
    entry = await container.registry.get(caller, server_id)
    probe = await container.registry.probe(entry, caller.user_id)
    container.targets.refresh()
    pins = (await container.registry.get(caller, server_id)).pins
    held = sort_tools(probe.tools, pins).held if pins is not None else ()
    return ProbeOut(
        healthy=probe.healthy,
        latency_ms=probe.latency_ms,
        era=probe.era,
        protocol_version=probe.protocol_version,
        server_name=probe.server_name,
        server_version=probe.server_version,
        tools=[tool.name for tool in await container.gate.shown(caller, entry, probe.tools)],
        quarantined=[tool.name for tool in held],
        error=probe.error,
    )
