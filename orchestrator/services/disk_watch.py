"""Limits how much of the disk an attempt, or a verification, may take: measured while it runs, and once at its end.

Used by ``run_agent`` around every agent in a work tree and by the verifier around every command. All looks of a
process together cost a twentieth of a processor at most. It is no quota: what is written between two looks is there.
"""

import asyncio
import os
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from orchestrator.core.errors import DiskLimitReached

Result = TypeVar("Result")

_PAUSE_SECONDS = 2.0
_REST_PER_LOOK = 20
"""After a look that took a second nobody looks for twenty, times the number of those who look."""
_LEAST_PER_ENTRY = 1024
"""What an entry counts at least: millions of empty files fill a disk too."""


class DiskWatch:
    """``most`` bytes for each piece of work, 0 for no limit, by the setting of this name. One for each kind of work."""

    def __init__(self, most: int, setting: str) -> None:
        self._most = most
        self._setting = setting
        self._watched = 0

    async def within(self, work: Coroutine[Any, Any, Result], folders: Sequence[Path]) -> Result:
        """The work's result; when the folders together pass the limit it is cancelled, and DiskLimitReached raised."""
        if not self._most or not folders:
            return await work
        working = asyncio.create_task(work, name="within-disk-limit")
        self._watched += 1
        try:
            await self._watch(working, folders)
            return working.result()
        finally:
            self._watched -= 1
            if not working.done():
                working.cancel()
                await asyncio.wait({working})
            if not working.cancelled():
                working.exception()  # heard of, also when something else is raised

    async def _watch(self, working: asyncio.Task[Result], folders: Sequence[Path]) -> None:
        """Until the work is done and was measured a last time, unless it failed by itself."""
        pause = _PAUSE_SECONDS
        while not (await asyncio.wait({working}, timeout=pause))[0]:
            began = time.monotonic()
            await self._check(folders)
            pause = max(_PAUSE_SECONDS, _REST_PER_LOOK * self._watched * (time.monotonic() - began))
        if not working.cancelled() and working.exception() is None:
            await self._check(folders)

    async def _check(self, folders: Sequence[Path]) -> None:
        if await asyncio.to_thread(measure, folders, self._most) > self._most:
            raise DiskLimitReached(
                f"It takes more than {self._most} bytes of the disk, the limit that {self._setting} sets.",
                details={"limit": self._most, "setting": self._setting},
            )


def measure(folders: Sequence[Path], enough: int) -> int:
    """What the folders take on the disk, in bytes, counted until it is more than ``enough``. Follows no link.

    A file of several names counts once. What goes away meanwhile, or cannot be read, counts as far as it was seen.
    """
    total, several = 0, set[tuple[int, int]]()
    left = [str(folder) for folder in folders]
    while left and total <= enough:
        try:
            with os.scandir(left.pop()) as entries:
                for entry in entries:
                    total += _size(entry, several)
                    if total > enough:
                        return total
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
        except OSError:
            continue  # gone, or closed to us: the next look may find more
    return total


def _size(entry: os.DirEntry[str], several: set[tuple[int, int]]) -> int:
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError:
        return _LEAST_PER_ENTRY
    if found.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
        if (found.st_dev, found.st_ino) in several:
            return _LEAST_PER_ENTRY
        several.add((found.st_dev, found.st_ino))
    return max(found.st_blocks * 512, _LEAST_PER_ENTRY)
