"""The files an agent may read and write through us: those of its worktree, and no way out. Used by the client side.

Each step of a path is opened in the folder before it and links are not followed, so an agent that swaps a folder for a
link in the meantime gains nothing. Git's own data is not writable. Blocking; call it in a thread.
"""

import os
import stat
from pathlib import Path

from orchestrator.core.errors import InvalidInput, NotFound, TooLarge

_MOST_BYTES = 10 * 1024 * 1024
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def relative(root: Path, path: str) -> tuple[str, ...]:
    """The steps from the root to a path in it; InvalidInput for any other."""
    if not path or "\0" in path or len(path) > 4096:
        raise InvalidInput("A path is expected.", field="path")
    inside = os.path.normpath(os.path.join(root, path))
    steps = Path(inside).parts[len(root.parts) :]
    if Path(inside).parts[: len(root.parts)] != root.parts or not steps:
        raise InvalidInput(f"{path[:200]!r} is not in the worktree.", field="path")
    return steps


def read_text(root: Path, path: str, line: int | None = None, limit: int | None = None) -> str:
    """A file's text, or ``limit`` of its lines from ``line`` (1-based) on."""
    folder = _open_folder(root, relative(root, path)[:-1], path)
    try:
        # Not blocking: a pipe that somebody put there would be waited for.
        file = os.open(Path(path).name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        os.close(folder)
    with os.fdopen(file, "rb") as opened:
        _check_plain(opened.fileno(), path)
        text = opened.read(_MOST_BYTES).decode("utf-8", "replace")
    if line is None and limit is None:
        return text
    first = max(0, (line or 1) - 1)
    lines = text.splitlines(keepends=True)
    return "".join(lines[first : first + limit] if limit is not None else lines[first:])


def write_text(root: Path, path: str, content: str) -> None:
    """Write a whole file; folders on the way are made."""
    steps = relative(root, path)
    data = content.encode("utf-8", "surrogatepass")
    if len(data) > _MOST_BYTES:
        raise TooLarge(f"More than {_MOST_BYTES} bytes.", field="content")
    if ".git" in steps:
        raise InvalidInput("Git's own data is not written to.", field="path")
    folder = _open_folder(root, steps[:-1], path, make=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        file = os.open(steps[-1], flags, 0o644, dir_fd=folder)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        os.close(folder)
    with os.fdopen(file, "wb") as opened:
        _check_plain(opened.fileno(), path)
        opened.truncate(0)
        opened.write(data)


def _open_folder(root: Path, steps: tuple[str, ...], path: str, *, make: bool = False) -> int:
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for step in steps:
        try:
            if make:
                _make_folder(step, folder)
            inner = os.open(step, _FOLDER, dir_fd=folder)
        except OSError as error:
            raise _refused(path, error) from error
        finally:
            os.close(folder)
        folder = inner
    return folder


def _make_folder(name: str, folder: int) -> None:
    try:
        os.mkdir(name, 0o755, dir_fd=folder)
    except FileExistsError:
        return


def _check_plain(file: int, path: str) -> None:
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        raise InvalidInput(f"{path[:200]!r} is no plain file.", field="path")
    if found.st_size > _MOST_BYTES:
        raise TooLarge(f"{path[:200]!r} has more than {_MOST_BYTES} bytes.", field="path")


def _refused(path: str, error: OSError) -> InvalidInput | NotFound:
    if isinstance(error, FileNotFoundError):
        return NotFound(f"There is no file {path[:200]!r}.", field="path")
    text = f"{path[:200]!r} cannot be opened without leaving the worktree: {error.strerror}."
    return InvalidInput(text, field="path")
