"""Keeps child processes alive, and stops them in order.

Used by ``service.py``. A child that ends is started again after a growing pause. Children lead sessions of their own,
so a Ctrl-C in the terminal reaches the supervisor alone, which stops them one after the other: TERM, then KILL for
the whole group.
"""

import asyncio
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from orchestrator.cli.start.parent import SUPERVISED, kill_session

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_STABLE_SECONDS = 60.0
_TERM_SECONDS = 10.0
_LARGEST_LOG = 8 * 1024 * 1024


@dataclass
class Child:
    """One program that must run."""

    name: str
    argv: Sequence[str]
    process: asyncio.subprocess.Process | None = None
    keeper: asyncio.Task[None] | None = None
    ends: int = 0
    last_code: int | None = None

    @property
    def pid(self) -> int | None:
        """Its pid while it runs."""
        return self.process.pid if self.process is not None and self.process.returncode is None else None


class Supervisor:
    """Starts children with one environment; ``say`` tells people what happens to them.

    What children write goes to the terminal, or each to a file of its own in the folder ``logs``.
    """

    def __init__(self, environment: Mapping[str, str], say: Callable[[str], None], logs: Path | None = None) -> None:
        self._environment = {**environment, SUPERVISED: "1"}
        self._say = say
        self._logs = logs
        self.children: list[Child] = []

    async def start(self, name: str, argv: Sequence[str]) -> Child:
        """Start a child and keep it running; they stop in the order they were started."""
        child = Child(name, argv)
        self.children.append(child)
        await self._spawn(child)
        child.keeper = asyncio.create_task(self._keep(child), name=f"keep-{name}")
        return child

    async def stop(self) -> None:
        """Stop every child in order, each within bounded time; cancelled meanwhile, it kills those that are left."""
        keepers = [child.keeper for child in self.children if child.keeper is not None]
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        try:
            for child in self.children:
                await _end(child)
        except asyncio.CancelledError:
            for child in self.children:
                _kill(child)
            raise

    async def _spawn(self, child: Child) -> None:
        with ExitStack() as closing:
            output = closing.enter_context(_log_file(self._logs, child.name)) if self._logs else None
            child.process = await asyncio.create_subprocess_exec(
                *child.argv, stdin=asyncio.subprocess.PIPE, stdout=output, stderr=output, env=self._environment,
                start_new_session=True,
            )  # fmt: skip

    async def _keep(self, child: Child) -> None:
        pause = _FIRST_PAUSE
        while child.process is not None:
            started = time.monotonic()
            child.last_code = await child.process.wait()
            child.ends += 1
            _kill(child)  # what it started must not work on without it
            if time.monotonic() - started > _STABLE_SECONDS:
                pause = _FIRST_PAUSE
            self._say(f"{child.name} ended ({_describe(child.last_code)}); starting it again in {pause:g} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            await self._spawn(child)


def _log_file(folder: Path, name: str) -> BinaryIO:
    """A child's log, to be written at its end; one that has grown large becomes the old one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{name.replace(' ', '-')}.log"
    if path.exists() and path.stat().st_size > _LARGEST_LOG:
        path.replace(path.with_suffix(".old.log"))
    return path.open("ab")


async def _end(child: Child) -> None:
    process = child.process
    if process is None or process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _TERM_SECONDS)
    except TimeoutError:
        _kill(child)
        await process.wait()
    _kill(child)


def _kill(child: Child) -> None:
    """Kill a child, and everything it started that did not leave its session."""
    if child.process is not None:
        kill_session(child.process.pid)


def _describe(code: int) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
