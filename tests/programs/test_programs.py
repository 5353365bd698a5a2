"""Claude Code, Codex, Gemini CLI, Goose and OpenCode carry out tasks: in a sandbox and a worktree, by rules and with
leave, with proof; and are stopped."""

import asyncio
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
from tests.programs.known import Program
from tests.programs.models import ModelOfVendors
from tests.sandbox.conftest import gone

pytestmark = [pytest.mark.xdist_group("counterparts"), pytest.mark.timeout(600)]

RIGHT = {"kind": "command", "command": ["grep", "-q", "y = 3", "b.py"]}


async def hand_in(
    container: Container, caller: Caller, program: Program, project: UUID, prompt: str, *acceptance: Any
) -> UUID:
    request = TaskRequest(
        "code_change", {"prompt": prompt}, project_id=project, preferred_target=program.agent,
        acceptance=list(acceptance),
    )  # fmt: skip
    row = await container.tasks.create(caller, request)
    assert (row["target_id"], row["state"]) == (program.agent, "queued"), row["error"]
    return UUID(str(row["id"]))


async def test_a_task_is_done_in_two_attempts_of_one_session_with_leave_and_proof(
    container: Container, caller: Caller, make_project: MakeProject, model: ModelOfVendors, program: Program
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    rule = {"effect": "deny", "tool": "execute", "command": "rm *", "reason": "keep it"}
    await container.agent_rules.create(caller, Level.USER, rule)
    task = await hand_in(container, caller, program, project, "Write y into b.py.", RIGHT)
    await _first_attempt(container, caller, model, program, task)
    await _second_attempt(container, caller, model, program, task)
    row = await container.tasks.get(caller, task)
    assert (row["state"], row["reason"]) == ("completed", "ok"), row["error"]
    assert row["result"]["summary"] == "It is 3 now."
    assert row["result"]["data"]["agent"] == {"name": program.name, "version": program.version}
    names = sorted(file["path"] for file in row["result"]["files"])
    kept = ["b.py", "c0.py", "c1.py", "c2.py", "c3.py"]
    assert names == (kept if program.asks else ["a.py", *kept]), "what a rule forbade is still there"
    assert await container.mirrors.read_file(project, row["result"]["commit"], "b.py") == b"y = 3\n"


async def _first_attempt(
    container: Container, caller: Caller, model: ModelOfVendors, program: Program, task: UUID
) -> None:
    """It writes what is wrong, and is kept from what a rule forbids; that so many files are written is no loop."""
    for number in range(4):
        model.call(program.write(f"c{number}.py", f"c = {number}\n"))
    model.call(program.write("b.py", "y = 2\n"))
    model.call(program.run("rm a.py"))
    model.say("I may not remove it.")
    runner, _ = make_runner(container, "agents")
    await runner.run(task, 1)
    row = await container.tasks.get(caller, task)
    assert row["state"] == "queued", row["error"]
    called = await events(container, caller, task, EventKind.TOOL_CALLED)
    written = {path for one in called if one["tool"] == "edit" for path in one["paths"]}
    assert written == {"c0.py", "c1.py", "c2.py", "c3.py", "b.py"} or not program.asks
    told = [one["message"] for one in await events(container, caller, task, EventKind.LOG) if "message" in one]
    assert any("refused by a rule of the user level" in line for line in told) == program.asks, told


async def _second_attempt(
    container: Container, caller: Caller, model: ModelOfVendors, program: Program, task: UUID
) -> None:
    """It hears what failed in the same session, asks for leave to run a command, and gets it of a person."""
    model.plan_anew()
    model.call(program.write("b.py", "y = 3\n"))
    model.call(program.run("python3 b.py"))
    model.say("It is 3 now.")
    before = len(model.asked)
    runner, _ = make_runner(container, "agents")
    running = asyncio.create_task(runner.run(task, 2))
    if program.asks:
        question = await _asked(container, caller, task, running)
        assert question["action"] == {"tool": "execute", "paths": [], "command": "python3 b.py"}
        (once,) = [one["id"] for one in question["choices"] if one["kind"] == "allow_once"]
        await container.questions_asked.answer(caller, question, choice=once, text=None, remember=False)
    await running
    sessions = [one for one in await events(container, caller, task, EventKind.LOG) if "session" in one]
    assert not sessions[0]["resumed"]
    assert sessions[1]["resumed"] or not program.resumes
    assert (sessions[0]["session"] == sessions[1]["session"]) == sessions[1]["resumed"]
    heard = model.heard()[before]
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
    container: Container, caller: Caller, make_project: MakeProject, model: ModelOfVendors, program: Program
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    task = await hand_in(container, caller, program, project, "Think for long.")
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
    container: Container, program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    catalogue = container.agents._catalogue
    monkeypatch.setenv("PATH", str(tmp_path))
    catalogue._presence._looked = float("-inf")
    await catalogue.look()
    assert catalogue.builtins[program.agent].info.unavailable == program.missing
