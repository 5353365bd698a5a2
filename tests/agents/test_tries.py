"""Several tries at one task stand side by side; a person chooses, and the task goes on with that one."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from orchestrator.agents.best_of import BestOfAgent
from orchestrator.agents.team_config import read_team
from orchestrator.bootstrap import Container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.errors import InvalidInput
from orchestrator.core.merging import ReviewVerdict
from orchestrator.services.reviews import Comment, Review
from tests.agents.conftest import MakeProject, make_caller, make_project_of
from tests.agents.test_parts import ended, working
from tests.agents.test_teams import EDITOR, hand_in, holds, loose, make_team

MESSY = {"a.py": "import sys\nimport os\n\nprint(sys.path)\n"}
CODEMODS = ["agent:lint-fix", "agent:sort-imports"]
TRIES = {
    "id": "tries", "agent": EDITOR, "for_each": "{{input.texts}}", "acceptance": holds("b.txt", "right"),
    "input": {"steps": [{"do": "write", "path": "b.txt", "text": "{{item}}"}, {"do": "say", "text": "done"}]},
}  # fmt: skip
CHOICE = {"id": "pick", "choose": "tries", "by": "person"}
TEXTS = ["wrong\n", "right\nlonger\n", "right\n"]


async def waits(container: Container, caller: Caller, task: UUID) -> dict[str, Any]:
    """The question, once the task rests with it."""
    async with asyncio.timeout(120):
        while (await container.tasks.get(caller, task))["state"] != "awaiting_input":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    question = await container.questions_asked.open_of(task)
    assert question is not None
    return dict(question)


async def three_tries(
    container: Container, caller: Caller, settings: Settings, project: UUID
) -> tuple[UUID, dict[str, Any]]:
    """A team whose tries are made, and the question which one is taken; its worker is gone."""
    team = await make_team(container, caller, TRIES, CHOICE)
    task = await hand_in(container, caller, team, project, texts=TEXTS)
    async with working(loose(settings)):
        return task, await waits(container, caller, task)


async def test_a_person_sees_all_tries_and_the_one_they_choose_is_the_tasks_change(
    container: Container, caller: Caller, llm_settings: Settings, make_project: MakeProject
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    task, question = await three_tries(container, caller, llm_settings, project)
    assert [one["id"] for one in question["choices"]] == ["tries[1]", "tries[2]", "none of them"]
    assert (question["about"], question["default_choice"]) == ("choice:pick", "tries[2]")
    (choice,) = await container.tries.of_task(caller, task)
    assert (choice.by, choice.is_open, choice.chosen) == ("person", True, None)
    shown = [(one["part"], one["state"], one["added"], [p["verdict"] for p in one["proof"]]) for one in choice.tries]
    assert shown == [
        ("tries[0]", "failed", 1, ["passed", "failed"]), ("tries[1]", "completed", 2, ["passed", "passed"]),
        ("tries[2]", "completed", 1, ["passed", "passed"]),
    ]  # fmt: skip
    assert await container.worktrees.list(project) == (), "nothing is kept open while a person thinks"
    with pytest.raises(InvalidInput, match="one of tries"):
        await container.decisions.answered(caller, question, "tries[0]")
    await container.decisions.answered(caller, question, "tries[1]")
    async with working(loose(llm_settings)):
        row = await ended(container, caller, task, 60)
    assert row["state"] == "completed", row["error"]
    assert await container.mirrors.read_file(project, row["result"]["commit"], "b.txt") == b"right\nlonger\n"
    (choice,) = await container.tries.of_task(caller, task)
    assert (choice.is_open, choice.chosen) == (False, "tries[1]")
    parts = await container.families.below(task)
    assert sorted((part["part"], part["generation"]) for part in parts) == [(f"tries[{n}]", 1) for n in range(3)]
    assert await container.worktrees.list(project) == ()


async def test_what_reviewers_ask_of_the_chosen_try_goes_to_the_agent_that_made_it(
    container: Container, caller: Caller, llm_settings: Settings, make_project: MakeProject
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    tries = {"id": "tries", "agent": EDITOR, "for_each": "{{input.texts}}", "input": {"steps": "{{item}}"}}
    team = await make_team(container, caller, tries, {"id": "pick", "choose": "tries"})
    short, long = [[{"do": "write", "path": "b.txt", "text": f"{text}{{{{feedback}}}}"}] for text in ("1\n", "1\n2\n")]
    task = await hand_in(container, caller, team, project, texts=[long, short])
    read, texts = container.mirrors.read_file, []
    async with working(llm_settings):
        row = await ended(container, caller, task, 60)
        for words in ("say why", "and when"):
            comment = Comment("b.txt", "new", 1, "one what?")
            await container.reviews.create(caller, task, Review(ReviewVerdict.REQUEST_CHANGES, words, (comment,)))
            row = await ended(container, caller, task, 60)
            assert row["state"] == "completed", row["error"]
            texts.append((await read(project, row["result"]["commit"], "b.txt")).decode())
    assert "say why\n\nb.txt:1: one what?" in texts[0]
    assert "and when\n\nb.txt:1: one what?" in texts[1]
    parts = await container.families.below(task)
    assert sorted((part["part"], part["generation"]) for part in parts) == [("tries[0]", 1), ("tries[1]", 3)]


async def test_who_wants_none_ends_the_task_and_a_retry_asks_again(
    container: Container, caller: Caller, llm_settings: Settings, make_project: MakeProject
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    task, question = await three_tries(container, caller, llm_settings, project)
    await container.decisions.answered(caller, question, "none of them")
    row = await container.tasks.get(caller, task)
    assert (row["state"], row["reason"]) == ("failed", "rejected")
    await container.tasks.retry(caller, task)
    async with working(loose(llm_settings)):
        again = await waits(container, caller, task)
    assert again["id"] != question["id"]


async def test_nobody_chose_in_time_so_the_proof_does(
    container: Container, caller: Caller, llm_settings: Settings, make_project: MakeProject
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    task, question = await three_tries(container, caller, llm_settings, project)
    stranger = await make_caller(container, "eve@example.org")
    assert (await container.questions_asked.page(stranger))[1] == 0
    assert [row["id"] for row in (await container.questions_asked.page(caller))[0]] == [question["id"]]
    assert await container.decisions.sweep() == 0
    async with container.database.transaction() as connection:
        await connection.execute(text("UPDATE agent_questions SET deadline = now() - interval '1 second'"))
    assert await container.decisions.sweep() == 1
    async with working(loose(llm_settings)):
        row = await ended(container, caller, task, 60)
    assert row["result"]["data"]["steps"]["pick"][0]["part"] == "tries[2]"
    assert (await container.questions_asked.read(question["id"]))["outcome"] == "deadline"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"agents": []}, "input.agents"),
        ({"agents": ["a b"]}, "input.agents.0"),
        ({"agents": ["agent:llm"], "count": 17}, "input.count"),
        ({"agents": ["agent:llm"], "input": {"a b": 1}}, "input.input.a b"),
        ({"agents": ["agent:llm"], "input": {"a}}{{b": 1}}, "input.input.a}}{{b"),
        ({"agents": ["agent:llm"], "choose": "dice"}, "input.choose"),
    ],
)
def test_what_cannot_be_tried_is_refused_naming_the_field(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as wrong:
        BestOfAgent().check(given)
    assert wrong.value.field == field


@pytest.mark.parametrize(
    ("steps", "field"),
    [
        ([{"id": "a", "agent": "x", "agents": ["y"]}], "config.steps.0.agent"),
        ([{"id": "a", "agent": "x", "by": "person"}], "config.steps.0.by"),
        ([{"id": "a", "agents": ["x"], "for_each": "{{input.b}}"}], "config.steps.0.copies"),
    ],
)
def test_a_team_that_cannot_choose_is_refused(steps: list[dict[str, Any]], field: str) -> None:
    with pytest.raises(InvalidInput) as wrong:
        read_team({"steps": steps})
    assert wrong.value.field == field


async def test_through_the_doors_two_agents_try_and_the_choice_goes_on_to_review(
    client: httpx.AsyncClient, llm_settings: Settings
) -> None:
    container: Container = client.app.state.container  # type: ignore[attr-defined]
    me = (await client.get("/user/profile")).json()["id"]
    project = await make_project_of(container, Caller(UUID(me)), MESSY)
    body: dict[str, Any] = {"type": "lint_fix", "project_id": str(project), "input": {}}
    nobody = await client.post("/tasks", json=body | {"tries": {"agents": ["agent:nobody"]}})
    assert nobody.status_code == 404, nobody.text
    talker = await client.post("/tasks", json=body | {"tries": {"agents": ["agent:scripted"]}})
    assert (talker.status_code, talker.json()["field"]) == (422, "tries.agents.0")
    route = await client.post("/tasks/route", json=body | {"tries": {"count": 2}})
    assert route.json()["target_id"] == "agent:best-of", route.text
    task = (await client.post("/tasks", json=body | {"tries": {"agents": CODEMODS}})).json()["task_id"]
    async with working(llm_settings):
        await waits(container, Caller(UUID(me)), UUID(task))
        (asked,) = (await client.get("/questions")).json()["items"]
        assert (asked["task_id"], asked["about"], asked["default"]) == (task, "choice", asked["choices"][0]["id"])
        (choice,) = (await client.get(f"/tasks/{task}/tries")).json()["items"]
        assert [one["agent"] for one in choice["tries"]] == CODEMODS
        assert all(one["can_be_chosen"] and one["branch"] for one in choice["tries"])
        second = choice["tries"][1]
        assert (await client.get(f"/tasks/{second['task_id']}/diff")).json()["changed"][0]["path"] == "a.py"
        drawn = (await client.get(f"/tasks/{task}/graph")).json()
        assert [(node["id"], node["state"]) for node in drawn["nodes"]] == [("try", "completed"), ("choice", "waiting")]
        wrong = await client.post(f"/tasks/{task}/input", json={"choice": "the best"})
        assert (wrong.status_code, wrong.json()["field"]) == (422, "choice")
        given = await client.post(f"/tasks/{task}/input", json={"choice": second["choice"]})
        assert given.json()["state"] in ("queued", "running", "completed"), given.text
        row = await ended(container, Caller(UUID(me)), UUID(task), 60)
    assert row["result"]["data"]["steps"]["choice"][0]["agent"] == "agent:sort-imports"
    again = await client.post(f"/tasks/{task}/input", json={"choice": second["choice"]})
    assert again.status_code == 409
    approved = await client.post(f"/tasks/{task}/reviews", json={"verdict": "approve"})
    assert approved.status_code == 201, approved.text
    merge = await client.post(f"/tasks/{task}/merge", json={"method": "local"})
    assert merge.json()["action"] == "merge", merge.text
