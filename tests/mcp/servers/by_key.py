"""An MCP server of the official SDK that shows each key something else: the tests' ``X-Key`` header or KEY variable.

``python by_key.py`` speaks stdio with the key of the environment; ``app()`` is the same over HTTP, keys in requests.
"""

import asyncio
import os
from typing import Any

import mcp_types as types
from mcp.server import Server
from mcp.server.stdio import stdio_server


def _key(ctx: Any) -> str:
    return ctx.request.headers.get("x-key", "") if ctx.request is not None else os.environ.get("KEY", "")


async def _tools(ctx: Any, _: Any) -> types.ListToolsResult:
    tool = types.Tool(name=f"of_{_key(ctx) or 'nobody'}", input_schema={"type": "object"})
    return types.ListToolsResult(tools=[tool])


async def _call(ctx: Any, _: Any) -> types.CallToolResult:
    text = f"{_key(ctx)} in process {os.getpid()}"
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)])


async def _resources(ctx: Any, _: Any) -> types.ListResourcesResult:
    resource = types.Resource(name="file", uri=f"file:///{_key(ctx)}")
    return types.ListResourcesResult(resources=[resource])


def made() -> Server[Any]:
    """The server."""
    return Server("by-key", version="1", on_list_tools=_tools, on_call_tool=_call, on_list_resources=_resources)


def app() -> Any:
    """Over HTTP."""
    return made().streamable_http_app()


async def main() -> None:
    """Over stdio."""
    server = made()
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    asyncio.run(main())
