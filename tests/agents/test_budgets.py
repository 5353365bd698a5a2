"""What agents use is counted; a used-up budget pauses the task and asks; money without a price is refused."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.core.errors import Forbidden, InvalidInput
from orchestrator.core.spending import Period, Price, Usage, cost, next_period, used_up
from orchestrator.jobs.runner import make_runner
from orchestrator.services.task_service import TaskRequest
from tests.agents.conftest import MakeProject, make_caller
from tests.fakes.openai import FakeOpenAI

Row = Mapping[str, Any]
PRICE = {"model": "test-model", "input": 1_000_000.0, "output": 2_000_000.0, "cached": None}
"""A dollar for a token in, two for one out; the scripted model uses ten and five for each answer: twenty dollars."""


async def ask(container: Container, caller: Caller, **more: Any) -> UUID:
    request = TaskRequest("ask", {"prompt": "Hi"}, preferred_target="agent:llm", **more)
    return UUID(str((await container.tasks.create(caller, request))["id"]))


async def attempt(container: Container, caller: Caller, task: UUID, number: int = 1) -> Row:
    runner, _ = make_runner(container, "agents")
    await runner.run(task, number)
    return await container.tasks.get(caller, task)


async def priced(container: Container, caller: Caller) -> None:
    await container.prices.put(caller, PRICE | {"valid_from": datetime.now(UTC).date()}, everybodys=False)


def two_rounds(model: FakeOpenAI) -> None:
    model.call(("diagnostics__none", {}))
    model.say("Done.")


async def test_what_an_attempt_used_is_kept_and_added_up(
    container: Container, caller: Caller, model: FakeOpenAI
) -> None:
    await priced(container, caller)
    two_rounds(model)
    task = await ask(container, caller)
    assert (await attempt(container, caller, task))["state"] == "completed"
    (row,) = await container.task_proofs.attempts(caller, task)
    used = row["usage"]
    assert (used["requests"], used["input_tokens"], used["output_tokens"], used["money"]) == (2, 20, 10, 40.0)
    for by, key in (("agent", "agent:llm"), ("model", "test-model"), ("day", datetime.now(UTC).date().isoformat())):
        (line,) = await container.usage.sums(caller, by, days=1)  # type: ignore[arg-type]
        assert (line["key"], line["money"], line["tokens"], line["attempts"]) == (key, 40.0, 30, 1)
    stranger = await make_caller(container, "eve@example.org")
    assert await container.usage.sums(stranger, "agent", days=1) == []


async def test_a_used_up_budget_pauses_the_task_and_asks_and_the_answer_lets_it_go_on(
    container: Container, caller: Caller, model: FakeOpenAI
) -> None:
    await priced(container, caller)
    model.call(("diagnostics__none", {}))
    task = await ask(container, caller, budget={"money": 15})
    row = await attempt(container, caller, task)
    assert (row["state"], row["waiting_for"]) == (
        "awaiting_input", "the budget of this task is used up: 20.00 USD of 15.00 USD; raise it?"
    )  # fmt: skip
    assert len(model.asked) == 1, "nothing was spent after that"
    (question,), _ = await container.questions_asked.page(caller)
    assert (question["task_id"], question["about"], question["default_choice"]) == (task, "budget", "stop")
    with pytest.raises(InvalidInput, match="raise, stop"):
        await container.decisions.answered(caller, question, "perhaps")
    await container.decisions.answered(caller, question, "raise")
    assert (await container.questions_asked.page(caller))[1] == 0
    row = await container.tasks.get(caller, task)
    assert (row["state"], row["budget"]) == ("queued", {"money": 30})
    model.call(("diagnostics__none", {}))
    row = await attempt(container, caller, task, 2)
    assert row["waiting_for"].startswith("the budget of this task is used up: 40.00 USD of 30.00 USD")
    await container.budgets.answered(caller, row, "raise")
    model.say("Done.")
    row = await attempt(container, caller, task, 3)
    assert (row["state"], row["result"]["summary"]) == ("completed", "Done.")


async def test_a_question_about_a_budget_is_read_and_answered_through_the_doors(
    container: Container, client: httpx.AsyncClient, model: FakeOpenAI
) -> None:
    two_rounds(model)
    body = {"type": "ask", "input": {"prompt": "Hi"}, "preferred_target": "agent:llm", "budget": {"tokens": 12}}
    task = UUID((await client.post("/tasks", json=body)).json()["task_id"])
    runner, _ = make_runner(container, "agents")
    await runner.run(task, 1)
    for path in ("/questions", f"/tasks/{task}/questions"):
        (question,) = (await client.get(path)).json()["items"]
        assert (question["about"], question["default"]) == ("budget", "stop")
        assert [choice["id"] for choice in question["choices"]] == ["raise", "stop"]
    answer = await client.post(f"/tasks/{task}/input", json={"choice": "raise"})
    assert (answer.status_code, answer.json()["state"]) == (200, "queued"), answer.text
    assert (await client.get("/questions")).json()["items"] == []
    model._script.clear()
    model.call(("diagnostics__none", {}))
    await runner.run(task, 2)
    row = (await client.get(f"/tasks/{task}")).json()
    assert row["waiting_for"] == "the budget of this task is used up: 30 tokens of 24 tokens; raise it?", row["error"]


async def test_a_person_may_stop_what_costs_too_much(container: Container, caller: Caller, model: FakeOpenAI) -> None:
    two_rounds(model)
    task = await ask(container, caller, budget={"tokens": 12})
    row = await attempt(container, caller, task)
    assert row["state"] == "awaiting_input"
    await container.budgets.answered(caller, row, "stop")
    row = await container.tasks.get(caller, task)
    assert (row["state"], row["reason"]) == ("failed", "budget_exceeded")


async def test_a_question_about_a_budget_has_a_deadline_and_the_task_is_stopped_then(
    container: Container, caller: Caller, model: FakeOpenAI
) -> None:
    two_rounds(model)
    task = await ask(container, caller, budget={"tokens": 12})
    assert (await attempt(container, caller, task))["state"] == "awaiting_input"
    (question,), _ = await container.questions_asked.page(caller)
    left = question["deadline"] - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)
    assert await container.decisions.sweep() == 0
    async with container.database.transaction() as connection:
        await connection.execute(text("UPDATE agent_questions SET deadline = now() - interval '1 second'"))
    assert await container.decisions.sweep() == 1
    row = await container.tasks.get(caller, task)
    assert (row["state"], row["reason"]) == ("failed", "budget_exceeded")
    assert (await container.questions_asked.read(question["id"]))["outcome"] == "deadline"


@given(st.sampled_from(Period), st.integers(0, 4_000_000_000))
def test_the_next_period_begins_at_midnight_later_than_now_and_within_its_length(period: Period, second: int) -> None:
    now = datetime.fromtimestamp(second, UTC)
    begins = next_period(period, now)
    longest = {Period.DAY: 1, Period.WEEK: 7, Period.MONTH: 31}.get(period)
    if longest is None:
        assert begins is None
        return
    assert begins is not None
    assert timedelta(0) < begins - now <= timedelta(days=longest)
    assert (begins.hour, begins.minute, begins.second, begins.microsecond) == (0, 0, 0, 0)
    assert period != Period.WEEK or begins.weekday() == 0
    assert period != Period.MONTH or begins.day == 1


async def test_a_limit_on_money_without_a_price_is_refused_naming_model_and_field(
    container: Container, caller: Caller, model: FakeOpenAI
) -> None:
    with pytest.raises(InvalidInput, match="test-model") as refused:
        await ask(container, caller, budget={"money": 5})
    assert (refused.value.field, refused.value.details) == ("budget.money", {"model": "test-model"})
    budget = await container.budgets.put(caller, None, Period.MONTH, {"money": 5.0})
    row = await attempt(container, caller, await ask(container, caller))
    assert (row["reason"], row["error"]["field"]) == ("invalid_input", f"budgets.{budget['id']}.money")
    assert model.asked == []


async def test_a_budget_of_a_project_holds_for_all_its_tasks_until_an_admin_raises_it(
    container: Container, caller: Caller, make_project: MakeProject, model: FakeOpenAI
) -> None:
    project = await make_project({"a.py": ""})
    stranger = await make_caller(container, "eve@example.org")
    budget = await container.budgets.put(caller, project, Period.TOTAL, {"tokens": 20})
    assert await container.budgets.page(stranger) == []
    own = await container.budgets.put(caller, None, Period.DAY, {"tokens": 9_000})
    with pytest.raises(Forbidden):
        await container.budgets.delete(stranger, own["id"])
    model.say("One.")
    model.say("Two.")
    for number in range(2):
        first = await ask(container, caller, project_id=project)
        assert (await attempt(container, caller, first))["state"] == "completed", number
    late = await ask(container, caller, project_id=project)
    row = await attempt(container, caller, late)
    assert (row["state"], len(model.asked)) == ("awaiting_input", 2), "no agent was started"
    assert row["waiting_for"].startswith("the budget of this project in all is used up: 30 tokens of 20 tokens")
    assert await container.budgets.sweep() == 0
    await container.budgets.put(caller, project, Period.TOTAL, {"tokens": 100})
    assert await container.budgets.sweep() == 1
    model.say("Three.")
    assert (await attempt(container, caller, late, 2))["state"] == "completed"
    (shown,) = [one for one in await container.budgets.page(caller) if one["project_id"] == project]
    assert (shown["used_tokens"], shown["id"]) == (45, budget["id"])


async def test_a_new_period_begins_with_nothing_used(container: Container, caller: Caller, model: FakeOpenAI) -> None:
    await container.budgets.put(caller, None, Period.MONTH, {"tokens": 10})
    model.say("One.")
    assert (await attempt(container, caller, await ask(container, caller)))["state"] == "completed"
    late = await ask(container, caller)
    assert (await attempt(container, caller, late))["state"] == "awaiting_input"
    async with container.database.transaction() as connection:
        await connection.execute(text("UPDATE attempt_usage SET at = at - interval '32 days'"))
    assert await container.budgets.sweep() == 1
    model.say("Two.")
    assert (await attempt(container, caller, late, 2))["state"] == "completed"


async def test_tool_calls_of_agents_that_are_no_models_count_too(container: Container, caller: Caller) -> None:
    steps = [{"do": "tool", "count": 3}, {"do": "wait", "seconds": 30}]
    request = TaskRequest("scripted", {"steps": steps}, preferred_target="agent:scripted", budget={"tool_calls": 2})
    task = UUID(str((await container.tasks.create(caller, request))["id"]))
    async with asyncio.timeout(20):
        row = await attempt(container, caller, task)
    assert (row["state"], row["error"]["details"]["limit"]) == ("awaiting_input", "tool_calls")


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0, 100), st.floats(0, 100))
def test_what_is_cached_never_costs_more_than_what_is_not(a: int, b: int, c: int, full: float, less: float) -> None:
    plain, cheap = Price(full, full), Price(full, full, min(full, less))
    usage = Usage(a, b, c)
    assert 0 <= cheap.of(usage) <= plain.of(usage) + 1e-6
    assert cost(usage, None) == (0.0 if not a and not c else None)
    assert used_up({"tokens": 10}, {"tokens": a}) == ("tokens" if a >= 10 else None)


async def test_the_doors_of_money_set_show_and_refuse(client: httpx.AsyncClient, model: FakeOpenAI) -> None:
    body = {"type": "ask", "input": {"prompt": "Hi"}, "preferred_target": "agent:llm", "budget": {"money": 1}}
    refused = await client.post("/tasks", json=body)
    assert (refused.status_code, refused.json()["field"]) == (422, "budget.money")
    everybodys = await client.put("/prices", json={"model": "m", "input": 1, "output": 2, "everybodys": True})
    admin = everybodys.status_code == 200  # the first account of a service is its admin
    assert everybodys.status_code in (200, 403)
    price = await client.put("/prices", json={"model": "test-model", "input": 1e6, "output": 1e6})
    assert price.status_code == 200, price.text
    assert len((await client.get("/prices")).json()["items"]) == 1 + admin
    task = (await client.post("/tasks", json=body)).json()["task_id"]
    model.call(("diagnostics__none", {}))
    container: Container = client.app.state.container  # type: ignore[attr-defined]
    runner, _ = make_runner(container, "agents")
    await runner.run(UUID(task), 1)
    assert (await client.get(f"/tasks/{task}")).json()["state"] == "awaiting_input"
    assert (await client.post(f"/tasks/{task}/input", json={"choice": "no"})).status_code == 422
    ended = await client.post(f"/tasks/{task}/input", json={"choice": "stop"})
    assert ended.json()["reason"] == "budget_exceeded"
    report = (await client.get("/usage", params={"by": "agent"})).json()
    assert (report["items"][0]["key"], report["total"]["money"]) == ("agent:llm", 15.0)
    (row,) = (await client.get(f"/tasks/{task}/attempts")).json()["items"]
    assert row["usage"]["money"] == 15.0
    made = await client.put("/budgets", json={"period": "day", "tool_calls": 5})
    assert (made.status_code, made.json()["used_tokens"]) == (200, 15), made.text
    assert (await client.put("/budgets", json={"period": "day"})).status_code == 422
    assert (await client.delete(f"/budgets/{made.json()['budget_id']}")).status_code == 204
    assert (await client.delete(f"/prices/{price.json()['price_id']}")).status_code == 204
    assert (await client.get("/budgets")).json()["items"] == []
