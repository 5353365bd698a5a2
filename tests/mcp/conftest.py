"""Pools that are closed, definitions of the fixture servers, and HTTP servers in child processes."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from orchestrator.mcp.builtin import CallContext
from orchestrator.mcp.builtin_diagnostics import diagnostics_server
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.pool import ServerPool
from orchestrator.mcp.supervisor import Limits
from tests.launches import LAUNCHES, Program
from tests.serving import listens

SERVERS = Path(__file__).parent / "servers"
NOBODY = CallContext()


def hostile(mode: str, *more: str, **fields: object) -> ServerDefinition:
    """A definition of the hostile server in one of its moods."""
    args = (str(SERVERS / "hostile.py"), mode, *more)
    return ServerDefinition.build(
        id=uuid4(),
        name=mode,
        transport="stdio",
        command=sys.executable,
        args=args,
        **{"timeout_seconds": 20.0, **fields},
    )


def python_server(module: str, *args: str) -> ServerDefinition:
    """A definition of an installed third-party server."""
    name = module.removeprefix("mcp_server_")
    return ServerDefinition.build(
        id=uuid4(), name=name, transport="stdio", command=sys.executable, args=("-m", module, *args)
    )


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.01)


def process_alive(pid: int) -> bool:
    """Whether a process is there and not just waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
async def make_pool() -> AsyncIterator[Callable[..., ServerPool]]:
    """Makes pools with limits of the test's own; all are closed at its end."""
    pools: list[ServerPool] = []

    def make(**limits: float) -> ServerPool:
        pools.append(ServerPool([diagnostics_server()], limits=Limits(**limits)))
        return pools[-1]

    yield make
    for pool in pools:
        await pool.aclose()


@pytest.fixture
async def pool(make_pool: Callable[..., ServerPool]) -> ServerPool:
    """A pool with short limits."""
    return make_pool(start_seconds=15.0, max_answer_bytes=1024 * 1024)


class HttpServer:
    """The SDK's server over HTTP in a child process; can be killed and started again on the same port."""

    def __init__(self, *args: str, **environment: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._args, self._environment = args, environment
        self.form, self.era = "sse", "modern"
        self._program: Program | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def start(self) -> None:
        self._program = LAUNCHES.run(
            SERVERS / "over_http.py", str(self.port), *self._args, environment=self._environment
        )

    async def ready(self) -> None:
        await listens(self.port)

    def stop(self) -> None:
        if self._program is not None:
            self._program.kill()
            self._program = None

    def definition(self, **fields: object) -> ServerDefinition:
        return ServerDefinition.build(id=uuid4(), name="over-http", transport="streamable_http", url=self.url, **fields)


@contextmanager
def http_server(*args: str, **environment: str) -> Iterator[HttpServer]:
    server = HttpServer(*args, **environment)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(params=["sse-modern", "json-modern", "sse-legacy", "json-legacy"])
async def remote(request: pytest.FixtureRequest) -> AsyncIterator[HttpServer]:
    """The SDK's server, in both eras, answering as an event stream and as JSON."""
    form, era = request.param.split("-")
    with http_server(form, ERA=era) as server:
        server.form, server.era = form, era
        await server.ready()
        yield server
