"""Agents that go silent or go round in circles are ended, with the reason in the task."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.bootstrap import Container, build_container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.errors import Looping, Stalled
from orchestrator.core.events import EventKind
from orchestrator.services.task_service import TaskRequest
from orchestrator.services.watchdog import LONGEST_CYCLE, Watchdog, WatchLimits
from tests.agents.conftest import RunTask
from tests.agents.support import Told


@pytest.fixture
async def container(settings: Settings) -> Any:
    quick = Settings(_env_file=None, **(settings.model_dump() | {"stall_seconds": 0.3, "loop_repeats": 4}))
    made = build_container(quick)
    yield made
    await made.close()


async def script(container: Container, caller: Caller, *steps: dict[str, Any]) -> Any:
    request = TaskRequest("scripted", {"steps": list(steps)}, preferred_target="agent:scripted")
    return (await container.tasks.create(caller, request))["id"]


async def test_a_silent_agent_ends_as_stalled(container: Container, caller: Caller, run_task: RunTask) -> None:
    row = await run_task(await script(container, caller, {"do": "say"}, {"do": "wait", "seconds": 60}))
    assert (row["state"], row["reason"]) == ("failed", "stalled")
    assert row["error"]["message"] == "Nothing was heard of the agent for 0.3 s."


async def test_an_agent_that_repeats_a_call_ends_as_looping(
    container: Container, caller: Caller, run_task: RunTask
) -> None:
    row = await run_task(await script(container, caller, {"do": "tool", "count": 4}, {"do": "wait", "seconds": 60}))
    assert (row["state"], row["reason"]) == ("failed", "looping")


async def test_an_agent_that_does_different_things_is_left_alone(
    container: Container, caller: Caller, run_task: RunTask
) -> None:
    steps = [{"do": "tool", "arguments": {"page": number}} for number in range(20)]
    row = await run_task(await script(container, caller, *steps))
    assert (row["state"], row["reason"]) == ("completed", "ok"), row["error"]


async def calls(names: Sequence[str], repeats: int) -> None:
    watchdog = Watchdog(Told(), WatchLimits(60, repeats))

    async def work() -> None:
        for name in names:
            watchdog.tell(EventKind.TOOL_CALLED, tool=name, arguments={})
        await asyncio.sleep(0)

    await watchdog.watch(work())


@given(
    cycle=st.lists(st.sampled_from("abc"), min_size=1, max_size=LONGEST_CYCLE),
    repeats=st.integers(2, 6),
    before=st.lists(st.sampled_from("xyz"), max_size=5, unique=True),
)
def test_every_short_cycle_is_found_after_so_many_rounds(cycle: list[str], repeats: int, before: list[str]) -> None:
    with pytest.raises(Looping):
        asyncio.run(calls([*before, *cycle * repeats], repeats))


@given(names=st.lists(st.integers(), unique=True, max_size=60), repeats=st.integers(2, 6))
def test_calls_that_all_differ_are_no_loop(names: list[int], repeats: int) -> None:
    asyncio.run(calls([str(name) for name in names], repeats))


async def test_waiting_for_a_person_is_no_silence() -> None:
    watchdog = Watchdog(Told(), WatchLimits(0.1, 0))

    async def work() -> str:
        with watchdog.person_asked():
            await asyncio.sleep(0.25)
        return "answered"

    assert await watchdog.watch(work()) == "answered"
    with pytest.raises(Stalled):
        await watchdog.watch(asyncio.Event().wait())
