"""The built-in server ``code``: find files, read them, search in them, outline them. Reads only.

Used through the pool like any server; the files are those of the call's ``project_root``. What git ignores is not seen;
paths and links out of the tree are refused.
"""

import asyncio
import os
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import AliasChoices, Field

from orchestrator.core.errors import InvalidInput, OrchestratorError, RepositoryFailed
from orchestrator.mcp.builtin import Arguments, BuiltinServer, BuiltinTool, CallContext
from orchestrator.mcp.outline import SUPPORTED, outline_of
from orchestrator.mcp.patterns import glob_matcher
from orchestrator.mcp.project_files import is_checkout, is_link_of_git, list_files, read_bytes, run_git, safe_path

_MAX_READ = 1024 * 1024
_MAX_OUTLINE = 1 * 1024 * 1024
_MAX_GREP = 4 * 1024 * 1024
_MAX_LINE = 500
_MAX_LINK = 4096

Rank = Callable[[str], int | None]
"""How well a path fits, 0 best; None when it does not."""


class SearchArguments(Arguments):
    """What files to find."""

    pattern: str = Field(
        min_length=1,
        max_length=500,
        validation_alias=AliasChoices("pattern", "query"),
        description="A glob such as **/test_*.py, or any part of a path.",
    )
    under: str = Field("", max_length=4096, description="Only below this folder.")
    limit: int = Field(100, ge=1, le=5000, description="How many files at most.")


class ReadArguments(Arguments):
    """What to read."""

    path: str = Field(min_length=1, max_length=4096, description="The file's path in the project.")
    start_line: int = Field(1, ge=1, description="First line, counted from 1.")
    end_line: int | None = Field(None, ge=1, description="Last line, included; to the end if left out.")
    max_bytes: int = Field(256 * 1024, ge=1, le=_MAX_READ, description="Bytes at most.")


class GrepArguments(Arguments):
    """What to look for in files."""

    pattern: str = Field(
        min_length=1, max_length=1000, description="A regular expression (Perl syntax), or plain text."
    )
    under: str = Field("", max_length=4096, description="Only in this file or below this folder.")
    plain: bool = Field(False, description="Take the pattern as plain text.")
    ignore_case: bool = Field(False, description="Do not tell upper from lower case.")
    limit: int = Field(200, ge=1, le=5000, description="How many lines at most.")
    seconds: float = Field(10.0, gt=0, le=30, description="Time limit.")


class OutlineArguments(Arguments):
    """What to outline."""

    path: str = Field(min_length=1, max_length=4096, description="The file's path in the project.")


async def _search_files(context: CallContext, given: SearchArguments) -> dict[str, Any]:
    root = context.require_root()
    # A name that is no UTF-8 is matched and shown with U+FFFD: JSON has no other way, and leaving it out is worse.
    files = [os.fsencode(name).decode("utf-8", "replace") for name in await list_files(root)]
    return await asyncio.to_thread(_ranked, files, given)


def _ranked(files: list[str], given: SearchArguments) -> dict[str, Any]:
    """The fitting files: exact names first, then names that begin so, names that hold it, paths that hold it."""
    prefix = given.under.strip("/") + "/" if given.under.strip("/") else ""
    rank = _glob_rank(given.pattern) if re.search(r"[*?\[]", given.pattern) else _text_rank(given.pattern)
    fitting = [
        (place, len(name), name) for name in files if name.startswith(prefix) and (place := rank(name)) is not None
    ]
    fitting.sort()
    names = [name for _, _, name in fitting[: given.limit]]
    return {"files": names, "total": len(fitting), "truncated": len(fitting) > given.limit}


def _glob_rank(pattern: str) -> Rank:
    matches = glob_matcher(pattern)
    if matches is None:
        raise InvalidInput("This is not a glob.", field="arguments.pattern")

    def rank(path: str) -> int | None:
        return 0 if matches(path) else None

    return rank


def _text_rank(pattern: str) -> Rank:
    wanted = pattern.lower()

    def rank(path: str) -> int | None:
        low = path.lower()
        name = low.rpartition("/")[2]
        tests = (wanted in (low, name), name.rpartition(".")[0] == wanted, name.startswith(wanted), wanted in name)
        for place, fits in enumerate((*tests, wanted in low)):
            if fits:
                return place
        return None

    return rank


async def _read_file(context: CallContext, given: ReadArguments) -> dict[str, Any]:
    if given.end_line is not None and given.end_line < given.start_line:
        raise InvalidInput("The last line comes before the first.", field="arguments.end_line")
    root = context.require_root()
    read = await asyncio.to_thread(_read_lines, root, given)
    text = str(read["text"])
    like_a_target = read["total_lines"] == 1 and len(text) <= _MAX_LINK and not text.endswith("\n")
    if like_a_target and await is_link_of_git(root, given.path):
        return read | {"link_to": text, "note": "a symbolic link: the text is the path that it points to"}
    return read


