"""Fixtures for tests that go through the real application as somebody who is logged in: import them where needed.

They want a fixture ``llm_settings``, the settings that the application is made of.
"""

from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest

from orchestrator.bootstrap import Container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.main import create_app
from tests.accounts.conftest import another_client, bearer, log_in, register

__all__ = ["caller", "client", "container", "enter"]


async def enter(client: httpx.AsyncClient, email: str) -> None:
    """Register somebody and be them from now on."""
    await register(client, email)
    tokens = await log_in(client, email)
    client.cookies.clear()
    client.headers.update(bearer(tokens["access_token"]))


@pytest.fixture
async def client(llm_settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Ada, logged in."""
    app = create_app(llm_settings)
    async with app.router.lifespan_context(app), another_client(app) as client:
        await enter(client, "ada@example.org")
        client.app = app  # type: ignore[attr-defined]
        yield client


@pytest.fixture
def container(client: httpx.AsyncClient) -> Container:
    """The application's own."""
    made: Container = client.app.state.container  # type: ignore[attr-defined]
    return made


@pytest.fixture
async def caller(client: httpx.AsyncClient) -> Caller:
    """Ada, as the services know her."""
    return Caller(UUID((await client.get("/user/profile")).json()["id"]))
