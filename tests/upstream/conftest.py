"""The whole application, two people, and MCP servers that want credentials of each."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from tests.api.test_mcps import client_of
from tests.mcp.servers import by_key
from tests.mcp_door.conftest import Service, make_caller, make_token
from tests.mcp_door.conftest import ada as ada
from tests.mcp_door.conftest import connect as connect
from tests.mcp_door.conftest import container as container
from tests.mcp_door.conftest import door as door
from tests.mcp_door.conftest import era as era
from tests.mcp_door.conftest import service as service
from tests.mcp_door.conftest import token as token
from tests.mcp_door.conftest import worker as worker
from tests.serving import serve_asgi

BY_KEY = Path(by_key.__file__)


@pytest.fixture
async def bob(container: Container) -> Caller:
    """Somebody who is no admin of the service."""
    return await make_caller(container, "bob@example.org", is_admin=False)


@pytest.fixture
async def bobs_token(container: Container, bob: Caller) -> str:
    return await make_token(container, bob)


@pytest.fixture
async def as_ada(service: Service, token: str) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(service, token) as client:
        yield client


@pytest.fixture
async def as_bob(service: Service, bobs_token: str) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(service, bobs_token) as client:
        yield client


@pytest.fixture
async def keyed() -> AsyncIterator[str]:
    """The address of a server that shows each key something else."""
    async with serve_asgi(by_key.app()) as url:
        yield f"{url}/mcp"


async def ended(client: httpx.AsyncClient, task_id: str, seconds: float = 20) -> dict[str, Any]:
    """The task once it has ended."""
    async with asyncio.timeout(seconds):
        while True:
            task: dict[str, Any] = (await client.get(f"/tasks/{task_id}")).json()
            if task["state"] in ("completed", "failed", "cancelled"):
                return task
            await asyncio.sleep(0.05)
