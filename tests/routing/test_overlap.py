"""When two tasks get in each other's way: symbols, files, folders, and everything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.overlap import EVERYTHING, MOST_SYMBOLS, Footprint, in_words

_names = st.sampled_from(["a.f", "a.g", "b.f", "b.C", "b.C.m"])
_files = st.sampled_from(["a.py", "b.py", "src/c.py"])
_paths = st.sampled_from(["a.py", "b.py", "src", "src/c.py", EVERYTHING])
footprints = st.builds(
    Footprint.of, symbols=st.dictionaries(_names, _files, max_size=3), paths=st.sets(_paths, max_size=2)
)


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        (Footprint.of({"a.f": "a.py"}), Footprint.of({"a.f": "a.py", "b.g": "b.py"}), ["a.f"]),
        (Footprint.of({"a.f": "a.py"}), Footprint.of({"a.g": "a.py"}), []),
        (Footprint.of({"a.f": "a.py"}), Footprint.of({}, ["a.py"]), ["a.f"]),
        (Footprint.of({"a.f": "src/a.py"}), Footprint.of({}, ["./src/"]), ["a.f"]),
        (Footprint.of({}, ["src/a.py"]), Footprint.of({}, ["src"]), ["src/a.py"]),
        (Footprint.of({}, ["src"]), Footprint.of({}, ["srcs/a.py"]), []),
        (Footprint.of({}, ["/"]), Footprint.of({"a.f": "a.py"}), ["a.f"]),
        (Footprint.of({"lib.f": ""}), Footprint.of({}, ["."]), []),
    ],
)
def test_what_two_tasks_have_in_common_is_named(one: Footprint, other: Footprint, common: list[str]) -> None:
    assert one.common(other) == common


@given(one=footprints, other=footprints)
def test_overlap_goes_both_ways_and_survives_being_stored(one: Footprint, other: Footprint) -> None:
    assert one.common(other) == other.common(one)
    assert Footprint.from_dict(one.as_dict()) == one
    assert bool(one.common(one)) is not one.is_empty


def test_a_task_that_touches_very_much_touches_whole_files() -> None:
    wide = Footprint.of({f"a.f{n}": "a.py" for n in range(MOST_SYMBOLS + 1)})
    assert (wide.symbols, wide.paths) == ({}, {"a.py"})
    assert wide.common(Footprint.of({"a.new": "a.py"})) == ["a.new"]


def test_what_is_common_is_told_in_a_few_words() -> None:
    assert in_words(["a.f"]) == "both touch a.f"
    assert in_words(["a.f", "a.g", "b.f"]) == "both touch a.f and 2 more"
    assert in_words([EVERYTHING]) == "both touch every file"
