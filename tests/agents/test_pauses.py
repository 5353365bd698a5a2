"""An agent's work rests where a person wants it to, goes on where it rested, and is forked from any event."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from uuid import UUID

import pytest

from orchestrator.bootstrap import Container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from orchestrator.core.events import EventKind
from orchestrator.embedded.processes import wait_until
from orchestrator.jobs.runner import make_runner
from orchestrator.services.task_forks import Fork
from orchestrator.services.task_service import TaskRequest
from tests.agents.conftest import MakeProject, make_caller
from tests.fakes.openai import FakeOpenAI

Step = dict[str, Any]
FILES = {"a.py": "x = 1\n"}


def write(path: str, text: str) -> Step:
    return {"do": "write", "path": path, "text": text}


def say(text: str) -> Step:
    return {"do": "say", "text": text}


def wait(seconds: float) -> Step:
    return {"do": "wait", "seconds": seconds}


def slowly(model: FakeOpenAI) -> threading.Event:
    """Have the model answer its first request once the event is set."""
    let_go, answer = threading.Event(), model.answer

    def answers(request: Any) -> Any:
        model.arrived.set()
        let_go.wait(30)
        return answer(request)

    model.answer = answers  # type: ignore[method-assign]
    return let_go


@pytest.fixture(autouse=True)
async def _ends(container: Container) -> AsyncIterator[None]:
    yield
    left = [task for task in asyncio.all_tasks() if task.get_name() == "attempt"]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


async def hand_in(container: Container, caller: Caller, project: UUID, agent: str, *steps: Step) -> UUID:
    request = TaskRequest("scripted", {"steps": list(steps)}, project_id=project, preferred_target=agent)
    row = await container.tasks.create(caller, request)
    assert row["target_id"] == agent
    return UUID(str(row["id"]))


def start(container: Container, task: UUID, number: int = 1) -> "asyncio.Task[None]":
    runner, _ = make_runner(container, "heavy")
    return asyncio.create_task(runner.run(task, number), name="attempt")


async def told(container: Container, caller: Caller, task: UUID, kind: EventKind) -> list[dict[str, Any]]:
    return [event.data | {"seq": event.seq} for event in await container.tasks.events_of(caller, task)
            if event.kind == kind]  # fmt: skip


async def until(container: Container, caller: Caller, task: UUID, holds: Callable[[list[Any]], bool]) -> None:
    async def look() -> bool:
        return holds(await container.tasks.events_of(caller, task))

    assert await wait_until(look, 60)


def said(text: str) -> Callable[[list[Any]], bool]:
    return lambda events: any(text in str(event.data.get("text", "")) for event in events)


async def texts(container: Container, caller: Caller, task: UUID) -> list[str]:
    return [one["text"] for one in await told(container, caller, task, EventKind.MESSAGE)]


async def row_of(container: Container, caller: Caller, task: UUID) -> Mapping[str, Any]:
    return await container.tasks.get(caller, task)


async def test_a_paused_agent_rests_at_a_safe_point_and_goes_on_from_there(
    container: Container, caller: Caller, make_project: MakeProject
) -> None:
    project = await make_project(FILES)
    steps = (write("b.py", "y = 1\n"), say("one"), wait(0.4), say("two"), write("a.py", "x = 2\n"), say("three"))
    task = await hand_in(container, caller, project, "agent:scripted-editor", *steps)
    running = start(container, task)
    await until(container, caller, task, said("one"))
    assert (await container.pauses.pause(caller, task))["pause_requested_at"] is not None
    await running
    row = await row_of(container, caller, task)
    assert (row["state"], row["waiting_for"], row["reason"]) == ("awaiting_input", "a person to resume it", None)
    (tree,) = await container.worktrees.list(project)
    assert (tree.path / "b.py").read_text() == "y = 1\n"
    with pytest.raises(IllegalTransition, match="paused already"):
        await container.pauses.pause(caller, task)
    assert (await container.pauses.resume(caller, task))["state"] == "queued"
    await start(container, task, 2)
    row = await row_of(container, caller, task)
    assert (row["state"], row["pause_requested_at"]) == ("completed", None), row["error"]
    assert await texts(container, caller, task) == ["one", "two", "three"], "no step is done twice"
    assert sorted(file["path"] for file in row["result"]["files"]) == ["a.py", "b.py"]
    assert await container.worktrees.list(project) == ()
    attempts = await container.task_proofs.attempts(caller, task)
    assert [one["reason"] for one in attempts] == ["paused", "ok"]


async def test_an_agent_without_a_safe_point_in_sight_is_stopped_where_it_stands(
    container: Container, caller: Caller, make_project: MakeProject
) -> None:
    quick = Settings(_env_file=None, **(container.settings.model_dump() | {"pause_seconds": 0.1}))
    object.__setattr__(container, "settings", quick)
    project = await make_project(FILES)
    task = await hand_in(container, caller, project, "agent:scripted-editor", say("begun"), wait(600))
    running = start(container, task)
    await until(container, caller, task, said("begun"))
    await container.pauses.pause(caller, task)
    await asyncio.wait_for(running, 20)
    assert (await row_of(container, caller, task))["state"] == "awaiting_input"


async def test_a_program_is_cancelled_and_its_session_taken_up_again(
    container: Container, caller: Caller, make_project: MakeProject
) -> None:
    if not (await container.agents._catalogue.starter.verdict()).possible:
        pytest.skip("a program keeps its sessions in the home of its sandbox, and no sandbox can be made here")
    project = await make_project(FILES)
    steps = (write("b.py", "y = 1\n"), say("before the pause"), wait(600), say("after the pause"))
    task = await hand_in(container, caller, project, "agent:scripted-acp", *steps)
    running = start(container, task)
    await until(container, caller, task, said("before the pause"))
    await container.pauses.pause(caller, task)
    await asyncio.wait_for(running, 30)
    assert (await row_of(container, caller, task))["state"] == "awaiting_input"
    home = container.settings.data_dir / "homes" / str(task)
    (kept,) = home.glob("*.json")
    kept.write_text(kept.read_text().replace('"seconds":600.0', '"seconds":0.0'))
    await container.pauses.resume(caller, task)
    await start(container, task, 2)
    row = await row_of(container, caller, task)
    assert row["state"] == "completed", row["error"]
    assert await texts(container, caller, task) == ["before the pause", "after the pause"]
    sessions = [one for one in await told(container, caller, task, EventKind.LOG) if "session" in one]
    assert [one["resumed"] for one in sessions] == [False, True]
    assert home.exists(), "a criterion or a review may send the task back to the session"


async def test_a_model_goes_on_with_its_conversation_and_hears_what_a_person_says(
    container: Container, caller: Caller, make_project: MakeProject, model: FakeOpenAI
) -> None:
    project = await make_project(FILES)
    let_go = slowly(model)
    model.call(("code__read_file", {"path": "a.py"}))
    request = TaskRequest("ask", {"prompt": "What is x?"}, project_id=project, preferred_target="agent:llm")
    task = UUID(str((await container.tasks.create(caller, request))["id"]))
    running = start(container, task)
    await asyncio.to_thread(model.arrived.wait, 30)
    await container.pauses.pause(caller, task)
    await asyncio.sleep(0.2)
    let_go.set()
    await running
    assert (await row_of(container, caller, task))["state"] == "awaiting_input"
    assert len(model.asked) == 1, "it rests after its tools and before the next request"
    await container.pauses.resume(caller, task, "and be brief")
    model.say("One.")
    await start(container, task, 2)
    row = await row_of(container, caller, task)
    assert (row["state"], row["result"]["summary"]) == ("completed", "One."), row["error"]
    roles = [message["role"] for message in model.asked[1]["messages"]]
    assert roles[-4:] == ["user", "assistant", "tool", "user"]
    assert "x = 1" in str(model.asked[1]["messages"][-2]["content"])
    assert model.asked[1]["messages"][-1]["content"] == "and be brief", "it is heard before anything is answered"
    assert len(model.asked) == 2


async def test_what_waits_for_a_worker_rests_at_once_and_only_agents_rest(
    container: Container, caller: Caller, make_project: MakeProject
) -> None:
    project = await make_project(FILES)
    task = await hand_in(container, caller, project, "agent:scripted-editor", say("hello"))
    assert (await container.pauses.pause(caller, task))["state"] == "awaiting_input"
    await start(container, task)
    assert (await row_of(container, caller, task))["generation"] == 0, "no worker may start it"
    await container.pauses.resume(caller, task)
    await start(container, task)
    assert (await row_of(container, caller, task))["state"] == "completed"
    with pytest.raises(IllegalTransition):
        await container.pauses.pause(caller, task)
    with pytest.raises(IllegalTransition, match="not paused"):
        await container.pauses.resume(caller, task)
    tool = await container.tasks.create(caller, TaskRequest("diagnostics", {"text": "x"}))
    with pytest.raises(Conflict, match="only the work of an agent"):
        await container.pauses.pause(caller, tool["id"])
    with pytest.raises(NotFound):
        await container.pauses.pause(await make_caller(container, "eve@example.org"), task)


async def test_a_retry_of_a_task_that_is_to_rest_waits_for_the_person(
    container: Container, caller: Caller, make_project: MakeProject
) -> None:
    project = await make_project(FILES)
    request = TaskRequest(
        "scripted", {"steps": [write("b.py", ""), say("one"), wait(0.4)]}, project_id=project,
        preferred_target="agent:scripted-editor", acceptance=[{"kind": "command", "command": ["false"]}],
    )  # fmt: skip
    task = UUID(str((await container.tasks.create(caller, request))["id"]))
    running = start(container, task)
    await until(container, caller, task, lambda events: any(e.kind == EventKind.PROOF_STARTED for e in events))
    await container.pauses.pause(caller, task)
    await running
    row = await row_of(container, caller, task)
    assert (row["state"], row["waiting_for"]) == ("awaiting_input", "a person to resume it")
    attempts = await container.task_proofs.attempts(caller, task)
    assert [one["reason"] for one in attempts] == ["criteria_unmet"]


async def test_a_fork_begins_with_the_files_and_the_conversation_of_its_event(
    container: Container, caller: Caller, make_project: MakeProject
) -> None:
    project = await make_project(FILES)
    steps = (
        *(write("b.py", "first\n"), say("one"), write("b.py", "second\n"), say("two")),
        *(write("c.py", "third\n"), say("three")),
    )
    task = await hand_in(container, caller, project, "agent:scripted-editor", *steps)
    await start(container, task)
    at = next(one["seq"] for one in await told(container, caller, task, EventKind.MESSAGE) if one["text"] == "one")
    fork = await container.forks.fork(caller, task, Fork(at, title="Another way"))
    assert (fork["state"], fork["origin"]["event"], fork["title"]) == ("queued", at, "Another way")
    read = await container.mirrors.read_file(project, fork["origin"]["commit"], "b.py")
    assert read == b"first\n"
    await start(container, fork["id"])
    row = await row_of(container, caller, fork["id"])
    assert row["state"] == "completed", row["error"]
    assert await texts(container, caller, fork["id"]) == ["one", "two", "three"], "from the last safe point on"
    source = await row_of(container, caller, task)
    assert row["result"]["base_commit"] == source["result"]["base_commit"]
    assert row["result"]["diff"]["text"] == source["result"]["diff"]["text"]
    assert any("git ignores" in lost for lost in row["origin"]["lost"])


async def test_a_fork_by_another_kind_of_agent_is_told_what_was_said_and_what_is_lost(
    container: Container, caller: Caller, make_project: MakeProject
) -> None:
    project = await make_project(FILES)
    task = await hand_in(container, caller, project, "agent:scripted-acp", write("b.py", "y\n"), say("half way"))
    await start(container, task)
    last = (await row_of(container, caller, task))["last_seq"]
    fork = await container.forks.fork(caller, task, Fork(last, given={"steps": [say("go on")]}))
    assert "half way" in fork["origin"]["transcript"]
    assert any("session" in lost for lost in fork["origin"]["lost"])
    await start(container, fork["id"])
    row = await row_of(container, caller, fork["id"])
    assert (row["state"], [file["path"] for file in row["result"]["files"]]) == ("completed", ["b.py"]), row["error"]
    early = await container.forks.fork(caller, task, Fork(1))
    assert (early["origin"]["commit"], "no attempt had begun" in early["origin"]["lost"][0]) == (None, True)
    with pytest.raises(InvalidInput) as refused:
        await container.forks.fork(caller, task, Fork(last + 1))
    assert refused.value.field == "event"
    with pytest.raises(NotFound):
        await container.forks.fork(await make_caller(container, "eve@example.org"), task, Fork(1))
