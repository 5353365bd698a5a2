"""How many of the calls that Django's own tests really make are in the graph, as ``calls`` and with candidates.

Takes Django's unpacked source from the folder that DJANGO names, or downloads the sdist with pip; what its tests need
is installed beside it. Six groups of tests run in a process under ``sys.setprofile``. Callees like ``__eq__`` are left
out, ``__init__`` is not: Python calls the others without a call being written.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.kg_django import source
from benchmarks.kg_sets import wheels
from benchmarks.report import Row, row
from orchestrator.kg.facts import FileFacts
from orchestrator.kg.python.extract import extract
from orchestrator.kg.python.links import Linker

_LABELS = ("basic", "forms_tests", "queries", "template_tests", "urlpatterns", "utils_tests")
_NEEDED = ("asgiref", "sqlparse", "tblib")

Edge = tuple[str, str, str, str]


async def python_traced(folder: Path) -> list[Row]:
    """The share of traced calls that the graph holds."""
    root = source(folder)
    traced = _traced(root, folder)
    calls, candidates = _linked(root)
    what = f"{len(traced)} calls traced from Django's tests: "
    return [
        row(
            "traced_calls", f"{what}among calls", [len(traced & calls) / len(traced)], "", at_least=0.55,
            baseline="codegraph .450, ty .437",
        ),
        row(
            "traced_may_call", f"{what}with candidates", [len(traced & (calls | candidates)) / len(traced)], "",
            at_least=0.7, baseline="same-name candidates .620",
        ),
    ]  # fmt: skip


def _traced(root: Path, folder: Path) -> set[Edge]:
    """Edges seen while the tests ran, without special methods as callees."""
    needed, out = wheels(folder / "needed", *_NEEDED), folder / "traced.json"
    tracer = Path(__file__).with_name("kg_python_accuracy_tracer.py")
    subprocess.run(
        [
            sys.executable, "-W", "ignore", str(tracer), str(root), str(out),
            "runtests.py", "--parallel=1", "-v0", *_LABELS,
        ],
        cwd=root / "tests", env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{needed}"},
        capture_output=True, check=False, timeout=1800,
    )  # fmt: skip
    seen: list[Edge] = json.loads(out.read_bytes())
    edges = {(caller, _plain(of), callee, _plain(to)) for caller, of, callee, to in seen}
    return {edge for edge in edges if not _special(edge[3])}


def _plain(name: str) -> str:
    return name.replace("<locals>.", "")


def _special(name: str) -> bool:
    last = name.rpartition(".")[2]
    return last.startswith("__") and not last.endswith("__init__")


def _linked(root: Path) -> tuple[set[Edge], set[Edge]]:
    """The edges of the graph between definitions of the tree: certain ones, and candidates."""
    everything = [file.relative_to(root).as_posix() for file in sorted(root.rglob("*")) if file.is_file()]
    facts = {path: extract((root / path).read_bytes()) for path in everything if path.endswith(".py")}
    names = {path: list(_names(one)) for path, one in facts.items()}
    linker = Linker(facts, everything)
    found: dict[str, set[Edge]] = {"calls": set(), "mayCall": set()}
    for path, one in facts.items():
        for edge in linker.link(path).edges:
            caller = names[path][_around(one, edge.scope)]
            found[edge.certainty] |= {
                (path, caller, target.path, names[target.path][target.at]) for target in edge.targets if target.path
            }
    return found["calls"], found["mayCall"]


def _names(facts: FileFacts) -> Iterator[str]:
    """Qualified names as the interpreter gives them, without the marks of local definitions."""
    names: list[str] = []
    for one in facts.definitions:
        around = names[one.parent] if one.parent > 0 else ""
        names.append(f"{around}.{one.name}" if around else one.name)
        yield names[-1]


def _around(facts: FileFacts, scope: int) -> int:
    """The function around a lambda: the trace counts its calls there."""
    while facts.definitions[scope].name.startswith("<"):
        scope = facts.definitions[scope].parent
    return scope
