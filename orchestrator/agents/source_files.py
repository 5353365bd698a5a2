"""The files of a worktree that a code-mod may change: found, read and written without leaving it. Used by code-mods.

Links are not followed; git's data, vendored and built folders are left out, as are large files and what is not text.
Bytes that are not changed stay as they are, line endings and byte order marks among them.
"""

import os
from collections.abc import Iterator
from pathlib import Path

MOST_BYTES = 2 * 1024 * 1024
_NEVER = frozenset({
    ".git", ".hg", ".svn", ".venv", "venv", "node_modules", "vendor", "third_party", "__pycache__", "build", "dist",
    "target", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".tox", ".eggs", "site-packages",
})  # fmt: skip


def files_below(root: Path, start: Path) -> Iterator[Path]:
    """Plain files, in the order of their names."""
    if start.is_file() and not start.is_symlink():
        yield start
        return
    for folder, names, files in os.walk(start, followlinks=False):
        names[:] = sorted(name for name in names if name not in _NEVER)
        for name in sorted(files):
            path = Path(folder, name)
            if not path.is_symlink() and path.is_file():
                yield path


def read_text(path: Path) -> str | None:
    """A file's text with its own line endings; None for what is too large, or no UTF-8 text."""
    if path.stat().st_size > MOST_BYTES:
        return None
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def write_text(path: Path, text: str) -> None:
    """Write it as it is."""
    path.write_bytes(text.encode("utf-8"))
