"""Safe reading of a project's checkout: paths that stay inside, bounded git commands, nothing written.

Used by the built-in ``code`` server. A checkout is a stranger's: its links may point anywhere, its git configuration
may name programs to run, its files may be huge or no text at all.
"""

import asyncio
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.core.child_process import end_child
from orchestrator.core.errors import InvalidInput, NotFound, RepositoryFailed, TimedOut

GIT_SECONDS = 20.0
_MAX_LISTING = 64 * 1024 * 1024
# A repository's own configuration must not make git run programs or ask anybody anything.
_GIT = (
    "git", "--no-optional-locks", "--literal-pathspecs", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
    "-c", "safe.directory=*", "-c", "core.quotePath=false", "-c", "core.attributesFile=/dev/null",
)  # fmt: skip
_GIT_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    "LC_ALL": "C.UTF-8",
}


@dataclass(frozen=True, slots=True)
class GitOutput:
    """What a git command wrote, and the end of what it complained of; ``truncated`` when cut at the limit."""

    code: int
    out: bytes
    truncated: bool
    errors: str = ""


async def run_git(root: Path, arguments: Sequence[str], *, max_bytes: int, seconds: float = GIT_SECONDS) -> GitOutput:
    """Run git in the checkout, killed with all it started when time or size run out."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent", **_GIT_ENVIRONMENT}
    process = await asyncio.create_subprocess_exec(
        *_GIT, *arguments, cwd=root, env=environment, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    complaints = asyncio.create_task(_last_words(process.stderr))
    try:
        async with asyncio.timeout(seconds):
            out, truncated = await _read(process.stdout, max_bytes)
            code = 0 if truncated else await process.wait()
            errors = "" if truncated else await complaints
    except TimeoutError as error:
        raise TimedOut(f"git {arguments[0]} took over {seconds:g} s.", details={"seconds": seconds}) from error
    finally:
        if process.returncode is None:
            await end_child(process)
        complaints.cancel()
    return GitOutput(code, out, truncated, errors)


async def _last_words(stream: asyncio.StreamReader | None) -> str:
    """The last few thousand bytes; the rest is read and dropped, so that nobody waits for us to read it."""
    last = b""
    while stream is not None and (part := await stream.read(65536)):
        last = (last + part)[-4096:]
    return last.decode("utf-8", "replace")


async def _read(stream: asyncio.StreamReader | None, max_bytes: int) -> tuple[bytes, bool]:
    parts: list[bytes] = []
    size = 0
    while stream is not None and (part := await stream.read(65536)):
        parts.append(part)
        size += len(part)
        if size > max_bytes:
            return b"".join(parts)[:max_bytes], True
    return b"".join(parts), False


async def list_files(root: Path) -> list[str]:
    """Every file git knows or would add, as paths relative to the root; all files where there is no repository."""
    if not await asyncio.to_thread(is_checkout, root):
        return await asyncio.to_thread(_walk, root)
    command = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
    asked = await run_git(root, command, max_bytes=_MAX_LISTING)
    if asked.code != 0:
        raise RepositoryFailed("git could not list the project's files.")
    names = asked.out.decode("utf-8", "surrogateescape").split("\0")
    return [name for name in names if name]


def is_checkout(root: Path) -> bool:
    """Whether the root is the top of a git checkout of its own."""
    return (root / ".git").exists()


def _walk(root: Path, limit: int = 500_000) -> list[str]:
    found: list[str] = []
    for folder, folders, files in os.walk(root, followlinks=False):
        folders[:] = sorted(name for name in folders if name != ".git")
        found += [os.path.relpath(os.path.join(folder, name), root) for name in sorted(files)]
        if len(found) > limit:
            break
    return found[:limit]


def safe_path(root: Path, path: str, *, field: str = "arguments.path") -> Path:
    """The file meant, links followed, or InvalidInput when it lies outside of the project or in git's own folder."""
    if "\0" in path or len(path) > 4096:
        raise InvalidInput("This is not a path.", field=field)
    given = Path(path)
    if given.is_absolute() or ".." in given.parts:
        raise InvalidInput(f"{path!r}: a path inside of the project is expected.", field=field)
    try:
        home = root.resolve(strict=True)
        meant = (home / given).resolve()
    except (OSError, RuntimeError) as error:
        raise NotFound(f"{path!r} cannot be followed.", field=field) from error
    if not meant.is_relative_to(home):
        raise InvalidInput(f"{path!r} leads out of the project.", field=field)
    if ".git" in meant.relative_to(home).parts:
        raise InvalidInput(f"{path!r} belongs to git, not to the project.", field=field)
    return meant


async def is_link_of_git(root: Path, path: str) -> bool:
    """Whether git keeps this path as a symbolic link: a checkout may hold it as a file with the link's target in it."""
    if not await asyncio.to_thread(is_checkout, root):
        return False
    asked = await run_git(root, ("ls-files", "-s", "-z", "--", path), max_bytes=64 * 1024)
    return asked.out.startswith(b"120000 ")


def read_bytes(root: Path, path: str, *, max_bytes: int, field: str = "arguments.path") -> tuple[bytes, bool]:
    """At most ``max_bytes`` of a regular file of the project, and whether there is more. Blocking."""
    meant = safe_path(root, path, field=field)
    try:
        # Not blocking, so that a named pipe answers at once; not following, since the links are resolved already.
        handle = os.open(meant, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {path!r} in the project.", field=field) from error
    except OSError as error:
        raise InvalidInput(f"{path!r} cannot be read: {error.strerror}.", field=field) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise InvalidInput(f"{path!r} is not a regular file.", field=field)
    with os.fdopen(handle, "rb") as file:
        data = file.read(max_bytes + 1)
    return data[:max_bytes], len(data) > max_bytes
