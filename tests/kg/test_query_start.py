"""A query server starts as quickly for the API, which runs on uvloop, as for anybody else."""

import os
import subprocess
import sys
import time
from pathlib import Path

from orchestrator.kg.query.client import GraphQueries
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
