"""Read a tree of files: which there are, their git blob ids, their text, and what must be skipped and why.

Used by the build. Never follows a symlink, never reads outside the root, never trusts a size or an encoding.
"""

import codecs
import hashlib
import io
import os
import re
import stat
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.kg.facts import Skipped, SourceFile

MAX_PARSED = 2 * 1024 * 1024
MAX_HASHED = 256 * 1024 * 1024
_LONGEST_LINE = 200_000
_NEVER = frozenset(
    {".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", ".tox", ".mypy_cache", ".ruff_cache"}
)
_LFS = b"version https://git-lfs.github.com/spec/"
_PYTHON_LINE = re.compile(rb"#!.*\bpython[0-9.]*\b")
_LANGUAGES = {".py": "python", ".pyw": "python"}


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
        folders[:] = sorted(name for name in folders if name not in _NEVER and name not in linked)
        found += [os.path.relpath(Path(folder) / name, root) for name in [*names, *linked]]
    return sorted(found)


def read_files(root: Path, paths: Sequence[str]) -> Iterator[Read | Skipped]:
    """Each path as a file, or why it is none."""
    real_root = root.resolve()
    inside: dict[Path, bool] = {}
    for path in paths:
        yield _read(real_root, path, inside)


def _read(root: Path, path: str, inside: dict[Path, bool]) -> Read | Skipped:
    parts = path.split("/")
    if not path or path.startswith("/") or ".." in parts or "\0" in path:
        return Skipped(path, "outside the tree")
    full = root / path
    try:
        found = full.lstat()
        if stat.S_ISLNK(found.st_mode):
            return Skipped(
                path, "symlink", "out of the tree" if not _inside(root, full) else "the target is read itself"
            )
        if not stat.S_ISREG(found.st_mode):
            return Skipped(path, "not a regular file", "submodule" if (full / ".git").exists() else "")
        # Only folders on the way can still lead out, and they are looked at once each.
        if full.parent not in inside:
            inside[full.parent] = _inside(root, full.parent)
        if not inside[full.parent]:
            return Skipped(path, "symlink", "a folder on the way leads out of the tree")
        return _read_regular(full, path, found.st_size)
    except (OSError, RuntimeError) as error:
        return Skipped(path, "unreadable", type(error).__name__)


def _inside(root: Path, full: Path) -> bool:
    return full.resolve().is_relative_to(root)


def _read_regular(full: Path, path: str, size: int) -> Read | Skipped:
    if size > MAX_HASHED:
        return Skipped(path, "too large", f"{size} bytes; files over {MAX_HASHED} are not even hashed")
    data = full.read_bytes()
    language = _LANGUAGES.get(os.path.splitext(path)[1], "")
    if not language and "." not in path.rpartition("/")[2] and _PYTHON_LINE.match(data[:200].partition(b"\n")[0]):
        language = "python"
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    file = SourceFile(path, blob, len(data), language)
    if not language:
        return Read(file, None, None)
    text, skipped = _python_text(path, data)
    return Read(file, text, skipped)


def _python_text(path: str, data: bytes) -> tuple[bytes | None, Skipped | None]:
    """The file as UTF-8, after the rules of PEP 263, or why it is not parsed."""
    if len(data) > MAX_PARSED:
        return None, Skipped(path, "too large", f"{len(data)} bytes; files over {MAX_PARSED} are not parsed")
    if data.startswith(_LFS):
        return None, Skipped(path, "git-lfs pointer", "the content is not in the tree")
    if b"\0" in data:
        return None, Skipped(path, "binary", "contains a NUL byte")
    if max(map(len, data.split(b"\n")), default=0) > _LONGEST_LINE:
        return None, Skipped(path, "minified", f"a line is longer than {_LONGEST_LINE} bytes")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        reason = "unknown encoding" if "unknown encoding" in str(error.msg) else "not UTF-8"
        return None, Skipped(path, reason, str(error.msg)[:200])
    if encoding in ("utf-8", "utf-8-sig"):
        plain = data.removeprefix(codecs.BOM_UTF8)
        try:
            plain.decode("utf-8")
        except UnicodeDecodeError as error:
            return None, Skipped(path, "not UTF-8", f"byte {error.start}, and no encoding is declared")
        return plain, None
    try:
        return data.decode(encoding).encode("utf-8"), None
    except (UnicodeError, LookupError) as error:
        return None, Skipped(path, "not the declared encoding", f"not {encoding} as declared: {error}"[:200])
