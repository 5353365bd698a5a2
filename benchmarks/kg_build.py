"""A cold build of a large repository: what it costs on one core, how long it takes on two, how much memory it holds.

A graph can be asked when the query server has loaded what the build wrote; on two cores it does so while the build
writes, as in the service, and by itself in another run. Runs the build's own process, as the service does, behind a
small one (``lone``). What parsing the same files costs is measured in the same run, right before each build and in a
process of its own: a machine's speed is in both, so the multiple tells more than seconds do. The goal in seconds comes
from a machine whose parser took ``_PARSER_THERE``.
"""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.kg_django import django
from benchmarks.report import Row, row
from orchestrator.kg.query.runtime_dir import CODE_ROOT

_RUNS = 3
_MEMORY = 4 * 1024 * 1024 * 1024
_GOAL, _PARSER_THERE = 6.0, 2.0


class _Cost(NamedTuple):
    """CPU and wall seconds, and megabytes: of the largest process, and of all at once."""

    cpu: float
    wall: float
    largest: float
    together: float


async def build(folder: Path) -> list[Row]:
    """Django's source to a graph that can be asked, from nothing."""
    root = await asyncio.to_thread(django, folder)
    return await asyncio.to_thread(_measure, root, folder / "graph")


def _measure(root: Path, out: Path) -> list[Row]:
    cores = sorted(os.sched_getaffinity(0))[:2]
    one: list[_Cost] = []
    two: list[_Cost] = []
    loads: list[_Cost] = []
    asked: list[float] = []
    parsing: list[float] = []
    for run in range(_RUNS):
        parsing.append(_parse(root))
        one.append(_build(root, out / f"one{run}", cores[:1]))
        two.append(_build(root, out / f"two{run}", cores))
        loads.append(_load(out / f"two{run}", cores))
        asked.append(_asked(root, out / f"asked{run}", cores))
    multiples = [cost.cpu / parse for cost, parse in zip(one, parsing, strict=True)]
    there = f"{_GOAL:g} s where the parser takes {_PARSER_THERE:g} s"
    return [
        row("build_cpu", "Django to a graph, one core: CPU", [cost.cpu for cost in one], "s", at_most=_GOAL),
        row("build_memory", "Django to a graph, one core: memory", [cost.largest for cost in one], "MB", at_most=200),
        row("build_wall_two", "Django to a graph, two cores: until it is on disk", [c.wall for c in two], "s"),
        row("build_asked_two", "Django to a graph, two cores: until a query is answered", asked, "s", at_most=4),
        row("build_load_cpu", "Django's graph into the query server: CPU", [cost.cpu for cost in loads], "s"),
        row("build_load_memory", "Django's graph in the query server: memory", [c.largest for c in loads], "MB"),
        row("build_memory_two", "Django to a graph, two cores: memory of both", [c.together for c in two], "MB"),
        row("build_parse_cpu", "The interpreter's parser over the same files, by itself: CPU", parsing, "s"),
        row("build_multiple", "Django to a graph, one core: CPU in multiples of that", multiples, "×",
            at_most=_GOAL / _PARSER_THERE, baseline=there),
    ]  # fmt: skip


def _parse(root: Path) -> float:
    """CPU seconds that the interpreter's own parser needs for the Python files of a tree."""
    command = [sys.executable, "-m", "benchmarks.kg_parse", os.fspath(root)]
    return float(subprocess.run(command, cwd=CODE_ROOT, capture_output=True, text=True, check=True).stdout)


def _build(root: Path, out: Path, cores: list[int]) -> _Cost:
    request = {
        "root": os.fspath(root), "out": os.fspath(out), "project_iri": "urn:orchestrator:project:bench",
        "commit": "bench", "files": None, "memory_bytes": _MEMORY,
    }  # fmt: skip
    return _cost(["orchestrator.kg.indexing.worker"], json.dumps(request), cores)


def _load(out: Path, cores: list[int]) -> _Cost:
    return _cost(["benchmarks.kg_load", os.fspath(out)], "", cores)


def _asked(root: Path, out: Path, cores: list[int]) -> float:
    """Seconds until a query is answered, where the graph is loaded while it is written."""
    with ThreadPoolExecutor(2) as both:
        costs = both.map(lambda one: one(), (lambda: _build(root, out, cores), lambda: _load(out, cores)))
    return max(cost.wall for cost in costs)


def _cost(program: list[str], told: str, cores: list[int]) -> _Cost:
    alone = [sys.executable, "-m", "benchmarks.lone", ",".join(map(str, cores))]
    command, pipe = [*alone, sys.executable, "-m", *program], subprocess.PIPE
    with subprocess.Popen(command, cwd=CODE_ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        watch = _Watch(process.pid)
        watch.start()
        told, _ = process.communicate(told)
        watch.join()
    assert process.returncode == 0, f"{program[0]} failed"
    cost = json.loads(told)
    return _Cost(cost["cpu"], cost["wall"], cost["megabytes"], watch.most / 1024 / 1024)


class _Watch(threading.Thread):
    """Looks ten times a second at the memory of the processes that one has started; shared pages count once."""

    def __init__(self, pid: int) -> None:
        super().__init__()
        self._process = psutil.Process(pid)
        self.most = 0

    def run(self) -> None:
        """Until the process is gone."""
        while self._process.is_running():
            with suppress(psutil.Error):  # one of them has ended meanwhile
                family = self._process.children(recursive=True)
                self.most = max(self.most, sum(one.memory_full_info().pss for one in family))
            time.sleep(0.1)
