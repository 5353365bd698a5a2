"""Teams: other agents' work by a document, each step a task of its own, going on after a restart where it was."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from orchestrator.agents.team_config import read_team
from orchestrator.bootstrap import Container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.errors import InvalidInput
from orchestrator.services.agent_service import AgentEntry, request_for, start
from tests.agents.conftest import MakeProject
from tests.agents.test_parts import ended, working

EDITOR, TALKER = "agent:scripted-editor", "agent:scripted"


def writes(path: str, text: str) -> list[dict[str, Any]]:
    return [{"do": "write", "path": path, "text": text}, {"do": "say", "text": f"wrote {path}"}]


def says(text: str) -> list[dict[str, Any]]:
    return [{"do": "say", "text": text}]


def edit(name: str, steps: Any, **more: Any) -> dict[str, Any]:
    return {"id": name, "agent": EDITOR, "input": {"steps": steps}, **more}


def talk(name: str, steps: Any, **more: Any) -> dict[str, Any]:
    return {"id": name, "agent": TALKER, "input": {"steps": steps}, **more}


def holds(path: str, text: str) -> list[dict[str, Any]]:
    """A criterion that a file of the result holds a text."""
    return [{"kind": "command", "name": f"{path} holds {text}", "command": ["grep", "-q", text, path]}]


async def make_team(container: Container, caller: Caller, *steps: dict[str, Any], **more: Any) -> AgentEntry:
    values = {"name": "Team", "kind": "team", "config": {"steps": list(steps), **more}}
    return await container.agents.create(caller, values)


async def hand_in(
    container: Container, caller: Caller, team: AgentEntry, project: UUID | None = None, **given: Any
) -> UUID:
    request = await request_for(container.agents, caller, team.id, input=given, project_id=project)
    container.targets.refresh()
    return UUID(str((await start(container.agents, container.tasks, caller, team.id, request))["id"]))


def loose(settings: Settings) -> Settings:
    """Criteria may run where the kernel gives no sandbox."""
    return Settings(_env_file=None, **(settings.model_dump() | {"criteria_need_sandbox": False}))


async def test_a_team_plans_implements_side_by_side_and_ends_in_one_change(
    container: Container, caller: Caller, llm_settings: Settings, make_project: MakeProject
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    team = await make_team(
        container, caller,
        talk("plan", says("two files: {{input.prompt}}")),
        edit("implement", writes("{{item}}", "{{plan.summary}}\n"), for_each="{{input.parts}}"),
        edit("finish", writes("c.txt", "{{implement.summary}}\n"), start="implement"),
    )  # fmt: skip
    task = await hand_in(container, caller, team, project, prompt="do it", parts=["a.txt", "b.txt"])
    async with working(llm_settings, agent_concurrency=1):
        row = await ended(container, caller, task)
    assert (row["state"], row["type"]) == ("completed", "team"), row["error"]
    result = row["result"]
    assert sorted(file["path"] for file in result["files"]) == ["a.txt", "b.txt", "c.txt"]
    read = container.mirrors.read_file
    assert await read(project, result["commit"], "b.txt") == b"two files: do it\n"
    assert await read(project, result["commit"], "c.txt") == b"wrote a.txt\n\nwrote b.txt\n"
    assert await container.worktrees.list(project) == ()
    drawn = await container.team_graphs.of_task(caller, task)
    assert [(node.id, node.state, node.column, len(node.parts)) for node in drawn.nodes] == [
        ("plan", "completed", 0, 1), ("implement", "completed", 1, 2), ("finish", "completed", 2, 1)
    ]  # fmt: skip
    assert ("implement", "finish", "goes on from") in drawn.edges


async def test_a_step_whose_proof_fails_is_mended_and_a_loop_ends_at_its_bound(
    container: Container, caller: Caller, llm_settings: Settings, make_project: MakeProject
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    mended = edit(
        "implement", writes("b.txt", "wrong\n"), acceptance=holds("b.txt", "right"),
        repair={"input": {"steps": writes("b.txt", "right, after: {{findings}}\n")}, "rounds": 2},
    )  # fmt: skip
    hopeless = {**mended, "repair": {"input": {"steps": writes("b.txt", "wrong again\n")}, "rounds": 2}}
    first, second = [await make_team(container, caller, step) for step in (mended, hopeless)]
    good = await hand_in(container, caller, first, project)
    bad = await hand_in(container, caller, second, project)
    async with working(loose(llm_settings)):
        row, failed = [await ended(container, caller, task) for task in (good, bad)]
    assert row["state"] == "completed", row["error"]
    assert b"the acceptance criteria are not met" in await container.mirrors.read_file(
        project, row["result"]["commit"], "b.txt"
    )
    assert (failed["state"], failed["reason"]) == ("failed", "agent_error")
    assert "step implement: 0 of 1 succeeded" in failed["error"]["message"]
    below = [(part["part"], part["state"]) for part in await container.families.below(bad)]
    assert below == [("implement", "failed"), ("implement.repair.1", "failed"), ("implement.repair.2", "failed")]


async def test_what_a_reviewer_finds_wanting_is_mended_until_it_approves(
    container: Container, caller: Caller, llm_settings: Settings, make_project: MakeProject
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    step = edit(
        "implement", writes("b.txt", "NOT YET"),
        review={"agent": TALKER, "input": {"steps": says("{{change.summary}}")}},
        repair={"input": {"steps": [{"do": "write", "path": "b.txt", "text": "{{findings}}"}, *says("Approved.")]}},
    )  # fmt: skip
    task = await hand_in(container, caller, await make_team(container, caller, step), project)
    async with working(llm_settings):
        row = await ended(container, caller, task)
    assert row["state"] == "completed", row["error"]
    assert await container.mirrors.read_file(project, row["result"]["commit"], "b.txt") == b"wrote b.txt"
    parts = [part["part"] for part in await container.families.below(task)]
    assert parts == ["implement", "implement.review.0", "implement.repair.1", "implement.review.1"]


async def test_of_several_tries_the_smallest_that_is_proved_is_taken(
    container: Container, caller: Caller, llm_settings: Settings, make_project: MakeProject
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    team = await make_team(
        container, caller,
        edit("tries", [{"do": "write", "path": "b.txt", "text": "{{item}}"}, *says("done")],
             for_each="{{input.texts}}", acceptance=holds("b.txt", "right")),
        {"id": "best", "choose": "tries"},
    )  # fmt: skip
    task = await hand_in(container, caller, team, project, texts=["wrong\n", "right\nlonger\n", "right\n"])
    async with working(loose(llm_settings)):
        row = await ended(container, caller, task)
    assert row["state"] == "completed", row["error"]
    assert await container.mirrors.read_file(project, row["result"]["commit"], "b.txt") == b"right\n"
    assert row["result"]["data"]["steps"]["best"][0]["part"] == "tries[2]"
    told = [event.data for event in await container.tasks.events_of(caller, task)]
    assert any("proved, with the fewest changed lines" in str(data.get("message")) for data in told)


async def test_a_team_goes_on_after_a_restart_with_what_is_done_and_as_it_was(
    container: Container, caller: Caller, llm_settings: Settings, make_project: MakeProject
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    slow = [{"do": "wait", "seconds": 7}, *writes("b.txt", "{{first.summary}}\n")]
    team = await make_team(container, caller, talk("first", says("one")), edit("second", slow))
    task = await hand_in(container, caller, team, project)
    async with working(llm_settings) as worker:
        async with asyncio.timeout(60):
            while ("second", "running") not in await standing(worker, task):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    await container.agents.change(caller, team.id, {"config": {"steps": [talk("other", says("changed"))]}})
    async with working(llm_settings):
        row = await ended(container, caller, task, 40)
    assert row["state"] == "completed", row["error"]
    assert await container.mirrors.read_file(project, row["result"]["commit"], "b.txt") == b"one\n"
    parts = [part["part"] for part in await container.families.below(task)]
    assert sorted(parts) == ["first", "second"], "no step is done twice"
    assert row["generation"] > 1


async def test_a_retried_team_tries_its_failed_steps_again_and_keeps_the_others(
    container: Container, caller: Caller, llm_settings: Settings
) -> None:
    ask = [{"do": "tool", "tool": "list_parts"}, {"do": "fail", "text": "not today"}]
    team = await make_team(
        container, caller, talk("first", says("one")), talk("second", ask, needs=["first"]), changes_code=False
    )
    task = await hand_in(container, caller, team)
    async with working(llm_settings):
        assert (await ended(container, caller, task))["state"] == "failed"
        before = {part["part"]: part["generation"] for part in await container.families.below(task)}
        await container.tasks.retry(caller, task)
        assert (await ended(container, caller, task))["state"] == "failed"
    after = {part["part"]: part["generation"] for part in await container.families.below(task)}
    assert (before, after) == ({"first": 1, "second": 1}, {"first": 1, "second": 2})


async def test_stopping_a_team_stops_its_steps_and_changes_that_do_not_fit_end_it(
    container: Container, caller: Caller, llm_settings: Settings, make_project: MakeProject
) -> None:
    project = await make_project({"a.txt": "x\n"})
    sleeping = await make_team(container, caller, talk("only", [{"do": "wait", "seconds": 600}]), changes_code=False)
    clash = await make_team(container, caller, edit("both", writes("a.txt", "{{item}}\n"), for_each="{{input.texts}}"))
    async with working(llm_settings):
        task = await hand_in(container, caller, sleeping)
        async with asyncio.timeout(60):
            while [part["state"] for part in await container.families.below(task)] != ["running"]:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await container.tasks.cancel(caller, task)
        assert (await ended(container, caller, task))["state"] == "cancelled"
        (only,) = await container.families.below(task)
        assert (await ended(container, caller, only["id"]))["state"] == "cancelled"
        other = await hand_in(container, caller, clash, project, texts=["one", "two"])
        row = await ended(container, caller, other)
    assert row["state"] == "failed"
    assert "do not fit together in a.txt" in row["error"]["message"]


async def test_a_team_does_not_ask_itself(container: Container, caller: Caller, llm_settings: Settings) -> None:
    team = await make_team(container, caller, talk("a", says("x")), changes_code=False)
    circle = {"steps": [{"id": "a", "agent": team.id, "prompt": "again"}], "changes_code": False}
    await container.agents.change(caller, team.id, {"config": circle})
    task = await hand_in(container, caller, team)
    async with working(llm_settings):
        row = await ended(container, caller, task)
    assert row["state"] == "failed"
    assert "in a circle" in row["error"]["message"]


A, B = talk("a", says("x")), talk("b", says("x"))


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"steps": []}, "config.steps"),
        ({"steps": [{"id": "A", "agent": "x"}]}, "config.steps.0.id"),
        ({"steps": [A, A]}, "config.steps.1.id"),
        ({"steps": [{"id": "a"}]}, "config.steps.0.agent"),
        ({"steps": [{**A, "choose": "b"}, B]}, "config.steps.0.agent"),
        ({"steps": [A, {**B, "needs": ["c"]}]}, "config.steps.1.needs"),
        ({"steps": [{**A, "needs": ["b"]}, {**B, "needs": ["a"]}]}, "config.steps"),
        ({"steps": [{**A, "prompt": "{{b.summary}}"}, {**B, "start": "a"}]}, "config.steps"),
        ({"steps": [{**A, "prompt": "{{nobody.summary}}"}]}, "config.steps.0.input"),
        ({"steps": [{**A, "prompt": "{{item}}"}]}, "config.steps.0.input"),
        ({"steps": [{**A, "acceptance": [{"kind": "hope"}]}]}, "config.steps.0.acceptance[0].kind"),
        ({"steps": [{**A, "review": {"prompt": "x"}}]}, "config.steps.0.review.agent"),
        ({"steps": [{**A, "repair": {"rounds": 1000}}]}, "config.steps.0.repair.rounds"),
        ({"steps": [A], "result": "b"}, "config.result"),
        ({"steps": [A], "colour": "red"}, "config.colour"),
    ],
)  # fmt: skip
def test_a_document_that_cannot_work_is_refused_naming_the_field(document: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as wrong:
        read_team(document)
    assert wrong.value.field == field


async def test_what_a_team_needs_is_asked_for_when_work_is_handed_in(container: Container, caller: Caller) -> None:
    team = await make_team(container, caller, talk("a", says("{{input.prompt}}")), changes_code=False)
    with pytest.raises(InvalidInput) as wrong:
        await hand_in(container, caller, team)
    assert wrong.value.field == "input.prompt"
    drawn = await container.team_graphs.of_agent(caller, team.id)
    assert [(node.id, node.state) for node in drawn.nodes] == [("a", "")]


async def test_every_template_of_a_team_makes_one_that_routing_finds(container: Container, caller: Caller) -> None:
    for template in container.agents.templates():
        if template.kind != "team":
            continue
        made = await container.agents.create(caller, {"name": template.title, "template": template.name})
        assert made.agent.info.changes_code
        assert {one.name for one in made.agent.info.capabilities} == {"teamwork", "coding"}
        assert (await container.team_graphs.of_agent(caller, made.id)).nodes


async def standing(container: Container, task: UUID) -> list[tuple[str, str]]:
    return [(part["part"], part["state"]) for part in await container.families.below(task)]
