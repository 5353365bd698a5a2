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
            Path(mark).write_text("cancelled")
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


class Door:
    """Answers 401 without the token of TOKEN, and 400 to the modern era where ERA is legacy."""

    def __init__(self, app):
        self.app = app
        self.token, self.era = os.environ.get("TOKEN"), os.environ.get("ERA")

    def refusal(self, headers):
        if self.token and headers.get(b"authorization", b"").decode() != f"Bearer {self.token}":
            return 401
        modern = headers.get(b"mcp-protocol-version", b"").startswith(b"2026")
        return 400 if self.era == "legacy" and modern else None

    async def __call__(self, scope, receive, send):
        status = self.refusal(dict(scope.get("headers", ()))) if scope["type"] == "http" else None
        if status is None:
            await self.app(scope, receive, send)
        else:
            await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"no"})


if __name__ == "__main__":
    app = Door(server.streamable_http_app(json_response="json" in sys.argv))
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
