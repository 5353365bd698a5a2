"""The MCP doors over REST: the registry, health, probes, and a tool call made here and now."""

import time
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request

from orchestrator.api.dependencies import ContainerDep, Limit, Offset, require
from orchestrator.api.mcp_models import (
    CapabilityOut,
    ExecuteIn,
    ExecuteOut,
    HealthList,
    HealthRow,
    ProbeOut,
    ServerCapabilities,
    ServerChange,
    ServerIn,
    ServerOut,
    ServerPage,
    StatsList,
    StatsRow,
    ToolOut,
)
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.capabilities import parse_capability
from orchestrator.mcp.pins import sort_tools
from orchestrator.services.call_gate import Door, ToolCall
from orchestrator.services.server_entry import ServerEntry

router = APIRouter(tags=["mcps"])

Reader = Annotated[Caller, require(Scope.MCPS_READ)]
Writer = Annotated[Caller, require(Scope.MCPS_WRITE)]
Executor = Annotated[Caller, require(Scope.MCPS_EXECUTE)]


def _out(container: Container, entry: ServerEntry) -> ServerOut:
    return ServerOut.of(entry, container.registry.secret_names(entry))


@router.get("/mcps", summary="List MCP servers")
@router.get("/mcps/list", summary="List MCP servers (the seed's path)", operation_id="list_mcps_seed")
async def list_servers(caller: Reader, container: ContainerDep, limit: Limit = 50, offset: Offset = 0) -> ServerPage:
    """The servers the caller may use: built-in, everybody's and their own."""
    entries = await container.registry.visible(caller.user_id)
    page = [_out(container, entry) for entry in entries[offset : offset + limit]]
    return ServerPage(items=page, total=len(entries), limit=limit, offset=offset)


@router.post("/mcps", status_code=201, summary="Register an MCP server")
async def create_server(body: ServerIn, caller: Writer, container: ContainerDep) -> ServerOut:
    """Register a server and probe it. stdio servers are programs on this machine: for admins of the service."""
    entry = await container.registry.create(caller, body.values(), shared=body.shared)
    await container.registry.probe(entry)
    container.targets.refresh()
    return _out(container, await container.registry.find(entry.id))


@router.get("/mcps/health", summary="Health of all servers")
async def servers_health(caller: Reader, container: ContainerDep) -> HealthList:
    """What the last probe said of each server; probes run every 30 s."""
    entries = await container.registry.visible(caller.user_id)
    rows = [
        HealthRow(id=e.id, name=e.name, health=e.health, latency_ms=e.latency_ms, error=e.health_error,
                  probed_at=e.probed_at)
        for e in entries
    ]  # fmt: skip
    return HealthList(items=rows, healthy=sum(row.health == "healthy" for row in rows), total=len(rows))


@router.get("/mcps/stats", summary="Counts per server")
async def servers_stats(caller: Reader, container: ContainerDep) -> StatsList:
    """Attempts running now and ended in the last week, per server."""
    entries = await container.registry.visible(caller.user_id)
    stats = await container.targets.stats()
    rows = []
    for entry in entries:
        counted = stats.get(entry.target_id, {})
        numbers = {name: int(counted.get(name, 0)) for name in ("running", "succeeded", "failed")}
        rows.append(StatsRow(id=entry.id, name=entry.name, **numbers))
    return StatsList(items=rows)


@router.get("/mcps/{server_id}", summary="Read an entry")
async def get_server(server_id: UUID, caller: Reader, container: ContainerDep) -> ServerOut:
    """One registry entry."""
    return _out(container, await container.registry.get(caller, server_id))


@router.patch("/mcps/{server_id}", summary="Change an entry")
async def change_server(server_id: UUID, body: ServerChange, caller: Writer, container: ContainerDep) -> ServerOut:
    """Change what is given; its session is replaced."""
    values = {name: value for name, value in body.model_dump(exclude_unset=True).items() if name != "name" or value}
    entry = await container.registry.change(caller, server_id, values)
    container.targets.refresh()
    return _out(container, entry)


@router.delete("/mcps/{server_id}", status_code=204, summary="Delete an entry")
async def delete_server(server_id: UUID, caller: Writer, container: ContainerDep) -> None:
    """Delete it and close its session."""
    await container.registry.remove(caller, server_id)
    container.targets.refresh()


@router.get("/mcps/{server_id}/capabilities", summary="Capabilities and tools")
async def server_capabilities(server_id: UUID, caller: Reader, container: ContainerDep) -> ServerCapabilities:
    """What the server can do: declared and derived capabilities, and its tools with their schemas."""
    entry = await container.registry.get(caller, server_id)
    declared = {parse_capability(raw).name for raw in entry.declared}
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
            )
            for tool in entry.tools
        ],
    )


@router.post("/mcps/{server_id}/probe", summary="Probe a server now")
async def probe_server(server_id: UUID, caller: Executor, container: ContainerDep) -> ProbeOut:
    """Ask the server how it is; shows era, tools and latency, and stores them."""
    entry = await container.registry.get(caller, server_id)
    probe = await container.registry.probe(entry)
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
        tools=[tool.name for tool in probe.tools],
        quarantined=[tool.name for tool in held],
        error=probe.error,
    )


@router.post("/mcps/{server_id}/execute", summary="Call a tool")
async def execute_tool(
    server_id: UUID, body: ExecuteIn, caller: Executor, container: ContainerDep, request: Request
) -> ExecuteOut:
    """Call a tool over the pooled session and wait for its answer. A tool's own error is an answer with is_error."""
    entry = await container.registry.get(caller, server_id)
    call = ToolCall(
        caller, Door.REST, entry, body.tool, body.arguments, project_id=body.project_id,
        request_id=request.state.request_id,
    )  # fmt: skip
    started = time.perf_counter()
    result = await container.tool_calls.call(call, timeout=body.timeout_seconds)
    millis = round((time.perf_counter() - started) * 1000, 2)
    wire = result.to_wire()
    return ExecuteOut(
        is_error=result.is_error, content=wire["content"], structured_content=wire.get("structuredContent"), ms=millis
    )
