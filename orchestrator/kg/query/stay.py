"""How a launcher leaves a process behind that serves a unix socket. Used by the launchers of query server and indexer.

A lock file keeps the process of a socket single; the socket appears only when it listens, and the process is then cut
off from whoever started it. What it answers is the server's business.
"""

import fcntl
import os
import socket
from collections.abc import Callable
from pathlib import Path

_BACKLOG = 512


def leave_behind(path: Path, serve: Callable[[socket.socket], int]) -> int:
    """Run ``serve`` on a listener at ``path`` in a process that stays; returns an exit code once it listens.

    In the process that stays it returns what ``serve`` returned, after the socket is gone.
    """
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
    try:
        return serve(listener)
    finally:
        path.unlink(missing_ok=True)
        path.with_suffix(".lock").unlink(missing_ok=True)


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
