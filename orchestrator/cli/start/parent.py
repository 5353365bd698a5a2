"""Makes a child of ``up`` end when ``up`` is gone, kill -9 included.

Used at the start of ``api``, ``worker`` and ``monitor``. The supervisor holds the other end of our standard input;
the kernel closes it when the supervisor dies, however that happens. Without a supervisor nothing is watched.
"""

import os
import signal
import threading
from contextlib import suppress

import psutil

SUPERVISED = "ORCHESTRATOR_SUPERVISED"
_GRACE_SECONDS = 10.0


def leave_with_parent() -> None:
    """Watch the supervisor's pipe, if there is one, from a thread."""
    if os.environ.pop(SUPERVISED, None) is None:
        return
    pipe = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_watch, args=(pipe,), name="parent-watch", daemon=True).start()


def _watch(pipe: int) -> None:
    while os.read(pipe, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(_GRACE_SECONDS)
    # Still here: take everything we started along. We lead a session only when the supervisor started us.
    if os.getsid(0) == os.getpid():
        kill_session(os.getpid())
    os._exit(1)


def kill_session(leader: int) -> None:
    """Kill every process of a session, its leader last. A process group would miss forks that lead one of their own."""
    members = [pid for pid in psutil.pids() if pid != leader and _session(pid) == leader]
    for pid in [*members, leader]:
        with suppress(ProcessLookupError):  # it ended by itself, which is what we want
            if _session(pid) == leader:
                os.kill(pid, signal.SIGKILL)


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None
