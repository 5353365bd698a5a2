"""OpenCode carries out tasks: in a sandbox and a worktree, by rules and people's leave, with proof; and is stopped."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.core.events import EventKind
from orchestrator.core.policy import Level
from orchestrator.jobs.runner import make_runner
from orchestrator.services.task_service import TaskRequest
from tests.agents.conftest import MakeProject
from tests.agents.test_people import asked, events
from tests.programs.conftest import ModelOfProgram
from tests.sandbox.conftest import gone

pytestmark = [pytest.mark.xdist_group("counterparts"), pytest.mark.timeout(600)]

OPENCODE = "agent:opencode"
RIGHT = {"kind": "command", "command": ["grep", "-q", "y = 3", "b.py"]}


async def hand_in(container: Container, caller: Caller, project: UUID, prompt: str, *acceptance: Any) -> UUID:
    request = TaskRequest(
        "code_change", {"prompt": prompt}, project_id=project, preferred_target=OPENCODE, acceptance=list(acceptance)
    )
    row = await container.tasks.create(caller, request)
    assert (row["target_id"], row["state"]) == (OPENCODE, "queued"), row["error"]
    return UUID(str(row["id"]))


def write(name: str, text: str) -> tuple[str, dict[str, str]]:
    return "write", {"filePath": name, "content": text}


def run(command: str) -> tuple[str, dict[str, str]]:
    return "bash", {"command": command, "description": "as asked"}


async def test_a_task_is_done_in_two_attempts_of_one_session_with_leave_and_proof(
    container: Container, caller: Caller, make_project: MakeProject, model: ModelOfProgram
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    rule = {"effect": "deny", "tool": "execute", "command": "rm *", "reason": "keep it"}
    await container.agent_rules.create(caller, Level.USER, rule)
    task = await hand_in(container, caller, project, "Write y into b.py.", RIGHT)
    await _first_attempt(container, caller, model, task)
    await _second_attempt(container, caller, model, task)
    row = await container.tasks.get(caller, task)
    assert (row["state"], row["reason"]) == ("completed", "ok"), row["error"]
    assert row["result"]["summary"] == "It is 3 now."
    assert row["result"]["data"]["agent"] == {"name": "OpenCode", "version": "1.18.33"}
    names = sorted(file["path"] for file in row["result"]["files"])
    assert names == ["b.py", "c0.py", "c1.py", "c2.py", "c3.py"], "what a rule forbade is still there"
    assert await container.mirrors.read_file(project, row["result"]["commit"], "b.py") == b"y = 3\n"


async def _first_attempt(container: Container, caller: Caller, model: ModelOfProgram, task: UUID) -> None:
    """It writes what is wrong, and is kept from what a rule forbids; that so many files are written is no loop."""
    for number in range(4):
        model.call(write(f"c{number}.py", f"c = {number}\n"))
    model.call(write("b.py", "y = 2\n"))
    model.call(run("rm a.py"))
    model.say("I may not remove it.")
    runner, _ = make_runner(container, "agents")
    await runner.run(task, 1)
    row = await container.tasks.get(caller, task)
    assert row["state"] == "queued", row["error"]
    called = await events(container, caller, task, EventKind.TOOL_CALLED)
    assert [one["arguments"].get("filePath", "") for one in called if one["tool"] == "edit"] == [
        "c0.py", "c1.py", "c2.py", "c3.py", "b.py",
    ]  # fmt: skip
    (removed,) = [one for one in called if one["tool"] == "execute"]
    assert removed["arguments"]["command"] == "rm a.py"
    told = [one["message"] for one in await events(container, caller, task, EventKind.LOG) if "message" in one]
    assert any("refused by a rule of the user level" in line for line in told), told


async def _second_attempt(container: Container, caller: Caller, model: ModelOfProgram, task: UUID) -> None:
    """It hears what failed in the same session, asks for leave to run a command, and gets it of a person."""
    model._script.clear()
    model.call(write("b.py", "y = 3\n"))
    model.call(run("cat b.py"))
    model.say("It is 3 now.")
    before = len(model.asked)
    runner, _ = make_runner(container, "agents")
    running = asyncio.create_task(runner.run(task, 2))
    question = await _asked(container, caller, task, running)
    assert question["action"] == {"tool": "execute", "paths": [], "command": "cat b.py"}
    await container.questions_asked.answer(caller, question, choice="once", text=None, remember=False)
    await running
    sessions = [one for one in await events(container, caller, task, EventKind.LOG) if "session" in one]
    assert [one["resumed"] for one in sessions] == [False, True]
    assert sessions[0]["session"] == sessions[1]["session"]
    heard = str(model.asked[before]["messages"])
    assert "Write y into b.py." in heard, "it remembers the first attempt"
    assert "grep -q" in heard, "and is told what failed"


async def _asked(container: Container, caller: Caller, task: UUID, running: "asyncio.Task[Any]") -> Any:
    """The question it waits with, unless it ends before."""
    asking = asyncio.create_task(asked(container, caller, task))
    await asyncio.wait({asking, running}, return_when=asyncio.FIRST_COMPLETED)
    if not asking.done():
        asking.cancel()
        pytest.fail(str((await container.tasks.get(caller, task))["error"]))
    return await asking


async def test_it_is_stopped_in_the_middle_and_nothing_of_it_is_left(
    container: Container, caller: Caller, make_project: MakeProject, model: ModelOfProgram
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    task = await hand_in(container, caller, project, "Think for long.")
    model.hold()
    runner, leases = make_runner(container, "agents")
    running = asyncio.create_task(runner.run(task, 1))
    assert await asyncio.to_thread(model.arrived.wait, 200), "it never asked its model"
    leases.stop(task)
    await running
    row = await container.tasks.get(caller, task)
    assert (row["state"], row["reason"]) == ("cancelled", "cancelled_by_user")
    await gone(str(container.settings.data_dir / "worktrees"))


async def test_where_it_is_not_installed_its_agent_says_how_to_get_it(
    container: Container, caller: Caller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    catalogue = container.agents._catalogue
    monkeypatch.setenv("PATH", str(tmp_path))
    catalogue._presence._looked = float("-inf")
    await catalogue.look()
    missing = catalogue.builtins[OPENCODE].info.unavailable
    assert missing == "opencode is not installed on the service's machine; install it: npm install -g opencode-ai"
