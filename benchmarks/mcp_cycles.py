"""Connecting to a local server and killing it, over and over, in random phases: what is left of it afterwards.

Half of the ends are ours (the pool forgets the server), half are SIGKILL from outside; the server starts, is in a call,
or is idle. Counted: processes, descriptors, tasks, and memory after a warm-up. The tests do the same less often.
"""

import asyncio
import os
import random
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from benchmarks.report import Row, row
from orchestrator.core.errors import OrchestratorError
from orchestrator.mcp.builtin import CallContext
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.limits import Limits
from orchestrator.mcp.pool import ServerPool
from orchestrator.sandbox.wish import OPEN, Wish

QUICK = Path(__file__).parents[1] / "tests" / "mcp" / "servers" / "quick.py"
CYCLES = 1000
_WARM_UP = 0.2
_GONE_SECONDS = 15.0


@dataclass(frozen=True)
class Left:
    """What was there after all cycles beyond what was there after the warm-up."""

    cycles: int
    answered: int
    seconds: float
    processes: int
    descriptors: int
    tasks: int
    memory_mib: float


@dataclass(frozen=True)
class _Counted:
    descriptors: int
    tasks: int
    memory_mib: float


def quick_server(mark: str, *, enclosed: bool = True) -> ServerDefinition:
    """A definition of the quickest server there is; the mark finds its processes."""
    return ServerDefinition.build(
        id=uuid4(), name="quick", transport="stdio", command=sys.executable, args=("-I", "-S", str(QUICK), mark),
        timeout_seconds=30, sandbox=Wish() if enclosed else OPEN,
    )  # fmt: skip


async def connect_and_kill(cycles: int, *, seed: int = 1) -> Left:
    """Do it so many times; the first fifth is the warm-up."""
    chance, mark, answered = random.Random(seed), uuid4().hex, 0
    pool = ServerPool(limits=Limits(backoff_seconds=0.0, breaker_failures=10**9, start_seconds=20))
    began, before = time.monotonic(), count()
    try:
        for number in range(cycles):
            if number == int(cycles * _WARM_UP):
                await _quiet(mark)
                before = count()
            answered += await _cycle(pool, quick_server(mark, enclosed=number % 2 == 0), chance)
        seconds = time.monotonic() - began
        left = await _quiet(mark)
        after = count()
    finally:
        await pool.aclose()
    return Left(
        cycles, answered, seconds, left, after.descriptors - before.descriptors, after.tasks - before.tasks,
        after.memory_mib - before.memory_mib,
    )  # fmt: skip


async def _cycle(pool: ServerPool, server: ServerDefinition, chance: random.Random) -> bool:
    """One life of a server; whether a call was answered in it."""
    phase, ours = chance.choice(("start", "call", "idle")), chance.random() < 0.5
    tool = "hang" if phase == "call" else "quick"
    call = asyncio.create_task(pool.call_tool(server, tool, {}, context=CallContext()))
    answered = False
    try:
        if phase == "start":
            await asyncio.sleep(chance.random() * 0.06)
        elif phase == "call":
            await until(lambda: pool.state(server.id).status == "ready" or call.done())
        else:
            answered = (await call).text == "ok"
        if not ours and (pid := pool.state(server.id).pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            await until(lambda: pool.state(server.id).status != "ready")
    finally:
        await pool.forget(server.id)
        with suppress(OrchestratorError):
            await call
    return answered


async def until(condition: object, seconds: float = 20.0) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.002)


def processes_of(mark: str) -> int:
    """Processes of this machine whose arguments hold the mark, the dead ones included that nobody has reaped."""
    found = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            found += mark.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    return found


async def _quiet(mark: str) -> int:
    """Wait until no process is left; how many are, if that does not happen."""
    with suppress(TimeoutError):
        await until(lambda: not processes_of(mark), _GONE_SECONDS)
    await asyncio.sleep(0.3)  # what was cancelled or called later gets its turn
    return processes_of(mark)


def count() -> _Counted:
    """What this process has now."""
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return _Counted(len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks()), resident / 2**20)


async def connect_and_kill_cycles(_folder: Path) -> list[Row]:
    """The rows of the whole thousand."""
    left = await connect_and_kill(CYCLES)
    told = f"{left.cycles} connect and kill cycles"
    return [
        row("cycles.processes", f"{told}: processes left", [left.processes], "", at_most=0),
        row("cycles.descriptors", f"{told}: descriptors left", [left.descriptors], "", at_most=0),
        row("cycles.tasks", f"{told}: tasks left", [left.tasks], "", at_most=0),
        row("cycles.memory", f"{told}: growth after warm-up", [left.memory_mib], "MiB", at_most=8),
        row("cycles.seconds", f"{told}: time", [left.seconds], "s"),
    ]
