"""From code that ran to definitions of the graph, for the very versions of files the graph knows.

Used when a trace is taken in. What ran in another version of a file than the tree's is stale: it is counted, and
nothing is claimed of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from orchestrator.kg.facts import FileFacts, local_names
from orchestrator.kg.traces.read import Code, Trace, Version

FactsOf = Callable[[Version], FileFacts | None]
"""The facts of a file in that very version; None where the tree has another one, or none."""

_INNER = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
_LAMBDA = "<lambda>"
_NAMELESS = "<anonymous>"
_WITHOUT_NAME = _INNER | {_LAMBDA}


class Symbol(NamedTuple):
    """A definition: the version of its file and its name in it, as IRIs have it; "" is the module."""

    file: Version
    name: str


@dataclass(slots=True)
class Seen:
    """A trace in words of the graph. ``stale``: files that ran in another version; ``unknown``: code not in the graph.

    ``calls`` have the line of the first one; ``covered`` are functions by test, those outside of tests under None.
    """

    calls: dict[tuple[Symbol, Symbol], int] = field(default_factory=dict)
    covered: dict[Symbol | None, set[Symbol]] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    unknown: set[Code] = field(default_factory=set)
    dropped: int = 0


class _Definition(NamedTuple):
    kind: str
    line: int
    end: int
    decorated: bool
    dotted: str
    name: str

    @property
    def is_lambda(self) -> bool:
        return self.dotted.rpartition(".")[2].startswith("<lambda")


_Table = dict[str, list[_Definition]]


def match(trace: Trace, facts_of: FactsOf) -> Seen:
    """Every call and every covered function that both ends can be told of."""
    seen = Seen(dropped=trace.dropped)
    matcher = _Matcher(facts_of, seen)
    for (caller, callee), line in trace.calls.items():
        start, end = matcher.scope(caller), matcher.function(callee)
        if start is not None and end is not None:
            seen.calls.setdefault((start, end), line)
    for test, codes in trace.covered.items():
        subject = matcher.function(test) if test is not None else None
        if test is not None and subject is None:
            continue
        found = {one for code in codes if (one := matcher.function(code)) is not None and one != subject}
        seen.covered.setdefault(subject, set()).update(found)
    return seen


class _Matcher:
    """Looks code up, each piece once."""

    def __init__(self, facts_of: FactsOf, seen: Seen) -> None:
        self._facts_of = facts_of
        self._seen = seen
        self._tables: dict[Version, _Table | None] = {}
        self._found: dict[Code, Symbol | None] = {}

    def function(self, code: Code) -> Symbol | None:
        """The function that the code is; None for bodies of modules and classes, and for comprehensions."""
        if code.body or code.name.rpartition(".")[2] in _INNER:
            return None
        found = self.scope(code)
        if found is None or not found.name or (code.name.endswith(_LAMBDA) and "<lambda" not in found.name):
            return None
        return found

    def scope(self, code: Code) -> Symbol | None:
        """The definition that calls in the code are counted to: for a comprehension or lambda, what is around it."""
        if code not in self._found:
            self._found[code] = self._look_up(code)
            if self._found[code] is None and code.file.path not in self._seen.stale:
                self._seen.unknown.add(code)
        return self._found[code]

    def _look_up(self, code: Code) -> Symbol | None:
        table = self._table(code.file)
        if table is None:
            return None
        name = ".".join(part for part in code.name.split(".") if part != "<locals>")
        if name == "<module>":
            return Symbol(code.file, "")
        last = name.rpartition(".")[2]
        if last == _LAMBDA:
            on_line = [one for one in table.get(_LAMBDA, ()) if one.line == code.line]
            if len(on_line) == 1:
                return Symbol(code.file, on_line[0].name)
        if last in _WITHOUT_NAME:
            every = (one for group in table.values() for one in group if last != _LAMBDA or not one.is_lambda)
            around = [one for one in every if one.line <= code.line <= one.end]
            return Symbol(code.file, max(around, key=lambda one: one.line).name if around else "")
        found = _nearest(code, name, table.get(last, [])) or _alone(code, table)
        return Symbol(code.file, found.name) if found is not None else None

    def _table(self, file: Version) -> _Table | None:
        if file not in self._tables:
            facts = self._facts_of(file)
            self._tables[file] = _definitions(facts) if facts is not None else None
            if facts is None:
                self._seen.stale.add(file.path)
        return self._tables[file]


def _nearest(code: Code, name: str, candidates: list[_Definition]) -> _Definition | None:
    """The definition by its dotted name, or by its last one where the program knows no more (Python before 3.11).

    Code begins at the first decorator, a definition behind them: only a decorated one may begin later than its code.
    """
    fitting = [one for one in candidates if (one.kind == "class") == code.body]
    if "." in name or not code.line:
        fitting = [one for one in fitting if one.dotted == name]
    if not code.line:
        return fitting[0] if len(fitting) == 1 else None
    behind = [one for one in fitting if one.line == code.line or (one.decorated and one.line > code.line)]
    return min(behind, key=lambda one: one.line, default=None)


def _alone(code: Code, table: _Table) -> _Definition | None:
    """For code that has no name: the only function that begins at its line."""
    if code.name != _NAMELESS:
        return None
    found = [one for group in table.values() for one in group if one.line == code.line and one.kind == "function"]
    return found[0] if len(found) == 1 else None


def _definitions(facts: FileFacts) -> _Table:
    """What a file defines by last name, but for the module itself; names with dots, as a program has them."""
    found: _Table = {}
    dotted: list[str] = []
    for one, local in zip(facts.definitions, local_names(facts), strict=True):
        parent = dotted[one.parent] if one.parent > 0 else ""
        dotted.append(".".join(filter(None, (parent, one.owner, one.name))))
        if one.kind != "module":
            entry = _Definition(one.kind, one.start_line, one.end_line, bool(one.decorators), dotted[-1], local)
            last = _LAMBDA if entry.is_lambda else one.name.rpartition(".")[2]
            found.setdefault(last, []).append(entry)
    return found
