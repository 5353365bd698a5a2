"""A saved file, from the save to the query that sees it, on a large repository: phase by phase, and what it costs.

Takes Django's unpacked source from the folder that DJANGO names (it is copied), or downloads the sdist with pip. It
runs as in the service: indexer and query server over their sockets. CPU time is the indexer's; wall time is from
before the file is written until a query that names the new symbol has answered.
"""

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.kg_django import django
from benchmarks.report import Row, row
from orchestrator.kg.indexing.process import BuildRequest, build_in_process
from orchestrator.kg.indexing.updates import GraphUpdates
from orchestrator.kg.query.client import GraphQueries
from orchestrator.kg.query.runtime_dir import INDEXER, socket_path
from orchestrator.kg.rdf.terms import literal
from orchestrator.kg.rdf.vocabulary import PREFIXES

_IRI = "urn:orchestrator:project:bench"
_RUNS = 5
_SEEN = PREFIXES + "ASK { ?s c:qualifiedName ?name }"
_LEAF, _HUB = "django/utils/termcolors.py", "django/db/models/query.py"

Edit = Callable[[str, int], str]


async def update(folder: Path) -> list[Row]:
    """One saved file at a time: a leaf's body, a hub's body, a new function in the hub."""
    root = await asyncio.to_thread(django, folder)
    out = folder / "graph"
    await build_in_process(BuildRequest(root, out, _IRI, "bench"))
    queries, updates = GraphQueries(idle_seconds=600), GraphUpdates(idle_seconds=600)
    try:
        await updates.update(out, root, project_iri=_IRI)
        await queries.warm(out)
        rows: list[Row] = []
        for name, path, edit in (
            ("a leaf file's body", _LEAF, _in_leaf),
            ("a hub file's body", _HUB, _in_hub),
            ("a hub file's new function", _HUB, _new_function),
        ):
            rows += await _measure(updates, queries, out, root, name, path, edit)
        return rows
    finally:
        await asyncio.gather(queries.stop(out), updates.stop(out))
        await asyncio.gather(queries.aclose(), updates.aclose())


async def _measure(
    updates: GraphUpdates, queries: GraphQueries, out: Path, root: Path, name: str, path: str, edit: Edit
) -> list[Row]:
    indexer = psutil.Process(_pid(out))
    walls: list[float] = []
    costs: list[float] = []
    phases: dict[str, list[float]] = {}
    original = (root / path).read_text()
    for run in range(_RUNS):
        await asyncio.sleep(1.5)  # the indexer tidies up when nobody asks for a second
        text = edit(original, run) + f"\n\ndef seen_by_queries_{run}():\n    pass\n"
        before, began = _cpu(indexer), time.perf_counter()
        (root / path).write_text(text)
        told = await updates.update(out, root, project_iri=_IRI, paths=[path])
        wanted = f"{path.removesuffix('.py').replace('/', '.')}.seen_by_queries_{run}"
        answer = await queries.query(out, _SEEN, substitutions={"name": literal(wanted)})
        walls.append((time.perf_counter() - began) * 1000)
        costs.append((_cpu(indexer) - before) * 1000)
        assert b"true" in answer.body, "the saved file was not seen"
        for phase, seconds in {**told["phases"], "apply": told["refresh_seconds"]}.items():
            phases.setdefault(phase, []).append(seconds * 1000)
    (root / path).write_text(original)
    await updates.update(out, root, project_iri=_IRI, paths=[path])
    key = name.replace("a ", "").replace("'s", "").replace(" ", "_")
    rows = [
        row(f"update_{key}", f"Saving {name}: until a query sees it", walls, "ms", at_most=100),
        row(f"update_{key}_cpu", f"Saving {name}: CPU of the indexer", costs, "ms"),
    ]
    named = {"read": "read and parse", "link": "link again", "write": "make durable", "apply": "into the query server"}
    return rows + [row(f"update_{key}_{at}", f"Saving {name}: {what}", phases[at], "ms") for at, what in named.items()]


def _in_leaf(text: str, run: int) -> str:
    return text.replace("    code_list = []", f"    code_list = []; print({run}, colorize)", 1)


def _in_hub(text: str, run: int) -> str:
    old = '        self._not_support_combined_queries("filter")'
    return text.replace(old, f"{old}; x{run} = str(self.model)", 1)


def _new_function(text: str, run: int) -> str:
    new = f"def brand_new_{run}(a):\n    return get_prefetcher(a)\n\n\n"
    return text.replace("def prefetch_related_objects", f"{new}def prefetch_related_objects", 1)


def _pid(out: Path) -> int:
    """The indexer's process, as the kernel names who listens."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(socket_path(out, INDEXER)))
        return int.from_bytes(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 4), "little")


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
