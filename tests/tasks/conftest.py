"""A whole service in one process: a container, a user, and a light worker on the test's own event loop."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

import pytest

from orchestrator.bootstrap import Container, build_container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.states import TERMINAL
from orchestrator.jobs.light import LightWorker
from orchestrator.models import User

Wait = Callable[..., Awaitable[Mapping[str, Any]]]


@pytest.fixture
async def container(settings: Settings) -> AsyncIterator[Container]:
    made = build_container(settings)
    yield made
    await made.close()


@pytest.fixture
async def caller(container: Container) -> Caller:
    user = User(email="ada@example.org", display_name="Ada", is_admin=True)
    async with container.database.session() as session:
        session.add(user)
        await session.flush()
    return Caller(user.id, is_admin=True)


@pytest.fixture
async def worker(settings: Settings) -> AsyncIterator[LightWorker]:
    """A light worker with connections of its own, as a process would have."""
    own = build_container(settings)
    light = LightWorker(own)
    running = asyncio.create_task(light.run())
    yield light
    light.stop()
    await asyncio.wait_for(running, 15)
    await own.close()


@pytest.fixture
def wait(container: Container, caller: Caller) -> Wait:
    """Waits until a task is in one of some states (default: ended) and returns its row."""

    async def until(task_id: UUID, *states: str, seconds: float = 15) -> Mapping[str, Any]:
        wanted = set(states) or {str(state) for state in TERMINAL}
        async with asyncio.timeout(seconds), container.wake.watching(task_id) as changed:
            while True:
                changed.clear()
                row = await container.tasks.get(caller, task_id)
                if row["state"] in wanted:
                    return row
                try:
                    await asyncio.wait_for(changed.wait(), 0.2)
                except TimeoutError:
                    continue

    return until
