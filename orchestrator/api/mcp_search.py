"""Searching for tools instead of listing them all: the MCP tools ``search_tools`` and ``call_tool``, and a REST twin.

Used by the MCP door and the catalogue of routes. How tools are ranked is the work of ``services.tool_search``; a call
by name is one like any other, so the door makes it.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from orchestrator.api.dependencies import ContainerDep, require
from orchestrator.api.mcp_models import ToolOut
from orchestrator.api.mcp_own_tool import Call, OwnTool
from orchestrator.api.mcp_shapes import offered_wire
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import InvalidInput
from orchestrator.mcp.builtin import Arguments
from orchestrator.mcp.result import ToolInfo
from orchestrator.services.mcp_catalogue import OfferedTool
from orchestrator.services.mcp_endpoint import Endpoint
from orchestrator.services.tool_search import MOST_FOUND

router = APIRouter(tags=["mcps"])

Executor = Annotated[Caller, require(Scope.MCPS_EXECUTE)]
Asked = Annotated[str, Query(min_length=1, max_length=2000, description="What the tool is needed for, in words.")]
AtMost = Annotated[int, Query(ge=1, le=MOST_FOUND, description="Most tools to return.")]


class SearchTools(Arguments):
    """What is looked for."""

    query: str = Field(min_length=1, max_length=2000, description="What the tool is needed for, in words.")
    limit: int = Field(8, ge=1, le=MOST_FOUND, description="Most tools to return.")


class FoundTool(ToolOut):
    """A tool that was found, under the name it is called by."""

    server: str = Field(description="Whose it is.")


class ToolsFound(BaseModel):
    """The tools found, best first."""

    tools: list[FoundTool] = Field(description="Best first, each with its arguments.")
    matching: int = Field(description="How many tools hold one of the words.")
    searched: int = Field(description="How many tools there are to search.")
    ranked_by: str = Field(description="`words`, or `words and meaning` where embeddings are set up.")
    note: str = Field(description="What went wrong with the ranking, if anything.")


async def _search(
    container: Container, caller: Caller, endpoint: Endpoint, query: str, limit: int, declared: str = ""
) -> ToolsFound:
    found = await container.tool_search.find(caller, query, limit=limit, endpoint=endpoint, declared=declared)
    return ToolsFound(
        tools=[_shown(tool, caller, endpoint) for tool in found.tools],
        matching=found.matching,
        searched=found.searched,
        ranked_by=found.ranked_by,
        note=found.note,
    )


def _shown(offered: OfferedTool, caller: Caller, endpoint: Endpoint) -> FoundTool:
    """As a list would show it; the shape of its answer is left out, since a model pays for every word."""
    wire = offered_wire(offered, caller, endpoint)
    return FoundTool(
        name=wire["name"],
        title=wire.get("title"),
        description=wire.get("description"),
        input_schema=wire["inputSchema"],
        annotations=wire.get("annotations"),
        server=offered.entry.name,
    )


async def _run(call: Call, given: SearchTools) -> ToolsFound:
    return await _search(call.container, call.caller, call.endpoint, given.query, given.limit, call.declared)


SEARCH_TOOLS = OwnTool(
    "search_tools", "Search for tools",
    "Find the tools for a job among all the servers behind this endpoint: say in words what has to be done. Each comes "
    "with the name and the arguments it is called by.",
    Scope.MCPS_EXECUTE, SearchTools, ToolsFound, _run,
)  # fmt: skip

CALL_TOOL = ToolInfo(
    "call_tool",
    "Call a tool by its name",
    "Call a tool that search_tools found, or any other of this endpoint, by its name.",
    {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "The tool's name, as search_tools told it."},
            "arguments": {"type": "object", "description": "Its arguments."},
        },
        "required": ["name"],
        "additionalProperties": False,
    },
)
"""What makes a tool callable that stands in no list; the door calls the tool it names."""


def called(arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and arguments of the tool that a ``call_tool`` names. Raises InvalidInput."""
    name, given = arguments.get("name"), arguments.get("arguments", {})
    if not isinstance(name, str) or not name or name == CALL_TOOL.name:
        raise InvalidInput("arguments.name: name a tool that search_tools found", field="arguments.name")
    if not isinstance(given, dict):
        raise InvalidInput("arguments.arguments: an object is expected", field="arguments.arguments")
    if unknown := sorted(arguments.keys() - {"name", "arguments"}):
        raise InvalidInput(f"arguments.{unknown[0][:100]}: there is no such argument", field="arguments")
    return name, given


@router.get("/mcps/tools/search", summary="Search for tools")
async def search_tools(
    query: Asked, caller: Executor, container: ContainerDep, limit: AtMost = 8, endpoint: str = ""
) -> ToolsFound:
    """The tools for a job among all the caller may call, at `/mcp` or at the endpoint named."""
    face = await container.endpoints.find(caller, endpoint)
    return await _search(container, caller, face, query, limit)
