"""The orchestrator's own MCP tools: tasks, routes, graphs, projects and servers, as any MCP client may use them.

Used by the MCP door, which knows the protocol; here are only names, shapes and what each tool asks of the services. The
shapes are those of the REST doors, so that both say the same.
"""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from orchestrator.api.kg import QueryOut
from orchestrator.api.mcp_own_tool import Call, OwnTool
from orchestrator.api.mcp_search import CALL_TOOL, SEARCH_TOOLS
from orchestrator.api.projects import ProjectOut, ProjectPage
from orchestrator.api.task_models import RouteOut, TaskAccepted, TaskIn, TaskOut
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.events import EventKind
from orchestrator.core.routing import Health
from orchestrator.core.states import TERMINAL, TaskState
from orchestrator.mcp.builtin import Arguments
from orchestrator.mcp.result import ToolInfo
from orchestrator.services.mcp_endpoint import Endpoint
from orchestrator.services.server_entry import ServerEntry, builtin_id

_MOST_WAIT_SECONDS = 60.0
_RESTING = TERMINAL | {TaskState.AWAITING_CONSENT, TaskState.AWAITING_INPUT}
_GRAPH_TYPES = "application/sparql-results+json, text/turtle;q=0.9"


class CreateTask(TaskIn):
    """A task, and a key that keeps it from being made twice."""

    idempotency_key: str | None = Field(
        None, min_length=1, max_length=200, description="Same key, same task: safe to send again."
    )


class TaskNamed(Arguments):
    """Which task."""

    task_id: UUID = Field(description="The task.")


class WaitFor(TaskNamed):
    """Which task, and for how long."""

    seconds: float = Field(
        30.0, ge=0, le=_MOST_WAIT_SECONDS, description="Wait at most this long; ask again for longer tasks."
    )


class QueryGraph(Arguments):
    """A question to a project's graph."""

    project_id: UUID = Field(description="The project whose graph is asked (or the graph's own id).")
    query: str = Field(min_length=1, max_length=100_000, description="SPARQL: SELECT, ASK, CONSTRUCT or DESCRIBE.")


class ListProjects(Arguments):
    """A page."""

    limit: int = Field(50, ge=1, le=200, description="Most items to return.")
    offset: int = Field(0, ge=0, le=1_000_000, description="Items to skip.")


class ListServers(Arguments):
    """Nothing to say."""


class ServerStanding(BaseModel):
    """How an MCP server stands."""

    server: str = Field(description="The prefix of its tools' names.")
    server_id: UUID = Field(description="Its id in the registry.")
    status: str = Field(description="ready, starting or failed.")
    tools: int = Field(description="How many of its tools are listed.")
    quarantined: int = Field(0, description="How many are held back until their definitions are approved.")
    error: dict[str, Any] | None = Field(description="What is wrong with it.")
    note: str | None = Field(description="What to know of it, for example that it runs without a sandbox.")


class ServerStandings(BaseModel):
    """Every MCP server the caller may use."""

    items: list[ServerStanding] = Field(description="Built-in ones first.")


async def _create_task(call: Call, given: CreateTask) -> TaskAccepted:
    return TaskAccepted.of(await call.container.tasks.create(call.caller, given.as_request(given.idempotency_key)))


async def _preview_route(call: Call, given: TaskIn) -> RouteOut:
    route = await call.container.tasks.preview(call.caller, given.as_request())
    return RouteOut.model_validate(route.as_dict())


async def _get_task(call: Call, given: TaskNamed) -> TaskOut:
    return TaskOut.of(await call.container.tasks.get(call.caller, given.task_id))


async def _wait_task(call: Call, given: WaitFor) -> TaskOut:
    """Follow the task's events and tell them on, until it ends, asks something, or the time is over."""
    row = await call.container.tasks.get(call.caller, given.task_id)
    if row["state"] not in _RESTING:
        try:
            async with asyncio.timeout(given.seconds) as clock:
                await _follow(call, given.task_id, row["last_seq"])
        except TimeoutError:
            # The end of the wait is no error: the answer says where the task stands.
            if not clock.expired():
                raise
        row = await call.container.tasks.get(call.caller, given.task_id)
    return TaskOut.of(row)


async def _follow(call: Call, task_id: UUID, after: int) -> None:
    async for event in call.container.events.follow(task_id, after):
        if call.progress is not None:
            await call.progress(float(event.seq), None, str(event.kind))
        if event.kind == EventKind.WAITING:
            row = await call.container.tasks.get(call.caller, task_id)
            if row["state"] in _RESTING:
                return


