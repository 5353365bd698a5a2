"""``up``: the service in the foreground, until a signal. Used by ``make run``; ``demo`` shares ``until_signal``.

The first Ctrl-C or TERM stops everything in order, a second one kills what has not stopped yet.
"""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from orchestrator import __version__
from orchestrator.cli.start.service import Service, service
from orchestrator.config import Settings

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def say(line: str) -> None:
    """A line for the person at the terminal; standard output stays free for results."""
    print(line, file=sys.stderr, flush=True)


async def up(settings: Settings) -> None:
    """Run the service until a signal; errors before it is ready are raised."""
    await until_signal(_serve(settings))


async def until_signal(work: Coroutine[Any, Any, None]) -> None:
    """Run ``work`` to its end, or cancel it at the first signal and once more at each further one."""
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(work)
    for number in _SIGNALS:
        loop.add_signal_handler(number, _stop, task)
    try:
        await asyncio.wait([task])
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
    if not task.cancelled():
        task.result()


def _stop(task: asyncio.Task[None]) -> None:
    say("\nStopping …" if task.cancelling() == 0 else "Killing what is left …")
    task.cancel()


async def _serve(settings: Settings) -> None:
    async with service(settings, say) as running:
        say(banner(running, settings))
        await asyncio.Event().wait()


def banner(running: Service, settings: Settings) -> str:
    """What a person wants to know once it runs."""
    embedded = "  (embedded PostgreSQL 18 and Redis)" if running.embedded else ""
    lines = {
        "Console": running.base_url,
        "API docs": f"{running.base_url}/docs",
        "MCP": f"{running.base_url}/mcp",
        "Data": f"{settings.data_dir.expanduser().resolve()}{embedded}",
    }
    body = "\n".join(f"    {name:<10}{value}" for name, value in lines.items())
    return f"\n  Orchestrator {__version__} is ready ({running.seconds:.1f} s)\n\n{body}\n\n  Ctrl-C stops it.\n"
