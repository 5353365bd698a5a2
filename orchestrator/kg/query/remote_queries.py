"""Queries answered by a SPARQL 1.1 server elsewhere, for graphs too large for this host. A GraphQueries like the other.

A text is first asked of a local query server over nothing at all: that admits it, or refuses it, and finds its faults
in a process that may be killed. Views of a graph and scratch datasets stay on this host.
"""

import asyncio
import fcntl
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pyoxigraph as ox

from orchestrator.core.errors import NotConfigured, NotFound, QueryRefused
from orchestrator.kg.query.answers import finish
from orchestrator.kg.query.client import GraphQueries, QueryAnswer, QueryLimits
from orchestrator.kg.query.formats import RESULT_FORMATS, Kind, negotiate
from orchestrator.kg.query.names import iri
from orchestrator.kg.query.publish import RemoteDataset, publish, stamp_of, withdraw
from orchestrator.kg.query.remote import Asked, SparqlServer
from orchestrator.kg.query.substitute import substituted
from orchestrator.kg.snapshot import GRAPH, current_snapshot, new_snapshot, split_view

_PLACE = "{project}"
_LIMITS = QueryLimits()


class RemoteQueries(GraphQueries):
    """Queries against the dataset that a SPARQL server holds for each project.

    ``query_url`` and ``update_url`` hold ``{project}``, which becomes the name of the graph's folder; ``front`` is a
    folder of ours for the local server that admits.
    """

    def __init__(self, query_url: str, update_url: str, front: Path, **given: Any) -> None:
        super().__init__(**given)
        if _PLACE not in query_url or _PLACE not in update_url:
            raise NotConfigured(f"the addresses of a SPARQL server need {_PLACE}: one dataset per project")
        self._query_url, self._update_url, self._front = query_url, update_url, front
        self._http = httpx2.AsyncClient()
        self._publishing: defaultdict[Path, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._published: dict[Path, object] = {}

    async def query(self, folder: Path, sparql: str, *, limits: QueryLimits = _LIMITS, **given: Any) -> QueryAnswer:
        """As GraphQueries has it; a view's graph and a scratch dataset are asked on this host."""
        _, view = split_view(folder)
        if view or given.get("scratch") is not None:
            return await super().query(folder, sparql, limits=limits, **given)
        return await self._ask_server(folder, sparql, limits, **given)

    async def prepare(self, folder: Path) -> None:
        """Nothing: what is not whole is not published."""

    async def warm(self, folder: Path) -> None:
        """Publish the folder's graph."""
        await self.refresh(folder)

    async def refresh(self, folder: Path) -> None:
        """Publish what changed in the folder's graph, and tell a local server that answers for its views."""
        base, _ = split_view(folder)
        await self._publish(base)
        await super().refresh(folder)

    async def forget(self, folder: Path) -> None:
        """Empty the server's dataset of the folder's graph, and end a local server that answers for its views."""
        await asyncio.to_thread(self._on_dataset, folder, withdraw)
        self._published.pop(folder, None)
        await super().forget(folder)

    async def aclose(self) -> None:
        """Hang up, and stop waiting for local servers that are starting."""
        await self._http.aclose()
        await super().aclose()

    async def _ask_server(
        self,
        folder: Path,
        sparql: str,
        limits: QueryLimits,
        *,
        accept: str = "application/sparql-results+json",
        substitutions: Mapping[str, str] | None = None,
        default_graphs: Sequence[str] = (),
        named_graphs: Sequence[str] = (),
        base_iri: str | None = None,
        scratch: None = None,
    ) -> QueryAnswer:
        snapshot = current_snapshot(folder)
        if snapshot is None:
            raise NotFound("this project has no knowledge graph yet", hint="generate it first")
        await self._publish(folder)
        text = substituted(sparql, substitutions or {})
        if base_iri is not None:
            text = f"BASE {iri(base_iri)}\n{text}"
        kind = await self._admit(text, limits)
        server = SparqlServer(self._query_url.replace(_PLACE, folder.name), self._http)
        began = time.perf_counter()
        await self._check_graphs(server, [*default_graphs, *named_graphs], limits)
        asked = Asked(text, kind, default_graphs, named_graphs)
        lines = await server.lines(asked, seconds=limits.seconds, rows=limits.rows, size=limits.bytes)
        media_type = negotiate(accept, kind)
        body, rows, truncated = await asyncio.to_thread(_body, lines, kind, media_type, limits)
        seconds = round(time.perf_counter() - began, 6)
        return QueryAnswer(media_type, body, kind, rows, truncated, seconds, snapshot)

    async def _publish(self, folder: Path) -> None:
        """Let the server have what the folder has, whoever wrote it there; costs a look at some files when it has."""
        async with self._publishing[folder]:
            stamp = await asyncio.to_thread(stamp_of, folder)
            if stamp != self._published.get(folder):
                await asyncio.to_thread(self._on_dataset, folder, publish)
                self._published[folder] = stamp

    async def _admit(self, text: str, limits: QueryLimits) -> Kind:
        """What kind of query the text is; raises BadQuery where it may not run."""
        if current_snapshot(self._front) is None:
            await asyncio.to_thread(_make_front, self._front)
        answer = await super().query(self._front, text, accept="*/*", limits=limits)
        return answer.kind

    @staticmethod
    async def _check_graphs(server: SparqlServer, names: Sequence[str], limits: QueryLimits) -> None:
        """Refuse graphs that are not there: some servers would go and fetch them."""
        for name in dict.fromkeys(names):
            ask = Asked(f"ASK {{ GRAPH {iri(name)} {{ ?s ?p ?o }} }}", "ask")
            told = await server.lines(ask, seconds=limits.seconds, rows=1, size=limits.bytes)
            if not ox.parse_query_results(told, format=ox.QueryResultsFormat.JSON):
                raise QueryRefused(f"there is no graph <{name[:200]}> here", field="default-graph-uri")

    def _on_dataset(self, folder: Path, act: Callable[[Path, RemoteDataset], None]) -> None:
        """Publish or withdraw the folder's graph."""
        with httpx2.Client() as client:
            query_url, update_url = (url.replace(_PLACE, folder.name) for url in (self._query_url, self._update_url))
            act(folder, RemoteDataset(query_url, update_url, client))


def _make_front(front: Path) -> None:
    """Let there be a graph of nothing; whoever comes second finds it."""
    front.mkdir(parents=True, exist_ok=True)
    with (front / "make.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if current_snapshot(front) is None:
            with new_snapshot(front, "nothing") as (_, draft):
                (draft / GRAPH).touch()


def _body(lines: bytes, kind: Kind, media_type: str, limits: QueryLimits) -> tuple[bytes, int, bool]:
    """The answer in the wanted format, its rows, and whether it was cut."""
    if kind != "ask":
        return finish(lines, media_type, limits.rows, limits.bytes, tabular=kind == "select")
    boolean = ox.parse_query_results(lines, format=ox.QueryResultsFormat.JSON)
    assert isinstance(boolean, ox.QueryBoolean)
    return boolean.serialize(format=RESULT_FORMATS[media_type]) or b"", 1, False
