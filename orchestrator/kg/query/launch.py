"""``python -m orchestrator.kg.query.launch``: leaves a query server behind. Started by the query client."""

import socket
import sys
from pathlib import Path

from orchestrator.core.errors import OrchestratorError, Unavailable
from orchestrator.kg.query.runtime_dir import socket_path
from orchestrator.kg.query.sandbox import forbid_sockets_and_programs
from orchestrator.kg.query.server import QueryServer
from orchestrator.kg.query.stay import leave_behind


def main(arguments: list[str]) -> int:
    """``FOLDER SNAPSHOT IDLE_SECONDS``: leave a server behind; returns once its socket listens."""
    folder, snapshot, idle_seconds = Path(arguments[0]), arguments[1], float(arguments[2])
    path = socket_path(folder, snapshot)

    def serve(listener: socket.socket) -> int:
        forbid_sockets_and_programs()
        server = QueryServer(folder, snapshot, listener, path, idle_seconds)
        try:
            server.serve()
        except OrchestratorError as error:
            server.refuse_all(error)
            return 1
        except Exception as error:  # noqa: BLE001 - the process edge: callers are told, there is nobody else to tell
            server.refuse_all(Unavailable(f"the query server failed: {error!r}"[:500]))
            return 1
        return 0

    return leave_behind(path, serve)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
