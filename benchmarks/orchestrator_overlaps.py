"""Twenty tasks with known overlaps on four workers: do two that touch the same code ever run together, does one wait
without need? Real renames on a real repository with its graph; each agent takes a while longer than its work, so that
whoever may run beside it does."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text

from benchmarks.report import Row, row
from orchestrator.agents.base import AgentContext, AgentResult
from orchestrator.agents.rename_symbol import RenameSymbolAgent
from orchestrator.bootstrap import Container, build_container
from orchestrator.cli.upkeep.migrate import upgrade
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.ids import new_id
from orchestrator.embedded.pair import start_embedded
from orchestrator.git.templates import Author
from orchestrator.jobs.runner import make_runner
from orchestrator.models import Membership, Project, RepositoryState, Role, User
from orchestrator.services.task_service import TaskRequest

_WORKERS = 4
_ALONE, _PAIRS, _CHAIN = 8, 3, 6
_SECONDS = 0.4
"""What an agent takes beyond its work."""


def _tree() -> dict[str, str]:
    """Functions that nobody shares, pairs with a caller in common, and a chain of which neighbours have one."""
    one, two = "def {0}():\n    return 1\n", "\n\ndef {0}():\n    return {1}() + {2}()\n"
    tree = {f"alone{n}.py": one.format(f"alone{n}") for n in range(_ALONE)}
    for n in range(_PAIRS):
        both = f"left{n}", f"right{n}"
        tree[f"pair{n}.py"] = "\n\n".join(map(one.format, both)) + two.format(f"both{n}", *both)
    links = [f"link{n}" for n in range(_CHAIN)]
    calls = "".join(two.format(f"joins{n}", *pair) for n, pair in enumerate(pairwise(links)))
    return tree | {"chain.py": "\n\n".join(map(one.format, links)) + calls}


def _symbols() -> list[str]:
    """What the tasks rename, in an order that brings those that overlap close together."""
    pairs = [f"pair{n}.{side}{n}" for n in range(_PAIRS) for side in ("left", "right")]
    return [*pairs, *(f"chain.link{n}" for n in range(_CHAIN)), *(f"alone{n}.alone{n}" for n in range(_ALONE))]


def _overlapping() -> set[frozenset[str]]:
    pairs = {frozenset((f"pair{n}.left{n}", f"pair{n}.right{n}")) for n in range(_PAIRS)}
    return pairs | {frozenset((f"chain.link{n}", f"chain.link{n + 1}")) for n in range(_CHAIN - 1)}


class _Unhurried(RenameSymbolAgent):
    """Renames, then takes its time."""

    async def run(self, context: AgentContext) -> AgentResult:
        """The rename's result."""
        result = await super().run(context)
        await asyncio.sleep(_SECONDS)
        return result


async def overlaps(folder: Path) -> list[Row]:
    """Run the set once, and compare when attempts ran and who waited for whom with what is known."""
    async with _stage(folder) as (container, caller, project):
        names: dict[UUID, str] = {}
        for symbol in _symbols():
            given = {"symbol": symbol, "new_name": f"new_{symbol.rpartition('.')[2]}"}
            made = await container.tasks.create(caller, TaskRequest("rename_symbol", given, project_id=project))
            names[UUID(str(made["id"]))] = symbol
        async with asyncio.timeout(300):
            await asyncio.gather(*(_worker(container) for _ in range(_WORKERS)))
            ran = {task: await container.task_proofs.attempts(caller, task) for task in names}
        for task in names:
            ended = await container.tasks.get(caller, task)
            assert ended["state"] == "completed", ended["error"]
        waits = {task: await _waited_for(container, caller, task) for task in names}
    known = _overlapping()
    together = sum(
        _at_once(ran[one], ran[other])
        for one in names for other in names
        if one < other and frozenset((names[one], names[other])) in known
    )  # fmt: skip
    needless = sum(
        any(frozenset((names[task], names[other])) not in known for other in others) for task, others in waits.items()
    )
    return [
        row("overlaps_together", "overlapping pairs of 20 tasks started together", [together], "", at_most=0),
        row("overlaps_needless", "tasks that waited without need", [100 * needless / len(names)], "%", at_most=10),
        row("overlaps_waited", "tasks that waited", [sum(map(bool, waits.values()))], ""),
    ]


def _at_once(one: Any, other: Any) -> bool:
    return any(a["started_at"] < b["ended_at"] and b["started_at"] < a["ended_at"] for a in one for b in other)


async def _waited_for(container: Container, caller: Caller, task: UUID) -> set[UUID]:
    events = await container.tasks.events_of(caller, task)
    return {UUID(event.data["task_id"]) for event in events if "task_id" in event.data}


async def _worker(container: Container) -> None:
    """Take what is queued until nothing is left, as a heavy worker does."""
    runner, _ = make_runner(container, "heavy")
    while (found := await _queued(container)) is not None:
        if found:
            await runner.run(found["id"], found["generation"] + 1)
        else:
            await asyncio.sleep(0.02)


async def _queued(container: Container) -> Mapping[str, Any] | None:
    """A queued task, nothing while all are taken, None when all have ended. Who comes second is refused the claim."""
    await container.overlaps.settle()
    async with container.database.transaction() as connection:
        rows = (
            await connection.execute(
                text(
                    "SELECT id, generation, state FROM tasks WHERE type = 'rename_symbol'"
                    " AND state NOT IN ('completed', 'failed', 'cancelled') ORDER BY state = 'queued' DESC, created_at"
                )
            )
        ).mappings().all()  # fmt: skip
    if not rows:
        return None
    return dict(rows[0]) if rows[0]["state"] == "queued" else {}


@asynccontextmanager
async def _stage(folder: Path) -> AsyncIterator[tuple[Container, Caller, UUID]]:
    """A service's container over databases of its own, a user, and a project with its graph."""
    with tempfile.TemporaryDirectory(prefix="overlaps-", dir=folder) as place:
        pair = await start_embedded(Path(place))
        await asyncio.to_thread(upgrade, pair.database_url)
        urls = {"database_url": pair.database_url, "redis_url": pair.redis_url}
        container = build_container(Settings(_env_file=None, data_dir=Path(place) / "data", **urls))
        container.agents._catalogue.builtins[_Unhurried.info.id] = _Unhurried()
        try:
            caller, project = await _project(container)
            yield container, caller, project
            await container.queries.stop(container.views.graph_folder(project))
        finally:
            await container.close()
            await pair.stop()


async def _project(container: Container) -> tuple[Caller, UUID]:
    user, project_id = User(id=new_id(), email="ada@example.org"), new_id()
    info = await container.mirrors.create_from_template(project_id, _tree(), Author("Ada", "ada@example.org"))
    project = Project(
        id=project_id, owner_id=user.id, name="p", template="empty", head_commit=info.head,
        default_branch=info.default_branch, repository_state=RepositoryState.READY,
    )  # fmt: skip
    async with container.database.session() as session:
        session.add(user)
        await session.flush()
        session.add(project)
        await session.flush()
        session.add(Membership(project_id=project_id, user_id=user.id, role=Role.ADMIN))
    caller = Caller(user.id)
    built = await container.tasks.create(caller, TaskRequest("graph_build", project_id=project_id))
    runner, _ = make_runner(container, "heavy")
    await runner.run(built["id"], 1)
    return caller, project_id
