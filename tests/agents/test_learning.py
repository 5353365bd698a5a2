"""What routing learns from: attempts that failed, succeeded, were rejected, got old, and what was nobody's fault."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.core.learning import Estimate
from orchestrator.services.task_service import TaskRequest
from tests.agents.conftest import RunTask

AGENT = "agent:scripted"


async def scripted(container: Container, caller: Caller, *steps: dict[str, Any]) -> UUID:
    request = TaskRequest("scripted", {"steps": list(steps)}, preferred_target=AGENT, max_attempts=1)
    return UUID(str((await container.tasks.create(caller, request))["id"]))


async def estimate(container: Container) -> Estimate:
    await container.learning.count()
    known = (await container.learning.read()).get(AGENT, {})
    assert set(known) <= {"scripted"}
    return known.get("scripted", Estimate())


async def test_success_and_failure_are_evidence_and_a_cancelled_task_is_none(
    container: Container, caller: Caller, run_task: RunTask
) -> None:
    assert await estimate(container) == Estimate()
    await run_task(await scripted(container, caller, {"do": "say", "text": "done"}))
    first = await estimate(container)
    assert (round(first.good, 2), round(first.bad, 2)) == (0.8, 0.2)
    await run_task(await scripted(container, caller, {"do": "fail"}))
    second = await estimate(container)
    assert (round(second.good, 2), round(second.bad, 2)) == (0.8, 1.2)
    async with container.database.transaction() as connection:
        await connection.execute(text("UPDATE attempts SET reason = 'quota' WHERE reason = 'agent_error'"))
    assert round((await estimate(container)).bad, 2) == 0.2
    container.targets.refresh()
    (mine,) = [one for one in (await container.targets.snapshot(caller.user_id, None)).targets if one.id == AGENT]
    assert mine.learned["scripted"].good > 0.7


@pytest.mark.parametrize(
    ("statement", "good"),
    [
        ("UPDATE tasks SET reason = 'rejected', state = 'failed'", 0.0),
        ("UPDATE attempts SET ended_at = ended_at - interval '14 days'", 0.4),
        ("UPDATE attempts SET ended_at = ended_at - interval '91 days'", 0.0),
    ],
)
async def test_what_became_of_it_later_counts_and_old_evidence_fades(
    container: Container, caller: Caller, run_task: RunTask, statement: str, good: float
) -> None:
    await run_task(await scripted(container, caller, {"do": "say", "text": "done"}))
    async with container.database.transaction() as connection:
        await connection.execute(text(statement))
    assert round((await estimate(container)).good, 2) == good


async def test_how_many_an_agent_runs_is_known_to_routing(
    container: Container, caller: Caller, run_task: RunTask
) -> None:
    task = await scripted(container, caller, {"do": "say", "text": "done"})
    await run_task(task)
    async with container.database.transaction() as connection:
        await connection.execute(text("UPDATE tasks SET state = 'running' WHERE id = :id"), {"id": task})
    container.targets.refresh()
    fresh = await container.targets.snapshot(caller.user_id, None)
    (mine,) = [one for one in fresh.targets if one.id == AGENT]
    assert mine.running == 1
