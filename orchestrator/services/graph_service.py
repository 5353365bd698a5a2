"""Questions to projects' graphs: SPARQL with the service's limits, prepared questions, exports, and asking for a build.

Used by the REST and SPARQL doors. Access is checked here; the graph itself is ``kg``'s.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select

from orchestrator.core.caller import Caller
from orchestrator.core.errors import NotFound
from orchestrator.core.ids import new_id
from orchestrator.core.states import TERMINAL
from orchestrator.kg.query.client import GraphQueries, QueryAnswer, QueryLimits
from orchestrator.kg.query.export import export_graph
from orchestrator.kg.questions.ask import ask
from orchestrator.kg.questions.asking import Asker
from orchestrator.models import Graph, Role, TaskRow
from orchestrator.models.database import Database
from orchestrator.services.access import ProjectAccess
from orchestrator.services.project_view import ProjectViews
from orchestrator.services.query_turns import QueryTurns
from orchestrator.services.task_service import TaskRequest, TaskService
from orchestrator.services.worktree_graphs import WorktreeGraphs

Row = Mapping[str, Any]

_CHUNK = 256 * 1024
_MOST_REMEMBERED = 10_000


class GraphService:
    """Use cases around graphs."""

    def __init__(
        self,
        database: Database,
        access: ProjectAccess,
        views: ProjectViews,
        tasks: TaskService,
        queries: GraphQueries,
        limits: QueryLimits,
        worktrees: WorktreeGraphs,
    ) -> None:
        self._database = database
        self._access = access
        self._views = views
        self._tasks = tasks
        self._queries = queries
        self._limits = limits
        self._worktrees = worktrees
        self.turns = QueryTurns()
        # A graph belongs to one project for as long as it is there, and goes with it: access tells when that is gone.
        self._projects: dict[UUID, UUID] = {}

    async def generate(
        self, caller: Caller, project_id: UUID, files: list[str] | None = None, *, update: bool = False
    ) -> tuple[UUID | None, Row]:
        """Ask for a build, or an update of what is there; returns the graph's id when there is one, and the task.

        While the first build is under way it is the one that is handed out.
        """
        await self._access.require(caller, project_id, Role.MEMBER)
        first = await self._first_build(project_id) if not files and not update else None
        if first is not None:
            return None, await self._tasks.get(caller, first)
        given: dict[str, Any] = {"files": files} if files else {}
        given |= {"update": True} if update else {}
        task = await self._tasks.create(caller, TaskRequest("graph_build", given, project_id=project_id))
        async with self._database.transaction() as connection:
            kg_id = (await connection.execute(select(Graph.id).where(Graph.project_id == project_id))).scalar()
        return kg_id, task

    async def _first_build(self, project_id: UUID) -> UUID | None:
        """The build of a whole graph that is to be the project's first, if one is on its way."""
        built = select(Graph.id).where(Graph.project_id == project_id).exists()
        on_its_way = TaskRow.state.not_in(TERMINAL)
        found = select(TaskRow.id).where(
            TaskRow.project_id == project_id, TaskRow.type == "graph_build", on_its_way, ~built
        )
        whole = ~TaskRow.input.has_key("files")
        async with self._database.transaction() as connection:
            return (await connection.execute(found.where(whole).order_by(TaskRow.created_at).limit(1))).scalar()

    async def get(self, caller: Caller, kg_id: UUID) -> Row:
        """A graph's row, by its own id or its project's."""
        wanted = (Graph.id == kg_id) | (Graph.project_id == kg_id)
        async with self._database.transaction() as connection:
            row = (await connection.execute(select(Graph.__table__).where(wanted))).mappings().first()
        if row is None:
            raise NotFound("no such graph; generate it first")
        await self._access.require(caller, row["project_id"], Role.VIEWER)
        return dict(row)

    async def folder(self, caller: Caller, kg_id: UUID, view: str = "") -> Path:
        """Where a graph the caller may read lives; ``view`` names a work tree, which is looked at anew."""
        project_id = self._projects.get(kg_id)
        if project_id is None:
            project_id = (await self.get(caller, kg_id))["project_id"]
            if len(self._projects) >= _MOST_REMEMBERED:
                self._projects.clear()
            self._projects[kg_id] = project_id
        else:
            await self._access.require(caller, project_id, Role.VIEWER)
        return await self._worktrees.named(project_id, view) if view else self._views.graph_folder(project_id)

    async def query(self, caller: Caller, kg_id: UUID, sparql: str, *, view: str = "", **given: Any) -> QueryAnswer:
        """Answer a SPARQL query within the service's limits; ``given`` as GraphQueries.query takes it."""
        folder = await self.folder(caller, kg_id, view)
        async with self.turns.of(caller.user_id):
            return await self._queries.query(folder, sparql, limits=self._limits, **given)

    async def ask(
        self, caller: Caller, kg_id: UUID, question: str, given: Mapping[str, Any], view: str = ""
    ) -> dict[str, Any]:
        """The answer to a prepared question, of the project's graph or of a work tree's."""
        folder = await self.folder(caller, kg_id, view)
        async with self.turns.of(caller.user_id):
            return await ask(Asker(self._queries, folder, self._limits), question, given)

    async def export(self, caller: Caller, kg_id: UUID, format_name: str) -> tuple[str, AsyncIterator[bytes]]:
        """The media type and the bytes of a whole graph."""
        folder = await self.folder(caller, kg_id)
        target = folder / f".export-{new_id()}"
        try:
            media_type = await asyncio.to_thread(export_graph, folder, format_name, target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return media_type, _read_and_delete(target)

    @staticmethod
    def as_table(answer: QueryAnswer) -> dict[str, Any]:
        """An answer as columns and rows, a boolean, or a graph's text."""
        about = {"truncated": answer.truncated, "seconds": round(answer.seconds, 4), "columns": [], "rows": []}
        if "json" not in answer.media_type:
            return about | {"graph": answer.body.decode()}
        told = json.loads(answer.body)
        if "boolean" in told:
            return about | {"boolean": told["boolean"]}
        return about | {"columns": told["head"]["vars"], "rows": told["results"]["bindings"]}


async def _read_and_delete(path: Path) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    await asyncio.to_thread(path.unlink)  # the open file lives on; nothing is left behind, however the reading ends
    try:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
    finally:
        file.close()
