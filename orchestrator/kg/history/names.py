"""What a path of an old commit is called today. Used by the history writer.

Newest commit first: a rename hands the older name to the file of today, an addition ends a name's older life. Commits
of parallel branches are not in one line, so a name that is unknown there is looked up in all renames together.
"""

from collections.abc import Iterable, Set

from orchestrator.core.commits import Commit, TouchedFile


class PresentNames:
    """Follows names back; ``present`` are the paths of the tree today."""

    def __init__(self, present: Set[str], commits: Iterable[Commit]) -> None:
        self._present = present
        self._now: dict[str, str | None] = {}
        self._renamed: dict[str, str] = {}
        for commit in commits:
            for file in commit.files:
                if file.status == "R":
                    self._renamed.setdefault(file.old_path, file.path)

    def step(self, commit: Commit) -> list[tuple[TouchedFile, str | None]]:
        """The commit's files, each with its path of today, or None if it is gone; then go behind the commit."""
        found = [(file, self._today(file.path)) for file in commit.files]
        for file, _ in found:
            if file.status in ("A", "R", "C"):
                self._now[file.path] = None
        for file, today in found:
            if file.status == "R":
                self._now[file.old_path] = today
        return found

    def _today(self, path: str) -> str | None:
        if path in self._now:
            return self._now[path]
        seen = set[str]()
        while path not in self._present:
            if path in seen or path not in self._renamed:
                return None
            seen.add(path)
            path = self._renamed[path]
        return path
