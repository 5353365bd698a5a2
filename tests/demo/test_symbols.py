"""What the demo asks about is chosen to be readable, whatever the repository."""

from typing import Any

from orchestrator.cli.demo.graph import Symbols


def _row(symbol: str, path: str, callers: int) -> dict[str, Any]:
    return {"symbol": symbol, "path": path, "callers": str(callers)}


_MANY = _row("a.log", "a.py", 90)
_TEST = _row("tests.helper", "tests/helper.py", 4)
_FEW = _row("a.price", "a.py", 3)
_NONE = _row("a.main", "a.py", 0)


def test_the_question_is_about_the_code_and_has_a_short_answer() -> None:
    assert Symbols([_MANY, _TEST, _FEW, _NONE]).question() == "who calls a.price"
    assert Symbols([_MANY, _TEST]).question() == "who calls tests.helper"
    assert Symbols([_MANY]).question() == "who calls a.log"


def test_a_repository_without_functions_is_asked_about_a_file() -> None:
    assert Symbols(file="index.js").question() == "what is in index.js"
    assert Symbols().renames() == []


def test_renames_are_small_first_and_never_collide() -> None:
    assert Symbols([_MANY, _FEW, _NONE]).renames()[:2] == [
        ("a.py::price", "price_renamed"),
        ("a.py::main", "main_renamed"),
    ]
    taken = [_row("b.price_renamed", "b.py", 1), _FEW]
    assert "a.py::price" not in dict(Symbols(taken).renames())
    assert Symbols([_row("a.__getattr__", "a.py", 1)]).renames() == []
