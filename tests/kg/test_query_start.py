"""A query server starts as quickly for the API, on uvloop, as for anybody else, and before its graph is whole."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from orchestrator.core.errors import Unavailable
from orchestrator.kg.query.client import GraphQueries
from orchestrator.kg.query.growing import GrowingGraph
from orchestrator.kg.snapshot import GRAPH, draft_of, new_snapshot
from tests.kg.conftest import Build
from tests.kg.test_queries import server_pid

_ROOT = Path(__file__).parents[2]
_ASK = """
import sys, uvloop
from pathlib import Path
from orchestrator.kg.query.client import GraphQueries

async def ask():
    queries = GraphQueries(idle_seconds=60)
    try:
        print((await queries.query(Path(sys.argv[1]), "ASK { ?s ?p ?o }")).body.decode())
    finally:
        await queries.aclose()

uvloop.run(ask())
"""


async def test_the_first_query_on_uvloop_does_not_wait_for_its_server_to_end(
    build: Build, folder: Path, queries: GraphQueries
) -> None:
    build()
    started = time.monotonic()
    command = [sys.executable, "-c", _ASK, str(folder)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert '"boolean":true' in done.stdout, done.stderr
    assert time.monotonic() - started < 45


async def test_a_server_asks_for_large_pages(build: Build, folder: Path, queries: GraphQueries) -> None:
    build()
    own = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    command = [sys.executable, "-c", _ASK, str(folder)]
    subprocess.run(command, cwd=_ROOT, env=own, capture_output=True, timeout=100, check=True)
    environment = Path(f"/proc/{server_pid(folder)}/environ").read_bytes().split(b"\0")
    assert b"GLIBC_TUNABLES=glibc.malloc.hugetlb=1" in environment


async def test_a_server_loads_a_graph_while_it_is_written(folder: Path, queries: GraphQueries) -> None:
    with new_snapshot(folder, "c") as (_, draft), (draft / GRAPH).open("w", buffering=1) as graph:
        graph.write("<urn:a> <urn:b> <urn:early> <urn:g> .\n")
        await queries.prepare(folder)
        graph.write("<urn:a> <urn:b> <urn:la")
        await queries.prepare(folder)  # it runs already
        graph.write("te> <urn:g> .\n")
    answer = await queries.query(folder, "SELECT ?o { ?s ?p ?o } ORDER BY ?o", accept="text/csv")
    assert answer.body.decode().split() == ["o", "urn:early", "urn:late"]


class _CancelledError(Exception):
    pass


async def test_a_server_of_a_build_that_failed_is_in_nobodys_way(
    build: Build, folder: Path, queries: GraphQueries
) -> None:
    with suppress(_CancelledError), new_snapshot(folder, "c") as (_, draft):
        (draft / GRAPH).write_text("<urn:a> <urn:b> <urn:c> <urn:g> .\n")
        await queries.prepare(folder)
        raise _CancelledError
    build()
    assert (await queries.query(folder, "ASK { <urn:a> <urn:b> <urn:c> }")).body == b'{"head":{},"boolean":false}'


def test_what_a_dead_build_left_is_not_waited_for(folder: Path) -> None:
    draft = folder / "snapshots" / ".building-x"
    draft.mkdir(parents=True)
    (folder / "build.lock").touch()
    (draft / GRAPH).write_bytes(b"<urn:a> ")
    assert draft_of(folder) == "x"
    graph = GrowingGraph(folder, "x")
    assert graph.read(5) + graph.read(5) == b"<urn:a> "
    with pytest.raises(Unavailable, match="not finished"):
        graph.read(5)
    graph.close()


async def test_there_is_nothing_to_prepare_where_nothing_is_built(folder: Path, queries: GraphQueries) -> None:
    await queries.prepare(folder)
    assert draft_of(folder) is None
