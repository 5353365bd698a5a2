"""A container with a user, projects with real repositories, and attempts run right here as a heavy worker runs them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

import httpx
import pytest

from orchestrator.bootstrap import Container, build_container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.ids import new_id
from orchestrator.git.templates import Author
from orchestrator.jobs.runner import make_runner
from orchestrator.main import create_app
from orchestrator.models import Membership, Project, RepositoryState, Role, User
from tests.accounts.conftest import another_client, bearer, log_in, register
from tests.fakes.openai import FakeOpenAI

MakeProject = Callable[[Mapping[str, str]], Awaitable[UUID]]
RunTask = Callable[[UUID], Awaitable[Mapping[str, Any]]]


@pytest.fixture
def model() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(api_key="sk-of-the-service") as fake:
        yield fake


@pytest.fixture
def llm_settings(settings: Settings, model: FakeOpenAI) -> Settings:
    known = {"llm_base_url": model.base_url, "llm_model": "test-model", "llm_api_key": "sk-of-the-service"}
    return Settings(_env_file=None, **(settings.model_dump() | known))


@pytest.fixture
async def container(llm_settings: Settings) -> AsyncIterator[Container]:
    made = build_container(llm_settings)
    yield made
    await made.close()


async def make_caller(container: Container, email: str) -> Caller:
    user = User(id=new_id(), email=email)
    async with container.database.session() as session:
        session.add(user)
    return Caller(user.id)


@pytest.fixture
async def caller(container: Container) -> Caller:
    return await make_caller(container, "ada@example.org")


async def make_project_of(container: Container, caller: Caller, files: Mapping[str, str]) -> UUID:
    """A project of the caller's whose repository holds these files."""
    project_id = new_id()
    info = await container.mirrors.create_from_template(project_id, files, Author("Ada", "ada@example.org"))
    project = Project(
        id=project_id,
        owner_id=caller.user_id,
        name="p",
        template="empty",
        head_commit=info.head,
        default_branch=info.default_branch,
        repository_state=RepositoryState.READY,
    )
    async with container.database.session() as session:
        session.add(project)
        await session.flush()
        session.add(Membership(project_id=project_id, user_id=caller.user_id, role=Role.ADMIN))
    return project_id


@pytest.fixture
def make_project(container: Container, caller: Caller) -> MakeProject:
    """Makes a project of the caller's whose repository holds these files."""

    async def make(files: Mapping[str, str]) -> UUID:
        return await make_project_of(container, caller, files)

    return make


@pytest.fixture
def run_task(container: Container, caller: Caller) -> RunTask:
    """Runs a queued task's first attempt to its end and returns the row."""

    async def run(task_id: UUID) -> Mapping[str, Any]:
        runner, _ = make_runner(container, "heavy")
        await runner.run(task_id, 1)
        return await container.tasks.get(caller, task_id)

    return run


@pytest.fixture
async def client(llm_settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Grace at the doors, with her token; ``client.app`` is the application."""
    app = create_app(llm_settings)
    async with app.router.lifespan_context(app), another_client(app) as made:
        await register(made, "grace@example.org")
        tokens = await log_in(made, "grace@example.org")
        made.cookies.clear()
        made.headers.update(bearer(tokens["access_token"]))
        made.app = app  # type: ignore[attr-defined]
        yield made
