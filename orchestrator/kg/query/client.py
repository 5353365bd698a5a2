"""Ask a project's graph a SPARQL question; used by services, the SPARQL door and the prepared questions.

Finds the query server of the folder's current snapshot over a unix socket, starts one where none runs, and enforces
nothing itself but a last backstop: limits are kept by the server, which kills what passes them.
It does not parse SPARQL, knows no HTTP, and never retries a query that may have run.
"""

import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.core.errors import InvalidInput, NotFound, Unavailable
from orchestrator.kg.query.daemons import Launches, WentAwayError, exchange
from orchestrator.kg.query.formats import Kind
from orchestrator.kg.query.runtime_dir import socket_path
from orchestrator.kg.snapshot import current_snapshot, draft_of, split_view

_LARGE_PAGES = "glibc.malloc.hugetlb=1"


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """What one query may use: seconds of wall time once it runs, bytes of answer, memory beyond the graph's own."""

    seconds: float = 10.0
    rows: int = 10_000
    bytes: int = 32 * 1024 * 1024
    memory_bytes: int = 1024 * 1024 * 1024

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value <= 0:
                raise InvalidInput("a query limit must be positive", field=f"limits.{name}")


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """A serialised answer. ``truncated`` means the row limit cut it; ``rows`` counts what is in the body."""

    media_type: str
    body: bytes
    kind: Kind
    rows: int
    truncated: bool
    seconds: float
    snapshot: str


