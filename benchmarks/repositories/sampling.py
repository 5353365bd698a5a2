"""Thirty calls drawn from a built graph, and what a reader needs to judge them: the call's lines and the callee's.

The draw depends on nothing but the graph's calls and the version's name, so anyone draws the same. Drawn are pairs of a
caller and a callee that the repository itself defines: what leads to libraries is told by imports alone.
"""

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pyoxigraph as ox

from benchmarks.repositories.sources import Repository
from orchestrator.kg.rdf.vocabulary import PREFIXES

DRAWN = 30
VERDICTS = ("right", "wrong", "unclear")
_EDGES = "SELECT ?a ?b WHERE { ?a c:calls ?b . FILTER NOT EXISTS { ?b a c:External } }"
_SITE = """SELECT ?who ?whom ?path ?line ?rule ?to ?at WHERE {
  ?s c:caller <%s> ; c:callee <%s> ; c:startLine ?line ; c:resolution ?rule .
  <%s> c:qualifiedName ?who ; c:definedIn/c:path ?path .
  <%s> c:qualifiedName ?whom ; c:definedIn/c:path ?to ; c:startLine ?at .
} ORDER BY ?line ?rule LIMIT 1"""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A call as the graph has it, where to read it, and what a reader found; ``why`` says it in a word or two."""

    caller: str
    callee: str
    call: str
    definition: str
    rule: str
    verdict: str = ""
    why: str = ""


def calls(store: ox.Store) -> list[tuple[str, str]]:
    """All calls between definitions of the repository, in a stable order."""
    found = store.query(PREFIXES + _EDGES, use_default_graph_as_union=True)
    return sorted({(row["a"].value, row["b"].value) for row in found})  # type: ignore[union-attr]


def draw(one: Repository, store: ox.Store) -> list[Drawn]:
    """The calls to read, in the order of their files."""
    edges = calls(store)
    chosen = random.Random(f"{one.package}@{one.version}").sample(edges, min(DRAWN, len(edges)))
    return sorted((_told(store, *edge) for edge in chosen), key=lambda drawn: (drawn.call, drawn.callee))


def _told(store: ox.Store, caller: str, callee: str) -> Drawn:
    text = PREFIXES + _SITE % (caller, callee, caller, callee)
    row = next(iter(store.query(text, use_default_graph_as_union=True)))  # type: ignore[arg-type]
    told = {str(name): row[name].value for name in ("who", "whom", "path", "line", "rule", "to", "at")}
    return Drawn(
        told["who"],
        told["whom"],
        f"{told['path']}:{told['line']}",
        f"{told['to']}:{told['at']}",
        told["rule"].partition("#rule-")[2],
    )


def load(path: Path) -> list[Drawn]:
    """A kept sample; none yet is an empty one."""
    return [Drawn(**told) for told in json.loads(path.read_bytes())["calls"]] if path.exists() else []


def save(one: Repository, figures: dict[str, object], drawn: Iterable[Drawn]) -> None:
    """Keep a sample; verdicts of calls that were drawn before stay, for they were read at the same version."""
    known = {(old.caller, old.callee, old.call): old for old in load(one.sample)}
    kept = [known.get((new.caller, new.callee, new.call), new) for new in drawn]
    told = {
        "package": one.package,
        "version": one.version,
        "figures": figures,
        "calls": [asdict(call) for call in kept],
    }
    one.sample.parent.mkdir(exist_ok=True)
    one.sample.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")


def to_read(root: Path, drawn: Drawn) -> Iterator[str]:
    """The lines around the call and the head of what it is said to reach."""
    yield f"{drawn.caller}  ->  {drawn.callee}   [{drawn.rule}] {drawn.verdict} {drawn.why}"
    yield from _lines(root, drawn.call, before=6, after=2)
    yield "  ....."
    yield from _lines(root, drawn.definition, before=1, after=3)


def _lines(root: Path, place: str, *, before: int, after: int) -> Iterator[str]:
    path, _, line = place.rpartition(":")
    text = (root / path).read_text(errors="replace").splitlines()
    at = int(line)
    yield f"  {place}"
    for number in range(max(1, at - before), min(len(text), at + after) + 1):
        yield f"  {number:5}{'>' if number == at else ' '}{text[number - 1][:150]}"
