"""A target's limit is kept over all workers: who runs really runs, the others stand in line by priority."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from mcp.server import MCPServer

from orchestrator.bootstrap import Container, build_container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict
from orchestrator.jobs.light import LightWorker
from orchestrator.services.server_entry import ServerEntry
from orchestrator.services.task_service import TaskRequest
from tests.faults.invariants import broken
from tests.serving import serve_asgi
from tests.tasks.conftest import Wait


@dataclass
class Naps:
    """What a server sees: which calls are inside now, the most there ever were, and the order they came in."""

    inside: int = 0
    most: int = 0
    order: list[str] = field(default_factory=list)
    url: str = ""

    async def nap(self, seconds: float, name: str) -> str:
        """Sleep for so long."""
        self.order.append(name)
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await asyncio.sleep(seconds)
        finally:
            self.inside -= 1
        return name


@pytest.fixture
async def naps() -> AsyncIterator[Naps]:
    seen, server = Naps(), MCPServer("naps")
    server.tool()(seen.nap)
    async with serve_asgi(server.streamable_http_app(json_response=True)) as seen.url:
        yield seen


async def _register(container: Container, caller: Caller, naps: Naps, at_once: int) -> ServerEntry:
    values = {"name": "naps", "transport": "streamable_http", "url": f"{naps.url}/mcp", "max_concurrency": at_once}
    entry = await container.registry.create(caller, values)
    await container.registry.probe(entry)
    return await container.registry.find(entry.id)


def nap(name: str, seconds: float = 0.1, **more: Any) -> TaskRequest:
    return TaskRequest("tool_call", {"tool": "nap", "arguments": {"seconds": seconds, "name": name}}, **more)


async def _hand_in(container: Container, caller: Caller, *requests: TaskRequest) -> list[UUID]:
    return [(await container.tasks.create(caller, request))["id"] for request in requests]


@pytest.fixture
async def second_worker(settings: Settings) -> AsyncIterator[LightWorker]:
    own = build_container(settings)
    light = LightWorker(own)
    running = asyncio.create_task(light.run())
    yield light
    light.stop()
    await asyncio.wait_for(running, 15)
    await own.close()


async def test_no_more_attempts_run_on_a_target_than_it_allows_whatever_the_number_of_workers(
    container: Container,
    caller: Caller,
    naps: Naps,
    worker: LightWorker,
    second_worker: LightWorker,
    wait: Wait,
    settings: Settings,
) -> None:
    await _register(container, caller, naps, 2)
    requests = [nap(str(number), 0.05) for number in range(12)]
    born = await asyncio.gather(*(container.tasks.create(caller, request) for request in requests))
    most_said_to_run = 0

    async def look() -> None:
        nonlocal most_said_to_run
        while True:
            most_said_to_run = max(most_said_to_run, (await container.tasks.count_open()).get("running", 0))
            await asyncio.sleep(0.01)

    looking = asyncio.create_task(look())
    rows = await asyncio.gather(*(wait(row["id"]) for row in born))
    looking.cancel()
    assert {row["state"] for row in rows} == {"completed"}, [row["error"] for row in rows]
    assert naps.most == 2
    assert most_said_to_run <= 2
    assert broken(settings.database_url) == {}


async def test_whoever_waits_for_a_target_is_next_by_priority_then_by_age(
    container: Container, caller: Caller, naps: Naps, worker: LightWorker, wait: Wait
) -> None:
    await _register(container, caller, naps, 1)
    first, *_ = ids = await _hand_in(container, caller, nap("first", 0.5))
    await wait(first, "running")
    asked = [nap("low", priority=-5), nap("plain"), nap("later"), nap("high", priority=3), nap("highest", priority=9)]
    ids += await _hand_in(container, caller, *asked)
    for task_id in ids:
        await wait(task_id)
    assert naps.order == ["first", "highest", "high", "plain", "later", "low"]


async def test_standing_in_line_costs_nothing_of_the_time_limit(
    container: Container, caller: Caller, naps: Naps, worker: LightWorker, wait: Wait
) -> None:
    await _register(container, caller, naps, 1)
    ids = await _hand_in(container, caller, *(nap(str(n), 0.9, timeout_seconds=2.5) for n in range(4)))
    started = time.monotonic()
    assert [(await wait(task_id))["state"] for task_id in ids] == ["completed"] * 4
    assert time.monotonic() - started > 2.5


async def test_a_task_in_line_says_what_it_waits_for_and_no_call_was_made_for_it(
    container: Container, caller: Caller, naps: Naps, worker: LightWorker, wait: Wait, settings: Settings
) -> None:
    await _register(container, caller, naps, 1)
    first, second = await _hand_in(container, caller, nap("first", 30), nap("second"))
    await wait(first, "running")
    row = await wait(second, "pending")
    assert row["waiting_for"] == "capacity of naps"
    kinds = [str(event.kind) for event in await container.tasks.events_of(caller, second)]
    assert kinds[-1] == "task.waiting"
    assert "tool.called" not in kinds
    assert await container.task_proofs.attempts(caller, second) == []
    assert broken(settings.database_url) == {}
    await container.tasks.cancel(caller, first)
    assert (await wait(second))["state"] == "completed"


async def test_a_full_target_is_not_given_to_a_pending_task_by_a_look_that_came_too_early(
    container: Container, caller: Caller, naps: Naps, worker: LightWorker, wait: Wait
) -> None:
    await _register(container, caller, naps, 1)
    first, second = await _hand_in(container, caller, nap("first", 30), nap("second"))
    await wait(first, "running")
    row = await wait(second, "pending")
    with pytest.raises(Conflict):  # this snapshot is from before the first one ran
        await container.tasks.reroute(dict(row))
    assert (await container.tasks.get(caller, second))["state"] == "pending"
    await container.tasks.cancel(caller, first)
    assert (await wait(second))["state"] == "completed"


async def test_the_monitor_hands_out_what_a_raised_limit_allows(
    container: Container, caller: Caller, naps: Naps, worker: LightWorker, wait: Wait
) -> None:
    entry = await _register(container, caller, naps, 1)
    first, *others = await _hand_in(container, caller, *(nap(str(n), 30) for n in range(4)))
    await wait(first, "running")
    for task_id in others:
        await wait(task_id, "pending")
    await container.registry.change(caller, entry.id, {"max_concurrency": 3})
    await container.slots.sweep()
    await wait(others[0], "running")
    await wait(others[1], "running")
    assert (await container.tasks.get(caller, others[2]))["state"] == "pending"
    for task_id in (*reversed(others), first):
        await container.tasks.cancel(caller, task_id)
        await wait(task_id)


async def test_a_task_that_finds_every_target_busy_when_it_is_born_stands_in_line_at_once(
    container: Container, caller: Caller, naps: Naps, worker: LightWorker, wait: Wait
) -> None:
    await _register(container, caller, naps, 1)
    (first,) = await _hand_in(container, caller, nap("first", 30))
    await wait(first, "running")
    container.targets.refresh()
    async with asyncio.timeout(5):  # what is counted is a second old at most
        while not (await container.tasks.preview(caller, nap("second"))).waits_for:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.1)
    second = await container.tasks.create(caller, nap("second"))
    assert (second["state"], second["waiting_for"]) == ("pending", "capacity of naps")
    await container.tasks.cancel(caller, first)
    assert (await wait(second["id"]))["state"] == "completed"