class GraphQueries:
    """Queries against the graphs of this host. One per process; safe for many concurrent calls."""

    def __init__(
        self, *, idle_seconds: float = 300.0, start_seconds: float = 120.0, queue_seconds: float = 30.0
    ) -> None:
        self._idle_seconds = idle_seconds
        self._start_seconds = start_seconds
        self._queue_seconds = queue_seconds
        self._launches = Launches()

    async def query(
        self,
        folder: Path,
        sparql: str,
        *,
        accept: str = "application/sparql-results+json",
        limits: QueryLimits = QueryLimits(),
        substitutions: Mapping[str, str] | None = None,
        default_graphs: Sequence[str] = (),
        named_graphs: Sequence[str] = (),
        base_iri: str | None = None,
        scratch: Path | None = None,
    ) -> QueryAnswer:
        """Run one read-only query on the current snapshot below ``folder``, or on a ``scratch`` dataset instead of it.

        ``substitutions`` binds variables (without ``?``) to terms in N-Triples syntax; make them with ``terms.iri`` and
        ``terms.literal``. Without ``default_graphs`` the union of all graphs is the default graph.
        ``folder`` may name a view (``snapshot.view_folder``).
        Raises BadQuery, TimedOut, TooLarge, NotFound (no graph yet) and Unavailable (server busy or not starting).
        """
        folder, view = split_view(folder)
        request = {
            "op": "query",
            "view": view,
            "query": sparql,
            "accept": accept,
            "limits": asdict(limits),
            "substitutions": dict(substitutions or {}),
            "default_graphs": list(default_graphs),
            "named_graphs": list(named_graphs),
            "base_iri": base_iri,
        }
        if scratch is not None:
            request |= {"op": "scratch", "action": "query", "dataset": str(scratch)}
        snapshot, head, body = await self._ask(folder, request, limits)
        return QueryAnswer(body=body, snapshot=snapshot, **head["answer"])

    async def scratch(
        self, folder: Path, dataset: Path, action: str, *, limits: QueryLimits = QueryLimits(), **given: Any
    ) -> tuple[dict[str, Any], bytes]:
        """Read or change a scratch dataset in a query process of the graph below ``folder``: the answer, head and body.

        Actions and what they take: ``read`` (graph, accept), ``update`` (update, default_graphs, named_graphs,
        base_iri), ``put`` and ``post`` (graph, data, media_type, base_iri), ``remove`` (graph).
        """
        request = {"op": "scratch", "dataset": str(dataset), "action": action, "limits": asdict(limits), **given}
        _, head, body = await self._ask(folder, request, limits)
        return head["answer"], body

    async def refresh(self, folder: Path) -> None:
        """See to it that queries from now on see what is on disk; a server that does not run needs no telling."""
        await self._tell_running(folder, {"op": "refresh"})

    async def prepare(self, folder: Path) -> None:
        """Have a server load the graph that a build is writing, so that it answers as soon as that one is whole."""
        snapshot = await asyncio.to_thread(draft_of, folder)
        if snapshot is not None:
            command = server_command(folder, snapshot, self._idle_seconds)
            await self._launches.start(socket_path(folder, snapshot), command, _large_pages())

    async def warm(self, folder: Path) -> None:
        """Start the folder's query server and wait until its graph is loaded."""
        await self.query(folder, "ASK {}")

    async def stop(self, folder: Path) -> None:
        """End the query server of the folder's current snapshot, if one runs; queries under way finish first."""
        await self._tell_running(folder, {"op": "stop"})

    async def forget(self, folder: Path) -> None:
        """Nobody answers for the folder any more: it is about to be deleted."""
        await self.stop(folder)

    async def _tell_running(self, folder: Path, request: dict[str, Any]) -> None:
        """Tell the server of the folder's current snapshot something, if one runs."""
        folder, _ = split_view(folder)
        snapshot = current_snapshot(folder)
        if snapshot is None:
            return
        try:
            reader, writer = await asyncio.open_unix_connection(str(socket_path(folder, snapshot)))
        except (FileNotFoundError, ConnectionRefusedError):
            return
        with suppress(Unavailable):  # it ended before it could say so
            await _exchange(reader, writer, request, self._start_seconds)

    async def stop_below(self, root: Path) -> None:
        """End the query servers of every graph folder below ``root``: the service on this host is going away."""
        folders = await asyncio.to_thread(lambda: sorted(root.iterdir()) if root.is_dir() else [])
        await asyncio.gather(*(self.stop(folder) for folder in folders))

    async def aclose(self) -> None:
        """Stop waiting for servers that are starting; running servers are shared and end by themselves when idle."""
        await self._launches.aclose()

    async def _ask(
        self, folder: Path, request: dict[str, Any], limits: QueryLimits
    ) -> tuple[str, dict[str, Any], bytes]:
        """The answer to a request, from the server of the snapshot that is current when it answers."""
        request["queue_seconds"] = self._queue_seconds
        seconds = self._start_seconds + self._queue_seconds + limits.seconds + 5
        while True:
            snapshot, reader, writer = await self._connect(folder)
            try:
                head, body = await _exchange(reader, writer, request, seconds)
            except Unavailable:
                # The server of a replaced snapshot ends; a query that reached it too late belongs to its successor.
                if current_snapshot(folder) in (snapshot, None):
                    raise
            else:
                return snapshot, head, body

    async def _connect(self, folder: Path) -> tuple[str, asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the server of the snapshot that is current now."""
        deadline = time.monotonic() + self._start_seconds
        pause = 0.005
        while True:
            snapshot = current_snapshot(folder)
            if snapshot is None:
                raise NotFound("this project has no knowledge graph yet", hint="generate it first")
            path = socket_path(folder, snapshot)
            try:
                reader, writer = await asyncio.open_unix_connection(str(path))
            except (FileNotFoundError, ConnectionRefusedError):
                command = server_command(folder, snapshot, self._idle_seconds)
                await self._launches.start(path, command, _large_pages())
            else:
                return snapshot, reader, writer
            if time.monotonic() > deadline:
                raise Unavailable("the query server did not start in time", details={"seconds": self._start_seconds})
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.1)


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: dict[str, Any], seconds: float
) -> tuple[dict[str, Any], bytes]:
    try:
        return await exchange(reader, writer, request, seconds)
    except WentAwayError as error:
        raise Unavailable("the query server went away before it answered") from error


def _large_pages() -> dict[str, str]:
    """Asks the C library to keep the graph in large pages, where the kernel has them for who asks.

    A fork copies the table of pages: for half a gigabyte in small ones that takes 35 ms, and giving it back as long.
    """
    given = os.environ.get("GLIBC_TUNABLES")
    return {"GLIBC_TUNABLES": f"{given}:{_LARGE_PAGES}" if given else _LARGE_PAGES}


def server_command(folder: Path, snapshot: str, idle_seconds: float) -> list[str]:
    """The command line of a query server."""
    module = "orchestrator.kg.query.launch"
    return [sys.executable, "-m", module, str(folder.resolve()), snapshot, str(idle_seconds)]
