"""The suite's program, the SDK's everything-server, and the gateway between them under an address without a token.

The suite comes from npm and the everything-server from the source package of the very SDK that is installed; where
neither registry answers the tests are skipped and say so.
"""

import asyncio
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.core.caller import ALL_SCOPES, Caller
from orchestrator.core.ids import new_id
from orchestrator.main import create_app
from orchestrator.models import User
from tests.console.conftest import node, npm_or_skip
from tests.serving import free_port, serve_asgi

ROOT = Path(__file__).parents[2]
TASK_SERVER = ROOT / "tests" / "mcp" / "servers" / "tasks.py"
_UNREACHABLE = re.compile(r"ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|NewConnectionError|ConnectTimeout|ReadTimeout")


@pytest.fixture(scope="session")
def suite() -> Path:
    """The suite's command line program."""
    return npm_or_skip("tests/conformance") / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"


@pytest.fixture(scope="session")
def everything_source() -> Path:
    """The everything-server of the installed SDK."""
    folder = ROOT / ".setup" / f"mcp-source-{version('mcp')}"
    inside = f"mcp-{version('mcp')}/examples/servers/everything-server"
    if not (folder / inside).is_dir():
        command = [
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
            "--no-binary", "mcp", f"mcp=={version('mcp')}", "--dest", folder,
        ]  # fmt: skip
        got = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if got.returncode and _UNREACHABLE.search(got.stderr):
            pytest.skip(f"PyPI does not answer: {got.stderr[-300:]}")
        assert got.returncode == 0, got.stderr[-3000:]
        with tarfile.open(next(folder.glob("mcp-*.tar.gz"))) as archive:
            archive.extractall(folder, filter="data")
    return folder / inside


@pytest.fixture
def everything(everything_source: Path) -> Iterator[str]:
    """The everything-server on loopback."""
    port = free_port()
    command = [sys.executable, "-m", "mcp_everything_server", "--port", str(port), "--log-level", "ERROR"]
    with _serving(command, port, everything_source) as url:
        yield url


@pytest.fixture
def task_server() -> Iterator[str]:
    """Our server of the tasks extension, with the suite's fixtures: the everything-server has none of them."""
    port = free_port()
    with _serving([sys.executable, str(TASK_SERVER), "http", str(port)], port, ROOT) as url:
        yield url


@contextmanager
def _serving(command: list[str], port: int, folder: Path) -> Iterator[str]:
    server = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, server)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.terminate()
        server.wait(10)


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert server.poll() is None, "the everything-server ended"
        try:
            httpx.get(f"http://127.0.0.1:{port}/", timeout=5)
        except httpx.TransportError:
            continue
        return
    pytest.fail("the everything-server does not listen")


class _WithToken:
    """Passes every request on with a token: the suite cannot be given one."""

    def __init__(self, app: Any, path: str, token: str) -> None:
        self._app = app
        self._path = path
        self._token = token

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = [*scope["headers"], (b"authorization", b"Bearer " + self._token.encode())]
            scope = {**scope, "path": self._path, "raw_path": self._path.encode(), "headers": headers}
        await self._app(scope, receive, send)


@pytest.fixture
async def gateway(settings: Any, everything: str, task_server: str) -> AsyncIterator[str]:
    """Our gateway with both servers behind an endpoint that leaves names as they are."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        container = app.state.container
        caller = Caller(new_id(), is_admin=True, session_id=new_id())
        async with container.database.session() as session:
            session.add(User(id=caller.user_id, email="suite@example.org", is_admin=True))
        _, token = await container.api_tokens.create(caller, "suite", ALL_SCOPES)
        servers = []
        for name, url in (("everything", everything), ("tasks", task_server)):
            values = {"name": name, "transport": "streamable_http", "url": url}
            servers.append(await container.registry.create(caller, values))
            await container.registry.probe(servers[-1])
        face = {"name": "plain", "servers": [str(entry.id) for entry in servers], "prefix": False}
        await container.endpoints.create(caller, face)
        # The lifespan is entered above, before the token can be made: the server must not enter it again.
        async with serve_asgi(_WithToken(app, "/mcp/plain", token), lifespan="off") as url:
            yield f"{url}/mcp"


async def run_suite(suite: Path, *arguments: str, **environment: str) -> str:
    """What the suite says."""
    process = await asyncio.create_subprocess_exec(
        node(), suite, *arguments, env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, stdin=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        said, _ = await asyncio.wait_for(process.communicate(), 240)
    finally:
        if process.returncode is None:
            process.kill()
    return said.decode()
