"""The error tree: every leaf complete, and drawn at the top of its file as it is."""

import ast
import re

import pytest

from orchestrator.core import errors
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.states import Reason, reason_for
from tests.architecture.source import name_of, package_files, tree


def _below(kind: type[OrchestratorError], depth: int = 0) -> list[tuple[type[OrchestratorError], int]]:
    return [(kind, depth), *(leaf for child in kind.__subclasses__() for leaf in _below(child, depth + 1))]


TREE = [(kind, depth) for kind, depth in _below(OrchestratorError) if kind.__module__ == errors.__name__]
KINDS = [kind for kind, _ in TREE]


@pytest.mark.parametrize("kind", KINDS[1:])
def test_an_error_has_a_status_a_code_and_one_line_of_words(kind: type[OrchestratorError]) -> None:
    assert 400 <= kind.status <= 599
    assert kind.status != 500
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code)
    assert kind.__doc__
    assert len(kind.__doc__.strip().splitlines()) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_gives_a_reason(kind: type[OrchestratorError]) -> None:
    assert reason_for(kind("no")) in Reason


def test_no_other_file_adds_a_status_or_a_code() -> None:
    """A part may tell its own cases apart by a subclass; what callers see stays in the one file."""
    known = {kind.__name__ for kind in KINDS}
    for path in package_files():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef) and known & {ast.unparse(base) for base in node.bases}:
                fields = {
                    ast.unparse(target) for item in node.body if isinstance(item, ast.Assign) for target in item.targets
                }
                assert path.name == "errors.py" or not fields, f"{name_of(path)}: {node.name}"


def test_codes_are_told_apart() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(codes) == len(set(codes))


def test_the_drawing_at_the_top_is_the_tree() -> None:
    line = re.compile(r"^\s{4}(?P<bars>[│├└─\s]*)(?P<name>[A-Z]\w+)(?: (?P<status>\d{3}))?(?P<retry> \(retry\))?", re.M)
    drawn = {
        found["name"]: (len(found["bars"]) // 4, found["status"], bool(found["retry"]))
        for found in line.finditer(errors.__doc__ or "")
    }
    assert drawn.pop("OrchestratorError") == (0, None, False)
    assert drawn == {kind.__name__: (depth, str(kind.status), kind.retry) for kind, depth in TREE[1:]}
