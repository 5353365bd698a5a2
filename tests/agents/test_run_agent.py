"""Agents as targets of tasks: routed, run in worktrees of real repositories, ending in a branch and a diff."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from orchestrator.agents.base import AgentContext, AgentInfo, AgentKind, AgentResult
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.core.capabilities import Capability, Requirement
from orchestrator.core.errors import AgentFailed, InvalidInput
from orchestrator.core.events import Event, EventKind
from orchestrator.git.program import run_git
from orchestrator.services.task_service import TaskRequest
from tests.agents.conftest import MakeProject, RunTask
from tests.fakes.openai import FakeOpenAI

UNTIDY = {"a.py": "import os\nimport sys\n\nprint(sys.path)\n", "ruff.toml": '[lint]\nselect = ["F"]\n'}


async def make_task(container: Container, caller: Caller, kind: str, project: UUID | None, **given: Any) -> UUID:
    row = await container.tasks.create(caller, TaskRequest(kind, given, project_id=project))
    assert row["state"] == "queued", row["error"]
    return row["id"]


async def events(container: Container, caller: Caller, task_id: UUID, kind: EventKind) -> list[Event]:
    return [event for event in await container.tasks.events_of(caller, task_id) if event.kind == kind]


async def test_a_lint_fix_ends_on_a_branch_of_its_own_with_diff_and_commit(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> None:
    project = await make_project(UNTIDY)
    task = await make_task(container, caller, "lint_fix", project)
    row = await run_task(task)
    assert (row["state"], row["reason"], row["target_id"]) == ("completed", "ok", "agent:lint-fix")
    result = row["result"]
    assert result["summary"] == "Fixed 1 of 1 findings; 0 are left."
    assert "-import os" in result["diff"]["text"]
    assert [(file["path"], file["added"], file["removed"]) for file in result["files"]] == [("a.py", 0, 1)]
    assert result["base_commit"] == await container.mirrors.head(project)
    mirror = container.mirrors.path(project)
    log = (await run_git("log", "-1", "--format=%H %P%n%an%n%B", result["branch"], cwd=mirror)).text
    assert log.startswith(f"{result['commit']} {result['base_commit']}\nLint fix (agent)\n")
    assert f"Task: {task}" in log
    assert await container.worktrees.list(project) == ()
    (told,) = await events(container, caller, task, EventKind.DIFF)
    assert (told.data["branch"], told.data["removed"]) == (result["branch"], 1)


async def test_nothing_to_change_leaves_neither_branch_nor_worktree(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    row = await run_task(await make_task(container, caller, "lint_fix", project, select=["F"]))
    assert row["state"] == "completed"
    assert (row["result"]["files"], row["result"]["branch"]) == ([], None)
    assert list(await container.mirrors.branches(project)) == [await container.mirrors.default_branch(project)]
    assert await container.worktrees.list(project) == ()


async def test_a_symbol_is_renamed_in_the_repository(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> None:
    project = await make_project({"a.py": "def old(): ...\n", "b.py": "from a import old\nold()\n"})
    row = await run_task(await make_task(container, caller, "rename_symbol", project, symbol="a.old", new_name="new"))
    assert row["result"]["data"]["edit_count"] == 3
    read = await container.mirrors.read_file(project, row["result"]["commit"], "b.py")
    assert read == b"from a import new\nnew()\n"


async def test_wrong_input_ends_the_task_without_a_worktree(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> None:
    project = await make_project(UNTIDY)
    row = await run_task(await make_task(container, caller, "lint_fix", project, paths=["../.."]))
    assert (row["state"], row["reason"]) == ("failed", "invalid_input")
    assert row["error"]["field"] == "input.paths.0"
    assert await container.worktrees.list(project) == ()


@pytest.mark.parametrize("name", ["money", "tokens", "whales"])
async def test_a_budget_that_cannot_be_held_is_refused(
    container: Container, caller: Caller, make_project: MakeProject, name: str
) -> None:
    project = await make_project(UNTIDY)
    with pytest.raises(InvalidInput) as refused:
        await container.tasks.create(caller, TaskRequest("lint_fix", project_id=project, budget={name: -5}))
    assert refused.value.field == f"budget.{name}"


class Careless:
    """Writes a file, then fails or waits to be cancelled."""

    info = AgentInfo(
        "agent:lint-fix", "Careless", AgentKind.CODEMOD, "", (Capability("lint_fix"),), frozenset({"lint_fix"}), True
    )

    def __init__(self, *, writes: bool, waits: bool = False) -> None:
        self._writes = writes
        self._waits = waits
        self.wrote = asyncio.Event()

    def check(self, given: object) -> None:
        """Anything goes."""

    async def run(self, context: AgentContext) -> AgentResult:
        if self._writes:
            (context.require_workspace() / "half.py").write_text("x = 1\n")
        self.wrote.set()
        if self._waits:
            await asyncio.Event().wait()
        raise AgentFailed("it gave up")


def put(container: Container, agent: Careless) -> Careless:
    container.agents._catalogue.builtins["agent:lint-fix"] = agent  # type: ignore[assignment]
    return agent


async def test_a_failed_agents_changes_are_kept_and_told_of(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> None:
    put(container, Careless(writes=True))
    project = await make_project(UNTIDY)
    task = await make_task(container, caller, "lint_fix", project)
    row = await run_task(task)
    assert (row["state"], row["reason"]) == ("failed", "agent_error")
    (kept,) = await container.worktrees.list(project)
    assert (kept.path / "half.py").is_file()
    logged = [event.data for event in await events(container, caller, task, EventKind.LOG)]
    assert kept.name in [data.get("worktree") for data in logged]


async def test_a_failed_agent_that_changed_nothing_leaves_nothing(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> None:
    put(container, Careless(writes=False))
    project = await make_project(UNTIDY)
    assert (await run_task(await make_task(container, caller, "lint_fix", project)))["state"] == "failed"
    assert await container.worktrees.list(project) == ()
    assert len(await container.mirrors.branches(project)) == 1


async def test_a_cancelled_agents_changes_are_kept(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> None:
    agent = put(container, Careless(writes=True, waits=True))
    project = await make_project(UNTIDY)
    task = await make_task(container, caller, "lint_fix", project)
    running = asyncio.create_task(run_task(task))
    await asyncio.wait_for(agent.wrote.wait(), 30)
    running.cancel()
    row = await running
    assert (row["state"], row["waiting_for"]) == ("queued", "another worker")
    assert len(await container.worktrees.list(project)) == 1


async def test_the_model_reads_the_project_through_the_pool(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask, model: FakeOpenAI
) -> None:
    project = await make_project({"README.md": "A library for whales.\n"})
    model.call(("code__read_file", {"path": "README.md"}))
    model.say("It is for whales.")
    task = await make_task(container, caller, "ask", project, prompt="What is this?")
    row = await run_task(task)
    assert (row["state"], row["target_id"]) == ("completed", "agent:llm"), row["error"]
    assert row["result"]["summary"] == "It is for whales."
    answers = [message["content"] for message in model.asked[1]["messages"] if message["role"] == "tool"]
    assert "A library for whales." in answers[0]
    offered = {tool["function"]["name"] for tool in model.asked[0]["tools"]}
    assert "graph__callers" in offered
    assert not any(name.startswith("diagnostics") for name in offered)
    assert "${project.repository}" in model.asked[0]["messages"][0]["content"]
    told = await events(container, caller, task, EventKind.TOOL_RETURNED)
    assert [event.data["tool"] for event in told] == ["code__read_file"]


async def test_an_agent_with_an_endpoint_of_its_own_has_the_tools_it_shows(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask, model: FakeOpenAI
) -> None:
    project = await make_project({"README.md": "A library for whales.\n"})
    face = {"name": "reading", "tools": ["look", "code__grep"], "renames": {"code__read_file": "look"},
            "annotations": {"look": {"description": "Look into a file."}}}  # fmt: skip
    await container.endpoints.create(caller, face, project_id=project)
    made = {"name": "Reader", "kind": "llm", "capabilities": ["reading"], "config": {"mcp_endpoint": "reading"}}
    await container.agents.create(caller, made)
    model.call(("look", {"path": "README.md"}))
    model.say("It is for whales.")
    needs = [Requirement("reading")]
    given = TaskRequest("read", {"prompt": "What is this?"}, needs, project_id=project)
    row = await run_task((await container.tasks.create(caller, given))["id"])
    assert row["state"] == "completed", row["error"]
    offered = {tool["function"]["name"]: tool["function"]["description"] for tool in model.asked[0]["tools"]}
    assert offered.keys() == {"look", "code__grep"}
    assert offered["look"] == "Look into a file."
    assert "A library for whales." in str(model.asked[1]["messages"])
    elsewhere = TaskRequest("read", {"prompt": "And here?"}, needs)
    failed = await run_task((await container.tasks.create(caller, elsewhere))["id"])
    assert failed["error"]["field"] == "config.mcp_endpoint"


async def test_a_rate_limit_of_the_provider_is_retried_later(
    container: Container, caller: Caller, run_task: RunTask, model: FakeOpenAI
) -> None:
    said = {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}
    model.fail_next(429, said, {"retry-after-ms": "1"}, times=3)
    row = await run_task(await make_task(container, caller, "ask", None, prompt="Hi"))
    assert (row["state"], row["quota_account"] is not None) == ("pending", True)
    assert row["error"]["code"] == "quota_reached"


async def test_the_graph_analyst_answers_from_a_built_graph(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask, tmp_path: Path
) -> None:
    files = {"a.py": "def f():\n    return 1\n", "b.py": "from a import f\n\n\ndef g():\n    return f()\n"}
    project = await make_project(files)
    missing = await run_task(await make_task(container, caller, "graph_question", project, question="who calls f"))
    assert (missing["state"], missing["error"]["code"]) == ("failed", "not_found")
    built = await run_task(await make_task(container, caller, "graph_build", project))
    assert built["state"] == "completed", built["error"]
    try:
        question = "who calls a.f? where is g? what is in b.py?"
        row = await run_task(await make_task(container, caller, "graph_question", project, question=question))
    finally:
        await container.queries.stop(container.views.graph_folder(project))
    assert row["state"] == "completed", row["error"]
    assert "1 call sites of a.f:\n  b.g at b.py:5" in row["result"]["summary"]
    assert "b.g at b.py:4" in row["result"]["summary"]
