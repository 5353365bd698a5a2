"""Reading commits of a bare repository: names to commits, the files of a commit, the bytes of a file. Used by mirrors.

Reads git's objects, never a work tree, so a symlink is a small file here and leads nowhere. Every answer has a limit.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from orchestrator.core.errors import InvalidInput, NotFound, TooLarge
from orchestrator.git.program import run_git

FileKind = Literal["file", "executable", "symlink", "submodule"]

HEAD_REF = "refs/orchestrator/head"
MAX_FILES = 200_000
MAX_LISTING = 64 * 1024 * 1024
_KINDS: dict[str, FileKind] = {"100644": "file", "100664": "file", "100755": "executable", "120000": "symlink"}
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+@#-]{0,254}")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a commit. ``path`` has bytes that are not UTF-8 escaped; ``size`` is in bytes."""

    path: str
    kind: FileKind
    size: int
    blob: str


def check_commit(commit: str) -> str:
    """The commit id itself when it is a full one in hex, else InvalidInput."""
    if not _COMMIT.fullmatch(commit):
        raise InvalidInput("A commit is named by its 40 hexadecimal digits.", field="commit")
    return commit


async def resolve(git_dir: Path, ref: str | None) -> str:
    """The commit a branch, tag or commit id names; without a name, the one the project stands on."""
    if ref is not None and (not _REF.fullmatch(ref) or ".." in ref or "@{" in ref):
        raise InvalidInput("This is not the name of a branch, tag or commit.", field="ref")
    if ref is None:
        names = [HEAD_REF]
    else:
        names = [f"refs/remotes/origin/{ref}", f"refs/heads/{ref}", f"refs/tags/{ref}"]
        names += [ref] if re.fullmatch(r"[0-9a-f]{4,64}", ref) else []
    asked = "".join(f"{name}^{{commit}}\n" for name in names).encode()
    done = await run_git("cat-file", "--batch-check=%(objectname)", cwd=git_dir, stdin=asked)
    for line in done.text.splitlines():
        if _COMMIT.fullmatch(line):
            return line
    raise NotFound("The repository has no such branch, tag or commit.", field="ref")


async def list_files(git_dir: Path, commit: str, max_files: int = MAX_FILES) -> tuple[FileEntry, ...]:
    """All files of a commit in git's order; TooLarge over ``max_files``."""
    args = ("ls-tree", "-r", "-z", "-l", "--full-tree", check_commit(commit))
    done = await run_git(*args, cwd=git_dir, max_output=MAX_LISTING)
    records = done.output.split(b"\0")[:-1]
    if len(records) > max_files:
        raise TooLarge(f"The commit has more than {max_files} files.", details={"limit": max_files})
    return tuple(_entry(record) for record in records)


def _entry(record: bytes) -> FileEntry:
    head, _, path = record.partition(b"\t")
    mode, kind, blob, size = head.decode().split()
    name = path.decode("utf-8", "backslashreplace")
    if kind == "commit":
        return FileEntry(name, "submodule", 0, blob)
    return FileEntry(name, _KINDS.get(mode, "file"), int(size), blob)


async def read_file(git_dir: Path, commit: str, path: str, max_bytes: int) -> bytes:
    """The bytes of one file of a commit; NotFound, TooLarge, or InvalidInput for what is not a regular file."""
    clean = path.strip("/")
    if not clean or "\0" in path or len(path) > 4096 or any(part in ("", ".", "..") for part in clean.split("/")):
        raise InvalidInput("The path must be relative and without '..'.", field="path")
    done = await run_git("ls-tree", "-z", "-l", "--full-tree", check_commit(commit), "--", clean, cwd=git_dir)
    record = done.output.split(b"\0")[0]
    if not record:
        raise NotFound("The commit has no such file.", field="path")
    mode, kind, blob, size = record.partition(b"\t")[0].decode().split()
    if kind != "blob" or mode == "120000":
        what = {"tree": "a folder", "commit": "a submodule"}.get(kind, "a symbolic link")
        raise InvalidInput(f"The path is {what}, not a file.", field="path")
    if int(size) > max_bytes:
        raise TooLarge(
            f"The file has {size} bytes; {max_bytes} are allowed.", field="path", details={"size": int(size)}
        )
    return (await run_git("cat-file", "blob", blob, cwd=git_dir, max_output=max_bytes)).output
