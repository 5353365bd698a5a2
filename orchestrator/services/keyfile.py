"""Keys that the service makes for itself when no setting names one: a file under the data folder, readable by us alone.

Used by bootstrap for the signing key and the encryption key. Several processes may start at once on one folder; they
all end up with the same key.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from orchestrator.core.errors import NotConfigured


def read_or_make(path: Path, make: Callable[[], str]) -> str:
    """The key in the file; made, mode 0600, when there is none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _publish(path, make())
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        key = path.read_text().strip()
    except OSError as error:
        raise NotConfigured(f"the key file {path.name} cannot be read or made: {error.strerror}") from error
    if not key:
        raise NotConfigured(f"the key file {path.name} is empty", hint="delete it, or restore it from a backup")
    return key


def _publish(path: Path, key: str) -> None:
    """Write aside, then link into place: a reader sees a whole key or none, and the first maker wins."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        if not path.exists():
            _link(name, path)
    finally:
        os.unlink(name)


def _link(name: str, path: Path) -> None:
    try:
        os.link(name, path)
    except FileExistsError:
        return
