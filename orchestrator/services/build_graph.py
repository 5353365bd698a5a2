"""Builds a project's knowledge graph or brings it up to date, as a task. The executor for graph_build.

A build is CPU-bound and runs in a child process that is killed when the task is cancelled; the graph that was there
stays until the new one is whole. An update is the work of the project's indexer and costs what changed.
"""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert

from orchestrator.core.errors import NotFound
from orchestrator.core.events import EventKind
from orchestrator.core.ids import new_id
from orchestrator.kg.indexing.process import BuildRequest, build_in_process
from orchestrator.kg.indexing.side_by_side import processors
from orchestrator.kg.indexing.updates import GraphUpdates
from orchestrator.kg.query.client import GraphQueries
from orchestrator.kg.rdf.ontology import ontology_quads
from orchestrator.kg.shared_graphs import write_shared
from orchestrator.models import Graph
from orchestrator.models.database import Database
from orchestrator.services.follow_projects import FollowedProjects
from orchestrator.services.project_history import ProjectHistory
from orchestrator.services.project_view import ProjectViews, project_iri
from orchestrator.services.run_task import Outcome, Work
from orchestrator.services.work_graphs import WorkGraphs


class GraphBuilder:
    """Builds graphs."""

    def __init__(
        self,
        database: Database,
        views: ProjectViews,
        queries: GraphQueries,
        updates: GraphUpdates,
        followed: FollowedProjects,
        history: ProjectHistory,
        work: WorkGraphs,
    ) -> None:
        self._database = database
        self._views = views
        self._queries = queries
        self._updates = updates
        self._followed = followed
        self._history = history
        self._work = work

    async def execute(self, work: Work) -> Outcome:
        """Make the graph that of the project's head; with ``update`` in the input, only what changed is looked at."""
        project_id = UUID(str(work.task["project_id"]))
        view = await self._views.view(project_id)
        folder = self._views.graph_folder(project_id)
        root, everything = await self._followed.tree(project_id) or (view.root, None)
        given = work.task["input"].get("files") or None
        request = BuildRequest(
            root=root,
            out=folder,
            project_iri=project_iri(project_id),
            commit=view.commit,
            files=given or everything,
        )

        def progress(told: dict[str, Any]) -> None:
            work.report.tell(EventKind.PROGRESS, **told)

        report = await self._update(request, given, everything) if work.task["input"].get("update") else None
        report = report or await self._build(request, progress)
        kg_id = await self._store(project_id, work.id, view.commit, report)
        await asyncio.to_thread(write_shared, folder, "ontology", ontology_quads())
        await self._queries.warm(folder)
        history = await self._history.refresh(
            project_id,
            request.project_iri,
            folder,
            view.commit,
            lambda what, done: progress({"phase": what, "done": done}),
        )
        await self._work.record(project_id)
        return Outcome({"kg_id": str(kg_id), "commit": view.commit, **report, "history": history})

    async def _build(self, request: BuildRequest, progress: Callable[..., None]) -> dict[str, Any]:
        """The report after a build. Where there is a second processor, its graph is loaded while it is written."""
        loading: list[asyncio.Task[None]] = []

        def on_progress(told: dict[str, Any]) -> None:
            if told["phase"] == "resolve" and not loading and processors() > 1:
                loading.append(asyncio.create_task(self._queries.prepare(request.out)))
            progress(told)

        try:
            return await build_in_process(request, on_progress=on_progress)
        finally:
            # A server that does not run by then is started by the first query, which tells why if it can not.
            for start in loading:
                start.cancel()
            await asyncio.gather(*loading, return_exceptions=True)

    async def _update(
        self, request: BuildRequest, paths: list[str] | None, everything: list[str] | None
    ) -> dict[str, Any] | None:
        """The report after an update; None where there is nothing yet that could be updated."""
        try:
            told = await self._updates.update(
                request.out,
                request.root,
                project_iri=request.project_iri,
                commit=request.commit,
                paths=paths,
                only=everything,
                report=True,
            )
        except NotFound:
            return None
        report: dict[str, Any] = told["report"]
        return report

    async def _store(self, project_id: UUID, task_id: UUID, commit: str, report: dict[str, Any]) -> UUID:
        values = {"task_id": task_id, "commit": commit, "triples": report.get("triples"), "report": report,
                  "built_at": func.now()}  # fmt: skip
        statement = insert(Graph).values(id=new_id(), project_id=project_id, **values)
        statement = statement.on_conflict_do_update(index_elements=["project_id"], set_=values)
        async with self._database.transaction() as connection:
            kg_id: UUID = (await connection.execute(statement.returning(Graph.id))).scalar_one()
        return kg_id
