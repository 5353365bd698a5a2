"""Runs the command of a criterion on a work tree, enclosed, and keeps what it wrote. Used by the verifier alone.

The command sees its work tree, the system and its own program, and a network only if it was granted. It and all that it
started end with it, with its time limit, with a flood of output, and with whoever waits for it. It judges nothing.
"""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.core.child_process import end_child
from orchestrator.core.errors import InvalidInput, NotFound
from orchestrator.git.local import path_inside
from orchestrator.sandbox.ending import end, sweep
from orchestrator.sandbox.environment import minimal_environment
from orchestrator.sandbox.starter import Starter
from orchestrator.sandbox.wish import Folder, Limits, Mode, Wish
from orchestrator.services.machine_leases import Leased

WHOLE_BYTES = 16 * 1024 * 1024
FLOOD_BYTES = 256 * 1024 * 1024
_TAIL_BYTES = 64 * 1024
_CHUNK = 64 * 1024
_LIMITS = Limits(memory_mib=4096, processes=512, open_files=4096, scratch_mib=512)
_OWN_ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": "1", "CI": "1", "NO_COLOR": "1"}


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended; without an exit code it was stopped, and ``stopped`` says why."""

    exit_code: int | None
    stopped: str
    output: bytes
    seconds: float
    enclosed: bool


@dataclass(frozen=True, slots=True)
class Given:
    """What a command is run with: the tree, whether it may write there, its limits, and what else it is given."""

    tree: Path
    writable: bool
    network: bool
    timeout: float
    mode: Mode
    folders: tuple[Folder, ...] = ()
    environment: Mapping[str, str] | None = None
    leased: Leased = field(default_factory=Leased)


def find_program(name: str, tree: Path) -> str:
    """The program's absolute path: by name on the PATH, or a file of the tree. Raises NotFound.

    No other absolute path: whoever writes a criterion must not have the sandbox show them any file of the machine.
    """
    places = os.environ.get("PATH", os.defpath).split(os.pathsep)
    if "/" not in name:
        found = shutil.which(name)
    elif name.startswith("/"):
        found = name if os.path.dirname(name) in (*places, os.path.dirname(sys.executable)) else None
    else:
        found = _in_tree(name, tree)
    if found is None or not os.access(found, os.X_OK):
        hint = "name it as it is on the PATH of the workers, or by its path in the project"
        raise NotFound(f"there is no program {name[:200]!r} here", hint=hint)
    return os.path.abspath(found)


def _in_tree(name: str, tree: Path) -> str | None:
    try:
        return str(path_inside(tree, name))
    except InvalidInput:
        return None


async def run_command(starter: Starter, command: Sequence[str], given: Given) -> Ran:
    """Run a command to its end, its time limit or a flood. Raises NotConfigured where it needs a sandbox in vain."""
    program = (await asyncio.to_thread(find_program, command[0], given.tree), *command[1:])
    told = {**_OWN_ENVIRONMENT, **given.leased.environment, **(given.environment or {})}
    environment = minimal_environment(told)
    network = "full" if given.network else "loopback"
    wish = Wish(given.mode, network, given.folders, _LIMITS, shows_arguments=False)  # type: ignore[arg-type]
    ours = {str(given.tree): given.writable} | {str(path): True for path in given.leased.paths}
    start = await starter.start(program, environment=environment, wish=wish, cwd=str(given.tree), ours=ours)
    loop = asyncio.get_running_loop()
    began = loop.time()
    process = await asyncio.create_subprocess_exec(
        *start.arguments,
        cwd=given.tree,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    output = _Output(process)
    try:
        stopped = await output.wait(given.timeout)
    finally:
        await _to_its_end(output.end())
    code = None if stopped else process.returncode
    return Ran(code, stopped, output.kept(), loop.time() - began, start.enclosed)


async def _to_its_end(ending: Coroutine[Any, Any, None]) -> None:
    """Wait for it even when cancelled, however often: the tree must not go while something still works in it."""
    task = asyncio.ensure_future(ending)
    try:
        await asyncio.shield(task)
    finally:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.shield(task)


class _Output:
    """What a process writes: the beginning up to a limit, the end always, the rest counted and let go."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._whole = bytearray()
        self._tail = b""
        self._size = 0
        self._flood = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def wait(self, timeout: float) -> str:
        """Until the process has ended; else why it is not waited for any longer."""
        flood = asyncio.create_task(self._flood.wait())
        ended = asyncio.create_task(self._ended())
        try:
            await asyncio.wait({flood, ended}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if self._flood.is_set():
                return f"it wrote more than {FLOOD_BYTES // 1024**2} MiB"
            if not ended.done():
                return f"it took longer than {timeout:g} s"
            ended.result()
            return ""
        finally:
            flood.cancel()
            ended.cancel()

    async def end(self) -> None:
        """Leave nothing of the process behind; what it still writes is read, so that no full pipe holds it."""
        process = self._process
        if process.returncode is None:
            await end(process.pid, process.wait, grace_seconds=0, term_seconds=0.5)
            if self._was_killed():  # nobody was left to take along what it started
                await asyncio.to_thread(sweep, process.pid)
        self._reading.cancel()
        await asyncio.wait({self._reading})
        await end_child(process)

    def kept(self) -> bytes:
        """The output, with a line in the place of what was let go."""
        left_out = self._size - len(self._whole) - len(self._tail)
        between = f"\n… {left_out} bytes left out …\n".encode() if left_out else b""
        return bytes(self._whole) + between + self._tail

    def _was_killed(self) -> bool:
        return self._process.returncode == -signal.SIGKILL

    async def _ended(self) -> None:
        await asyncio.wait({self._reading})
        await self._process.wait()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while chunk := await self._process.stdout.read(_CHUNK):
            self._size += len(chunk)
            room = WHOLE_BYTES - len(self._whole)
            self._whole += chunk[:room]
            self._tail = (self._tail + chunk[room:])[-_TAIL_BYTES:] if room < len(chunk) else self._tail
            if self._size > FLOOD_BYTES:
                self._flood.set()
