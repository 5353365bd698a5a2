"""Ends a program that ``starter`` made the argument list of, with everything it started. Used by whoever started it.

The launcher is our child: it passes signals on and takes everything along. Where there is none (not on Linux), or where
somebody killed it, the session it led is looked through. The program must have been started with a session of its own.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from orchestrator.sandbox import KILL_ALL

_KILL_SECONDS = 2.0


async def end(
    pid: int, exited: Callable[[], Awaitable[object]], *, grace_seconds: float, term_seconds: float = 1.0
) -> None:
    """Wait for the program to leave on its own, then TERM, then KILL; returns when it is gone or was killed.

    ``exited`` returns once our child has been reaped; its number is not used after that.
    """
    steps: list[tuple[int, float]] = [(0, grace_seconds), (signal.SIGTERM, term_seconds)]
    if sys.platform == "linux":
        steps.append((KILL_ALL, _KILL_SECONDS))
    for number, seconds in (*steps, (signal.SIGKILL, _KILL_SECONDS)):
        if number:
            _send(pid, number)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await exited()
                return


def sweep(session: int) -> None:
    """Kill who is left of the session of a child that did not take its own along: it was killed, or was no launcher."""
    if sys.platform != "linux":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(session, signal.SIGKILL)
        return
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[3]) == session:
                os.kill(int(pid), signal.SIGKILL)


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if sys.platform == "linux":
            os.kill(pid, number)
        else:
            os.killpg(pid, number)
