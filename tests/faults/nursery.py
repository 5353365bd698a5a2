"""A process that has imported the service and forks real ones of it on request: importing costs seconds, a fork none.

Run as ``python -m tests.faults.nursery`` by ``processes.py``: one JSON request per line in, one pid per line out.
Each child leads a session of its own and runs the command line exactly as ``python -m orchestrator …`` does.
Everything it forked is killed when its standard input ends.
"""

import json
import os
import signal
import sys
import threading
from typing import Any

import uvicorn  # noqa: F401  imported for the children

import orchestrator.main
import orchestrator.worker  # noqa: F401  imported for the children
from orchestrator.cli.app import main
from orchestrator.cli.start.parent import kill_session


def _run(request: dict[str, Any]) -> None:
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(request["cwd"])
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["orchestrator", *request["argv"]]
    main()


def serve() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps: a killed child is gone at once
    assert threading.active_count() == 1, "a fork would copy one thread of several"
    children: list[int] = []
    # A raw loop: what stands in a buffer would be read again by every child.
    while line := _line():
        pid = os.fork()
        if pid == 0:
            _run(json.loads(line))
            os._exit(0)
        children.append(pid)
        os.write(1, f"{pid}\n".encode())
    for pid in children:
        kill_session(pid)


def _line() -> bytes:
    read = b""
    while not read.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return b""
        read += byte
    return read


if __name__ == "__main__":
    serve()
