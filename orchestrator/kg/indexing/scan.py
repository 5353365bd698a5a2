"""Which files of a tree changed since they were read last, by size, time and inode. Used by the live graph.

A file that was written within the last moments before it was read counts as changed once more: the clock of the file
system may not tell its next writing from that one.
"""

import os
import stat
import time
from collections.abc import Iterable
from pathlib import Path

from orchestrator.core.errors import InvalidInput
from orchestrator.kg.indexing.files import list_files
from orchestrator.kg.indexing.wanted import is_wanted

_SETTLED_NS = 50_000_000
_Stamp = tuple[int, int, int, int]


def check_paths(paths: Iterable[str]) -> None:
    """Raises InvalidInput for a path that leads out of a tree."""
    for path in paths:
        if not path or path.startswith("/") or ".." in path.split("/") or "\0" in path:
            raise InvalidInput(f"not a path of the tree: {path[:200]!r}", field="paths")


class Scan:
    """What is remembered of the files below one root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._stamps: dict[str, _Stamp] = {}

    def changed(self, paths: Iterable[str] | None = None, only: Iterable[str] | None = None) -> set[str]:
        """Paths, of those given or of all, that are to be read again, or are gone; they count as read now.

        ``only`` are all paths of the tree, where not every file below the root belongs to it.

        A folder stands for what is in it, and one that is gone for all that was. Given paths must be checked.
        """
        began = time.time_ns()
        everything = set(only) if only is not None else None
        if paths is not None:
            looked_at = self._below(paths)
        else:
            looked_at = (set(list_files(self.root)) if everything is None else everything) | self._stamps.keys()
        changed: set[str] = set()
        for path in looked_at:
            stamp = _stamp(self.root / path) if everything is None or path in everything else None
            known = self._stamps.get(path)
            if stamp is None:
                if self._stamps.pop(path, None) is not None or paths is not None:
                    changed.add(path)
                continue
            if stamp != known:
                changed.add(path)
                settled = stamp[1] < began - _SETTLED_NS
                self._stamps[path] = stamp if settled else (-1, stamp[1], stamp[2], stamp[3])
        return changed

    def has(self, path: str) -> bool:
        """Whether there was a file when it was looked at last."""
        return path in self._stamps

    def _below(self, paths: Iterable[str]) -> set[str]:
        found: set[str] = set()
        for path in paths:
            if not is_wanted(path):
                continue
            found.add(path)
            if (self.root / path).is_dir() and not (self.root / path).is_symlink():
                found.discard(path)
                found |= {f"{path}/{one}" for one in list_files(self.root / path)}
            elif not os.path.lexists(self.root / path):
                found |= {known for known in self._stamps if known.startswith(f"{path}/")}
        return found


def _stamp(path: Path) -> _Stamp | None:
    """What tells a file's next content from this one; None where there is no file."""
    try:
        status = path.lstat()
    except (OSError, ValueError):
        return None
    if stat.S_ISDIR(status.st_mode):
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns
