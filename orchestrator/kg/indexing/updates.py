"""Bring a graph up to date with a tree, or with a worktree as a view, through the indexer of its folder.

Used by services. An update that has returned is durable and seen by every query from then on; one that is cancelled, or
whose indexer dies, has happened as a whole or not at all.
"""

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from orchestrator.core.errors import NotFound, Unavailable
from orchestrator.kg.query.daemons import Launches, WentAwayError, exchange
from orchestrator.kg.query.runtime_dir import INDEXER, socket_path
from orchestrator.kg.snapshot import current_snapshot, split_view, view_folder
from orchestrator.kg.traces.ledger import Run

_TRIES = 3


class GraphUpdates:
    """Updates of the graphs of this host. One per process; safe for many concurrent calls."""

    def __init__(
        self, *, idle_seconds: float = 900.0, seconds: float = 600.0, memory_bytes: int = 4 * 1024 * 1024 * 1024
    ) -> None:
        self._idle_seconds = idle_seconds
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._launches = Launches()

    async def update(
        self,
        folder: Path,
        root: Path,
        *,
        project_iri: str,
        commit: str = "",
        view: str = "",
        paths: Sequence[str] | None = None,
        only: Sequence[str] | None = None,
        going_on: bool = False,
        report: bool = False,
    ) -> dict[str, Any]:
        """See ``LiveGraph.update``; folder and root are absolute. ``report`` adds the project's report, not a view's.

        Raises NotFound before the first build, InvalidInput, Unavailable.
        """
        request = {
            "op": "update",
            "root": os.fspath(root),
            "commit": commit,
            "view": split_view(view_folder(folder, view))[1] if view else "",
            "paths": list(paths) if paths is not None else None,
            "only": list(only) if only is not None else None,
            "going_on": going_on,
            "report": report,
        }
        return await self._ask(folder, project_iri, request)

    async def observe(
        self,
        folder: Path,
        root: Path,
        traces: Path,
        run: Run,
        *,
        project_iri: str,
        commit: str = "",
        view: str = "",
        only: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Take in the traces of a run in the tree at ``root``; see ``observing.take_in``. All folders are absolute.

        ``view`` and ``only`` as for ``update``, so that the tree is compared with the versions that ran.

        Raises NotFound before the first build, TooLarge, InvalidInput, Unavailable.
        """
        request = {
            "op": "observe",
            "root": os.fspath(root),
            "traces": os.fspath(traces),
            "run": asdict(run),
            "commit": commit,
            "view": split_view(view_folder(folder, view))[1] if view else "",
            "only": list(only) if only is not None else None,
        }
        return await self._ask(folder, project_iri, request)

    async def end_view(self, folder: Path, view: str, *, project_iri: str) -> None:
        """Nobody asks the view any more."""
        await self._ask(folder, project_iri, {"op": "end_view", "view": view})

    async def stop(self, folder: Path) -> None:
        """End the folder's indexer, if one runs; an update under way finishes first."""
        with suppress(FileNotFoundError, ConnectionRefusedError, WentAwayError):
            reader, writer = await asyncio.open_unix_connection(str(socket_path(folder, INDEXER)))
            await exchange(reader, writer, {"op": "stop"}, self._seconds)

    async def stop_below(self, root: Path) -> None:
        """End the indexers of every graph folder below ``root``: the service on this host is going away."""
        folders = await asyncio.to_thread(lambda: sorted(root.iterdir()) if root.is_dir() else [])
        await asyncio.gather(*(self.stop(folder) for folder in folders))

    async def aclose(self) -> None:
        """Stop waiting for indexers that are starting; running ones are shared and end by themselves when idle."""
        await self._launches.aclose()

    async def _ask(self, folder: Path, project_iri: str, request: dict[str, Any]) -> dict[str, Any]:
        if current_snapshot(folder) is None:
            raise NotFound("this project has no knowledge graph yet", hint="generate it first")
        for left in reversed(range(_TRIES)):
            reader, writer = await self._connect(folder, project_iri)
            try:
                head, _ = await exchange(reader, writer, request, self._seconds)
            except WentAwayError:
                # It was ending, or killed. Asking again is safe: what has happened already is not done twice.
                if not left:
                    raise Unavailable("the indexer ended again and again before it answered") from None
            else:
                return dict(head["answer"])
        raise AssertionError("the last try returns or raises")

    async def _connect(self, folder: Path, project_iri: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        path = socket_path(folder, INDEXER)
        deadline = time.monotonic() + self._seconds
        limits = (str(self._idle_seconds), str(self._memory_bytes))
        command = [sys.executable, "-m", "orchestrator.kg.indexing.indexer", os.fspath(folder), project_iri, *limits]
        pause = 0.005
        while time.monotonic() < deadline:
            with suppress(FileNotFoundError, ConnectionRefusedError):
                return await asyncio.open_unix_connection(str(path))
            await self._launches.start(path, command)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.1)
        raise Unavailable("the indexer did not start in time", details={"seconds": self._seconds})
