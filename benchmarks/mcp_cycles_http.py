"""Connecting to a server over streamable HTTP and ending it, over and over, in both eras: what is left afterwards.

Half of the ends are ours (the pool forgets the server), half are SIGKILL of the server's process, which is then started
again; the session opens, is in a call, or is idle. Counted on our side: descriptors, tasks, and memory after a warm-up;
on the server's: sessions and connections. The tests do the same less often.
"""

import asyncio
import random
import sys
import time
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson

from benchmarks.mcp_cycles import count, until
from benchmarks.report import Row, row
from orchestrator.core.errors import OrchestratorError
from orchestrator.mcp.builtin import CallContext
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.limits import Limits
from orchestrator.mcp.pool import ServerPool

QUICK = Path(__file__).parents[1] / "tests" / "mcp" / "servers" / "quick_http.py"
CYCLES = 1000
_SECONDS = 60.0
_WARM_UP = 0.2


@dataclass(frozen=True)
class LeftOfHttp:
    """What was there after all cycles beyond what was there after the warm-up, and what the server still held."""

    cycles: int
    answered: int
    seconds: float
    sessions: int
    connections: int
    descriptors: int
    tasks: int
    memory_mib: float


class _Place:
    """The server's process; it comes back on the port it had."""

    def __init__(self) -> None:
        self.port = 0
        self._process: Process | None = None

    async def start(self) -> None:
        command = (sys.executable, "-I", "-S", str(QUICK), str(self.port))
        self._process = await create_subprocess_exec(*command, stdout=PIPE)
        assert self._process.stdout is not None
        self.port = int(await asyncio.wait_for(self._process.stdout.readline(), 20))

    async def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            await asyncio.wait_for(self._process.communicate(), 20)
            self._process = None

    async def held(self) -> dict[str, int]:
        """Sessions and connections that the server holds, once what is closing has closed."""
        told: dict[str, Any] = {}
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                while not told or any(told.values()):
                    told = await asyncio.to_thread(self._ask)
                    await asyncio.sleep(0.02)
        return told

    def _ask(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(httpx.get(f"http://127.0.0.1:{self.port}/open", timeout=10).content)
        return found

    def definition(self, era: str) -> ServerDefinition:
        url = f"http://127.0.0.1:{self.port}/{era}"
        return ServerDefinition.build(
            id=uuid4(), name="quick", transport="streamable_http", url=url, timeout_seconds=30
        )


async def connect_and_end(cycles: int, *, seed: int = 1, most_seconds: float = _SECONDS) -> LeftOfHttp:
    """Do it so many times, or as often as there is time; the first fifth is the warm-up."""
    chance, place, answered, done = random.Random(seed), _Place(), 0, 0
    pool = ServerPool(limits=Limits(backoff_seconds=0.0, breaker_failures=10**9, start_seconds=20))
    await place.start()
    try:
        await place.held()  # its own client and thread are there from now on
        began, before = time.monotonic(), count()
        for number in range(cycles):
            if number == int(cycles * _WARM_UP):
                await asyncio.sleep(0.3)
                before = count()
            if time.monotonic() - began > most_seconds:
                break
            answered += await _cycle(pool, place, chance)
            done += 1
        seconds = time.monotonic() - began
        held = await place.held()
        await asyncio.sleep(0.3)  # what was cancelled or called later gets its turn
        after = count()
    finally:
        await pool.aclose()
        await place.kill()
    return LeftOfHttp(
        done, answered, seconds, held["sessions"], held["connections"], after.descriptors - before.descriptors,
        after.tasks - before.tasks, after.memory_mib - before.memory_mib,
    )  # fmt: skip


async def _cycle(pool: ServerPool, place: _Place, chance: random.Random) -> bool:
    """One life of a session; whether a call was answered in it."""
    phase, ours = chance.choice(("start", "call", "idle")), chance.random() < 0.5
    server = place.definition(chance.choice(("legacy", "modern")))
    tool = "hang" if phase == "call" else "quick"
    call = asyncio.create_task(pool.call_tool(server, tool, {}, context=CallContext()))
    answered = False
    try:
        if phase == "start":
            await asyncio.sleep(chance.random() * 0.02)
        elif phase == "call":
            await until(lambda: pool.state(server.id).status == "ready" or call.done())
        else:
            answered = (await call).text == "ok"
        if not ours:
            await place.kill()
    finally:
        await pool.forget(server.id)
        with suppress(OrchestratorError):
            await call
    if not ours:
        await place.start()
    return answered


async def connect_and_end_cycles(_folder: Path) -> list[Row]:
    """The rows of a thousand, or of as many as a minute allows."""
    left = await connect_and_end(CYCLES)
    told = f"{left.cycles} cycles over HTTP"
    return [
        row("http_cycles.cycles", "connect and end cycles over HTTP within a minute", [left.cycles], "", at_least=100),
        row("http_cycles.sessions", f"{told}: sessions left at the server", [left.sessions], "", at_most=0),
        row("http_cycles.connections", f"{told}: connections left", [left.connections], "", at_most=0),
        row("http_cycles.descriptors", f"{told}: descriptors left", [left.descriptors], "", at_most=0),
        row("http_cycles.tasks", f"{told}: tasks left", [left.tasks], "", at_most=0),
        row("http_cycles.memory", f"{told}: growth after warm-up", [left.memory_mib], "MiB", at_most=8),
    ]
