"""Brings what traced runs showed into graphs: runs of agents and verifiers in a worktree, and runs that users send in.

A run that is made anyway is traced by adding a few variables to the environment of its command:

    async with traced_runs.watching(worktree, label="pytest -q", task_id=task.id) as variables:
        …run the command with these variables…

It runs no command itself.
"""

import asyncio
import os
import tempfile
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog

from orchestrator.core.caller import Caller
from orchestrator.core.errors import InvalidInput, OrchestratorError, TooLarge
from orchestrator.core.ids import new_id
from orchestrator.git.working_tree import working_files
from orchestrator.git.worktree import Worktree
from orchestrator.kg.indexing.updates import GraphUpdates
from orchestrator.kg.traces.ledger import Run
from orchestrator.kg.traces.node import convert_coverage
from orchestrator.kg.traces.read import MAX_BYTES
from orchestrator.kg.traces.run import tracing_environment
from orchestrator.models import Role
from orchestrator.services.access import ProjectAccess
from orchestrator.services.follow_projects import FollowedProjects
from orchestrator.services.graph_service import GraphService
from orchestrator.services.project_view import ProjectViews, project_iri

log = structlog.get_logger(__name__)

_LONGEST_LABEL = 200


class TracedRuns:
    """Takes runs in."""

    def __init__(
        self,
        access: ProjectAccess,
        graphs: GraphService,
        views: ProjectViews,
        followed: FollowedProjects,
        updates: GraphUpdates,
    ) -> None:
        self._access = access
        self._graphs = graphs
        self._views = views
        self._followed = followed
        self._updates = updates

    @asynccontextmanager
    async def watching(
        self,
        worktree: Worktree,
        *,
        label: str,
        task_id: UUID | None = None,
        environment: Mapping[str, str] = {},
    ) -> AsyncIterator[dict[str, str]]:
        """The variables to add to ``environment`` for a command in the worktree; what it showed is taken in afterwards.

        Also after a failed command: what ran, ran. Trouble with traces is logged, for no verdict may depend on them.
        """
        with tempfile.TemporaryDirectory(prefix="traces-") as folder:
            traces = Path(folder)
            try:
                yield tracing_environment(traces, worktree.path, environment)
            finally:
                try:
                    if os.listdir(traces):
                        told = await self.in_worktree(worktree, traces, label=label, task_id=task_id)
                        log.info("run-observed", project=str(worktree.project_id), calls=told["calls"], run=told["run"])
                except (OrchestratorError, OSError) as error:
                    log.warning("run-not-observed", project=str(worktree.project_id), error=str(error)[:500])

    async def in_worktree(
        self, worktree: Worktree, traces: Path, *, label: str, task_id: UUID | None = None
    ) -> dict[str, Any]:
        """Take in the traces of a run in a worktree, while it is as it was; see ``observing.take_in`` for the answer.

        Raises NotFound while the project has no graph, TooLarge, Unavailable.
        """
        await asyncio.to_thread(convert_coverage, traces, worktree.path)
        return await self._updates.observe(
            self._views.graph_folder(worktree.project_id),
            worktree.path,
            traces,
            _run(label, task_id),
            project_iri=project_iri(worktree.project_id),
            commit=worktree.base_commit,
            view=worktree.name,
            only=await working_files(worktree.path),
        )

    async def sent_in(self, caller: Caller, kg_id: UUID, data: bytes, *, label: str) -> dict[str, Any]:
        """Take in the traces (``traces.run.joined``, perhaps gzipped) of a run elsewhere, for the project's own tree.

        Raises NotFound, Forbidden for those who may not write to the project, InvalidInput, TooLarge, Unavailable.
        """
        project_id = (await self._graphs.get(caller, kg_id))["project_id"]
        await self._access.require(caller, project_id, Role.MEMBER)
        text = await asyncio.to_thread(_unpacked, data)
        view = await self._views.view(project_id)
        root, everything = await self._followed.tree(project_id) or (view.root, None)
        with tempfile.TemporaryDirectory(prefix="traces-") as folder:
            await asyncio.to_thread((Path(folder) / "sent.trace").write_bytes, text)
            return await self._updates.observe(
                self._views.graph_folder(project_id),
                root,
                Path(folder),
                _run(label, None),
                project_iri=project_iri(project_id),
                commit=view.commit,
                only=everything,
            )


def _run(label: str, task_id: UUID | None) -> Run:
    said = " ".join(label.split())[:_LONGEST_LABEL] or "a run"
    return Run(str(new_id()), datetime.now(UTC).isoformat(), said, str(task_id or ""))


def _unpacked(data: bytes) -> bytes:
    """The text of traces, which may be gzipped; never more than may be."""
    if data[:2] == b"\x1f\x8b":
        gzipped = zlib.decompressobj(wbits=31)
        try:
            data = gzipped.decompress(data, MAX_BYTES)
        except zlib.error as error:
            raise InvalidInput("the traces are not whole gzip", field="body") from error
        if gzipped.unconsumed_tail:
            raise TooLarge("the traces are too large", field="body")
    if not data.startswith(b"trace 1 "):
        raise InvalidInput("not a trace", field="body", hint="it begins with the line: trace 1 …")
    return data
