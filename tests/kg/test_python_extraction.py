"""Two parsers read Python: the interpreter's own where it can, tree-sitter where it cannot. They say the same."""

import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.kg.facts import FileFacts
from orchestrator.kg.python.by_ast.extract import extract_by_ast
from orchestrator.kg.python.extract import extract, extract_by_tree_sitter

_REAL = Path(__file__).parents[2] / "orchestrator" / "kg" / "python"
# The grammar takes "x[y:] if z else w" for a slice that ends there.
_MISREAD = "symbols.py"
_EVERYTHING = '''
"""What a file says."""
from __future__ import annotations
import os, a.b, c.d as e
from . import f
from ..g import h as i, j
from k import *
__all__ = ["Thing", 'other']

@decorated
@with_arguments(f, key=lambda one, *rest, two=2: rest(one))
async def function(a, /, b: int = f(1), *args: T, c=(1, 2), d: "Other | None" = None, **more) -> Optional[Thing]:
    """Says
    more."""
    global known
    known = a.b[0]["key"][1:](b, *args, c=c, **more) or d or f
    async with open(a) as x, lock:
        self.put[b] = x.update({"a": f, **more}, c)
    for one, (two, *three) in zip(a, b):
        four = five = [one(n) for n in two if n for m in three(n)]
    else:
        raise Problem from error
    try:
        return await a.b(f"{c(d):{e()}}"), x if y else z
    except (E, F) as error:
        pass
    except e.Error as error:
        del a[f(0)]
    finally:
        yield from f(i for i in g.h)

class Thing(Base, Generic[T], *others, metaclass=Meta):
    table: dict[str, Callable[[A, B], C]] = {1: f, "two": function}
    def __new__(cls, *args): return super().__new__(cls)
    @staticmethod
    def still(x): x.y = f
    @property
    def name(self):
        self.a, self.b = self, (f, 2)
        while (n := next(self)) is not None:
            self.c[n] = lambda: self.d
        match n:
            case [Point(x=0), *rest] if f(rest): return rest
            case {"a": b}: yield b
        if a: return -1
        elif b: return not f
        else: return {k: v for k, v in self.e.items()}, {*a, f}
    def key(self): return os.environ["HOME"], os.getenv("PATH", f()), "X" in os.environ
'''


def _apart_from_ends(facts: FileFacts | None) -> FileFacts | None:
    """Facts without the last lines of definitions: to tree-sitter a comment that follows a body may belong to it."""
    assert facts is not None
    return replace(facts, definitions=tuple(one._replace(end_line=0) for one in facts.definitions))


def test_both_parsers_say_the_same_of_all_that_can_be_written() -> None:
    source = _EVERYTHING.encode()
    facts = extract_by_ast(source)
    assert _apart_from_ends(facts) == _apart_from_ends(extract_by_tree_sitter(source))
    assert facts is not None
    assert len(facts.calls) > 30
    assert len(facts.config) == 3


def test_both_parsers_say_the_same_of_real_code() -> None:
    for path in sorted(_REAL.glob("*.py")):
        if path.name == _MISREAD:
            continue
        source = path.read_bytes()
        found = _apart_from_ends(extract_by_ast(source))
        assert found == _apart_from_ends(extract_by_tree_sitter(source)), path


@pytest.mark.parametrize(
    "source",
    [
        b"def f(:\n    pass\ndef g(): f()\n",
        b"print 'old'\ndef g(): f()\n",
        b"x = " + b"(" * 10_000 + b")" * 10_000 + b"\ndef g(): f()\n",
        b"x = a" + b".b()" * 5_000 + b"\ndef g(): f()\n",
        b"def f(): pass\rdef g(): f()\n",
    ],
    ids=["broken", "Python 2", "brackets", "a long chain", "lines ended otherwise"],
)
def test_what_the_interpreter_cannot_read_is_read_all_the_same(source: bytes) -> None:
    assert extract_by_ast(source) is None
    assert extract(source) == extract_by_tree_sitter(source)


def test_what_the_interpreter_warns_of_warns_nobody() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert extract_by_ast(b"x = '\\d' is 1\n") is not None
