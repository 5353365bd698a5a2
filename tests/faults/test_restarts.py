"""Redis and PostgreSQL killed under load: every task that was accepted ends truly, once, and every stream is whole."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import psutil
import pytest

from orchestrator.cli.upkeep.migrate import upgrade
from orchestrator.core.errors import Unavailable
from orchestrator.embedded.pair import Embedded, start_embedded
from orchestrator.embedded.processes import wait_until
from orchestrator.services.project_service import NewProject
from tests.faults.processes import Nursery
from tests.faults.stage import PATIENCE, Stage, open_stage, tool, until

_TASKS = 120


@dataclass
class Installation:
    """A stage with servers of its own, that may be killed."""

    stage: Stage
    pair: Embedded

    async def kill(self, name: str, how: signal.Signals) -> None:
        """End a server and start it again, as the supervisor of the embedded pair does."""
        server = psutil.Process(self.pair.pids[name])
        server.send_signal(how)
        await until(lambda: name not in self.pair.pids, f"{name} is gone")
        assert await self.pair.ensure() == [name]


@pytest.fixture
async def installation(nursery: Nursery, tmp_path: Path) -> AsyncIterator[Installation]:
    pair = await start_embedded(tmp_path / "servers")
    await asyncio.to_thread(upgrade, pair.database_url)
    stage = await open_stage(nursery, tmp_path, pair.database_url, pair.redis_url)
    stage.monitor()
    stage.light()
    stage.light()
    stage.heavy()
    yield Installation(stage, pair)
    try:
        stage.kill_everything()
        print(stage.told())  # noqa: T201  shown by pytest when the test fails
        await stage.container.close()
        stage.check()
    finally:
        await pair.stop()


async def test_redis_killed_with_all_its_data_under_load_loses_no_task(installation: Installation) -> None:
    await _survives(installation, "Redis", signal.SIGKILL)


async def test_postgres_stopped_at_once_under_load_loses_no_task(installation: Installation) -> None:
    await _survives(installation, "PostgreSQL", signal.SIGQUIT)


async def _survives(installation: Installation, name: str, how: signal.Signals) -> None:
    stage = installation.stage
    load = asyncio.create_task(_hand_in(stage))
    await until(lambda: len(_counts(stage)) > 1, "the load is under way")
    streams = [asyncio.create_task(_numbers(stage, task)) for task in _first(stage, 10)]
    await installation.kill(name, how)
    accepted = await asyncio.wait_for(load, PATIENCE)
    heavy = await _hand_in_heavy(stage)
    for task in [*accepted, heavy]:
        assert (await stage.ended(task))["state"] == "completed"
    # What was in doubt when its caller asked again is one task all the same.
    assert len(set(accepted)) == _TASKS
    assert _counts(stage) == {"completed": _TASKS + 1}
    for stream in streams:
        numbers = await asyncio.wait_for(stream, PATIENCE)
        assert numbers == list(range(1, len(numbers) + 1))
    assert all(process.alive for process in stage.processes)


def _counts(stage: Stage) -> Counter[str]:
    return Counter({r["state"]: r["n"] for r in stage.query("SELECT state, count(*) AS n FROM tasks GROUP BY state")})


def _first(stage: Stage, many: int) -> list[UUID]:
    return [row["id"] for row in stage.query("SELECT id FROM tasks ORDER BY created_at DESC LIMIT %s", many)]


async def _numbers(stage: Stage, task: UUID) -> list[int]:
    return [event.seq async for event in stage.container.events.follow(task)]


async def _hand_in(stage: Stage) -> list[UUID]:
    """Hand in tasks a few at a time, as a good client does: who is told to try again asks again with the same key."""
    room = asyncio.Semaphore(4)

    async def one(number: int) -> UUID:
        request = replace(tool("wait", seconds=0.1), idempotency_key=f"number {number}")
        found: list[UUID] = []

        async def accepted() -> bool:
            with suppress(Unavailable):
                found.append(await stage.submit(request))
            return bool(found)

        async with room:
            assert await wait_until(accepted, PATIENCE)
        return found[0]

    return await asyncio.gather(*(one(number) for number in range(_TASKS)))


async def _hand_in_heavy(stage: Stage) -> UUID:
    _, task = await stage.container.projects.create(stage.caller, NewProject("p", template="empty", build_graph=False))
    return task
