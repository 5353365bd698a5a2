"""The orchestrator's own MCP tools: tasks, routes, graphs, projects and servers, as any MCP client may use them.

Used by the MCP door, which knows the protocol; here are only names, shapes and what each tool asks of the services. The
shapes are those of the REST doors, so that both say the same.
"""

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
from orchestrator.core.routing import Health
from orchestrator.mcp.builtin import Arguments
from orchestrator.mcp.result import ToolInfo
from orchestrator.services.mcp_endpoint import Endpoint
from orchestrator.services.room import SHARED_TOOLS, RoomTool
from orchestrator.services.room_shapes import Seconds
from orchestrator.services.server_entry import ServerEntry, builtin_id

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

    seconds: Seconds = 30.0


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
    """Its events are told on, until it ends, asks something, or the time is over."""
    return TaskOut.of(await call.container.room.wait(call.caller, given.task_id, given.seconds, call.progress))


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


def _of_room(tool: RoomTool) -> OwnTool:
    """A tool by which agents work together, as this endpoint offers it."""
    return OwnTool(
        tool.name, tool.title, tool.description, tool.scope, tool.arguments, tool.answer,
        lambda call, given: tool.run(call.container.room, call.caller, given, call.progress), tool.read_only,
        for_agents=tool.for_agents,
    )  # fmt: skip


OWN_TOOLS: Mapping[str, OwnTool] = {
    tool.name: tool for tool in (*_TOOLS, *(_of_room(tool) for tool in SHARED_TOOLS), SEARCH_TOOLS)
}
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
    at_work = caller.task_id is not None
    tools = (tool for tool in own_tools(endpoint).values() if at_work or not tool.for_agents)
    listed = [tool.info for tool in tools if tool.scope in caller.scopes]
    return [*listed, CALL_TOOL] if endpoint.search and Scope.MCPS_EXECUTE in caller.scopes else listed
