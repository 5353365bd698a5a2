"""One lock per project and purpose, held across processes. Used by mirrors and worktrees.

An flock on a file: the kernel lets go of it when its holder dies, so nothing stays locked after kill -9. Whoever gets
the lock of a file that was removed meanwhile begins again with the file that is there now. A file is removed as the
last thing a holder does: the next one may hold its successor from then on, so two never hold it at once.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from orchestrator.core.errors import TimedOut

_FIRST_WAIT, _LONGEST_WAIT = 0.005, 0.1


class Hold:
    """A lock while it is held."""

    def __init__(self) -> None:
        self.ends_for_good = False

    def end_for_good(self) -> None:
        """Remove the lock file at the end of the hold, because what it guards is gone."""
        self.ends_for_good = True


@asynccontextmanager
async def held(path: Path, timeout: float = 120.0) -> AsyncIterator[Hold]:
    """Hold the lock file for the body; TimedOut when another holder keeps it longer than ``timeout`` seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            await _wait(handle, end)
            if not _is_there(path, handle):
                continue
            hold = Hold()
            yield hold
            if hold.ends_for_good:
                _remove(path)
            return
        finally:
            os.close(handle)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _is_there(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        return False


async def _wait(handle: int, end: float) -> None:
    loop, pause = asyncio.get_running_loop(), _FIRST_WAIT
    began = loop.time()
    while not _taken(handle):
        if loop.time() >= end:
            raise TimedOut(
                "The project is busy with another git operation.", details={"seconds": round(end - began, 1)}
            )
        # Polling, because a thread blocked in flock could not be cancelled.
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_WAIT)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
