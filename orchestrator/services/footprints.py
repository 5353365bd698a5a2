"""Predicts what a task that changes code will touch: what its input names, who calls that, and whole files it names.

Asked by the runner before an attempt starts, with no transaction open. The graph says what a name means and who uses
it; without a graph only names count. A prediction is an aid, not a proof: it takes some seconds at most and never fails
a task. What is known of nobody's plan stops nobody.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from uuid import UUID

import structlog

from orchestrator.agents.base import AgentInfo, AgentKind
from orchestrator.core.errors import NotFound, OrchestratorError
from orchestrator.core.overlap import EVERYTHING, Footprint, Named, named_in, within_file
from orchestrator.kg.query.client import GraphQueries, QueryLimits
from orchestrator.kg.questions.asking import Asker
from orchestrator.kg.questions.footprint import has_file, meant, touched
from orchestrator.kg.snapshot import current_snapshot
from orchestrator.services.agent_service import AgentService
from orchestrator.services.project_view import ProjectViews
from orchestrator.services.task_rows import TaskRows

log = structlog.get_logger(__name__)

_SECONDS = 5.0
_MOST_NAMES = 50


class Footprints:
    """Makes footprints."""

    def __init__(
        self,
        rows: TaskRows,
        agents: AgentService,
        views: ProjectViews,
        queries: GraphQueries,
        limits: QueryLimits,
    ) -> None:
        self._rows = rows
        self._agents = agents
        self._views = views
        self._queries = queries
        self._limits = limits

    async def of(self, task_id: UUID) -> Footprint | None:
        """What the task will touch, as far as can be told; None where it changes no code of a project."""
        row = await self._rows.find(task_id)
        if row is None or row["project_id"] is None or not str(row["target_id"]).startswith("agent:"):
            return None
        try:
            agent = (await self._agents.find(str(row["target_id"]), row["user_id"])).agent
        except NotFound:
            return None  # the attempt will say so
        if not agent.info.changes_code:
            return None
        folder = self._views.graph_folder(row["project_id"])
        named = named_in(row["input"])
        found = await self._meant(folder, named) if current_snapshot(folder) else _as_named(named)
        return _whole(agent.info, found)

    async def exactly(self, project_id: UUID, symbols: Iterable[str], paths: Iterable[str]) -> Footprint:
        """These symbols with what belongs to them, and these paths; a name that the graph does not know as it is."""
        folder = self._views.graph_folder(project_id)
        asker = Asker(self._queries, folder, self._limits) if current_snapshot(folder) else None
        found: dict[str, str] = {}
        for name in symbols:
            known = await _found(meant, asker, name) if asker is not None else {}
            found |= known or dict(_as_named(Named(symbols=(name,))).symbols)
        return Footprint.of(found, paths)

    async def _meant(self, folder: Path, named: Named) -> Footprint:
        """The same in the graph's names. What cannot be asked in time counts as it was named."""
        asker = Asker(self._queries, folder, self._limits)
        symbols, paths = dict(_as_named(named).symbols), set(named.paths)
        try:
            async with asyncio.timeout(_SECONDS):
                for name in named.symbols[:_MOST_NAMES]:
                    symbols |= await _found(touched, asker, name)
                for word in named.perhaps[:_MOST_NAMES]:
                    if await has_file(asker, word):
                        paths.add(word)
                    else:
                        symbols |= await _found(touched, asker, word)
        except (TimeoutError, OrchestratorError) as error:
            log.warning("footprint_incomplete", graph=folder.name, why=str(error))
        return Footprint.of(symbols, paths)


async def _found(look: Callable[[Asker, str], Awaitable[dict[str, str]]], asker: Asker, name: str) -> dict[str, str]:
    """By a name that may mean nothing, or several things: then nothing."""
    inside = within_file(name)
    try:
        return await look(asker, inside[1] if inside else name)
    except NotFound:
        return {}


def _as_named(named: Named) -> Footprint:
    pairs: Iterable[tuple[str, str]] = ((name, "") for name in named.symbols)
    places = {inside[1]: inside[0] for name in named.symbols if (inside := within_file(name))}
    return Footprint.of({**dict(pairs), **places}, named.paths)


def _whole(info: AgentInfo, found: Footprint) -> Footprint:
    """A code-mod that names nothing works on the whole project; of a model that is told nothing, nothing is known."""
    if found.is_empty and info.kind == AgentKind.CODEMOD:
        return Footprint.of({}, [EVERYTHING])
    return found
