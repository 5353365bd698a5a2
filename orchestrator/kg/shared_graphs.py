"""Graphs that belong to a project but to no snapshot of its files, such as its history and the work done on it.

    <folder>/shared/<name>.nq    N-Quads; every view of the project sees them, and builds leave them alone

Written by services that know such things, read by query servers and export. A file is replaced whole or not at all.
"""

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from orchestrator.core.errors import InvalidInput

_NAME = re.compile(r"[a-z][0-9a-z-]{0,99}")
_FOLDER = "shared"

Stamp = tuple[int, int]


def write_shared(folder: Path, name: str, quads: Iterable[str]) -> None:
    """Replace the graphs kept under a name by ``quads`` (lines, with or without line ends); none removes them.

    A named graph belongs to one name only. Raises InvalidInput for a name that is not lower-case letters, digits and -.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"not a name for shared graphs: {name[:100]!r}", field="name")
    shared = folder / _FOLDER
    shared.mkdir(parents=True, exist_ok=True)
    target = shared / f"{name}.nq"
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=shared, prefix=".", delete=False) as draft:
        try:
            for line in quads:
                draft.write(line if line.endswith("\n") else line + "\n")
            empty = draft.tell() == 0
            draft.flush()
            os.fsync(draft.fileno())
            Path(draft.name).replace(target)
        except BaseException:
            Path(draft.name).unlink()
            raise
    if empty:
        target.unlink()


def shared_files(folder: Path) -> dict[Path, Stamp]:
    """The files there are, each with a stamp that changes when it is replaced."""
    found: dict[Path, Stamp] = {}
    for path in sorted((folder / _FOLDER).glob("[a-z]*.nq")):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue  # removed since it was listed
        found[path] = (status.st_ino, status.st_mtime_ns)
    return found
