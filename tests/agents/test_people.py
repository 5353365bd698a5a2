"""A running agent asks, a person answers, a rule answers instead, nobody does; and a person speaks up by themselves."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import httpx
import pytest

from orchestrator.bootstrap import Container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.errors import InvalidInput
from orchestrator.core.events import EventKind
from orchestrator.core.policy import Effect, Level
from orchestrator.jobs.runner import make_runner
from orchestrator.services.task_service import TaskRequest
from tests.agents.conftest import MakeProject, RunTask, make_caller

Step = dict[str, Any]
RUN: Step = {"do": "permit", "tool": "execute", "text": "Run the tests", "arguments": {"command": "make test"}}
AFTER: Step = {"do": "say", "text": "went on"}


async def hand_in(
    container: Container, caller: Caller, *steps: Step, target: str = "agent:scripted", **more: Any
) -> UUID:
    request = TaskRequest("scripted", {"steps": list(steps)}, preferred_target=target, **more)
    return UUID(str((await container.tasks.create(caller, request))["id"]))


async def asked(container: Container, caller: Caller, task: UUID) -> Mapping[str, Any]:
    """The open question of a task, once there is one."""
    async with asyncio.timeout(60):
        while True:
            rows, _ = await container.questions_asked.page(caller, task_id=task)
            if rows and (await container.tasks.get(caller, task))["waiting_for"]:
                return rows[0]
            await asyncio.sleep(0.01)


async def events(container: Container, caller: Caller, task: UUID, kind: EventKind) -> list[dict[str, Any]]:
    return [event.data for event in await container.tasks.events_of(caller, task) if event.kind == kind]


async def test_an_agent_waits_for_an_answer_and_goes_on_with_it(
    container: Container, caller: Caller, run_task: RunTask
) -> None:
    task = await hand_in(container, caller, RUN, AFTER)
    running = asyncio.create_task(run_task(task))
    question = await asked(container, caller, task)
    row = await container.tasks.get(caller, task)
    assert (row["state"], row["waiting_for"]) == ("running", "May the agent do this? Run the tests")
    (told,) = await events(container, caller, task, EventKind.WAITING)
    assert told["question_id"] == str(question["id"])
    assert [choice["id"] for choice in told["choices"]] == ["allow", "reject"]
    assert (told["default"], told["deadline"]) == ("reject", question["deadline"].isoformat())
    await container.questions_asked.answer(caller, question, choice="allow", text=None, remember=False)
    row = await running
    assert (row["state"], row["waiting_for"], row["result"]["summary"]) == ("completed", None, "went on")
    (answered,) = await events(container, caller, task, EventKind.ANSWERED)
    assert (answered["by"], answered["answer"], answered["outcome"]) == (str(caller.user_id), "allow", "answered")


async def test_a_program_is_asked_about_in_the_same_way(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    task = await hand_in(container, caller, RUN, AFTER, target="agent:scripted-acp", project_id=project)
    running = asyncio.create_task(run_task(task))
    question = await asked(container, caller, task)
    assert question["action"] == {"tool": "execute", "paths": [], "command": "make test"}
    await container.questions_asked.answer(caller, question, choice="allow", text=None, remember=True)
    row = await running
    assert row["result"]["summary"] == "[allow]went on", row["error"]
    (rule,) = (await container.agent_rules.page(caller, limit=10, offset=0))[0]
    assert (rule["effect"], rule["command"], rule["project_id"]) == ("allow", "make test", project)
    again = await run_task(await hand_in(container, caller, RUN, target="agent:scripted-acp", project_id=project))
    assert again["result"]["summary"] == "[allow]", "what was remembered is not asked again"


async def test_a_deadline_passes_and_the_refusal_is_told(
    settings: Settings, caller: Caller, container: Container
) -> None:
    quick = Settings(_env_file=None, **(settings.model_dump() | {"question_seconds": 0.2}))
    object.__setattr__(container, "settings", quick)
    task = await hand_in(container, caller, RUN, AFTER)
    runner, _ = make_runner(container, "agents")
    await runner.run(task, 1)
    row = await container.tasks.get(caller, task)
    assert (row["state"], row["result"]["data"]["answers"]) == ("completed", ["reject"])
    (answered,) = await events(container, caller, task, EventKind.ANSWERED)
    assert (answered["by"], answered["outcome"]) == (None, "deadline")
    assert answered["message"] == "nobody answered in time; it is refused"


async def test_waiting_for_a_person_does_not_count_towards_the_time_limit(
    container: Container, caller: Caller, run_task: RunTask
) -> None:
    task = await hand_in(container, caller, RUN, AFTER, timeout_seconds=2.0)
    running = asyncio.create_task(run_task(task))
    question = await asked(container, caller, task)
    for _ in range(10):
        await asyncio.sleep(0.25)
    await container.questions_asked.answer(caller, question, choice="allow", text=None, remember=False)
    assert (await running)["state"] == "completed"


async def test_cancelling_closes_the_question(container: Container, caller: Caller) -> None:
    task = await hand_in(container, caller, RUN)
    runner, leases = make_runner(container, "agents")
    running = asyncio.create_task(runner.run(task, 1))
    question = await asked(container, caller, task)
    leases.stop(task)
    await running
    assert (await container.questions_asked.read(question["id"]))["outcome"] == "gone"
    assert (await container.tasks.get(caller, task))["reason"] == "cancelled_by_user"


@pytest.mark.parametrize(
    ("effect", "command", "outcome"),
    [(Effect.ALLOW, "make *", ["allow"]), (Effect.DENY, "make *", ["reject"])],
)
async def test_a_rule_answers_without_anybody_being_asked(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask,
    effect: Effect, command: str, outcome: list[str],
) -> None:  # fmt: skip
    await container.agent_rules.create(caller, Level.USER, {"effect": effect, "tool": "execute", "command": command})
    project = await make_project({"a.py": "x = 1\n"})
    row = await run_task(await hand_in(container, caller, RUN, target="agent:scripted-acp", project_id=project))
    assert row["result"]["summary"] == f"[{outcome[0]}]"


async def test_work_in_its_own_tree_needs_no_leave(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    step = {"do": "permit", "tool": "edit", "text": "Edit", "path": "a.py"}
    row = await run_task(await hand_in(container, caller, step, target="agent:scripted-acp", project_id=project))
    assert row["result"]["summary"] == "[allow]"


async def test_what_is_told_to_a_running_agent_is_its_next_prompt(
    container: Container, caller: Caller, run_task: RunTask
) -> None:
    task = await hand_in(container, caller, RUN, AFTER)
    running = asyncio.create_task(run_task(task))
    question = await asked(container, caller, task)
    await container.questions_asked.tell(caller, await container.tasks.get(caller, task), "and the docs, too")
    await container.questions_asked.answer(caller, question, choice="allow", text=None, remember=False)
    row = await running
    assert row["result"]["summary"] == "You said: and the docs, too"
    told = await events(container, caller, task, EventKind.MESSAGE)
    assert {"role": "user", "text": "and the docs, too"} in told


async def test_a_question_is_answered_in_words_or_by_a_choice(
    container: Container, caller: Caller, run_task: RunTask
) -> None:
    steps: list[Step] = [{"do": "ask", "text": "Which one?", "steps": ["left", "right"]}, {"do": "ask", "text": "Why?"}]
    task = await hand_in(container, caller, *steps)
    running = asyncio.create_task(run_task(task))
    question = await asked(container, caller, task)
    with pytest.raises(InvalidInput, match="left, right"):
        await container.questions_asked.answer(caller, question, choice="up", text=None, remember=False)
    await container.questions_asked.answer(caller, question, choice="right", text=None, remember=False)
    second = await asked(container, caller, task)
    await container.questions_asked.answer(caller, second, choice=None, text="because", remember=False)
    assert (await running)["result"]["data"]["answers"] == ["right", "because"]


@pytest.mark.parametrize(("choice", "state", "read"), [("once", "completed", True), ("no", "failed", False)])
async def test_a_tool_call_that_needs_consent_is_asked_about_while_the_agent_waits(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask,
    choice: str, state: str, read: bool,
) -> None:  # fmt: skip
    await container.rules.create(caller, Level.USER, {"effect": Effect.ASK, "tool": "read_file", "reason": "is it ok"})
    project = await make_project({"a.py": "x = 1\n"})
    step: Step = {"do": "tool", "tool": "code__read_file", "arguments": {"path": "a.py"}}
    task = await hand_in(container, caller, step, project_id=project)
    running = asyncio.create_task(run_task(task))
    question = await asked(container, caller, task)
    assert "read_file" in question["question"]
    await container.questions_asked.answer(caller, question, choice=choice, text=None, remember=False)
    row = await running
    assert row["state"] == state, row["error"]
    assert ("x = 1" in str(row["result"])) == read


async def test_the_doors_answer_list_and_refuse(client: httpx.AsyncClient) -> None:
    container: Container = client.app.state.container  # type: ignore[attr-defined]
    body = {"type": "scripted", "input": {"steps": [RUN, AFTER]}, "preferred_target": "agent:scripted"}
    task = (await client.post("/tasks", json=body)).json()["task_id"]
    runner, _ = make_runner(container, "agents")
    running = asyncio.create_task(runner.run(UUID(task), 1))
    async with asyncio.timeout(60):
        while not (items := (await client.get("/questions")).json()["items"]):  # noqa: ASYNC110 - another's doing
            await asyncio.sleep(0.01)
    assert (items[0]["task_id"], items[0]["default"]) == (task, "reject")
    wrong = await client.post(f"/tasks/{task}/input", json={"choice": "perhaps"})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "choice")
    stranger = Caller((await make_caller(container, "eve@example.org")).user_id)
    assert (await container.questions_asked.page(stranger))[1] == 0
    assert (await client.post(f"/tasks/{task}/steer", json={"text": "hurry"})).status_code == 202
    good = await client.post(f"/tasks/{task}/input", json={"choice": "allow", "question_id": items[0]["question_id"]})
    assert good.status_code == 200, good.text
    await running
    ended = (await client.get(f"/tasks/{task}/questions")).json()["items"]
    assert [(one["outcome"], one["answer"]) for one in ended] == [("answered", "allow")]
    late = await client.post(f"/tasks/{task}/steer", json={"text": "too late"})
    assert (late.status_code, late.json()["code"]) == (409, "illegal_transition")


async def test_rules_are_made_listed_and_deleted_by_whoever_may(client: httpx.AsyncClient) -> None:
    made = await client.post("/agent-rules", json={"effect": "deny", "command": "rm *", "reason": "no"})
    assert made.status_code == 201, made.text
    assert [rule["command"] for rule in (await client.get("/agent-rules")).json()["items"]] == ["rm *"]
    rule = made.json()["rule_id"]
    assert (await client.delete(f"/agent-rules/{rule}")).status_code == 204
    assert (await client.delete(f"/agent-rules/{rule}")).status_code == 404
    project = await client.post("/agent-rules", json={"effect": "deny", "level": "project"})
    assert (project.status_code, project.json()["field"]) == (422, "project_id")
