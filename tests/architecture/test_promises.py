"""The promises, checked both ways: each has a test that exists, and each area of the tests keeps a promise."""

import ast
from functools import cache

from tests.architecture.source import ROOT, files_of_tests, functions
from tests.promises import PROMISES


@cache
def _known() -> frozenset[str]:
    return frozenset(
        f"{path.relative_to(ROOT / 'tests').as_posix()}::{function.name}"
        for path in files_of_tests()
        for function in functions(path)
    )


def test_every_promise_has_a_test_or_is_openly_deferred() -> None:
    assert [promise.id for promise in PROMISES if bool(promise.tests) == bool(promise.deferred)] == []


def test_every_test_a_promise_names_exists() -> None:
    missing = {promise.id: set(promise.tests) - _known() for promise in PROMISES}
    assert {name: tests for name, tests in missing.items() if tests} == {}


def test_ids_are_told_apart_and_sentences_are_sentences() -> None:
    assert len({promise.id for promise in PROMISES}) == len(PROMISES)
    assert [promise.id for promise in PROMISES if not promise.sentence.endswith(".")] == []


def test_every_area_of_the_tests_keeps_a_promise() -> None:
    areas = {name.partition("/")[0] for name in _known() if "::test_" in name}
    keeping = {name.partition("/")[0] for promise in PROMISES for name in promise.tests}
    assert sorted(areas - keeping - {"conftest.py"}) == []


def test_no_promise_rests_on_a_skipped_test() -> None:
    """A test that is skipped by its own mark shows nothing."""
    skipped = set()
    for path in files_of_tests():
        for function in functions(path):
            marks = " ".join(ast.unparse(mark) for mark in function.decorator_list)
            if "mark.skip(" in marks or "xfail" in marks:
                skipped.add(f"{path.relative_to(ROOT / 'tests').as_posix()}::{function.name}")
    assert [promise.id for promise in PROMISES if skipped & set(promise.tests)] == []
