"""Two changes of a file collide where git would not merge them by itself."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.core.collisions import MOST_LINES, collisions

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


lines = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "d\n"]), max_size=6).map("".join)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(base=lines, one=lines, other=lines)
def test_what_git_cannot_merge_collides(tmp_path: Path, base: str, one: str, other: str) -> None:
    names = ("one", "base", "other")
    for name, text in zip(names, (one, base, other), strict=True):
        (tmp_path / name).write_text(text)
    merged = subprocess.run(["git", "merge-file", "-p", "-q", *names], cwd=tmp_path, capture_output=True, check=False)
    if merged.returncode:
        assert collisions(base, one, other)
