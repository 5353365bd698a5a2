"""Test runs in worktrees and elsewhere become observed calls of the graph that shows those files."""

import asyncio
import gzip
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.core.errors import InvalidInput, NotFound, TooLarge
from orchestrator.core.ids import new_id
from orchestrator.kg.snapshot import view_folder
from orchestrator.kg.traces.run import joined, tracing_environment
from orchestrator.services import traced_runs
from orchestrator.services.task_service import TaskRequest
from tests.agents.conftest import MakeProject, RunTask

FILES = {
    "shop.py": "def price(name):\n    return TABLE[name]()\n\n\ndef tea():\n    return 3\n\n\nTABLE = {'tea': tea}\n",
    "test_shop.py": "import unittest\n\nimport shop\n\n\nclass TestShop(unittest.TestCase):\n    def test_tea(self):\n        self.assertEqual(shop.price('tea'), 3)\n",  # noqa: E501 - source as it is
}
OBSERVED = """PREFIX c: <https://w3id.org/orchestrator/code#>
SELECT ?a ?b { ?s c:observedCall ?o . ?s c:qualifiedName ?a . ?o c:qualifiedName ?b }"""
COVERED = OBSERVED.replace("observedCall", "covers")


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


async def run_tests(root: Path, variables: dict[str, str]) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "unittest", "-q", cwd=root, env={"PATH": os.environ["PATH"], **variables},
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    return await process.wait()


async def pairs(container: Container, folder: Path, query: str) -> set[tuple[str, str]]:
    answer = await container.queries.query(folder, query)
    told: dict[str, Any] = json.loads(answer.body)
    return {(row["a"]["value"], row["b"]["value"]) for row in told["results"]["bindings"]}


CALLS = {("test_shop.TestShop.test_tea", "shop.price"), ("shop.price", "shop.tea")}


async def test_tests_that_run_in_a_worktree_are_observed(container: Container, project: UUID) -> None:
    worktree = await container.worktrees.add(project, "attempt", await container.mirrors.head(project))
    async with container.traced_runs.watching(worktree, label="python -m unittest", task_id=new_id()) as variables:
        assert await run_tests(worktree.path, variables) == 0
    folder = container.views.graph_folder(project)
    assert await pairs(container, view_folder(folder, "attempt"), OBSERVED) == CALLS
    covers = {("test_shop.TestShop.test_tea", "shop.price"), ("test_shop.TestShop.test_tea", "shop.tea")}
    assert await pairs(container, view_folder(folder, "attempt"), COVERED) == covers


async def test_what_a_changed_file_did_is_seen_in_the_worktree_that_has_it_only(
    container: Container, project: UUID
) -> None:
    worktree = await container.worktrees.add(project, "attempt", await container.mirrors.head(project))
    changed = FILES["shop.py"].replace("def tea", "def cha").replace("tea}", "cha}")
    (worktree.path / "shop.py").write_text(changed)
    async with container.traced_runs.watching(worktree, label="python -m unittest") as variables:
        assert await run_tests(worktree.path, variables) == 0
    folder = container.views.graph_folder(project)
    await container.worktree_graphs.fresh(worktree)
    assert ("shop.price", "shop.cha") in await pairs(container, view_folder(folder, "attempt"), OBSERVED)
    assert await pairs(container, folder, OBSERVED) == set()


async def test_a_failed_run_is_observed_and_its_failure_stays_the_callers(container: Container, project: UUID) -> None:
    worktree = await container.worktrees.add(project, "attempt", await container.mirrors.head(project))

    async def fail() -> None:
        async with container.traced_runs.watching(worktree, label="fails") as variables:
            await run_tests(worktree.path, variables)
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    folder = view_folder(container.views.graph_folder(project), "attempt")
    assert await pairs(container, folder, OBSERVED) == CALLS


async def test_a_project_without_a_graph_costs_a_run_nothing(container: Container, make_project: MakeProject) -> None:
    bare = await make_project(FILES)
    worktree = await container.worktrees.add(bare, "attempt", await container.mirrors.head(bare))
    async with container.traced_runs.watching(worktree, label="x") as variables:
        assert await run_tests(worktree.path, variables) == 0


async def test_a_run_made_elsewhere_is_sent_in(
    container: Container, caller: Caller, project: UUID, tmp_path: Path
) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    with tempfile.TemporaryDirectory() as traces:
        assert await run_tests(tmp_path, tracing_environment(Path(traces), tmp_path)) == 0
        data = joined(Path(traces))
    told = await container.traced_runs.sent_in(caller, project, gzip.compress(data), label="here\n too")
    assert (told["calls"], told["tests"], told["stale_files"]) == (2, 1, 0)
    assert await pairs(container, container.views.graph_folder(project), OBSERVED) == CALLS


async def test_what_is_no_trace_or_not_ones_own_project_is_refused(
    container: Container, caller: Caller, project: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = container.traced_runs.sent_in
    for bad in (b"", b"{}", b"\x1f\x8b\x08rubbish", gzip.compress(b"x")):
        with pytest.raises(InvalidInput):
            await take(caller, project, bad, label="")
    monkeypatch.setattr(traced_runs, "MAX_BYTES", 1000)
    with pytest.raises(TooLarge):
        await take(caller, project, gzip.compress(b"trace 1 " + b"x" * 1_000_000), label="")
    with pytest.raises(NotFound):
        await take(caller, new_id(), b"trace 1 python 3.11 1\n", label="")
