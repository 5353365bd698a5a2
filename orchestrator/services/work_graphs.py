"""Puts ended tasks into the graphs of their projects: task, attempts, tool calls, test runs, approvals, changes.

The monitor sweeps, so no task waits for its graph; a task that was retried is written again when it ends again. Which
definitions a diff touched is told where the graph shows the very commit the work began at; else history tells it later.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import or_, select
from sqlalchemy.sql import Select

from orchestrator.core.errors import OrchestratorError
from orchestrator.core.states import TERMINAL
from orchestrator.git.history import read_diff
from orchestrator.git.mirror import Mirrors
from orchestrator.kg.history.lines import definitions_before
from orchestrator.kg.query.client import GraphQueries
from orchestrator.kg.questions.overall import commit as commit_of
from orchestrator.kg.rdf.terms import path_part
from orchestrator.kg.shared_graphs import shared_files, write_shared
from orchestrator.kg.snapshot import current_snapshot
from orchestrator.kg.work.records import TaskRecord
from orchestrator.kg.work.triples import work_quads
from orchestrator.models import Attempt, CustomAgent, EventRow, Graph, McpServer, TaskRow
from orchestrator.models.database import Database
from orchestrator.services.project_history import spans_of
from orchestrator.services.project_view import ProjectViews, project_iri
from orchestrator.services.work_records import NEEDED, Row, TaskStory, read_events, record_of

log = structlog.get_logger(__name__)

_MOST_AT_ONCE = 200
_MOST_KEPT = 2000
_SEEN = "work-seen"
# Transactions commit in another order than they began: look back a little, and skip what was written already.
_OVERLAP = timedelta(seconds=60)
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Told:
    """What the tables tell of some tasks."""

    tasks: list[Row] = field(default_factory=list)
    attempts: dict[UUID, list[Row]] = field(default_factory=lambda: defaultdict(list))
    events: dict[UUID, list[Row]] = field(default_factory=lambda: defaultdict(list))
    names: dict[str, str] = field(default_factory=dict)


class WorkGraphs:
    """Writes work graphs."""

    def __init__(self, database: Database, mirrors: Mirrors, views: ProjectViews, queries: GraphQueries) -> None:
        self._database = database
        self._mirrors = mirrors
        self._views = views
        self._queries = queries
        self._written: dict[UUID, datetime] = {}

    async def sweep(self) -> int:
        """Write every task that ended since the last time; how many there were."""
        async with self._database.transaction() as connection:
            projects = (await connection.execute(select(Graph.project_id))).scalars().all()
        count = 0
        for project_id in projects:
            try:
                count += await self.record(project_id)
            except OrchestratorError as error:
                # One project's trouble is not the others'; the next sweep tries again.
                log.warning("work_graph_failed", project_id=str(project_id), why=error.message)
        return count

    async def record(self, project_id: UUID) -> int:
        """Write a project's ended tasks into its graph; how many were new."""
        folder = self._views.graph_folder(project_id)
        if current_snapshot(folder) is None:
            return 0
        since = await asyncio.to_thread(_read_seen, folder)
        told = await self._read(project_id, since)
        if not told.tasks:
            return 0
        for task in told.tasks:
            record = await self._record(project_id, folder, task, told)
            quads = work_quads(project_iri(project_id), record)
            await asyncio.to_thread(write_shared, folder, f"work-{task['id']}", quads)
        await asyncio.to_thread(_forget_oldest, folder)
        await self._queries.refresh(folder)
        await asyncio.to_thread(_write_seen, folder, max(task["finished_at"] for task in told.tasks))
        self._remember(told.tasks)
        return len(told.tasks)

    def _remember(self, tasks: Sequence[Row]) -> None:
        newest = max(task["finished_at"] for task in tasks)
        self._written |= {task["id"]: task["finished_at"] for task in tasks}
        self._written = {id_: at for id_, at in self._written.items() if at > newest - 2 * _OVERLAP}

    async def _read(self, project_id: UUID, since: datetime) -> _Told:
        async with self._database.transaction() as connection:
            rows = (await connection.execute(_ended(project_id, since - _OVERLAP))).mappings().all()
            if len(rows) == _MOST_AT_ONCE and not self._new(rows):
                rows = (await connection.execute(_ended(project_id, since))).mappings().all()
            told = _Told(self._new(rows))
            ids = [row["id"] for row in told.tasks]
            if not ids:
                return told
            attempts = select(Attempt.__table__).where(Attempt.task_id.in_(ids)).order_by(Attempt.generation)
            for row in (await connection.execute(attempts)).mappings():
                told.attempts[row["task_id"]].append(dict(row))
            wanted = EventRow.task_id.in_(ids), EventRow.kind.in_(NEEDED)
            events = select(EventRow.__table__).where(*wanted).order_by(EventRow.task_id, EventRow.seq)
            for row in (await connection.execute(events)).mappings():
                told.events[row["task_id"]].append(dict(row))
            for kind, table in (("agent", CustomAgent), ("mcp", McpServer)):
                named = select(table.id, table.name).where(table.id.in_(_ids(kind, told.tasks)))
                told.names |= {f"{kind}:{id_}": name for id_, name in (await connection.execute(named)).all()}
        return told

    def _new(self, rows: Sequence[Row]) -> list[Row]:
        return [row for row in rows if self._written.get(row["id"]) != row["finished_at"]]

    async def _record(self, project_id: UUID, folder: Path, task: Row, told: _Told) -> TaskRecord:
        story = read_events(told.events[task["id"]])
        target = task["target_id"] or ""
        return record_of(
            task,
            told.attempts[task["id"]],
            story,
            agent_name=told.names.get(target) or target.partition(":")[2],
            modified=await self._modified(project_id, folder, story),
            tests=await self._tests(project_id, folder, story),
        )

    async def _modified(self, project_id: UUID, folder: Path, story: TaskStory) -> list[str]:
        """The definitions of the graph's commit that the diff touches; none where the work began elsewhere."""
        change = story.change
        if not change.commit or await commit_of(folder) != change.base_commit:
            return []
        files = await read_diff(self._mirrors.require(project_id), change.base_commit, change.commit)
        spans = await spans_of(self._queries, folder, {file.old_path for file in files if file.old_path})
        return sorted(definitions_before(spans, files))

    async def _tests(self, project_id: UUID, folder: Path, story: TaskStory) -> dict[tuple[str, str], str]:
        """The IRIs of failing tests, of those that the graph has."""
        failing = story.failing()
        if not failing:
            return {}
        spans = await spans_of(self._queries, folder, {path for path, _ in failing})
        known = {span.iri for found in spans.values() for span in found}
        base = project_iri(project_id)
        named = {one: f"{base}/symbol/{path_part(one[0])}#{path_part(one[1])}" for one in failing}
        return {one: iri for one, iri in named.items() if iri in known}


