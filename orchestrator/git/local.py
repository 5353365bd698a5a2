"""Paths on this machine: which may become projects, what lies inside a tree, how a tree goes away.

Used by the project service, worktrees and tools that read a checkout. Symlinks are followed before anything is judged.
"""

import asyncio
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from orchestrator.core.errors import InvalidInput

MAX_PATH_LENGTH = 4096


def resolve_local_path(path: str, roots: Sequence[Path]) -> Path:
    """The real folder behind a path that must lie below one of the roots; what lies outside is never told apart."""
    if not path or len(path) > MAX_PATH_LENGTH or any(ord(char) < 32 or ord(char) == 127 for char in path):
        raise InvalidInput("The path is empty, too long or holds control characters.", field="path")
    if not path.startswith("/") or ".." in Path(path).parts:
        raise InvalidInput("The path must be absolute and without '..'.", field="path")
    real = Path(os.path.realpath(path))
    if not any(real.is_relative_to(Path(os.path.realpath(root))) for root in roots):
        raise InvalidInput(
            "The path is not below a folder that projects may come from.",
            field="path",
            hint="PROJECT_ROOTS lists these folders.",
        )
    if not real.is_dir():
        raise InvalidInput("There is no such folder.", field="path")
    return real


def path_inside(root: Path, relative: str) -> Path:
    """The real path of something in a tree; InvalidInput when it leaves the tree, by ``..`` or by a symlink."""
    if "\0" in relative or len(relative) > MAX_PATH_LENGTH:
        raise InvalidInput("The path is too long or holds a NUL.", field="path")
    base = os.path.realpath(root)
    real = Path(os.path.realpath(os.path.join(base, relative)))
    if not real.is_relative_to(base):
        raise InvalidInput("The path leaves the project.", field="path")
    return real


async def remove_tree(path: Path) -> None:
    """Delete a folder with everything in it, also what was made read-only; quiet when it is not there."""
    await asyncio.to_thread(_remove_tree, path)


def _remove_tree(path: Path) -> None:
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return
    except PermissionError:
        make_writable(path)
        shutil.rmtree(path)


def make_writable(path: Path) -> None:
    """Let us write to a folder and all folders in it."""
    path.chmod(0o700)
    for folder, names, _ in os.walk(path):
        for inner in (Path(folder, name) for name in names):
            if not inner.is_symlink():
                inner.chmod(0o700)
