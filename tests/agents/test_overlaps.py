"""Tasks that would change the same code run one behind the other; what collides all the same is told at once."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

import pytest

from orchestrator.agents.base import AgentContext, AgentInfo, AgentKind, AgentResult
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.core.capabilities import Capability
from orchestrator.core.events import EventKind
from orchestrator.core.overlap import EVERYTHING
from orchestrator.services.task_service import TaskRequest
from tests.agents.conftest import MakeProject, RunTask
from tests.faults.invariants import broken

PRICES = "def net(x):\n    return x\n\n\ndef gross(x):\n    return net(x)\n\n\ndef other(x):\n    return x\n"
FILES = {
    "shop/__init__.py": "",
    "shop/prices.py": PRICES,
    "shop/report.py": "from shop.prices import gross\n\n\ndef report(x):\n    return gross(x)\n",
    "shop/stock.py": "class Stock:\n    def count(self):\n        return 1\n",
}


class Writer:
    """Writes what its task says, then waits until it is let go."""

    info = AgentInfo(
        "agent:lint-fix", "Writer", AgentKind.CODEMOD, "", (Capability("lint_fix"),), frozenset({"lint_fix"}), True
    )

    def __init__(self) -> None:
        self.wrote: dict[str, asyncio.Event] = {}
        self.go: dict[str, asyncio.Event] = {}

    def check(self, given: object) -> None:
        """Anything goes."""

    def expect(self, name: str) -> None:
        self.wrote[name], self.go[name] = asyncio.Event(), asyncio.Event()

    async def run(self, context: AgentContext) -> AgentResult:
        name = str(context.input["name"])
        for path, text in dict(context.input.get("write", {})).items():
            (context.require_workspace() / path).write_text(text)
        self.wrote[name].set()
        await self.go[name].wait()
        return AgentResult("written")


Hand = Callable[..., Awaitable[UUID]]
Row = Mapping[str, Any]


@pytest.fixture
def writer(container: Container) -> Writer:
    made = Writer()
    container.agents._catalogue.builtins["agent:lint-fix"] = made  # type: ignore[assignment]
    return made


@pytest.fixture
async def project(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> AsyncIterator[UUID]:
    """A project with its graph."""
    made = await make_project(FILES)
    built = await container.tasks.create(caller, TaskRequest("graph_build", project_id=made))
    assert (await run_task(built["id"]))["state"] == "completed"
    yield made
    await container.queries.stop(container.views.graph_folder(made))


@pytest.fixture
def hand_in(container: Container, caller: Caller, writer: Writer, project: UUID) -> Hand:
    async def make(name: str, *, parent: UUID | None = None, consent: Any = None, **given: Any) -> UUID:
        writer.expect(name)
        request = TaskRequest(
            "lint_fix", {"name": name, **given}, project_id=project, parent_id=parent, consent=consent or {}
        )
        return UUID(str((await container.tasks.create(caller, request))["id"]))

    return make


async def start(run_task: RunTask, writer: Writer, name: str, task: UUID) -> "asyncio.Task[Row]":
    """Run the first attempt until it has written."""
    running = asyncio.ensure_future(run_task(task))
    await asyncio.wait_for(writer.wrote[name].wait(), 30)
    return running


async def finish(writer: Writer, name: str, running: "asyncio.Task[Row]") -> Row:
    writer.go[name].set()
    return await asyncio.wait_for(running, 30)


async def told(container: Container, caller: Caller, task: UUID, kind: EventKind) -> list[dict[str, Any]]:
    return [event.data for event in await container.tasks.events_of(caller, task) if event.kind == kind]


@pytest.mark.parametrize(
    ("first", "second", "what"),
    [
        ({"symbol": "shop.prices.net"}, {"symbol": "prices.net"}, "both touch shop.prices."),
        ({"symbol": "shop.prices.net"}, {"symbol": "shop.prices.gross"}, "both touch shop.prices.gross"),
        ({"symbol": "shop.stock.Stock"}, {"symbol": "Stock.count"}, "both touch shop.stock.Stock"),
        ({"paths": ["shop"]}, {"symbol": "shop.prices.other"}, "both touch shop.prices.other"),
        ({"prompt": "Look at `net` first."}, {"prompt": "mend shop/prices.py, please."}, "both touch shop.prices."),
        ({}, {"symbol": "shop.stock.Stock"}, "both touch shop.stock.Stock"),
    ],
)
async def test_a_task_on_code_that_another_works_on_waits_and_says_for_whom_and_why(
    container: Container, caller: Caller, run_task: RunTask, hand_in: Hand, writer: Writer,
    first: dict[str, Any], second: dict[str, Any], what: str,
) -> None:  # fmt: skip
    one, other = await hand_in("one", **first), await hand_in("other", **second)
    running = await start(run_task, writer, "one", one)
    row = await run_task(other)
    assert row["state"] == "pending"
    assert row["waiting_for"].startswith(f"task {one}: {what}")
    (waiting,) = await told(container, caller, other, EventKind.WAITING)
    assert waiting["task_id"] == str(one)
    await container.pending.sweep()
    await container.overlaps.sweep()
    assert (await container.tasks.get(caller, other))["state"] == "pending"
    assert (await finish(writer, "one", running))["state"] == "completed"
    await container.overlaps.settle()
    assert (await container.tasks.get(caller, other))["state"] == "queued"
    assert (await finish(writer, "other", await start(run_task, writer, "other", other)))["state"] == "completed"
    assert broken(container.settings.database_url) == {}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"symbol": "shop.prices.net"}, {"symbol": "shop.prices.other"}),
        ({"symbol": "shop.prices.gross"}, {"symbol": "shop.stock.Stock"}),
        ({"paths": ["shop/stock.py"]}, {"prompt": "mend `shop.prices.net`"}),
    ],
)
async def test_tasks_on_different_code_run_side_by_side(
    run_task: RunTask, hand_in: Hand, writer: Writer, first: dict[str, Any], second: dict[str, Any]
) -> None:
    one, other = await hand_in("one", **first), await hand_in("other", **second)
    running = [await start(run_task, writer, "one", one), await start(run_task, writer, "other", other)]
    rows = [await finish(writer, name, task) for name, task in zip(("one", "other"), running, strict=True)]
    assert [row["state"] for row in rows] == ["completed", "completed"]


async def test_a_line_moves_one_by_one_and_a_task_that_leaves_it_holds_up_nobody(
    container: Container, caller: Caller, run_task: RunTask, hand_in: Hand, writer: Writer
) -> None:
    names = ("one", "two", "three", "four")
    ids = {name: await hand_in(name, symbol="shop.prices.net") for name in names}
    running = await start(run_task, writer, "one", ids["one"])
    for name in names[1:]:
        await run_task(ids[name])

    async def line() -> list[str]:
        return [(await container.tasks.get(caller, ids[name]))["waiting_for"] or "" for name in names[1:]]

    assert [waits.split(":")[0] for waits in await line()] == [f"task {ids[name]}" for name in names[:3]]
    await container.tasks.cancel(caller, ids["three"])
    await container.overlaps.settle()
    await run_task(ids["four"])
    assert (await container.tasks.get(caller, ids["four"]))["waiting_for"].startswith(f"task {ids['two']}")
    await finish(writer, "one", running)
    await container.overlaps.settle()
    states = [(await container.tasks.get(caller, ids[name]))["state"] for name in ("two", "four")]
    assert states == ["queued", "pending"]
    await finish(writer, "two", await start(run_task, writer, "two", ids["two"]))
    await container.overlaps.settle()
    await finish(writer, "four", await start(run_task, writer, "four", ids["four"]))
    assert broken(container.settings.database_url) == {}


async def test_the_monitor_calls_who_waits_for_a_task_that_is_no_more(
    container: Container, caller: Caller, run_task: RunTask, hand_in: Hand, writer: Writer
) -> None:
    one, other = await hand_in("one", symbol="shop.prices.net"), await hand_in("other", symbol="shop.prices.net")
    running = await start(run_task, writer, "one", one)
    await run_task(other)
    container.writer.on_left(lambda _: None)  # the worker dies before it could tell
    await finish(writer, "one", running)
    assert (await container.tasks.get(caller, other))["state"] == "pending"
    await container.overlaps.sweep()
    assert (await container.tasks.get(caller, other))["state"] == "queued"


@pytest.mark.parametrize("why", ["part", "consent"])
async def test_a_part_of_a_running_task_and_one_that_may_overlap_do_not_wait_and_both_are_told(
    container: Container, caller: Caller, run_task: RunTask, hand_in: Hand, writer: Writer, why: str
) -> None:
    one = await hand_in("one", symbol="shop.prices.net")
    running = await start(run_task, writer, "one", one)
    more = {"parent": one} if why == "part" else {"consent": {"overlap": True}}
    other = await hand_in("other", symbol="shop.prices.net", **more)
    beside = await start(run_task, writer, "other", other)
    for task, partner in ((one, other), (other, one)):
        (overlap,) = await told(container, caller, task, EventKind.OVERLAP)
        assert overlap["task_id"] == str(partner)
        assert "shop.prices.net" in overlap["common"]
    await finish(writer, "one", running)
    await finish(writer, "other", beside)


async def test_sisters_on_the_same_code_run_one_behind_the_other_while_their_task_waits(
    container: Container, caller: Caller, run_task: RunTask, hand_in: Hand, writer: Writer
) -> None:
    parent = await hand_in("parent", symbol="shop.prices.net")
    above = await start(run_task, writer, "parent", parent)
    elder = await hand_in("elder", parent=parent, symbol="shop.prices.net")
    younger = await hand_in("younger", parent=parent, symbol="shop.prices.net")
    running = await start(run_task, writer, "elder", elder)
    row = await run_task(younger)
    assert (row["state"], row["waits_for_task"]) == ("pending", elder)
    await finish(writer, "elder", running)
    await container.overlaps.settle()
    beside = await start(run_task, writer, "younger", younger)
    await finish(writer, "younger", beside)
    await finish(writer, "parent", above)


async def test_changes_that_do_not_fit_together_are_told_to_both_tasks_while_they_run(
    container: Container, caller: Caller, run_task: RunTask, hand_in: Hand, writer: Writer
) -> None:
    def changed(old: str, new: str) -> dict[str, str]:
        assert old in PRICES
        return {"shop/prices.py": PRICES.replace(old, new)}

    one = await hand_in("one", symbol="shop.stock.Stock", write=changed("return net(x)", "return 1"))
    other = await hand_in("other", symbol="shop.report.report", write=changed("return net(x)", "return 2"))
    third = await hand_in(
        "third", symbol="shop.prices.other", write=changed("net(x):\n    return x", "net(x):\n    pass")
    )
    names = {"one": one, "other": other, "third": third}
    running = {name: await start(run_task, writer, name, task) for name, task in names.items()}
    await container.collisions.sweep()
    await container.collisions.sweep()
    for task, partner in ((one, other), (other, one)):
        (collision,) = await told(container, caller, task, EventKind.COLLISION)
        assert (collision["task_id"], collision["path"]) == (str(partner), "shop/prices.py")
        assert collision["lines"] == [{"start": 6, "end": 6}]
    assert await told(container, caller, third, EventKind.COLLISION) == []
    for name in names:
        await finish(writer, name, running[name])


async def test_a_file_that_became_a_pipe_or_leads_out_of_its_worktree_is_not_read(
    container: Container, caller: Caller, run_task: RunTask, hand_in: Hand, writer: Writer
) -> None:
    one, other = await hand_in("one", paths=["a"]), await hand_in("other", paths=["b"])
    running = {"one": await start(run_task, writer, "one", one), "other": await start(run_task, writer, "other", other)}
    trees = await container.worktrees.list((await container.tasks.get(caller, one))["project_id"])
    assert len(trees) == 2
    for tree in trees:
        (tree.path / "shop" / "stock.py").unlink()
        os.mkfifo(tree.path / "shop" / "stock.py")
        (tree.path / "shop" / "out").symlink_to("/etc")
    async with asyncio.timeout(20):
        await container.collisions.sweep()
    for name, task in running.items():
        await finish(writer, name, task)


async def test_without_a_graph_the_names_themselves_count_and_a_codemod_that_names_nothing_touches_everything(
    container: Container, caller: Caller, make_project: MakeProject, writer: Writer
) -> None:
    project = await make_project(FILES)

    async def of(**given: Any) -> Any:
        made = await container.tasks.create(caller, TaskRequest("lint_fix", given, project_id=project))
        return await container.overlaps.of(made["id"])

    assert (await of(symbol="a.f", paths=["src/"])).as_dict() == {"symbols": {"a.f": ""}, "paths": ["src"]}
    assert (await of(symbol="src/a.py::f")).symbols["f"] == "src/a.py"
    assert (await of(select=["F"])).paths == {EVERYTHING}
    asked = await container.tasks.create(caller, TaskRequest("ask", {"prompt": "Hi"}, project_id=project))
    assert await container.overlaps.of(asked["id"]) is None
