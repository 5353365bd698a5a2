"""Where the embedded servers live below DATA_DIR, and the locks that keep starters in order.

Used by ``pair.py`` and the two servers. Everything lies in ``DATA_DIR/embedded`` (mode 0700): who cannot enter it
cannot reach the servers, which listen on unix sockets there and nowhere else. A socket path has about 100 bytes, so a
deep DATA_DIR keeps its sockets in a short private folder elsewhere.
"""

import fcntl
import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from orchestrator.core.errors import NotConfigured, TimedOut
from orchestrator.embedded.processes import wait_until

_LONGEST_SOCKET_PATH = 100  # bytes; the kernel takes 107 (Linux) or 103 (macOS)
_LONGEST_SOCKET_NAME = len("/.s.PGSQL.5432.lock")


@dataclass(frozen=True)
class Folder:
    """The folders of one pair."""

    root: Path
    sockets: Path

    @property
    def postgres(self) -> Path:
        """PGDATA."""
        return self.root / "postgres"

    @property
    def redis(self) -> Path:
        """Redis's working folder; it holds a pid file only."""
        return self.root / "redis"


def open_folder(data_dir: Path) -> Folder:
    """Make ``data_dir/embedded`` and its socket folder, both closed to others."""
    try:
        root = data_dir.expanduser().resolve() / "embedded"
        root.mkdir(parents=True, exist_ok=True)
        root.chmod(0o700)
        (root / "redis").mkdir(exist_ok=True, mode=0o700)
        return Folder(root, _socket_folder(root))
    except OSError as error:
        hint = "Choose another DATA_DIR, or make this one writable for the user who runs the service."
        raise NotConfigured(
            f"Cannot use {data_dir} as data folder: {error.strerror}", field="DATA_DIR", hint=hint
        ) from error


def _socket_folder(root: Path) -> Path:
    beside = root / "run"
    if _fits(beside):
        beside.mkdir(exist_ok=True, mode=0o700)
        return beside
    name = f"orchestrator-{os.getuid()}-{hashlib.sha256(os.fsencode(root)).hexdigest()[:12]}"
    for parent in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp"):  # noqa: S108  checked below
        if parent and os.path.isdir(parent) and _fits(Path(parent) / name):
            return _private(Path(parent) / name)
    raise NotConfigured(
        "No folder is short enough for unix sockets.", field="DATA_DIR", hint="Choose a shorter DATA_DIR."
    )


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder)) + _LONGEST_SOCKET_NAME <= _LONGEST_SOCKET_PATH


def _private(folder: Path) -> Path:
    """Make a folder in a place others can write to, and refuse one that somebody else laid there."""
    folder.mkdir(exist_ok=True, mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise NotConfigured(
            f"{folder} is not a private folder of this user.", hint="Remove it, or choose a shorter DATA_DIR."
        )
    return folder


class Lock:
    """A lock on a file that the kernel lets go of when its holder dies, kill -9 included."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    async def acquire(self, seconds: float) -> None:
        """Hold it alone; raises TimedOut."""

        async def got() -> bool:
            return self._try(fcntl.LOCK_EX)

        if not await wait_until(got, seconds):
            self.release()
            raise TimedOut(f"Another process holds {self._path}", details={"seconds": seconds})

    def share(self) -> None:
        """Hold it together with others; nobody may hold it alone at that moment."""
        if not self._try(fcntl.LOCK_SH):
            raise TimedOut(f"Another process holds {self._path} alone")

    def is_last(self) -> bool:
        """Whether nobody else holds it; afterwards only release() makes sense."""
        return self._try(fcntl.LOCK_EX)

    def release(self) -> None:
        """Let go; harmless when not held."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _try(self, kind: int) -> bool:
        if self._file is None:
            self._file = self._path.open("ab")
        try:
            fcntl.flock(self._file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
