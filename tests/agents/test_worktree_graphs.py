"""Agents in worktrees ask the graph of their own tree; updates of a project's graph look at what changed only."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from orchestrator.agents.base import AgentContext, AgentInfo, AgentKind, AgentResult
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.core.capabilities import Capability
from orchestrator.core.errors import NotFound
from orchestrator.git.program import run_git
from orchestrator.models import Project
from orchestrator.services.task_service import TaskRequest
from tests.agents.conftest import MakeProject, RunTask

FILES = {"a.py": "def f(): ...\n", "b.py": "from a import f\n\n\ndef g():\n    f()\n"}


class Editor:
    """An agent that writes a caller of ``a.f`` named after its input, waits for the others, and asks who calls it."""

    info = AgentInfo(
        "agent:lint-fix", "Editor", AgentKind.CODEMOD, "", (Capability("lint_fix"),), frozenset({"lint_fix"}), True
    )

    def __init__(self, others: int) -> None:
        self._all_wrote = asyncio.Barrier(others)

    def check(self, given: dict[str, Any]) -> None:
        """Every input is fine."""

    async def run(self, context: AgentContext) -> AgentResult:
        assert context.workspace is not None
        assert context.graph is not None
        assert context.tools is not None
        name = context.input["select"][0]
        (context.workspace / f"{name}.py").write_text(f"from a import f\n\n\ndef {name}():\n    f()\n")
        await self._all_wrote.wait()
        own = await context.graph.ask("callers", {"symbol": "a.f"})
        (context.workspace / "b.py").unlink()
        later = await context.tools.call("graph__callers", {"symbol": "a.f"})
        assert not later.is_error, later.text
        return AgentResult("asked", {"before": callers(own), "after": callers(later.structured or {})})


def callers(answer: dict[str, Any]) -> list[str]:
    return sorted(row["symbol"] for row in answer["callers"])


@pytest.fixture
async def project(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> AsyncIterator[UUID]:
    made = await make_project(FILES)
    task = await container.tasks.create(caller, TaskRequest("graph_build", project_id=made))
    row = await run_task(task["id"])
    assert row["state"] == "completed", row["error"]
    yield made
    folder = container.views.graph_folder(made)
    await asyncio.gather(container.queries.stop(folder), container.updates.stop(folder))


async def test_agents_at_work_at_once_each_see_their_own_tree_and_not_the_others(
    container: Container, caller: Caller, project: UUID, run_task: RunTask
) -> None:
    container.agents._catalogue.builtins["agent:lint-fix"] = Editor(2)  # type: ignore[assignment]
    at_once = {"overlap": True}
    tasks = [
        await container.tasks.create(
            caller, TaskRequest("lint_fix", {"select": [name]}, project_id=project, consent=at_once)
        )
        for name in ("one", "two")
    ]
    rows = await asyncio.gather(*(run_task(task["id"]) for task in tasks))
    assert [row["state"] for row in rows] == ["completed", "completed"], [row["error"] for row in rows]
    assert [row["result"]["data"] for row in rows] == [
        {"before": ["b.g", "one.one"], "after": ["one.one"]},
        {"before": ["b.g", "two.two"], "after": ["two.two"]},
    ]
    own = await container.graphs.ask(caller, project, "callers", {"symbol": "a.f", "tokens": 2000})
    assert callers(own) == ["b.g"]


async def test_people_can_ask_a_worktree_by_its_name_and_see_what_was_saved_last(
    container: Container, caller: Caller, project: UUID
) -> None:
    worktree = await container.worktrees.add(project, "mine", await container.mirrors.head(project))
    (worktree.path / "c.py").write_text("from a import f\nf()\n")
    given = {"symbol": "a.f", "tokens": 2000}
    assert callers(await container.graphs.ask(caller, project, "callers", given, view="mine")) == ["b.g", "c"]
    (worktree.path / "c.py").write_text("")
    assert callers(await container.graphs.ask(caller, project, "callers", given, view="mine")) == ["b.g"]
    answer = await container.graphs.query(caller, project, "ASK {}", view="mine", accept="*/*")
    assert answer.kind == "ask"
    with pytest.raises(NotFound):
        await container.graphs.ask(caller, project, "callers", given, view="nobodys")


async def test_an_update_brings_the_graph_to_the_projects_head(
    container: Container, caller: Caller, project: UUID, run_task: RunTask
) -> None:
    worktree = await container.worktrees.add(project, "next", await container.mirrors.head(project))
    (worktree.path / "d.py").write_text("from a import f\n\n\ndef d():\n    f()\n")
    author = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    await run_git("add", "d.py", cwd=worktree.path)
    await run_git(*author, "commit", "-q", "-m", "d", cwd=worktree.path)
    async with container.database.session() as session:
        row = await session.get_one(Project, project)
        row.head_commit = (await run_git("rev-parse", "HEAD", cwd=worktree.path)).text.strip()
    _, task = await container.graphs.generate(caller, project, update=True)
    done = await run_task(task["id"])
    assert done["state"] == "completed", done["error"]
    assert (done["result"]["parsed"], done["result"]["modules"]) == (1, 3)
    answer = await container.graphs.ask(caller, project, "callers", {"symbol": "a.f", "tokens": 2000})
    assert callers(answer) == ["b.g", "d.d"]
    assert (await container.graphs.get(caller, project))["triples"] == done["result"]["triples"]
