"""The whole application on a loopback port, people with tokens, and MCP clients of both eras."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from orchestrator.bootstrap import Container, build_container
from orchestrator.cli.start.http_protocol import HeadWithBody
from orchestrator.config import Settings
from orchestrator.core.caller import ALL_SCOPES, Caller, Scope
from orchestrator.core.ids import new_id
from orchestrator.jobs.light import LightWorker
from orchestrator.main import create_app
from orchestrator.models import User
from tests.launches import LAUNCHES

ROOT = Path(__file__).parents[2]
SERVERS = ROOT / "tests" / "mcp" / "servers"
HOSTILE = SERVERS / "hostile.py"
BY_SDK = {SERVERS / "eras.py", SERVERS / "tasks.py"}
"""Two seconds of CPU each, if they were started: the SDK's imports."""

Connect = Callable[..., AbstractAsyncContextManager[Client]]


@dataclass(frozen=True)
class Service:
    """The application while it serves."""

    app: FastAPI
    container: Container
    url: str


@asynccontextmanager
async def serving(settings: Settings, port: int = 0) -> AsyncIterator[Service]:
    """The application on a loopback port, until it has stopped."""
    app = create_app(settings)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, http=HeadWithBody, log_level="warning", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110 - it has no event to wait for
            await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Service(app, app.state.container, f"http://127.0.0.1:{port}")
    server.should_exit = True
    await asyncio.wait_for(running, 20)


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[Service]:
    async with serving(settings) as found:
        yield found


@pytest.fixture
def container(service: Service) -> Container:
    return service.container


async def make_caller(container: Container, email: str = "ada@example.org", *, is_admin: bool = True) -> Caller:
    user = User(id=new_id(), email=email, is_admin=is_admin)
    async with container.database.session() as session:
        session.add(user)
    return Caller(user.id, is_admin=is_admin, session_id=new_id())


@pytest.fixture
async def ada(container: Container) -> Caller:
    """An admin of the service."""
    return await make_caller(container)


async def make_token(container: Container, caller: Caller, *scopes: Scope, **more: Any) -> str:
    """A personal API token; without scopes named it may do everything."""
    _, token = await container.api_tokens.create(caller, "test", scopes or ALL_SCOPES, **more)
    return token


@pytest.fixture
async def token(container: Container, ada: Caller) -> str:
    return await make_token(container, ada)


@pytest.fixture(params=["auto", "legacy"], ids=["modern", "legacy"])
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def door(request: pytest.FixtureRequest) -> str:
    """How clients come in: over HTTP, or over stdio where the matrix of eras says so."""
    params: dict[str, Any] = getattr(getattr(request.node, "callspec", None), "params", {})
    return str(params.get("behind", ("", "", "http"))[2])


def stdio_door(url: str, bearer: str, path: str = "/mcp") -> StdioServerParameters:
    """What a client starts to reach the service over stdio."""
    _, _, endpoint = path.removeprefix("/").partition("/")
    more = ["--endpoint", endpoint] if endpoint else []
    env = {"ORCHESTRATOR_URL": url, "ORCHESTRATOR_TOKEN": bearer, "PYTHONPATH": str(ROOT)}
    return StdioServerParameters(command=sys.executable, args=["-m", "orchestrator", "mcp", "stdio", *more], env=env)


@pytest.fixture
def connect(service: Service, token: str, era: str, door: str) -> Connect:
    """Connects the official client: ``async with connect() as client``."""

    @asynccontextmanager
    async def opened(bearer: str = token, mode: str = era, path: str = "/mcp", **more: Any) -> AsyncIterator[Client]:
        if door == "stdio":
            async with Client(stdio_door(service.url, bearer, path), mode=mode, **more) as client:
                yield client
            return
        headers = {"Authorization": f"Bearer {bearer}"}
        async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
            transport = streamable_http_client(f"{service.url}{path}", http_client=http)
            async with Client(transport, mode=mode, **more) as client:
                yield client

    return opened


@pytest.fixture
async def worker(settings: Settings, service: Service) -> AsyncIterator[LightWorker]:
    """A light worker with connections of its own, as a process would have."""
    own = build_container(settings)
    light = LightWorker(own)
    running = asyncio.create_task(light.run())
    yield light
    light.stop()
    await asyncio.wait_for(running, 15)
    await own.close()


def local_server(name: str, *args: str, **more: Any) -> dict[str, Any]:
    """What registers a Python program as a stdio server; without a sandbox, since they leave marks where tests look."""
    path = Path(args[0])
    started = LAUNCHES.through(path, *args[1:]) if path in BY_SDK else list(args)
    program = {"transport": "stdio", "command": sys.executable, "args": started, "sandbox": "off"}
    return {"name": name, **program, **more}


async def register(container: Container, caller: Caller, *, shared: bool = False, **values: Any) -> Any:
    """Register a server and probe it, as the REST door does."""
    entry = await container.registry.create(caller, values, shared=shared)
    await container.registry.probe(entry)
    return await container.registry.find(entry.id)


async def approve_all(container: Container, caller: Caller, entry: Any) -> None:
    """Approve whatever a server shows by now."""
    found = await container.tool_trust.definitions(caller, entry.id)
    await container.tool_trust.approve(caller, entry.id, None, found.seen)


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.01)