def _ended(project_id: UUID, since: datetime) -> Select[Any]:
    """Tasks of the project that ended after a time, oldest first.

    Left out are the service's own chores, and light tool calls: they change nothing, and there are very many.
    """
    return (
        select(TaskRow.__table__)
        .where(TaskRow.project_id == project_id, TaskRow.finished_at > since, TaskRow.state.in_(TERMINAL))
        .where(or_(TaskRow.target_id.like("agent:%"), TaskRow.is_heavy & TaskRow.target_id.not_like("system:%")))
        .order_by(TaskRow.finished_at)
        .limit(_MOST_AT_ONCE)
    )


def _ids(kind: str, tasks: Iterable[Row]) -> list[UUID]:
    """The ids of a kind's targets that are rows of a table."""
    found = []
    for task in tasks:
        name, _, rest = (task["target_id"] or "").partition(":")
        if name == kind:
            try:
                found.append(UUID(rest))
            except ValueError:
                continue  # a built-in one, which has no row
    return found


def _read_seen(folder: Path) -> datetime:
    try:
        return datetime.fromisoformat((folder / _SEEN).read_text("ascii"))
    except (FileNotFoundError, ValueError):
        return _BEGINNING  # writing all again changes nothing


def _write_seen(folder: Path, seen: datetime) -> None:
    draft = folder / f"{_SEEN}.new"
    draft.write_text(seen.isoformat(), "ascii")
    draft.replace(folder / _SEEN)


def _forget_oldest(folder: Path) -> None:
    """Task ids grow with time, so the first names are the oldest."""
    names = sorted(path.stem for path in shared_files(folder) if path.stem.startswith("work-"))
    for name in names[:-_MOST_KEPT]:
        write_shared(folder, name, ())
