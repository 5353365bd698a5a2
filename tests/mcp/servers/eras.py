"""An MCP server of the official SDK with everything there is, run by the tests: ``eras.py ERA TRANSPORT [PORT]``.

ERA is ``modern`` (no handshake), ``legacy`` (nothing but it) or ``both``; TRANSPORT is ``stdio``, ``http`` or ``sse``.
With ``mute`` for PORT (stdio) it tells of no changes.
"""

import asyncio
import sys
from pathlib import Path

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.runner import serve_loop
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp.types import (
    UNSUPPORTED_PROTOCOL_VERSION,
    Completion,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    EmptyResult,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    SamplingMessage,
    SubscribeRequestParams,
    TextContent,
)
from starlette.responses import PlainTextResponse

ERA, TRANSPORT = sys.argv[1:3]
MUTE = sys.argv[3:] == ["mute"]
MODERN = "2026-07-28"
QUESTION = ElicitRequestFormParams(
    message="What is your name?", requested_schema={"type": "object", "properties": {"name": {"type": "string"}}}
)
THOUGHT = CreateMessageRequestParams(
    messages=[SamplingMessage(role="user", content=TextContent(type="text", text="Think."))], max_tokens=10
)
server = MCPServer("eras", version="1.0", log_level="ERROR", subscriptions=False if MUTE else None)


async def only_one_era(ctx, call_next):
    if ERA == "modern" and ctx.method == "initialize":
        versions = {"supported": [MODERN], "requested": (ctx.params or {}).get("protocolVersion", "")}
        raise MCPError(UNSUPPORTED_PROTOCOL_VERSION, "Unsupported protocol version", versions)
    return await call_next(ctx)


server.middleware.append(only_one_era)


def modern(ctx: Context) -> bool:
    return ctx.protocol_version == MODERN


@server.tool()
async def add(a: int, b: int) -> int:
    """The sum."""
    return a + b


@server.tool()
async def era(ctx: Context) -> str:
    """The revision this call is made in."""
    return ctx.protocol_version


@server.tool()
async def count(to: int, ctx: Context) -> int:
    """Count, telling how far."""
    for done in range(1, to + 1):
        await ctx.report_progress(done, to, f"counted {done}")
    return to


@server.tool()
async def nap(mark: str) -> str:
    """Sleep long; leave a mark when it starts and when it is cancelled."""
    await asyncio.to_thread(Path(mark).write_text, "asleep")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        Path(mark).write_text("cancelled")
        raise
    return "rested"


@server.tool()
async def ask(ctx: Context) -> str | InputRequiredResult:
    """Ask the user for a name."""
    if not modern(ctx):
        answer = await ctx.session.elicit_form(QUESTION.message, QUESTION.requested_schema, ctx.request_id)
    elif ctx.input_responses is None:
        return InputRequiredResult(input_requests={"name": ElicitRequest(params=QUESTION)}, request_state="asked")
    else:
        answer = ctx.input_responses["name"]
    return f"{answer.action} {answer.content}"


@server.tool()
async def ask_late(seconds: float, ctx: Context) -> str:
    """Work a while, then ask the user for a name; in the older era only."""
    await asyncio.sleep(seconds)
    answer = await ctx.session.elicit_form(QUESTION.message, QUESTION.requested_schema, ctx.request_id)
    return f"{answer.action} {answer.content}"


@server.tool()
async def think(ctx: Context) -> str | InputRequiredResult:
    """Ask the client's model."""
    if not modern(ctx):
        where = ServerMessageMetadata(related_request_id=ctx.request_id)
        answer = await ctx.session.send_request(
            CreateMessageRequest(params=THOUGHT), CreateMessageResult, metadata=where
        )
    elif ctx.input_responses is None:
        return InputRequiredResult(input_requests={"thought": CreateMessageRequest(params=THOUGHT)})
    else:
        answer = ctx.input_responses["thought"]
    return f"{answer.model}: {answer.content.text}"


@server.tool()
async def where(ctx: Context) -> str | InputRequiredResult:
    """Ask which folders the client works in."""
    if not modern(ctx):
        related = ServerMessageMetadata(related_request_id=ctx.request_id)
        answer = await ctx.session.send_request(ListRootsRequest(), ListRootsResult, metadata=related)
    elif ctx.input_responses is None:
        return InputRequiredResult(input_requests={"roots": ListRootsRequest()})
    else:
        answer = ctx.input_responses["roots"]
    return ", ".join(str(root.uri) for root in answer.roots)


@server.tool()
async def say(ctx: Context) -> str:
    """Log a small thing and a large one."""
    for level in ("debug", "error"):
        await ctx.session.send_log_message(level, f"a {level}", related_request_id=ctx.request_id)
    return "said"


@server.tool()
async def grow(ctx: Context) -> str:
    """Offer one more tool, and say so."""

    def grown() -> str:
        """It was not there before."""
        return "here"

    server.add_tool(grown)
    await ctx.notify_tools_changed()
    if not modern(ctx):
        await ctx.session.send_tool_list_changed()
    return "grown"


@server.tool()
async def touch(ctx: Context) -> str:
    """Change the note, and say so."""
    await ctx.notify_resource_updated("note://1")
    if not modern(ctx):
        await ctx.session.send_resource_updated("note://1")
    return "touched"


@server.tool()
async def fail() -> str:
    """An error with a code and data of its own."""
    raise MCPError(-32050, "out of stock", {"left": 0})


@server.resource("note://1", mime_type="application/octet-stream")
def note() -> bytes:
    """A note."""
    return b"\x00\x01"


@server.resource("note://{number}/text")
def text(number: str) -> str:
    """Any note's text."""
    return f"note {number}"


@server.prompt()
def greet(name: str) -> str:
    """A greeting."""
    return f"Greet {name}."


@server.completion()
async def complete(ref, argument, context):
    return Completion(values=[f"{argument.value}da"], total=1, has_more=False)


async def subscribed(ctx, params: SubscribeRequestParams) -> EmptyResult:
    return EmptyResult()


if ERA != "modern" and not MUTE:
    for method in ("resources/subscribe", "resources/unsubscribe"):
        server._lowlevel_server.add_request_handler(method, SubscribeRequestParams, subscribed)


class LegacyOnly:
    """What a server of the older era says over HTTP to a client of the modern one."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and (b"mcp-protocol-version", MODERN.encode()) in scope["headers"]:
            await PlainTextResponse("Bad Request: unsupported protocol version", 400)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


async def legacy_over_stdio():
    plain = server._lowlevel_server
    async with stdio_server() as (read, write), plain.lifespan(plain) as state:
        await serve_loop(plain, read, write, lifespan_state=state)


if __name__ == "__main__":
    if TRANSPORT == "stdio" and ERA == "legacy":
        asyncio.run(legacy_over_stdio())
    elif TRANSPORT == "stdio":
        server.run("stdio")
    else:
        app = server.sse_app() if TRANSPORT == "sse" else server.streamable_http_app()
        app = LegacyOnly(app) if ERA == "legacy" else app
        uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[3]), log_level="error")
