"""Two changes of a file collide where git would not merge them by itself."""

import pytest

from orchestrator.core.collisions import MOST_LINES, collisions
from orchestrator.git.file_merge import colliding_spans

BASE = "a\nb\nc\nd\ne\n"


@pytest.mark.parametrize(
    ("one", "other", "spans"),
    [
        ("a\nB\nc\nd\ne\n", "a\nb\nc\nD\ne\n", []),
        ("a\nB\nc\nd\ne\n", "a\nX\nc\nd\ne\n", [(1, 2)]),
        ("a\nB\nc\nd\ne\n", "a\nB\nc\nd\ne\n", []),
        ("a\nB\nc\nd\ne\n", "a\nb\nC\nd\ne\n", [(2, 2)]),
        (BASE, "x\n", []),
        (None, "a\nB\nc\nd\ne\n", [(0, 5)]),
        ("new\na\nb\nc\nd\ne\n", "other\na\nb\nc\nd\ne\n", [(0, 0)]),
    ],
)
def test_only_lines_that_both_changed_collide(one: str | None, other: str | None, spans: list[tuple[int, int]]) -> None:
    assert collisions(BASE, one, other) == spans
    assert collisions(BASE, other, one) == spans


def test_two_new_files_of_one_name_collide_unless_they_are_equal() -> None:
    assert collisions(None, "x\n", "y\n") == [(0, 0)]
    assert collisions(None, "x\n", "x\n") == []


def test_a_very_long_file_is_compared_as_a_whole() -> None:
    base = "x\n" * (MOST_LINES + 1)
    assert collisions(base, base + "y\n", "z\n" + base) == [(0, MOST_LINES + 1)]


@pytest.mark.parametrize(
    ("base", "one", "other", "spans"),
    [
        ("a\nb\na\n", "a\na\nb\na\n", "a\n", [(0, 3)]),  # which "a" was put in is for git to say
        (BASE, "a\nB\nc\nd\ne\n", "a\nX\nc\nd\ne\n", [(1, 2)]),
        (BASE, "a\nB\nc\nd\ne\n", "a\nb\nc\nD\ne\n", []),
        (BASE, "a\nB\nc\nd\ne\n", "a\nB\nc\nd\ne\n", []),
        (BASE, BASE, "x\n", []),
        (BASE, None, "x\n", [(0, 5)]),
        (None, "x\n", "y\n", [(0, 0)]),
        ("\0a\n", "\0b\n", "\0c\n", [(0, 1)]),  # git merges no binary file
    ],
)
async def test_git_decides_whether_two_changes_collide(
    base: str | None, one: str | None, other: str | None, spans: list[tuple[int, int]]
) -> None:
    assert await colliding_spans(base, one, other) == spans
    assert await colliding_spans(base, other, one) == spans