def _read_lines(root: Path, given: ReadArguments) -> dict[str, Any]:
    data, more = read_bytes(root, given.path, max_bytes=16 * _MAX_READ)
    if b"\0" in data[:8192]:
        raise InvalidInput(f"{given.path!r} is a binary file.", field="arguments.path")
    lines = data.splitlines(keepends=True)
    chosen = b"".join(lines[given.start_line - 1 : given.end_line])
    cut = len(chosen) > given.max_bytes
    text = chosen[: given.max_bytes].decode("utf-8", "replace")
    count = text.count("\n") + (bool(text) and not text.endswith("\n"))
    return {
        "path": given.path,
        "text": text,
        "start_line": given.start_line,
        "end_line": given.start_line + count - 1,
        "total_lines": None if more else len(lines),
        "truncated": cut or (more and given.end_line is None),
    }


async def _grep(context: CallContext, given: GrepArguments) -> dict[str, Any]:
    root = context.require_root()
    where = []
    if given.under.strip("/"):
        await asyncio.to_thread(safe_path, root, given.under, field="arguments.under")
        where = [given.under.strip("/")]
    scope = "--untracked" if await asyncio.to_thread(is_checkout, root) else "--no-index"
    flags = ["-F" if given.plain else "-P", *(["-i"] if given.ignore_case else [])]
    asked = await run_git(
        root,
        ("grep", "-n", "-I", "-z", "--no-color", "--full-name", scope, *flags, "-e", given.pattern, "--", *where),
        max_bytes=_MAX_GREP,
        seconds=given.seconds,
    )
    if asked.code > 1:
        raise _refusal(asked.errors)
    found = [match for line in asked.out.split(b"\n") if (match := _match(line)) is not None]
    return {"matches": found[: given.limit], "truncated": asked.truncated or len(found) > given.limit}


def _refusal(errors: str) -> OrchestratorError:
    """Git's last word on a search, as ours: a pattern it cannot read, one that is too costly, or something else."""
    said = errors.strip().rpartition("\n")[2].removeprefix("fatal: ")[:300]
    if "limit exceeded" in said:
        hint = "Avoid nested repetitions such as (a+)+, or search for plain text."
        return InvalidInput(f"The pattern takes too long on a file: {said}.", field="arguments.pattern", hint=hint)
    if "-e option" in said or "pcre" in said.lower() or "regex" in said.lower():
        return InvalidInput(f"Git does not understand this pattern: {said}.", field="arguments.pattern")
    return RepositoryFailed(f"git could not search the project's files: {said}.")


def _match(line: bytes) -> dict[str, Any] | None:
    parts = line.split(b"\0", 2)
    if len(parts) != 3 or not parts[1].isdigit():
        return None
    path, number, text = parts
    return {
        "path": path.decode("utf-8", "replace"),
        "line": int(number),
        "text": text.decode("utf-8", "replace")[:_MAX_LINE],
    }


async def _outline(context: CallContext, given: OutlineArguments) -> dict[str, Any]:
    suffix = PurePosixPath(given.path).suffix
    if suffix not in SUPPORTED:
        raise InvalidInput(
            f"No outline for {suffix or 'files without suffix'}; there is one for {', '.join(sorted(SUPPORTED))}.",
            field="arguments.path",
        )
    root = context.require_root()
    data, more = await asyncio.to_thread(read_bytes, root, given.path, max_bytes=_MAX_OUTLINE)
    symbols, broken = await asyncio.to_thread(outline_of, suffix, data)
    return {"path": given.path, "symbols": symbols, "has_errors": broken, "truncated": more}


def code_server() -> BuiltinServer:
    """The server, ready for the pool."""
    return BuiltinServer(
        "code",
        [
            BuiltinTool(
                "search_files", "Find files of the project by glob or by part of their path, best first.",
                SearchArguments, _search_files, ("file_search",),
            ),
            BuiltinTool(
                "read_file", "Read a text file of the project, or some of its lines.",
                ReadArguments, _read_file, ("file_read",),
            ),
            BuiltinTool(
                "grep", "Search the contents of the project's files by regular expression.",
                GrepArguments, _grep, ("code_search",),
            ),
            BuiltinTool(
                "outline", "The classes, functions and headings of a file, with their lines.",
                OutlineArguments, _outline, ("code_outline",),
            ),
        ],
    )  # fmt: skip
