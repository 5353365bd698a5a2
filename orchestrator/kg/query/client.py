"""Ask a project's graph a SPARQL question; used by services, the SPARQL door and the prepared questions.

Finds the query server of the folder's current snapshot over a unix socket, starts one where none runs, and enforces
nothing itself but a last backstop: limits are kept by the server, which kills what passes them.
It does not parse SPARQL, knows no HTTP, and never retries a query that may have run.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.core.child_process import OUTLIVES_ATTEMPTS
from orchestrator.core.errors import (
    BadQuery,
    Conflict,
    InvalidInput,
    NotFound,
    OrchestratorError,
    QueryRefused,
    TimedOut,
    TooLarge,
    Unavailable,
)
from orchestrator.kg.query.formats import Kind
from orchestrator.kg.query.runtime_dir import CODE_ROOT, socket_path
from orchestrator.kg.query.wire import read_answer, write_request
from orchestrator.kg.snapshot import current_snapshot, split_view

_ERRORS: dict[str, type[OrchestratorError]] = {
    error.code: error
    for error in (BadQuery, QueryRefused, TimedOut, TooLarge, Unavailable, NotFound, Conflict, InvalidInput)
}


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
        self._launches: dict[Path, asyncio.Task[None]] = {}

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

    async def warm(self, folder: Path) -> None:
        """Start the folder's query server and wait until its graph is loaded."""
        await self.query(folder, "ASK {}")

    async def stop(self, folder: Path) -> None:
        """End the query server of the folder's current snapshot, if one runs; queries under way finish first."""
        await self._tell_running(folder, {"op": "stop"})

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
            await self._exchange(reader, writer, request, self._start_seconds)

    async def stop_below(self, root: Path) -> None:
        """End the query servers of every graph folder below ``root``: the service on this host is going away."""
        folders = await asyncio.to_thread(lambda: sorted(root.iterdir()) if root.is_dir() else [])
        await asyncio.gather(*(self.stop(folder) for folder in folders))

    async def aclose(self) -> None:
        """Stop waiting for servers that are starting; running servers are shared and end by themselves when idle."""
        launches = list(self._launches.values())
        for launch in launches:
            launch.cancel()
        await asyncio.gather(*launches, return_exceptions=True)

    async def _ask(
        self, folder: Path, request: dict[str, Any], limits: QueryLimits
    ) -> tuple[str, dict[str, Any], bytes]:
        """The answer to a request, from the server of the snapshot that is current when it answers."""
        request["queue_seconds"] = self._queue_seconds
        seconds = self._start_seconds + self._queue_seconds + limits.seconds + 5
        while True:
            snapshot, reader, writer = await self._connect(folder)
            try:
                head, body = await self._exchange(reader, writer, request, seconds)
            except Unavailable:
                # The server of a replaced snapshot ends; a query that reached it too late belongs to its successor.
                if current_snapshot(folder) in (snapshot, None):
                    raise
            else:
                return snapshot, head, body

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: dict[str, Any], seconds: float
    ) -> tuple[dict[str, Any], bytes]:
        """Send one request and read its answer, or raise the error it tells of."""
        try:
            async with asyncio.timeout(seconds):
                await write_request(writer, request)
                head, body = await read_answer(reader)
        except TimeoutError as error:
            raise Unavailable("the query server does not answer", details={"seconds": seconds}) from error
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            raise Unavailable("the query server went away before it answered") from error
        finally:
            # Closing also tells the server to kill the query when we were cancelled.
            writer.close()
        if "error" in head:
            raise _as_error(head["error"])
        return head, body

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
                await self._launch(folder, snapshot, path)
            else:
                return snapshot, reader, writer
            if time.monotonic() > deadline:
                raise Unavailable("the query server did not start in time", details={"seconds": self._start_seconds})
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.1)

    async def _launch(self, folder: Path, snapshot: str, path: Path) -> None:
        """Start a server once for all callers of this process; the lock file settles races between processes."""
        task = self._launches.get(path)
        if task is None:
            command = server_command(folder, snapshot, self._idle_seconds)
            task = asyncio.create_task(_start(command))
            self._launches[path] = task
            task.add_done_callback(lambda _: self._launches.pop(path, None))
        await asyncio.shield(task)


def server_command(folder: Path, snapshot: str, idle_seconds: float) -> list[str]:
    """The command line of a query server."""
    module = "orchestrator.kg.query.launch"
    return [sys.executable, "-m", module, str(folder.resolve()), snapshot, str(idle_seconds)]


async def _start(command: list[str]) -> None:
    """Run the launcher, which leaves a server behind and returns once its socket listens."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=CODE_ROOT, env=os.environ | {OUTLIVES_ATTEMPTS: "yes"}, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            _, complaint = await process.communicate()
    except TimeoutError as error:
        raise Unavailable("the query server did not start in time", details={"seconds": 60}) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        words = complaint[-2000:].decode(errors="replace")
        raise Unavailable("the query server could not start", details={"stderr": words})


def _as_error(told: dict[str, Any]) -> OrchestratorError:
    """The error the server told of, as the class it names."""
    kind = _ERRORS.get(told["code"], Unavailable)
    return kind(told["message"], field=told.get("field"), hint=told.get("hint"), details=told.get("details"))
