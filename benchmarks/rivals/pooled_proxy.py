"""A proxy of a few lines on the SDK, with one session that stays open: ``pooled_proxy.py TARGET_URL PORT``.

No gateway: without tokens, names, policy or record. It shows what the SDK alone costs on both sides.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from mcp import Client
from mcp.server import Server

_SCHEMAS: dict[str, Any] = {}


@asynccontextmanager
async def _behind(_server: Any) -> AsyncIterator[Client]:
    async with Client(sys.argv[1]) as client:
        _SCHEMAS.update({tool.name: tool.input_schema for tool in (await client.list_tools()).tools})
        yield client


async def _list(ctx: Any, _params: Any) -> Any:
    return await ctx.lifespan_context.list_tools()


async def _call(ctx: Any, params: Any) -> Any:
    return await ctx.lifespan_context.call_tool(params.name, params.arguments)


if __name__ == "__main__":
    server: Server[Any] = Server(
        "pooled", version="1", lifespan=_behind, on_list_tools=_list, on_call_tool=_call,
        get_tool_input_schema=_SCHEMAS.get,
    )  # fmt: skip
    app = server.streamable_http_app(json_response=True, stateless_http=True)
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", access_log=False)
