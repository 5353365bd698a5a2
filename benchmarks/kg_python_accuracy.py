"""Calls in Python against two published ground truths: PyCG's micro-benchmark and SWARM-CG's extended set.

Takes the sets from the folders that PYCG and SWARM_CG name, or fetches them at fixed commits. Only ``calls`` count,
never candidates, and only calls whose callee is defined in the case, as in the comparison with PyCG that gives the
baseline: a call of a class without ``__init__`` runs nothing that the case defines.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kg_sets import checkout
from benchmarks.report import Row, row
from orchestrator.kg.facts import FileFacts
from orchestrator.kg.python.extract import extract
from orchestrator.kg.python.links import Linker


@dataclass(frozen=True, slots=True)
class _Set:
    """A set of cases: where it is, what of it is used, and what PyCG reaches on it."""

    name: str
    title: str
    variable: str
    folder: str
    source: str
    commit: str
    part: str
    baseline: tuple[str, str, str]
    goals: tuple[float | None, float, float]


_SETS = (
    _Set(
        "pycg", "PyCG micro-benchmark", "PYCG", "pycg", "https://github.com/vitsalis/PyCG",
        "8d5dc40837803beef1d8d379fbf2cdad6cd94641", "micro-benchmark/snippets",
        ("PyCG: 107", "PyCG: .979", "PyCG: .942"), (110, 0.979, 0.95),
    ),
    _Set(
        "swarm_python", "SWARM-CG Python extended", "SWARM_CG", "swarm-cg",
        "https://github.com/secure-software-engineering/SWARM-CG", "5929c0a36a9c8e8c6c7539dc412336cdf6c09e58",
        "benchmarks/python/pycg_extended", ("", "PyCG: .934", "PyCG: .948"), (None, 0.934, 0.948),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Score:
    """Calls of one case: found and true, found and not true, true and not found."""

    right: int
    wrong: int
    missed: int


async def python_accuracy(folder: Path) -> list[Row]:
    """Cases whose calls are found exactly, precision and recall, for each set."""
    return [measured for one in _SETS for measured in _rows(one, folder)]


def _rows(one: _Set, folder: Path) -> list[Row]:
    scores = [score(case) for case in _cases(one, folder)]
    right, wrong, missed = (sum(getattr(case, name) for case in scores) for name in ("right", "wrong", "missed"))
    exact = sum(not case.wrong and not case.missed for case in scores)
    figures = (
        (exact, "exact", "cases"),
        (right / (right + wrong), "precision", ""),
        (right / (right + missed), "recall", ""),
    )
    return [
        row(
            f"{one.name}_{name}", f"{one.title}, {len(scores)} cases: {name}", [value], unit, at_least=goal,
            baseline=baseline,
        )
        for (value, name, unit), goal, baseline in zip(figures, one.goals, one.baseline, strict=True)
    ]  # fmt: skip


def _cases(one: _Set, folder: Path) -> list[Path]:
    root = checkout(one.folder, one.variable, one.source, one.commit, folder)
    found = sorted(path.parent for path in (root / one.part).rglob("callgraph.json"))
    if not found:
        raise RuntimeError(f"{root} holds no {one.part}; set {one.variable} to a checkout of {one.source}")
    return found


def score(case: Path) -> Score:
    """What is found in one case against what is true of it."""
    facts = {file.relative_to(case).as_posix(): extract(file.read_bytes()) for file in sorted(case.rglob("*.py"))}
    names = {path: _names(one, path) for path, one in facts.items()}
    linker = Linker(facts, set(facts))
    found = {
        (names[path][edge.scope], names[target.path][target.at])
        for path in facts
        for edge in linker.link(path).edges
        if edge.certainty == "calls"
        for target in edge.targets
        if target.path and facts[target.path].definitions[target.at].kind == "function"
    }
    defined = {name for own in names.values() for name in own}
    truth: dict[str, list[str]] = json.loads((case / "callgraph.json").read_bytes())
    true = {(caller, callee) for caller, callees in truth.items() for callee in callees if callee in defined}
    return Score(len(found & true), len(found - true), len(true - found))


def _names(facts: FileFacts, path: str) -> list[str]:
    """The names of a file's definitions as the ground truth writes them, by index."""
    names: list[str] = []
    for one in facts.definitions:
        module = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        names.append(f"{names[one.parent]}.{one.name}" if one.parent >= 0 else module)
    return names
