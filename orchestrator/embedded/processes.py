"""Server processes that outlive us: start them, recognise them again, end them.

Used by ``postgres.py`` and ``redis.py``. A pid alone proves nothing (pids are used again, in containers at once), so
a process counts as ours only if its name fits and its working folder is the server's data folder. Waits poll, because
these are not our children.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from orchestrator.core.errors import NotConfigured, TimedOut, Unavailable

_LAUNCHER = Path(__file__).with_name("launcher.py")
_POLL_SECONDS = 0.01
SERVER_NAMES = ("postgres", "redis-server", "valkey-server")


@dataclass(frozen=True)
class Account:
    """The user a server runs as when we are root."""

    uid: int
    gid: int


async def run(argv: Sequence[str], *, account: Account | None, cwd: Path, stdin: bytes = b"", seconds: float) -> str:
    """Run a program to its end and return its output; a failure raises Unavailable with the last of it."""
    process = await asyncio.create_subprocess_exec(
        *_launch("run", "-", account, cwd, argv),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=_environment(),
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(stdin), seconds)
    except TimeoutError as error:
        raise TimedOut(f"{Path(argv[0]).name} took longer than {seconds:g} s", details={"seconds": seconds}) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = output.decode(errors="replace")
    if process.returncode != 0:
        raise Unavailable(f"{Path(argv[0]).name} failed: {text.strip()[-2000:]}", hint=_hint(text))
    return text


async def launch(argv: Sequence[str], *, account: Account | None, cwd: Path, log: Path) -> int:
    """Start a server in a session of its own, its output in ``log``; returns its pid."""
    process = await asyncio.create_subprocess_exec(
        *_launch("detach", str(log), account, cwd, argv),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(),
    )
    output, errors = await process.communicate()
    if process.returncode != 0:
        raise Unavailable(f"Cannot start {Path(argv[0]).name}: {errors.decode(errors='replace').strip()[-2000:]}")
    return int(output)


def _launch(mode: str, log: str, account: Account | None, cwd: Path, argv: Sequence[str]) -> list[str]:
    uid, gid = (str(account.uid), str(account.gid)) if account else ("-", "-")
    return [sys.executable, "-I", "-S", str(_LAUNCHER), mode, log, uid, gid, str(cwd), *argv]


def _environment() -> dict[str, str]:
    """Nothing of the caller's reaches the servers: no PG* variables, no locale, no secrets."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _hint(text: str) -> str | None:
    if "CAP_DAC_OVERRIDE" in text or "setresuid" in text:
        return "Root without its usual powers cannot start PostgreSQL: run as a normal user, or set DATABASE_URL."
    return None


def find(pid: int, *, names: Collection[str], folder: Path) -> psutil.Process | None:
    """The live process with this pid, if it is a server of that name working in ``folder``."""
    try:
        process = psutil.Process(pid)
        return process if _is_server(process, names, folder) else None
    except psutil.Error:
        return None


def find_all(*, names: Collection[str], folder: Path) -> list[psutil.Process]:
    """Every live process of these names working in ``folder``; reads the whole process table (tens of ms)."""
    found = []
    for process in psutil.process_iter():
        try:
            if _is_server(process, names, folder):
                found.append(process)
        except psutil.Error:
            continue  # it ended while we looked, or belongs to somebody else
    return found


def _is_server(process: psutil.Process, names: Collection[str], folder: Path) -> bool:
    if process.name() not in names or process.status() == psutil.STATUS_ZOMBIE:
        return False
    return bool(os.path.realpath(process.cwd()) == os.path.realpath(folder))


def is_alive(process: psutil.Process) -> bool:
    """Whether this very process (not another with its pid) still runs."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def wait_until(condition: Callable[[], Awaitable[bool]], seconds: float) -> bool:
    """Poll until the condition holds; False when the time is up."""
    end = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(_POLL_SECONDS)
    return True


async def end(process: psutil.Process, steps: Sequence[tuple[signal.Signals, float]]) -> None:
    """Send each signal in turn, waiting its seconds, until the process is gone; the last one should be SIGKILL."""

    async def gone() -> bool:
        return not is_alive(process)

    for number, seconds in steps:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            return
        except psutil.AccessDenied as error:
            raise NotConfigured(
                f"Process {process.pid} belongs to another user and cannot be stopped.",
                hint="Stop it as the user who started it, or choose another DATA_DIR.",
            ) from error
        if await wait_until(gone, seconds):
            return
    raise TimedOut(f"Process {process.pid} did not end", details={"seconds": sum(s for _, s in steps)})


async def accepts(socket: Path) -> bool:
    """Whether somebody takes connections on a unix socket."""
    try:
        _, writer = await asyncio.open_unix_connection(str(socket))
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log, for an error message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return "(no log was written)"


def end_everything_below(folder: Path) -> None:
    """Kill every server that works in a folder below this one: for throw-away data whose owner died."""
    root = os.path.realpath(folder) + os.sep
    for process in psutil.process_iter():
        try:
            if process.name() in SERVER_NAMES and os.path.realpath(process.cwd()).startswith(root):
                process.kill()
        except psutil.Error:
            continue  # it ended while we looked, or belongs to somebody else
