"""Where the sockets of query servers and indexers live: a short, private folder of this user on this host.

A unix socket path may have about 100 bytes, so it cannot lie below the graph's own folder. Client and server use this.
"""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

import orchestrator
from orchestrator.core.errors import NotConfigured

# Child processes are started here, so that ``-m orchestrator…`` finds this very code wherever the service was started.
CODE_ROOT = Path(next(iter(orchestrator.__path__))).resolve().parent

INDEXER = "indexer"
"""Stands in for a snapshot in the socket path of a folder's indexer."""

# What a socket path of about 100 bytes leaves for the folder around ours.
_LONGEST_BASE = 36


def runtime_dir() -> Path:
    """The folder, made with mode 0700. Raises NotConfigured if somebody else owns it or may enter it."""
    base = tempfile.gettempdir()
    path = Path(base if len(os.fsencode(base)) <= _LONGEST_BASE else "/tmp") / f"orchestrator-kg-{os.getuid()}"  # noqa: S108 - checked below
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise NotConfigured(f"{path} is not a private folder of this user", hint="remove it, or set TMPDIR")
    return path


def socket_path(folder: Path, snapshot: str) -> Path:
    """The socket of the query server of one snapshot of one graph folder."""
    key = hashlib.sha256(f"{folder.resolve()}\0{snapshot}".encode(errors="surrogateescape")).hexdigest()[:24]
    return runtime_dir() / f"{key}.sock"
