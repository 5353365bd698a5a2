"""Where two changes of one file get in each other's way: lines of the original that both changed. Pure.

Used by ``git.file_merge`` once git has said that it would not merge the two by itself: changes collide on the same
lines, or on neighbouring ones.
"""

from collections.abc import Iterator
from difflib import SequenceMatcher

MOST_LINES = 20_000
"""A longer file is compared as a whole: whoever changes it collides with everybody else who does."""

Span = tuple[int, int]
"""Lines of the original, from 0, the end left out; empty where something was only put in."""


def collisions(base: str | None, one: str | None, other: str | None) -> list[Span]:
    """Spans of the original that both changed; None is a file that is not there. Equal changes do not collide."""
    if one == other or base in (one, other):
        return []
    if base is None or one is None or other is None:
        return [(0, len(_lines(base or "")))]
    original, ours, theirs = _lines(base), _lines(one), _lines(other)
    if max(len(original), len(ours), len(theirs)) > MOST_LINES:
        return [(0, len(original))]
    mine, yours = _changes(original, ours), _changes(original, theirs)
    found = [(max(a, c), max(min(b, d), max(a, c))) for a, b, new in mine for c, d, also in yours
             if a <= d and c <= b and (a, b, new) != (c, d, also)]  # fmt: skip
    return sorted(set(found))


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _changes(base: list[str], changed: list[str]) -> list[tuple[int, int, tuple[str, ...]]]:
    return list(_hunks(base, changed))


def _hunks(base: list[str], changed: list[str]) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Spans of the original with what stands there now."""
    matcher = SequenceMatcher(None, base, changed, autojunk=False)
    for kind, start, end, first, last in matcher.get_opcodes():
        if kind != "equal":
            yield start, end, tuple(changed[first:last])
