"""What a query server is told of a change: that one is coming, and that it can be read. Used by the indexer.

The server makes room while the change is still worked out, and takes it in while the disk is waited for. It may not
run, or be about to end or to load: then it reads the journal by itself, and nothing here waits or fails.
"""

import contextlib
import socket
from pathlib import Path

from orchestrator.kg.indexing.live import News
from orchestrator.kg.query.runtime_dir import socket_path
from orchestrator.kg.query.wire import pack
from orchestrator.kg.snapshot import current_snapshot

_SECONDS = 10.0


class QueryServerNews(News):
    """Tells the query server of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._telling: socket.socket | None = None

    def coming(self) -> None:
        """It need not answer: what it makes room for comes later."""
        told = self._tell("expect")
        if told is not None:
            told.close()

    def written(self) -> None:
        """Its answer is waited for later."""
        self._settle()
        self._telling = self._tell("refresh")

    def wait(self) -> None:
        """Until a server that runs has taken everything in."""
        if self._telling is None:
            self._telling = self._tell("refresh")
        self._settle()

    def _settle(self) -> None:
        telling, self._telling = self._telling, None
        if telling is not None:
            with telling, contextlib.suppress(ConnectionError, TimeoutError):
                telling.recv(1)

    def _tell(self, op: str) -> socket.socket | None:
        snapshot = current_snapshot(self._folder)
        if snapshot is None:
            return None
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(_SECONDS)
        try:
            connection.connect(str(socket_path(self._folder, snapshot)))
            connection.sendall(pack({"op": op}))
        except (FileNotFoundError, ConnectionError, TimeoutError):
            connection.close()
            return None
        return connection
