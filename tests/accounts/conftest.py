"""The real application with a client, and people who have accounts."""

from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from orchestrator.bootstrap import Container
from orchestrator.config import Settings
from orchestrator.core.ids import new_id
from orchestrator.main import create_app
from orchestrator.models.accounts import User
from orchestrator.models.projects import Membership, Project, Role

ORIGIN = "http://testserver"


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def container(app: FastAPI) -> Container:
    return app.state.container


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A browser or API client: it keeps its cookies."""
    async with another_client(app) as client:
        yield client


def another_client(app: FastAPI) -> httpx.AsyncClient:
    """A second browser, with cookies of its own."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"{ORIGIN}/api/v1")


async def make_user(container: Container, email: str = "ada@example.org", **more: object) -> UUID:
    """A user straight in the database."""
    user = User(id=new_id(), email=email, **more)
    async with container.database.session() as session:
        session.add(user)
    return user.id


async def make_project(container: Container, owner: UUID, role: Role = Role.ADMIN) -> UUID:
    """A project with its owner as a member."""
    project = Project(id=new_id(), owner_id=owner, name="p", template="empty")
    async with container.database.session() as session:
        session.add(project)
        await session.flush()
        session.add(Membership(project_id=project.id, user_id=owner, role=role))
    return project.id


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


PASSWORD = "correct horse battery"


async def register(client: httpx.AsyncClient, email: str = "ada@example.org") -> dict[str, object]:
    """A user made through the door."""
    answer = await client.post("/auth/register", json={"email": email, "password": PASSWORD, "display_name": "Ada"})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def log_in(client: httpx.AsyncClient, email: str = "ada@example.org") -> dict[str, str]:
    """A pair of tokens."""
    answer = await client.post("/auth/login", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def log_in_by_cookie(client: httpx.AsyncClient, email: str = "ada@example.org") -> dict[str, str]:
    """A console session; returns the headers that unsafe requests need."""
    answer = await client.post("/auth/login", json={"email": email, "password": PASSWORD, "cookie": True})
    assert answer.status_code == 200, answer.text
    return {"X-CSRF-Token": answer.json()["csrf_token"]}


def refused(answer: httpx.Response, status: int, code: str) -> bool:
    """Whether this is a problem document of that kind."""
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return True
