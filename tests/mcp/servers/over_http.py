"""An MCP server of the official SDK over streamable HTTP, run by the tests: ``over_http.py PORT [json]``."""

import asyncio
import os
import sys
from pathlib import Path

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context

server = MCPServer("over-http", version="1.0", log_level="WARNING")


@server.tool()
async def echo(text: str) -> str:
    """Return the text unchanged."""
    return text


@server.tool()
async def count(to: int, ctx: Context) -> int:
    """Count, reporting progress."""
    for done in range(1, to + 1):
        await ctx.report_progress(done, to, f"counted {done}")
    return to


@server.tool()
async def nap(seconds: float, mark: str = "") -> str:
    """Sleep; leave a mark when cancelled."""
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        if mark:
            Path(mark).write_text("cancelled")  # noqa: ASYNC240 - a few bytes, and the server is a fixture
        raise
    return "rested"


@server.tool()
async def big(size: int) -> str:
    """A long text."""
    return "x" * size


@server.tool()
async def die() -> str:
    """End the whole server."""
    os._exit(9)


class Bouncer:
    """Wants a token where TOKEN is set."""

    def __init__(self, app, token):
        self.app, self.token = app, token

    async def __call__(self, scope, receive, send):
        given = dict(scope.get("headers", ())).get(b"authorization", b"").decode()
        if scope["type"] == "http" and given != f"Bearer {self.token}":
            await send({"type": "http.response.start", "status": 401, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"no"})
            return
        await self.app(scope, receive, send)


if __name__ == "__main__":
    app = server.streamable_http_app(json_response="json" in sys.argv)
    if token := os.environ.get("TOKEN"):
        app = Bouncer(app, token)
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
