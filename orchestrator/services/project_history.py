"""Puts a project's history into its graph: commits, authors, and which commit changed which definition.

Used when a graph has been built. Git is read within limits, what is read is joined to the definitions of the graph as
it is now, and the outcome replaces the history that was there. Nothing here parses code.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from orchestrator.core.commits import History
from orchestrator.core.errors import OrchestratorError
from orchestrator.git.history import HistoryLimits, read_history
from orchestrator.git.mirror import Mirrors
from orchestrator.kg.history.lines import Span
from orchestrator.kg.history.triples import history_quads
from orchestrator.kg.query.client import GraphQueries, QueryLimits
from orchestrator.kg.query.rows import rows_of
from orchestrator.kg.rdf.terms import literal
from orchestrator.kg.rdf.vocabulary import PREFIXES
from orchestrator.kg.shared_graphs import write_shared

_NAME = "history"
# Every definition of the largest trees, not what a person may ask for.
_WHOLE = QueryLimits(seconds=120, rows=5_000_000, bytes=1024**3, memory_bytes=4 * 1024**3)
_FILES = f"{PREFIXES} SELECT ?path WHERE {{ ?file a c:SourceFile ; c:path ?path }}"
_SPANS = f"""{PREFIXES}
SELECT ?path ?iri ?start ?end WHERE {{
  #WHICH# ?file c:path ?path . ?iri c:definedIn ?file ; c:startLine ?start ; c:endLine ?end .
  FILTER NOT EXISTS {{ ?iri a c:Module }}
}}"""


@dataclass(frozen=True, slots=True)
class ProjectHistory:
    """Writes history graphs."""

    mirrors: Mirrors
    queries: GraphQueries
    limits: HistoryLimits = field(default_factory=HistoryLimits)

    async def refresh(
        self, project_id: UUID, project_iri: str, folder: Path, commit: str, tell: Callable[[str, int], None]
    ) -> dict[str, Any]:
        """Read the history behind a commit and put it into the graph at ``folder``; what was read, or the error.

        A history that cannot be read costs no build: the report says so, and the history that was there stays.
        """
        try:
            history = await read_history(self.mirrors.require(project_id), commit, self.limits, tell)
            await self._write(project_iri, folder, history)
        except OrchestratorError as error:
            return {"error": error.message}
        return {
            "commits": len(history.commits), "cut": history.cut, "patches": len(history.patches),
            "patches_cut": history.patches_cut,
        }  # fmt: skip

    async def _write(self, project_iri: str, folder: Path, history: History) -> None:
        files = await rows_of(self.queries, folder, _FILES, _WHOLE)
        spans = await spans_of(self.queries, folder)
        present = {path for (path,) in files}
        quads = history_quads(project_iri, history, present, spans, datetime.now(UTC))
        await asyncio.to_thread(write_shared, folder, _NAME, quads)
        await self.queries.refresh(folder)


async def spans_of(queries: GraphQueries, folder: Path, paths: Iterable[str] | None = None) -> dict[str, list[Span]]:
    """The definitions of the graph with their lines, by path: of some files, or of all."""
    which = "" if paths is None else f"VALUES ?path {{ {' '.join(literal(path) for path in paths)} }}"
    spans: dict[str, list[Span]] = defaultdict(list)
    for path, iri, start, end in await rows_of(queries, folder, _SPANS.replace("#WHICH#", which), _WHOLE):
        spans[path].append(Span(iri, int(start), int(end)))
    return spans
