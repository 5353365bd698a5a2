"""A cold build of a large repository: what it costs on one core, how long it takes on two, how much memory it holds.

Runs the build's own process, as the service does. What parsing the same files costs is measured in the same run, right
before each build: on a busy machine the multiple tells more than seconds do.
"""

import ast
import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.kg_django import django
from benchmarks.report import Row, row
from orchestrator.kg.query.runtime_dir import CODE_ROOT

_RUNS = 3
_MEMORY = 4 * 1024 * 1024 * 1024


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
    parsing: list[float] = []
    for run in range(_RUNS):
        parsing.append(_parse(root))
        one.append(_build(root, out / f"one{run}", cores[:1]))
        two.append(_build(root, out / f"two{run}", cores))
    multiples = [cost.cpu / parse for cost, parse in zip(one, parsing, strict=True)]
    return [
        row("build_cpu", "Django to a graph, one core: CPU", [cost.cpu for cost in one], "s", at_most=6),
        row("build_memory", "Django to a graph, one core: memory", [cost.largest for cost in one], "MB", at_most=200),
        row("build_wall_two", "Django to a graph, two cores: until it is there", [c.wall for c in two], "s", at_most=4),
        row("build_memory_two", "Django to a graph, two cores: memory of both", [c.together for c in two], "MB"),
        row("build_parse_cpu", "The interpreter's parser over the same files: CPU", parsing, "s"),
        row("build_multiple", "Django to a graph, in multiples of parsing", multiples, "×"),
    ]


def _parse(root: Path) -> float:
    """CPU seconds that the interpreter's own parser needs for the Python files of a tree."""
    texts = [path.read_bytes() for path in sorted(root.rglob("*.py"))]
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for text in texts:
            try:
                ast.parse(text)
            except (SyntaxError, ValueError):
                continue  # the sdist brings broken files on purpose
    return time.process_time() - began


def _build(root: Path, out: Path, cores: list[int]) -> _Cost:
    request = {
        "root": os.fspath(root), "out": os.fspath(out), "project_iri": "urn:orchestrator:project:bench",
        "commit": "bench", "files": None, "memory_bytes": _MEMORY,
    }  # fmt: skip
    began = time.perf_counter()
    command = [sys.executable, "-m", "orchestrator.kg.indexing.worker"]
    process = subprocess.Popen(command, cwd=CODE_ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    os.sched_setaffinity(process.pid, cores)
    watch = _Watch(process.pid)
    watch.start()
    assert process.stdin is not None
    process.stdin.write(json.dumps(request).encode())
    process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    watch.join()
    assert process.returncode == 0, "the build failed"
    return _Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, watch.most / 1024 / 1024)


class _Watch(threading.Thread):
    """Looks ten times a second at the memory of a process and those it started."""

    def __init__(self, pid: int) -> None:
        super().__init__()
        self._process = psutil.Process(pid)
        self.most = 0

    def run(self) -> None:
        """Until the process is gone."""
        while True:
            try:
                family = [self._process, *self._process.children()]
                self.most = max(self.most, sum(one.memory_full_info().pss for one in family))
            except psutil.Error:
                return
            time.sleep(0.1)
