"""A query server starts as quickly for the API, which runs on uvloop, as for anybody else."""

import subprocess
import sys
import time
from pathlib import Path

from orchestrator.kg.query.client import GraphQueries
from tests.kg.conftest import Build

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
