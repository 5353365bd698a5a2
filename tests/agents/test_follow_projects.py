"""A followed project's graph shows its folder: what is saved is seen a moment later, what git ignores never."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.git.program import run_git
from orchestrator.models import Project
from orchestrator.services.follow_projects import FollowedProjects
from orchestrator.services.task_service import TaskRequest
from tests.agents.conftest import MakeProject, RunTask

FILES = {"a.py": "def f(): ...\n", "b.py": "from a import f\n\n\ndef g():\n    f()\n", ".gitignore": "build/\n*.log\n"}
Seen = Callable[[list[str]], Awaitable[None]]


@pytest.fixture
async def root(tmp_path: Path) -> Path:
    made = tmp_path / "work" / "p"
    made.mkdir(parents=True)
    for path, text in FILES.items():
        (made / path).write_text(text)
    await run_git("init", "-q", cwd=made)
    await run_git("add", "-A", cwd=made)
    return made


@pytest.fixture
async def project(
    container: Container, make_project: MakeProject, run_task: RunTask, caller: Caller, root: Path
) -> UUID:
    made = await make_project(FILES)
    async with container.database.session() as session:
        (await session.get_one(Project, made)).local_path = str(root)
    task = await container.tasks.create(caller, TaskRequest("graph_build", project_id=made))
    row = await run_task(task["id"])
    assert row["state"] == "completed", row["error"]
    return made


@pytest.fixture
async def followed(container: Container, project: UUID, root: Path) -> AsyncIterator[FollowedProjects]:
    made = FollowedProjects(container.database, container.views, container.updates, [root.parent], most=5)
    yield made
    await made.aclose()
    folder = container.views.graph_folder(project)
    await asyncio.gather(container.queries.stop(folder), container.updates.stop(folder))


@pytest.fixture
def seen(container: Container, caller: Caller, project: UUID) -> Seen:
    """Waits until these are the callers of ``a.f``."""

    async def wait(expected: list[str]) -> None:
        found: list[str] = []
        async with asyncio.timeout(20):
            while found != expected:
                answer = await container.graphs.ask(caller, project, "callers", {"symbol": "a.f", "tokens": 2000})
                found = sorted(row["symbol"] for row in answer["callers"])
                await asyncio.sleep(0.02)

    return wait


async def test_what_is_saved_moved_and_deleted_is_seen_without_being_told(
    followed: FollowedProjects, root: Path, seen: Seen
) -> None:
    (root / "c.py").write_text("from a import f\nf()\n")
    assert await followed.sweep() == 1
    await seen(["b.g", "c"])
    (root / "d").mkdir()
    (root / "c.py").rename(root / "d" / "e.py")
    await seen(["b.g", "d.e"])
    (root / "b.py").unlink()
    await seen(["d.e"])


async def test_what_git_ignores_is_never_in_the_graph(
    container: Container, caller: Caller, project: UUID, followed: FollowedProjects, root: Path, seen: Seen
) -> None:
    (root / "build").mkdir()
    (root / "build" / "copy.py").write_text("from a import f\nf()\n")
    await followed.sweep()
    (root / "build" / "later.py").write_text("from a import f\nf()\n")
    (root / "c.py").write_text("from a import f\nf()\n")
    await seen(["b.g", "c"])


async def test_an_update_of_a_followed_project_looks_at_its_folder(
    followed: FollowedProjects, project: UUID, root: Path
) -> None:
    (root / "new.py").write_text("")
    (root / "b.py").unlink()
    (root / "x.log").write_text("")
    assert await followed.tree(project) == (root, [".gitignore", "a.py", "new.py"])


async def test_none_are_followed_where_the_setting_says_so_or_the_folder_is_not_allowed(
    container: Container, project: UUID, root: Path, tmp_path: Path
) -> None:
    parts = (container.database, container.views, container.updates)
    for roots, most in (([root.parent], 0), ([tmp_path / "elsewhere"], 5)):
        other = FollowedProjects(*parts, roots, most=most)
        with capture_logs() as logged:
            assert await other.sweep() == 0
            assert await other.sweep() == 0
        assert len(logged) == (1 if most else 0)  # a warning at each look would hide all others
        assert await other.tree(project) is None
    await container.queries.stop(container.views.graph_folder(project))
