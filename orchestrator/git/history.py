"""Reads a repository's history: commits with their files, and changed lines along the main line. Used by services.

Bounded by commits, seconds and bytes: it reads page by page, newest first, and says where and why it stopped. The
border of a shallow repository is left out, because git shows such commits as if they had added every file.
"""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.core.commits import Commit, CommitPatch, FilePatch, History, TouchedFile
from orchestrator.core.errors import TimedOut
from orchestrator.git.patches import COMMIT_MARK, read_commit_patches, read_patch
from orchestrator.git.program import Completed, run_git
from orchestrator.git.tree import check_commit

OnRead = Callable[[str, int], None]

_DIFF = ("--no-color", "--no-ext-diff", "--no-textconv", "--no-abbrev", "--find-renames")
_PLAIN = ("--no-show-signature", *_DIFF)
_FORMAT = f"--format={COMMIT_MARK}%H%x00%P%x00%aN%x00%aE%x00%aI%x00%s"
_FIELDS = 5
_BEGINS = re.compile(f"(?:^|(?<=\\0)){COMMIT_MARK}[0-9a-f]{{40}}", re.MULTILINE)
_PAGE, _PATCH_PAGE = 2000, 250


@dataclass(frozen=True, slots=True)
class HistoryLimits:
    """How much history is read: commits, and of those on the main line, patches; seconds and bytes for each."""

    commits: int = 20_000
    patches: int = 3_000
    seconds: float = 60.0
    bytes: int = 96 * 1024 * 1024


async def read_history(
    git_dir: Path, commit: str, limits: HistoryLimits = HistoryLimits(), on_read: OnRead | None = None
) -> History:
    """The history behind a commit. ``on_read`` hears ``commits`` or ``patches`` with how many are read so far."""
    check_commit(commit)
    border = await _shallow_border(git_dir)
    reader = _Pages(git_dir, commit, limits, on_read)
    texts, cut = await reader.read("commits", _PAGE, limits.commits, (_FORMAT, "-z", "--raw", "--numstat"))
    commits = [one for text in texts for one in await asyncio.to_thread(_commits, text) if one.id not in border]
    main = ("--first-parent", "--diff-merges=first-parent", f"--format={COMMIT_MARK}%H", "--patch", "--unified=0")
    texts, patches_cut = await reader.read("patches", _PATCH_PAGE, limits.patches, main)
    patches: list[CommitPatch] = []
    for text in texts:
        found = await asyncio.to_thread(list, read_commit_patches(text))
        patches += [patch for patch in found if patch.commit not in border]
    shallow = "shallow" if border else ""
    return History(commit, tuple(commits), cut or shallow, tuple(patches), patches_cut or shallow)


async def read_diff(git_dir: Path, old: str, new: str) -> tuple[FilePatch, ...]:
    """The changed lines between two commits. Raises RepositoryFailed when one is not there, TooLarge for a huge one."""
    args = ("diff", *_DIFF, "--unified=0", check_commit(old), check_commit(new), "--")
    done = await run_git(*args, cwd=git_dir)
    return await asyncio.to_thread(read_patch, done.output.decode("utf-8", "backslashreplace"))


async def _shallow_border(git_dir: Path) -> frozenset[str]:
    path = git_dir / "shallow"
    return frozenset((await asyncio.to_thread(path.read_text)).split()) if path.is_file() else frozenset()


@dataclass(frozen=True, slots=True)
class _Pages:
    """One way of reading: pages until there is no more, or a limit is met."""

    git_dir: Path
    commit: str
    limits: HistoryLimits
    on_read: OnRead | None

    async def read(self, what: str, page: int, most: int, args: tuple[str, ...]) -> tuple[list[str], str]:
        """The pages' texts and the limit that ended the reading, "" when all was read."""
        deadline, size, texts = time.monotonic() + self.limits.seconds, 0, list[str]()
        for skip in range(0, most, page):
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return texts, "seconds"
            try:
                done = await self._page(args, skip, min(page, most - skip), remaining, self.limits.bytes - size)
            except TimedOut:
                return texts, "seconds"
            text = _whole(done)
            texts.append(text)
            size += len(done.output)
            read = len(_BEGINS.findall(text))
            if self.on_read is not None:
                self.on_read(what, skip + read)
            if done.truncated or size >= self.limits.bytes:
                return texts, "bytes"
            if read < min(page, most - skip):
                return texts, ""
        return texts, "commits"

    async def _page(self, args: tuple[str, ...], skip: int, count: int, seconds: float, size: int) -> Completed:
        return await run_git(
            *("log", *_PLAIN, *args, f"--skip={skip}", f"--max-count={count}", self.commit, "--"),
            cwd=self.git_dir,
            timeout=max(seconds, 0.1),
            max_output=max(size, 1),
            truncate=True,
            settings=(("mailmap.blob", f"{self.commit}:.mailmap"), ("log.showRoot", "true")),
        )


def _whole(done: Completed) -> str:
    """The text of a page; where it was cut, without the commit it was cut in."""
    text = done.output.decode("utf-8", "backslashreplace")
    if not done.truncated:
        return text
    starts = [match.start() for match in _BEGINS.finditer(text)]
    return text[: starts[-1]] if starts else ""


def _commits(text: str) -> list[Commit]:
    """The commits of one page: fields and file entries, each ended by NUL, so that no content is taken for another."""
    tokens = iter(text.split("\0"))
    commits: list[Commit] = []
    files: dict[str, TouchedFile] = {}
    for token in tokens:
        if token.startswith(COMMIT_MARK):
            _give(commits, files)
            parents, author, email, at, subject = (next(tokens, "") for _ in range(_FIELDS))
            commits.append(Commit(token[1:], tuple(parents.split()), author, email, at, subject, ()))
        elif token.lstrip("\n").startswith(":"):
            letter = token.split(" ")[4][:1]
            first = next(tokens, "")
            path = next(tokens, "") if letter in ("R", "C") else first
            files[path] = TouchedFile(path, first if path != first else "", letter, 0, 0)
        elif token.count("\t") >= 2:
            added, removed, path = token.split("\t", 2)
            if not path:
                next(tokens, "")
                path = next(tokens, "")
            if path in files and added != "-":
                files[path] = files[path]._replace(added=int(added), removed=int(removed))
    _give(commits, files)
    return commits


def _give(commits: list[Commit], files: dict[str, TouchedFile]) -> None:
    """The files read so far belong to the last commit."""
    if commits and files:
        commits[-1] = replace(commits[-1], files=tuple(files.values()))
    files.clear()
