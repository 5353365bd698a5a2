"""``python -m orchestrator.kg.query.launch``: leaves a query server behind. Started by the query client.

A lock file keeps the server of a snapshot single; its socket appears only when it listens, and it is then cut off from
whoever started it. What it answers is the server's business.
"""

import fcntl
import os
import socket
import sys
from pathlib import Path

from orchestrator.core.errors import OrchestratorError, Unavailable
from orchestrator.kg.query.runtime_dir import socket_path
from orchestrator.kg.query.sandbox import forbid_sockets_and_programs
from orchestrator.kg.query.server import QueryServer

_BACKLOG = 512


def main(arguments: list[str]) -> int:
    """``FOLDER SNAPSHOT IDLE_SECONDS``: leave a server behind; returns once its socket listens."""
    folder, snapshot, idle_seconds = Path(arguments[0]), arguments[1], float(arguments[2])
    path = socket_path(folder, snapshot)
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0  # another one serves, or is about to
    if not _is_named(lock, path.with_suffix(".lock")):
        return 0  # the server before us removed this lock while ending; the client tries again
    listener = _listen(path)
    if os.fork() != 0:
        return 0
    _detach(lock, listener.fileno())
    listener.listen(_BACKLOG)  # again, so that the kernel names this process to who asks for its peer
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
    finally:
        path.unlink(missing_ok=True)
        path.with_suffix(".lock").unlink(missing_ok=True)
    return 0


def _is_named(handle: int, path: Path) -> bool:
    try:
        return path.stat().st_ino == os.fstat(handle).st_ino
    except FileNotFoundError:
        return False


def _listen(path: Path) -> socket.socket:
    """A listening socket that appears under its name only when it listens."""
    draft = path.with_suffix(f".{os.getpid()}")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(draft))
    listener.listen(_BACKLOG)
    draft.rename(path)
    return listener


def _detach(*kept: int) -> None:
    """Leave the terminal, the process group, the working folder and the open files of whoever started us.

    uvloop hands its end of a child's standard error down under a second number: held open, it would keep the caller
    of the launcher waiting for its end.
    """
    os.setsid()
    low = 3
    for handle in sorted(kept):
        os.closerange(low, handle)
        low = handle + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        os.dup2(nothing, handle)
    os.close(nothing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
