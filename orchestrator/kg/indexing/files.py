"""Read a tree of files: which there are, their git blob ids, their text, and what must be skipped and why.

Used by the build. Never follows a symlink, never reads outside the root, never trusts a size or an encoding.
"""

import errno
import hashlib
import io
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.kg.facts import Skipped, SourceFile
from orchestrator.kg.indexing.languages import language_of
from orchestrator.kg.indexing.wanted import NEVER

MAX_HASHED = 256 * 1024 * 1024
_LONGEST_LINE = 200_000
_LFS = b"version https://git-lfs.github.com/spec/"
_HEAD = 200
_MORE = 64 * 1024
_MOST_LISTED = 1024 * 1024
_SUBMODULE = re.compile(r"^\s*path\s*=\s*([^/\s].*?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Read:
    """A file with its UTF-8 text where it is source we parse, and what is to be said about it."""

    file: SourceFile
    text: bytes | None
    skipped: Skipped | None


def list_files(root: Path) -> list[str]:
    """Every path below ``root`` in stable order, without version control and installed packages."""
    found: list[str] = []
    for folder, folders, names in os.walk(root, followlinks=False):
        linked = [name for name in folders if (Path(folder) / name).is_symlink()]
        folders[:] = sorted(name for name in folders if name not in NEVER and name not in linked)
        found += [os.path.relpath(Path(folder) / name, root) for name in [*names, *linked]]
    found += [path for path in _submodules(root) if not any(one.startswith(f"{path}/") for one in found)]
    return sorted(found)


def _submodules(root: Path) -> list[str]:
    """Folders that are other repositories and were not fetched with this one."""
    listed = root / ".gitmodules"
    if listed.is_symlink() or not listed.is_file() or listed.stat().st_size > _MOST_LISTED:
        return []
    told = listed.read_text("utf-8", "replace")
    return [path for path in _SUBMODULE.findall(told) if (root / path).is_dir() and ".." not in path.split("/")]


def read_files(root: Path, paths: Sequence[str]) -> Iterator[Read | Skipped]:
    """Each path as a file, or why it is none."""
    real_root = root.resolve()
    inside: dict[str, bool] = {}
    for path in paths:
        yield _read(real_root, path, inside)


def _read(root: Path, path: str, inside: dict[str, bool]) -> Read | Skipped:
    parts = path.split("/")
    if not path or path.startswith("/") or ".." in parts or "\0" in path:
        return Skipped(path, "outside the tree")
    full = os.path.join(root, path)
    try:
        found = os.lstat(full)
        if stat.S_ISLNK(found.st_mode):
            return Skipped(
                path, "symlink", "out of the tree" if not _inside(root, full) else "the target is read itself"
            )
        if stat.S_ISDIR(found.st_mode):
            return Skipped(path, "submodule", "its files belong to another repository")
        if not stat.S_ISREG(found.st_mode):
            return Skipped(path, "not a regular file")
        # Only folders on the way can still lead out, and they are looked at once each.
        folder = os.path.dirname(full)
        if folder not in inside:
            inside[folder] = _inside(root, folder)
        if not inside[folder]:
            return Skipped(path, "symlink", "a folder on the way leads out of the tree")
        return _read_regular(full, path)
    except RuntimeError:  # so says resolve
        return Skipped(path, "symlink", "leads round in a circle")
    except OSError as error:
        return Skipped(path, "unreadable", type(error).__name__)


def _inside(root: Path, full: str) -> bool:
    return Path(full).resolve().is_relative_to(root)


def _read_regular(full: str, path: str) -> Read | Skipped:
    """The file as it is now: since it was looked at, it may have become a link, a pipe, or larger than it said."""
    try:
        handle = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        return Skipped(path, "symlink", "became one while it was read")
    with open(handle, "rb", buffering=0) as stream:  # a path object costs as much as reading
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            return Skipped(path, "not a regular file")
        data = b"" if found.st_size > MAX_HASHED else _all_of(stream, found.st_size)
        size = max(found.st_size, len(data))
    if size > MAX_HASHED:
        return Skipped(path, "too large", f"{size} bytes; files over {MAX_HASHED} are not even hashed")
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    language = language_of(path, data[:_HEAD])
    file = SourceFile(path, blob, len(data), language.name if language else "")
    if language is None:
        return Read(file, None, None)
    refused = _refused(path, data, language.largest)
    if refused is not None:
        return Read(file, None, refused)
    text, skipped = language.text(path, data)
    return Read(file, text, skipped)


def _all_of(stream: io.FileIO, size: int) -> bytes:
    """Everything up to the end, or more than may be hashed: one that is written to meanwhile might have no end."""
    data = stream.read(size + 1)
    # Mostly there is no more: room for all there might be would be asked of the kernel and given back for every file.
    while data and len(data) <= MAX_HASHED and (more := stream.read(_MORE)):
        data += more
    return data or b""


def _refused(path: str, data: bytes, largest: int) -> Skipped | None:
    """Why a file of a language we read is not parsed, whatever the language."""
    if len(data) > largest:
        return Skipped(path, "too large", f"{len(data)} bytes; files over {largest} are not parsed")
    if data.startswith(_LFS):
        return Skipped(path, "git-lfs pointer", "the content is not in the tree")
    if b"\0" in data:
        return Skipped(path, "binary", "contains a NUL byte")
    if len(data) > _LONGEST_LINE and max(map(len, data.split(b"\n"))) > _LONGEST_LINE:
        return Skipped(path, "minified", f"a line is longer than {_LONGEST_LINE} bytes")
    return None
