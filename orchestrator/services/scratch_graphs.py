"""Scratch datasets: each member of a project has one beside its graph, to write to with SPARQL. Used by its door.

The project's graph is read-only for everybody; what agents and people conclude from it they can keep here. Whoever may
read the project may ask their own dataset, whoever may work in it may change it; nobody sees another's.
"""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

from orchestrator.core.caller import Caller
from orchestrator.kg.query.client import GraphQueries, QueryAnswer, QueryLimits
from orchestrator.models import Role
from orchestrator.services.access import ProjectAccess
from orchestrator.services.graph_service import GraphService
from orchestrator.services.project_view import ProjectViews


class ScratchGraphs:
    """Use cases around scratch datasets."""

    def __init__(
        self,
        graphs: GraphService,
        access: ProjectAccess,
        views: ProjectViews,
        queries: GraphQueries,
        limits: QueryLimits,
    ) -> None:
        self._graphs = graphs
        self._access = access
        self._views = views
        self._queries = queries
        self._limits = limits

    async def query(self, caller: Caller, kg_id: UUID, sparql: str, **given: Any) -> QueryAnswer:
        """Answer a query of the caller's dataset; ``given`` as GraphQueries.query takes it."""
        folder, dataset = await self._places(caller, kg_id, Role.VIEWER)
        async with self._graphs.turns.of(caller.user_id):
            return await self._queries.query(folder, sparql, limits=self._limits, scratch=dataset, **given)

    async def read(self, caller: Caller, kg_id: UUID, graph: str | None, accept: str) -> tuple[str, bytes]:
        """Media type and bytes of one graph of the dataset; None is the default graph. Raises NotFound."""
        folder, dataset = await self._places(caller, kg_id, Role.VIEWER)
        given = {"graph": graph, "accept": accept}
        head, body = await self._queries.scratch(folder, dataset, "read", limits=self._limits, **given)
        return head["media_type"], body

    async def change(self, caller: Caller, kg_id: UUID, action: str, **given: Any) -> bool:
        """Change the dataset, whole or not at all, by an action of GraphQueries.scratch; whether that made a graph."""
        folder, dataset = await self._places(caller, kg_id, Role.MEMBER)
        await asyncio.to_thread(dataset.parent.mkdir, exist_ok=True)
        async with self._graphs.turns.of(caller.user_id):
            head, _ = await self._queries.scratch(folder, dataset, action, limits=self._limits, **given)
        return bool(head["made"])

    async def _places(self, caller: Caller, kg_id: UUID, role: Role) -> tuple[Path, Path]:
        """The project's graph folder, and the caller's dataset below it."""
        project_id = (await self._graphs.get(caller, kg_id))["project_id"]
        if role is not Role.VIEWER:
            await self._access.require(caller, project_id, role)
        folder = self._views.graph_folder(project_id)
        return folder, folder / "scratch" / f"{caller.user_id}.nq"
