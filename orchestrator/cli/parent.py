"""Makes a child of ``up`` end when ``up`` is gone, kill -9 included.

Used at the start of ``api``, ``worker`` and ``monitor``. The supervisor holds the other end of our standard input;
the kernel closes it when the supervisor dies, however that happens. Without a supervisor nothing is watched.
"""

import os
import signal
import threading

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
    # Still here: take everything we started along. We lead our own group only when the supervisor started us.
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)