async def _cancel_task(call: Call, given: TaskNamed) -> TaskOut:
    return TaskOut.of(await call.container.tasks.cancel(call.caller, given.task_id))


async def _query_graph(call: Call, given: QueryGraph) -> QueryOut:
    graphs = call.container.graphs
    answer = await graphs.query(call.caller, given.project_id, given.query, accept=_GRAPH_TYPES)
    return QueryOut.model_validate(graphs.as_table(answer))


async def _list_projects(call: Call, given: ListProjects) -> ProjectPage:
    rows, total = await call.container.projects.page(call.caller, limit=given.limit, offset=given.offset)
    return ProjectPage(items=[ProjectOut.of(row) for row in rows], total=total, limit=given.limit, offset=given.offset)


async def _list_servers(call: Call, _given: ListServers) -> ServerStandings:
    listing = await call.container.catalogue.listing(call.caller)
    items = [ServerStanding.model_validate(standing, from_attributes=True) for standing in listing.servers]
    return ServerStandings(items=items)


_TOOLS = (
    OwnTool(
        "create_task", "Hand in a task",
        "Route a task and hand it in. It runs in the background: follow it with wait_task or get_task.",
        Scope.TASKS_WRITE, CreateTask, TaskAccepted, _create_task, read_only=False,
    ),
    OwnTool(
        "preview_route", "Preview a route",
        "How a task would be routed right now, with every candidate and why it would win or lose. Nothing is stored.",
        Scope.TASKS_READ, TaskIn, RouteOut, _preview_route,
    ),
    OwnTool(
        "get_task", "Read a task", "Where a task stands, and its result or error.",
        Scope.TASKS_READ, TaskNamed, TaskOut, _get_task,
    ),
    OwnTool(
        "wait_task", "Wait for a task",
        "Wait until a task ends or asks something, at most 60 s, and say where it stands. Its events are progress.",
        Scope.TASKS_READ, WaitFor, TaskOut, _wait_task,
    ),
    OwnTool(
        "cancel_task", "Stop a task", "Stop a task; the running tool or process is stopped with it.",
        Scope.TASKS_WRITE, TaskNamed, TaskOut, _cancel_task, read_only=False, destructive=True,
    ),
    OwnTool(
        "query_graph", "Ask a knowledge graph",
        "Answer a SPARQL query over a project's knowledge graph: its code, its history and what agents did to it.",
        Scope.GRAPH_READ, QueryGraph, QueryOut, _query_graph,
    ),
    OwnTool(
        "list_projects", "List projects", "The projects you belong to, newest first, with the ids other tools ask for.",
        Scope.PROJECTS_READ, ListProjects, ProjectPage, _list_projects,
    ),
    OwnTool(
        "list_servers", "List MCP servers",
        "How each MCP server behind this endpoint stands, and why the tools of one are missing.",
        Scope.MCPS_READ, ListServers, ServerStandings, _list_servers,
    ),
)  # fmt: skip

OWN_TOOLS: Mapping[str, OwnTool] = {tool.name: tool for tool in (*_TOOLS, SEARCH_TOOLS)}
"""By name; none of them holds the separator of prefixed names."""
OWN_SERVER = ServerEntry(
    id=builtin_id("orchestrator"), name="orchestrator", transport="builtin", health=Health.HEALTHY,
    description="The orchestrator itself.", tools=tuple(tool.info for tool in OWN_TOOLS.values()),
)  # fmt: skip
"""These tools as rules and records name them: a server among the others, though no registry lists it."""
_SEARCHING: Mapping[str, OwnTool] = {SEARCH_TOOLS.name: SEARCH_TOOLS}
_NONE: Mapping[str, OwnTool] = {}


def own_tools(endpoint: Endpoint) -> Mapping[str, OwnTool]:
    """Those an endpoint has. One whose tools are searched for has at least the searching itself."""
    return OWN_TOOLS if endpoint.own_tools else _SEARCHING if endpoint.search else _NONE


def own_listed(endpoint: Endpoint, caller: Caller) -> list[ToolInfo]:
    """What a list says of them to a caller."""
    listed = [tool.info for tool in own_tools(endpoint).values() if tool.scope in caller.scopes]
    return [*listed, CALL_TOOL] if endpoint.search and Scope.MCPS_EXECUTE in caller.scopes else listed
