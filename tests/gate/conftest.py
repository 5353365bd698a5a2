"""Rules, records and people for the tests of the gate, over a served application."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import mcp_types as types
import pytest

from orchestrator.core.caller import Caller
from orchestrator.services.server_entry import builtin_id
from tests.mcp_door.conftest import Service, make_caller, make_token
from tests.mcp_door.conftest import ada as ada
from tests.mcp_door.conftest import connect as connect
from tests.mcp_door.conftest import container as container
from tests.mcp_door.conftest import door as door
from tests.mcp_door.conftest import era as era
from tests.mcp_door.conftest import service as service
from tests.mcp_door.conftest import token as token
from tests.mcp_door.conftest import worker as worker

DIAGNOSTICS = str(builtin_id("diagnostics"))


def client_of(service: Service, token: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=f"{service.url}/api/v1", headers=headers, timeout=60)


@pytest.fixture
async def rest(service: Service, token: str) -> AsyncIterator[httpx.AsyncClient]:
    """Ada, an admin of the service."""
    async with client_of(service, token) as client:
        yield client


@pytest.fixture
async def bob(service: Service) -> Caller:
    """Somebody who is no admin of the service."""
    return await make_caller(service.container, "bob@example.org", is_admin=False)


@pytest.fixture
async def bobs(service: Service, bob: Caller) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(service, await make_token(service.container, bob)) as client:
        yield client


async def rule(client: httpx.AsyncClient, effect: str, **more: Any) -> dict[str, Any]:
    """Write a rule; of the service unless another level is named."""
    answer = await client.post("/mcps/policies", json={"level": "service", "effect": effect, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def execute(client: httpx.AsyncClient, tool: str = "echo", **more: Any) -> httpx.Response:
    """Call a tool of the diagnostics server over REST."""
    return await client.post(f"/mcps/{DIAGNOSTICS}/execute", json={"tool": tool, "arguments": {"a": 1}, **more})


async def calls(service: Service, client: httpx.AsyncClient, **filters: Any) -> list[dict[str, Any]]:
    """The record as the client may read it, newest first, once everything is written."""
    await service.container.audit.settle()
    answer = await client.get("/mcps/audit", params=filters)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


class Person:
    """Answers what a client puts before them."""

    def __init__(self, answer: str | None) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def __call__(self, _: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        self.asked.append(params.message)
        if self.answer is None:
            return types.ElicitResult(action="decline")
        return types.ElicitResult(action="accept", content={"answer": self.answer})
