"""What tracing costs a test run, and how much of what tests really call is in the graph once a run was traced.

Cost: click's test suite, from its sdist, in turns with and without tracing; CPU seconds of the run and its children.
Recall: six groups of Django's tests, traced as an agent's run would be, against an independent trace of all calls.
"""

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import kg_python_accuracy_traced as django
from benchmarks.kg_django import source
from benchmarks.kg_sets import sdist, wheels
from benchmarks.report import Row, row
from orchestrator.kg.facts import FileFacts
from orchestrator.kg.python.extract import extract
from orchestrator.kg.traces.match import Symbol, match
from orchestrator.kg.traces.read import Version, read_folder
from orchestrator.kg.traces.run import tracing_environment

_CLICK = "8.5.1"
_RUNS = 3
_NEWER = ("python3.14", "python3.13", "python3.12")

Edge = tuple[str, str, str, str]


async def tracing_cost(folder: Path) -> list[Row]:
    """CPU seconds of a traced test run over those of a plain one, in this Python and in one with sys.monitoring."""
    root = sdist("click", "CLICK", _CLICK, folder)
    plain = {"PATH": os.environ["PATH"], "HOME": str(root)}
    plain["PYTHONPATH"] = f"{root / 'src'}{os.pathsep}{_metadata(folder)}"
    rows = [_cost("tracing_profile", "sys.setprofile", sys.executable, root, plain)]
    newer = _newer(folder)
    if newer is None:
        print("no Python from 3.12 on is here: sys.monitoring was not measured")
    else:
        rows.append(_cost("tracing_monitoring", "sys.monitoring", newer, root, plain))
    return rows


async def traced_recall(folder: Path) -> list[Row]:
    """The share of Django's real calls that the graph holds once the run was traced."""
    root = source(folder)
    classes = _classes(root)
    wanted = {edge for edge in django._traced(root, folder) if edge[2:] not in classes}
    observed = _observed(root, folder)
    calls, _ = django._linked(root)
    what = f"{len(wanted)} calls traced from Django's tests: "
    return [
        row("observed_calls", f"{what}among observedCall", [len(wanted & observed) / len(wanted)], "", at_least=0.99),
        row(
            "calls_and_observed", f"{what}among calls and observedCall",
            [len(wanted & (observed | calls)) / len(wanted)], "", at_least=0.99,
        ),
    ]  # fmt: skip


def _cost(name: str, how: str, python: str, root: Path, plain: dict[str, str]) -> Row:
    ratios = []
    _seconds(python, root, plain)  # compiles and warms
    for _ in range(_RUNS):
        untraced = _seconds(python, root, plain)
        with tempfile.TemporaryDirectory() as traces:
            variables = tracing_environment(Path(traces), root, plain)
            ratios.append(_seconds(python, root, plain | variables) / untraced)
    version = subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout.split()[1]
    what = f"click's tests, traced by {how} (Python {version}): CPU seconds over an untraced run"
    return row(name, what, ratios, "")


def _seconds(python: str, root: Path, environment: dict[str, str]) -> float:
    """CPU seconds of one run of the tests."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "tests"]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"click's tests fail: {done.stdout[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _metadata(folder: Path) -> Path:
    """Click asks for its own version, which only an installed copy knows; the tests import the source all the same."""
    return wheels(folder / "needed", f"click=={_CLICK}")


def _newer(folder: Path) -> str | None:
    """A Python with sys.monitoring and pytest, in an environment of its own."""
    names = [os.environ.get("NEWER_PYTHON", ""), *_NEWER]
    for found in filter(None, (shutil.which(name) for name in names if name)):
        tried = subprocess.run([found, "-m", "venv", str(folder / "newer")], capture_output=True, check=False)
        if tried.returncode == 0:
            python = str(folder / "newer" / "bin" / "python")
            subprocess.run([python, "-m", "pip", "install", "-q", "pytest"], check=True, timeout=600)
            return python
    return None


def _observed(root: Path, folder: Path) -> set[Edge]:
    """The calls that the graph would be told of after a traced run."""
    traces = folder / "django-traces"
    traces.mkdir()
    needed = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{folder / 'needed'}"}
    subprocess.run(
        [sys.executable, "-W", "ignore", "runtests.py", "--parallel=1", "-v0", *django._LABELS],
        cwd=root / "tests", env=needed | tracing_environment(traces, root, needed),
        capture_output=True, check=False, timeout=1800,
    )  # fmt: skip

    def facts_of(version: Version) -> FileFacts | None:
        return extract((root / version.path).read_bytes()) if version.path.endswith(".py") else None

    seen = match(read_folder(traces), facts_of)
    return {(*_named(caller), *_named(callee)) for caller, callee in seen.calls}


def _classes(root: Path) -> set[tuple[str, str]]:
    """Classes by file and name: that a class body in a function ran is in the other trace, and is no call."""
    found: set[tuple[str, str]] = set()
    for file in root.rglob("*.py"):
        facts = extract(file.read_bytes())
        names = django._names(facts)
        path = file.relative_to(root).as_posix()
        found |= {(path, name) for one, name in zip(facts.definitions, names, strict=True) if one.kind == "class"}
    return found


def _named(symbol: Symbol) -> tuple[str, str]:
    """As the other trace names it: without the numbers of repeated definitions, a lambda as the function around it."""
    return symbol.file.path, re.sub(r"~\d+|(\.<lambda\d+>(~\d+)?)+$", "", symbol.name)
