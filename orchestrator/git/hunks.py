"""Hunks of git's own patches, line by line, for whoever shows a diff or comments on it. Pure; no I/O.

Used by the doors of review. Only headers are looked at between hunks, and a hunk's lines are counted, so that no
content is taken for a header. ``patches`` reads the same text when only the numbers of lines matter.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Side = Literal["context", "added", "removed"]

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)")
_KINDS: dict[str, Side] = {" ": "context", "+": "added", "-": "removed"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line; its number on the old and on the new side, None where it is not there."""

    kind: Side
    old: int | None
    new: int | None
    text: str


@dataclass(frozen=True, slots=True)
class ShownHunk:
    """A run of lines with context. ``header`` is what git takes for the function around it."""

    old_start: int
    old_lines: int
    new_start: int
    new_lines: int
    header: str
    lines: tuple[Line, ...]


def hunks_by_file(patch: str) -> list[tuple[ShownHunk, ...]]:
    """The hunks of each file of a patch, in the patch's order; a file without any, such as a renamed one, has none."""
    files: list[list[ShownHunk]] = []
    lines = iter(patch.split("\n"))
    for line in lines:
        if line.startswith("diff --git "):
            files.append([])
        elif files and (match := _HUNK.match(line)):
            files[-1].append(_hunk(match, lines))
    return [tuple(hunks) for hunks in files]


def _hunk(match: re.Match[str], rest: Iterator[str]) -> ShownHunk:
    old, new = int(match[1]), int(match[3])
    olds = int(match[2]) if match[2] is not None else 1
    news = int(match[4]) if match[4] is not None else 1
    lines = tuple(_lines(old, new, olds, news, rest))
    return ShownHunk(old, olds, new, news, match[5], lines)


def _lines(old: int, new: int, olds: int, news: int, rest: Iterator[str]) -> Iterator[Line]:
    while olds > 0 or news > 0:
        line = next(rest, None)
        if line is None:
            return  # the patch was cut
        kind = _KINDS.get(line[:1])
        if kind is None:
            continue  # "\ No newline at end of file"
        yield Line(kind, None if kind == "added" else old, None if kind == "removed" else new, line[1:])
        if kind != "added":
            old, olds = old + 1, olds - 1
        if kind != "removed":
            new, news = new + 1, news - 1
