"""``mcp stdio``: the service's MCP endpoint as a program, for clients that can only start one.

A client (Claude Desktop, Cursor, VS Code) starts it and speaks newline-delimited JSON-RPC with it. Standard output
carries nothing else; words for people go to standard error. It loads what it needs and no more, since clients wait.
"""

import asyncio
import signal
import sys
from typing import Annotated
from urllib.parse import quote

import typer

from orchestrator.cli.client.login_file import service_url
from orchestrator.cli.stdio.endpoint import McpHttp
from orchestrator.cli.stdio.relay import StdioRelay
from orchestrator.cli.stdio.streams import StandardStreams

app = typer.Typer(add_completion=False)

_MOST_LINE_BYTES = 16 * 1024 * 1024  # the service names its own, smaller limit
_LAST_ANSWERS_SECONDS = 1.0  # clients wait two before they send a signal


@app.command()
def stdio(
    endpoint: Annotated[str, typer.Option(help="This MCP endpoint; default: /mcp, with everything.")] = "",
) -> None:
    """Be the service's MCP server on standard input and output, for clients that start programs."""
    service = service_url()
    asyncio.run(_serve(service, f"/mcp/{quote(endpoint, safe='')}" if endpoint else "/mcp"))


async def _serve(service: str, path: str) -> None:
    streams = StandardStreams(_MOST_LINE_BYTES)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with McpHttp(service, path) as http:
        relay = StdioRelay(http, streams.write, _say)
        reading = asyncio.create_task(_read(streams, relay))
        ends = [reading, *(asyncio.create_task(event.wait()) for event in (stopped, streams.gone))]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if reading.done() and not stopped.is_set() and not streams.gone.is_set():
                reading.result()
                await relay.settled(_LAST_ANSWERS_SECONDS)
        finally:
            for task in ends:
                task.cancel()
            await relay.aclose()


async def _read(streams: StandardStreams, relay: StdioRelay) -> None:
    async for line in streams.lines():
        await relay.take(line)


def _say(words: str) -> None:
    print(f"orchestrator mcp stdio: {words}", file=sys.stderr, flush=True)
