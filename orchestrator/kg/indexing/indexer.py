"""A process that stays with a project while it is edited, and brings its graph up to date when told what changed.

Started by the updates client, shared by all processes of the host through a unix socket, one per graph folder. It tells
the query server of each change before it answers, so whoever got an answer sees the change. One request at a time; what
an update does is the live graph's business. Ends when idle, or when the folder is gone.
"""

import contextlib
import gc
import resource
import select
import socket
import sys
import time
from pathlib import Path
from typing import Any

from orchestrator.core.errors import Conflict, InvalidInput, OrchestratorError, Unavailable
from orchestrator.kg.indexing.live import LiveGraph
from orchestrator.kg.indexing.news import QueryServerNews
from orchestrator.kg.query.runtime_dir import INDEXER, socket_path
from orchestrator.kg.query.stay import leave_behind
from orchestrator.kg.query.wire import pack, unpack
from orchestrator.kg.traces.ledger import Run

_REQUEST_SECONDS = 10.0
_LARGEST_REQUEST = 64 * 1024 * 1024  # all paths of a large tree
_QUIET_SECONDS = 1.0


class Indexer:
    """The loop of one indexer."""

    def __init__(self, folder: Path, project_iri: str, listener: socket.socket, idle_seconds: float) -> None:
        self._folder = folder
        self._listener = listener
        self._idle_seconds = idle_seconds
        self._readers = QueryServerNews(folder)
        self._graph = LiveGraph(folder, project_iri, self._readers)
        self._tidy = True
        self._stopping = False

    def serve(self) -> None:
        """Answer until nobody has asked for a while."""
        # A collection in the middle of an update would cost half a second with a large project in memory.
        gc.disable()
        last_used = time.monotonic()
        while not self._stopping and time.monotonic() - last_used < self._idle_seconds and self._folder.is_dir():
            if select.select([self._listener], [], [], _QUIET_SECONDS)[0]:
                connection, _ = self._listener.accept()
                with connection:
                    self._serve_one(connection)
                last_used = time.monotonic()
            elif not self._tidy:
                with contextlib.suppress(Conflict):  # a build runs: its snapshot begins a journal of its own
                    self._graph.tidy()
                gc.collect()
                gc.freeze()
                self._tidy = True

    def _serve_one(self, connection: socket.socket) -> None:
        connection.settimeout(_REQUEST_SECONDS)
        with contextlib.suppress(OSError):  # a caller that went away needs no answer
            connection.sendall(pack(self._answer_to(connection)))

    def _answer_to(self, connection: socket.socket) -> dict[str, Any]:
        try:
            return {"answer": self._do(_request(connection))}
        except OrchestratorError as error:
            return {"error": error.as_dict()}
        except MemoryError:
            return {"error": Unavailable("the project needs more memory than its indexer may take").as_dict()}
        except Exception as error:  # noqa: BLE001 - the process edge: the caller is told, the next request begins anew
            return {"error": Unavailable(f"the update failed: {error!r}"[:500]).as_dict()}

    def _do(self, request: dict[str, Any]) -> dict[str, Any]:
        self._tidy = False
        match request.get("op"):
            case "update":
                given = {name: request[name] for name in ("view", "commit", "paths", "only", "going_on")}
                told = self._graph.update(Path(request["root"]), **given)
                if request.get("report"):
                    told["report"] = self._graph.report(told)
            case "observe":
                run = Run(**request["run"])
                given = {name: request[name] for name in ("view", "commit", "only")}
                told = self._graph.observe(Path(request["root"]), Path(request["traces"]), run, **given)
            case "end_view":
                self._graph.end_view(request["view"])
                told = {}
            case "stop":
                self._stopping = True
                return {}
            case _:
                raise InvalidInput("no such operation", field="op")
        began = time.perf_counter()
        self._readers.wait()
        return told | {"refresh_seconds": round(time.perf_counter() - began, 6)}


def _request(connection: socket.socket) -> dict[str, Any]:
    buffer = bytearray()
    while (frame := unpack(buffer, _LARGEST_REQUEST)) is None:
        data = connection.recv(1 << 16)
        if not data:
            raise InvalidInput("the request ended too early", field="request")
        buffer += data
    return frame[0]


def main(arguments: list[str]) -> int:
    """``FOLDER PROJECT_IRI IDLE_SECONDS MEMORY_BYTES``: leave an indexer behind; returns once its socket listens."""
    folder, project_iri = Path(arguments[0]), arguments[1]
    idle_seconds, memory = float(arguments[2]), int(arguments[3])

    def serve(listener: socket.socket) -> int:
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
        Indexer(folder, project_iri, listener, idle_seconds).serve()
        return 0

    return leave_behind(socket_path(folder, INDEXER), serve)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
