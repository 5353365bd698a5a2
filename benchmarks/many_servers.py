"""Fifty MCP servers of a hundred tools each in one process, at ``/{number}/mcp``: what the memory of a gateway is
measured against. ``many_servers.py PORT``; each tool is about a kilobyte, as tools with a few described arguments are.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import uvicorn
from mcp.server import Server
from mcp_types import CallToolResult, ListToolsResult, TextContent, Tool
from starlette.applications import Starlette
from starlette.routing import Mount

SERVERS, TOOLS = 50, 100
_WORDS = "What it is, where it comes from, and what happens where it is left out of the call; a sentence as they are."


def _tool(server: int, number: int) -> Tool:
    properties = {
        f"argument_{index}": {"type": "string", "description": f"{_WORDS} ({server}/{number}/{index})"}
        for index in range(5)
    }
    schema = {"type": "object", "properties": properties, "required": ["argument_0"]}
    return Tool(name=f"tool_{number:03}", description=f"{_WORDS} {server}", input_schema=schema)


def _server(server: int) -> Server[Any]:
    tools = [_tool(server, number) for number in range(TOOLS)]

    async def listed(_ctx: Any, _params: Any) -> ListToolsResult:
        return ListToolsResult(tools=tools)

    async def called(_ctx: Any, params: Any) -> CallToolResult:
        return CallToolResult(content=[TextContent(type="text", text=f"{server}: {params.name}")])

    return Server(f"many-{server}", version="1", on_list_tools=listed, on_call_tool=called)


def app() -> Starlette:
    """All of them."""
    apps = [_server(number).streamable_http_app(json_response=True) for number in range(SERVERS)]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for one in apps:
                await stack.enter_async_context(one.router.lifespan_context(one))
            yield

    return Starlette(routes=[Mount(f"/{number}", app=one) for number, one in enumerate(apps)], lifespan=lifespan)


if __name__ == "__main__":
    uvicorn.run(app(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
