"""Projects with real repositories, agents that do as they are told, and criteria that are really checked."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from orchestrator.agents.base import AgentContext, AgentInfo, AgentKind, AgentResult
from orchestrator.bootstrap import Container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.capabilities import Capability
from orchestrator.core.events import Event, EventKind
from orchestrator.git.merging import move_branch
from orchestrator.git.program import run_git
from orchestrator.git.worktree import Worktrees
from orchestrator.jobs.runner import make_runner
from orchestrator.services.task_service import TaskRequest
from tests.agents.conftest import (
    MakeProject,
    caller,
    container,
    make_caller,
    make_project,
)

__all__ = ["MakeProject", "caller", "container", "make_caller", "make_project"]

PYTHON = sys.executable
RunAttempt = Callable[..., Awaitable[Mapping[str, Any]]]
Hand = Callable[..., Awaitable[UUID]]


class Writer:
    """An agent that writes files, one set for each attempt, and remembers what it was told."""

    def __init__(self, *attempts: Mapping[str, str], kind: AgentKind = AgentKind.CODEMOD) -> None:
        self._attempts = list(attempts)
        self.feedback: list[str] = []
        self.found: list[list[str]] = []
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        self.info = AgentInfo(
            "agent:lint-fix", "Writer", kind, "", (Capability("lint_fix"),), frozenset({"lint_fix"}), True
        )

    def check(self, given: object) -> None:
        """Anything goes."""

    async def run(self, context: AgentContext) -> AgentResult:
        root = context.require_workspace()
        self.feedback.append(context.feedback)
        self.found.append(sorted(path.name for path in root.iterdir() if path.is_file() and path.name != ".git"))
        files = self._attempts.pop(0) if len(self._attempts) > 1 else self._attempts[0]
        for name, said in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(said)
        if self.meanwhile is not None:
            await self.meanwhile()
        return AgentResult("wrote")


def put(container: Container, agent: Writer) -> Writer:
    container.agents._catalogue.builtins["agent:lint-fix"] = agent  # type: ignore[assignment]
    return agent


def python(code: str, **more: Any) -> dict[str, Any]:
    """A criterion that runs a line of Python."""
    return {"kind": "command", "command": [PYTHON, "-c", code], **more}


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    """Where local projects may come from."""
    made = tmp_path / "projects"
    made.mkdir()
    return made


@pytest.fixture
def llm_settings(settings: Settings, roots: Path) -> Settings:
    """The settings that the container is built of."""
    return Settings(_env_file=None, **(settings.model_dump() | {"project_roots": str(roots)}))


@pytest.fixture
def hand_in(container: Container, caller: Caller) -> Hand:
    """Hands in a task that is queued at once."""

    async def make(project: UUID, acceptance: Sequence[Any], kind: str = "lint_fix", **more: Any) -> UUID:
        given = more.pop("given", {})
        request = TaskRequest(kind, given, project_id=project, acceptance=list(acceptance), **more)
        row = await container.tasks.create(caller, request)
        assert row["state"] == "queued", row["error"]
        return UUID(str(row["id"]))

    return make


@pytest.fixture
def run_attempt(container: Container, caller: Caller) -> RunAttempt:
    """Runs an attempt as a heavy worker does, and returns the row."""

    async def run(task: UUID, number: int = 1) -> Mapping[str, Any]:
        runner, _ = make_runner(container, "heavy")
        await runner.run(task, number)
        return await container.tasks.get(caller, task)

    return run


async def events(container: Container, caller: Caller, task: UUID, kind: EventKind) -> list[Event]:
    return [event for event in await container.tasks.events_of(caller, task) if event.kind == kind]


async def commit_to_base(container: Container, project: UUID, files: Mapping[str, str]) -> str:
    """Move the project's default branch on by a commit, as a fetch does."""
    mirrors = container.mirrors
    head, branch = await mirrors.head(project), await mirrors.default_branch(project)
    made = await _commit(container.worktrees, project, head, files)
    await move_branch(mirrors.path(project), branch, head, made)
    return made


async def _commit(worktrees: Worktrees, project: UUID, head: str, files: Mapping[str, str]) -> str:
    worktree = await worktrees.add(project, f"base-{head[:12]}", head)
    await asyncio.to_thread(_write, worktree.path, files)
    env = {**worktree.environment, "GIT_AUTHOR_NAME": "T", "GIT_AUTHOR_EMAIL": "t@e", "GIT_COMMITTER_NAME": "T",
           "GIT_COMMITTER_EMAIL": "t@e"}  # fmt: skip
    await run_git("add", "--all", cwd=worktree.path, env=env)
    await run_git("commit", "--quiet", "--message", "meanwhile", cwd=worktree.path, env=env)
    made = (await run_git("rev-parse", "HEAD", cwd=worktree.path, env=env)).text
    await worktrees.remove(worktree)
    return made


def _write(root: Path, files: Mapping[str, str]) -> None:
    for name, said in files.items():
        (root / name).write_text(said)
