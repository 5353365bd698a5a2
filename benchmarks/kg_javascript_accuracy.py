"""Calls in JavaScript against SWARM-CG's ground truth: 126 small programs, each with the calls that it makes.

Takes the set from the folder that SWARM_CG names, or fetches it at a fixed commit. Only ``calls`` count, never
candidates, and only calls between functions of the case, as in the comparison with TypeScript's checker that gives the
baseline. The set calls a function without a name ``<arrow1>`` and so on by its place in the function around it, or
after the variable that its expression initialises; either name is taken.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kg_sets import checkout
from benchmarks.report import Row, row
from orchestrator.kg.facts import FileFacts
from orchestrator.kg.javascript.links import Linker, module_name
from orchestrator.kg.javascript.lowering.extract import extract_javascript

_SOURCE = "https://github.com/secure-software-engineering/SWARM-CG"
_COMMIT = "5929c0a36a9c8e8c6c7539dc412336cdf6c09e58"
_SET = Path("benchmarks/javascript/swarm_js")
_INITIALISED = re.compile(r"(?:const|let|var)\s+(\w+)\s*=")
_BASELINE = "TypeScript 5.9's checker: {}"

Function = tuple[str, int]
Call = tuple[Function | str, Function]


@dataclass(frozen=True, slots=True)
class Score:
    """Calls of one case: found and true, found and not true, true and not found."""

    right: int
    wrong: int
    missed: int


async def javascript_accuracy(folder: Path) -> list[Row]:
    """Cases whose calls are found exactly, precision and recall over all."""
    scores = [score(case) for case in cases(folder)]
    right, wrong, missed = (sum(getattr(one, name) for one in scores) for name in ("right", "wrong", "missed"))
    exact = sum(not one.wrong and not one.missed for one in scores)
    what = f"SWARM-CG JavaScript, {len(scores)} cases: "
    return [
        row("swarm_js_exact", f"{what}exact", [exact], "cases", at_least=85, baseline=_BASELINE.format("69")),
        row(
            "swarm_js_precision", f"{what}precision", [right / (right + wrong)], "", at_least=0.92,
            baseline=_BASELINE.format(".891"),
        ),
        row("swarm_js_recall", f"{what}recall", [right / (right + missed)], "", baseline=_BASELINE.format(".712")),
    ]  # fmt: skip


def cases(folder: Path) -> list[Path]:
    """The folders of all cases. Raises RuntimeError where the set is not what it should be."""
    root = checkout("swarm-cg", "SWARM_CG", _SOURCE, _COMMIT, folder)
    found = sorted(path.parent for path in (root / _SET).rglob("callgraph.json"))
    if not found:
        raise RuntimeError(f"{root} holds no {_SET}; set SWARM_CG to a checkout of {_SOURCE}")
    return found


def score(case: Path) -> Score:
    """What is found in one case against what is true of it."""
    facts: dict[str, FileFacts] = {}
    names: dict[str, Function] = {}
    for file in sorted(case.rglob("*.js")):
        path, source = file.relative_to(case).as_posix(), file.read_text("utf-8")
        facts[path] = extract_javascript(source.encode())
        for at, own in enumerate(_names(facts[path], path, source.split("\n"))):
            for name in own:
                names.setdefault(name, (path, at))
    found = _found(facts)
    truth: dict[str, list[str]] = json.loads((case / "callgraph.json").read_bytes())
    true: set[Call] = {
        (names.get(caller, caller), names[callee])
        for caller, callees in truth.items()
        for callee in callees
        if callee in names
    }
    return Score(len(found & true), len(found - true), len(true - found))


def _found(facts: dict[str, FileFacts]) -> set[Call]:
    """Certain calls between functions of the case."""
    linker = Linker(facts, set(facts))
    return {
        ((path, edge.scope), (target.path, target.at))
        for path in facts
        for edge in linker.link(path).edges
        if edge.certainty == "calls"
        for target in edge.targets
        if target.path and facts[target.path].definitions[target.at].kind == "function"
    }


def _names(facts: FileFacts, path: str, lines: list[str]) -> list[set[str]]:
    """Every name that the ground truth may use for a definition, by index."""
    names: list[set[str]] = [{module_name(path)}]
    unnamed: Counter[int] = Counter()
    for one in facts.definitions[1:]:
        own = {one.name}
        anonymous = one.name.startswith("<")
        if anonymous or one.signature.endswith("=>"):
            unnamed[one.parent] += 1
            own.add(f"<arrow{unnamed[one.parent]}>")
        initialised = _INITIALISED.search(lines[one.start_line - 1]) if anonymous else None
        if initialised is not None:
            own.add(initialised[1])
        around = names[one.parent]
        names.append({f"{outer}.{name}" for outer in around for name in own})
        names[-1] |= {outer + name for outer in around for name in own if name.startswith("[")}
    return names
