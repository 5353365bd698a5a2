"""Reads patches without context into hunks: git's own, and the unified diffs agents leave. Used by the history reader.

Only headers are looked at; the lines of a hunk are counted past, so that no content is taken for a header.
"""

import re
from collections.abc import Iterator

from orchestrator.core.commits import CommitPatch, FilePatch, Hunk

COMMIT_MARK = "\x01"
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


def read_commit_patches(text: str) -> Iterator[CommitPatch]:
    """The patches of a ``git log`` whose format is COMMIT_MARK and the commit's id."""
    lines = iter(text.split("\n"))
    commit, reader = "", _PatchReader()
    for line in lines:
        if line.startswith(COMMIT_MARK):
            if commit:
                yield CommitPatch(commit, reader.take())
            commit = line[1:]
        else:
            reader.read(line, lines)
    if commit:
        yield CommitPatch(commit, reader.take())


def read_patch(text: str) -> tuple[FilePatch, ...]:
    """The files of one unified diff, with or without context; context lines are not in the hunks."""
    lines, reader = iter(text.split("\n")), _PatchReader()
    for line in lines:
        reader.read(line, lines)
    return reader.take()


class _PatchReader:
    """Collects the files of one patch."""

    def __init__(self) -> None:
        self._files: list[FilePatch] = []
        self._old = self._new = ""
        self._hunks: list[Hunk] = []

    def take(self) -> tuple[FilePatch, ...]:
        """The files read since the last time."""
        self._close()
        files, self._files = tuple(self._files), []
        return files

    def read(self, line: str, rest: Iterator[str]) -> None:
        """One header line; the body of a hunk is taken from ``rest``."""
        if line.startswith("@@ "):
            if match := _HUNK.match(line):
                self._hunks += _changed(match, rest)
        elif line.startswith("diff --git "):
            self._close()
        elif line.startswith("rename from "):
            self._old = _path(line[12:])
        elif line.startswith("rename to "):
            self._new = _path(line[10:])
        elif line.startswith("--- "):
            self._old = _side(line[4:])
        elif line.startswith("+++ "):
            self._new = _side(line[4:])

    def _close(self) -> None:
        if self._old or self._new:
            self._files.append(FilePatch(self._old, self._new, tuple(self._hunks)))
        self._old = self._new = ""
        self._hunks = []


def _changed(match: re.Match[str], rest: Iterator[str]) -> Iterator[Hunk]:
    """The runs of changed lines in one hunk: the hunk itself where it has no context."""
    old, new = int(match[1]), int(match[3])
    olds = int(match[2]) if match[2] is not None else 1
    news = int(match[4]) if match[4] is not None else 1
    # A side without lines is told by the line before it.
    old, new = old + (olds == 0), new + (news == 0)
    removed = added = 0
    while olds > 0 or news > 0:
        line = next(rest, None)
        if line is None:
            break
        kind = line[:1]
        if kind == "-":
            removed, olds = removed + 1, olds - 1
        elif kind == "+":
            added, news = added + 1, news - 1
        elif kind != "\\":
            if removed or added:
                yield Hunk(old, removed, new, added)
            old, new = old + removed + 1, new + added + 1
            olds, news, removed, added = olds - 1, news - 1, 0, 0
    if removed or added:
        yield Hunk(old, removed, new, added)


def _side(written: str) -> str:
    """A path of a ``---`` or ``+++`` line, without its a/ or b/; "" for /dev/null."""
    path = _path(written.removesuffix("\t"))
    return "" if path == "/dev/null" else path.partition("/")[2]


def _path(written: str) -> str:
    if not (written.startswith('"') and written.endswith('"') and len(written) > 1):
        return written
    raw = _ESCAPE.sub(_unescape, written[1:-1].encode("utf-8", "surrogateescape"))
    return raw.decode("utf-8", "backslashreplace")


def _unescape(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code, 8) & 255]) if code.isdigit() else _ESCAPED.get(code, code)
