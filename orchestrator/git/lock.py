"""One lock per project and purpose, held across processes. Used by mirrors and worktrees.

An flock on a file: the kernel lets go of it when its holder dies, so nothing stays locked after kill -9. The files are
never removed, for a removed file could be locked by two.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from orchestrator.core.errors import TimedOut

_FIRST_WAIT, _LONGEST_WAIT = 0.005, 0.1


@asynccontextmanager
async def held(path: Path, timeout: float = 120.0) -> AsyncIterator[None]:
    """Hold the lock file for the body; TimedOut when another holder keeps it longer than ``timeout`` seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        await _wait(handle, timeout)
        yield
    finally:
        os.close(handle)


async def _wait(handle: int, timeout: float) -> None:
    loop = asyncio.get_running_loop()
    end, pause = loop.time() + timeout, _FIRST_WAIT
    while not _taken(handle):
        if loop.time() >= end:
            raise TimedOut("The project is busy with another git operation.", details={"seconds": timeout})
        # Polling, because a thread blocked in flock could not be cancelled.
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_WAIT)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
