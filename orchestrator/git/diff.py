"""What changed in a work tree, as one diff with statistics; committing it; pushing it. Used by jobs and agents.

The diff runs from the base commit to the files as they are, so commits an agent made itself are in it, and new files
too. It is read through an index of its own and changes nothing. Opens no pull request: GitHubService does.
"""

import asyncio
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from orchestrator.core.errors import Conflict, InvalidInput
from orchestrator.git.credential import Credential
from orchestrator.git.program import run_git
from orchestrator.git.pushing import push_commit, push_to_path
from orchestrator.git.templates import Author
from orchestrator.git.tree import check_commit
from orchestrator.git.worktree import Worktree

ChangeStatus = Literal["added", "modified", "deleted", "renamed", "copied", "type_changed"]

MAX_DIFF_BYTES = 2 * 1024 * 1024
MAX_STATISTICS = 32 * 1024 * 1024
_STATUS: dict[str, ChangeStatus] = {
    "A": "added",
    "M": "modified",
    "D": "deleted",
    "R": "renamed",
    "C": "copied",
    "T": "type_changed",
}
_QUIET = ("--no-ext-diff", "--no-textconv", "--no-color", "--find-renames", "--ignore-submodules=none")


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a diff; ``added`` and ``removed`` count lines and are 0 for a binary file."""

    path: str
    old_path: str | None
    status: ChangeStatus
    added: int
    removed: int
    binary: bool


@dataclass(frozen=True, slots=True)
class Diff:
    """A unified diff, cut at a line end when ``truncated``, and the statistics of all its files, never cut."""

    text: str
    files: tuple[FileChange, ...]
    truncated: bool

    @property
    def added(self) -> int:
        """Lines added in all files."""
        return sum(file.added for file in self.files)

    @property
    def removed(self) -> int:
        """Lines removed in all files."""
        return sum(file.removed for file in self.files)


async def diff_worktree(worktree: Worktree, *, max_bytes: int = MAX_DIFF_BYTES, timeout: float = 120.0) -> Diff:
    """Everything that differs from the base commit, ignored files aside; the text is cut at ``max_bytes``."""
    index = worktree.git_dir / f"index.diff.{secrets.token_hex(6)}"
    # With its time: a file that was written in the very moment of the index is only looked into when git can tell that.
    await asyncio.to_thread(shutil.copy2, worktree.git_dir / "index", index)
    env = {**worktree.environment, "GIT_INDEX_FILE": str(index)}
    try:
        await run_git("add", "--all", cwd=worktree.path, env=env, timeout=timeout)
        shown = ("diff", "--cached", *_QUIET)
        facts, patch = await asyncio.gather(
            run_git(
                *(*shown, "--raw", "--numstat", "-z", worktree.base_commit),
                cwd=worktree.path,
                env=env,
                timeout=timeout,
                max_output=MAX_STATISTICS,
            ),
            run_git(
                *(*shown, "--patch", worktree.base_commit),
                cwd=worktree.path,
                env=env,
                timeout=timeout,
                max_output=max_bytes,
                truncate=True,
            ),
        )
    finally:
        index.unlink(missing_ok=True)
    return Diff(_readable(patch.output, patch.truncated), tuple(_changes(facts.output)), patch.truncated)


async def diff_commits(
    git_dir: Path, old: str, new: str, *, max_bytes: int = MAX_DIFF_BYTES, timeout: float = 60.0
) -> Diff:
    """What differs between two commits of a mirror; the text is cut at ``max_bytes``."""
    shown = ("diff", *_QUIET)
    commits = (check_commit(old), check_commit(new), "--")
    facts, patch = await asyncio.gather(
        run_git(
            *(*shown, "--raw", "--numstat", "-z"), *commits, cwd=git_dir, timeout=timeout, max_output=MAX_STATISTICS
        ),
        run_git(
            *(*shown, "--patch"), *commits, cwd=git_dir, timeout=timeout, max_output=max_bytes, truncate=True
        ),
    )  # fmt: skip
    return Diff(_readable(patch.output, patch.truncated), tuple(_changes(facts.output)), patch.truncated)


def _readable(patch: bytes, truncated: bool) -> str:
    if truncated:
        patch = patch[: patch.rfind(b"\n") + 1]
    return patch.decode("utf-8", "replace").replace("\0", "\ufffd")


def _changes(output: bytes) -> Iterator[FileChange]:
    """Join git's two lists, which name the same files in the same order."""
    fields = iter(output.decode("utf-8", "backslashreplace").split("\0"))
    status: dict[str, tuple[ChangeStatus, str | None]] = {}
    for field in fields:
        if field.startswith(":"):
            letter = field.split(" ")[4][:1]
            first = next(fields)
            moved = letter in ("R", "C")
            status[next(fields) if moved else first] = (_STATUS.get(letter, "modified"), first if moved else None)
        elif field:
            added, removed, path = field.split("\t", 2)
            if not path:
                next(fields)
                path = next(fields)
            how, old = status[path]
            binary = added == "-"
            yield FileChange(path, old, how, 0 if binary else int(added), 0 if binary else int(removed), binary)


async def commit_all(worktree: Worktree, message: str, author_name: str, author_email: str) -> str:
    """Commit everything on the work tree's branch and return the commit; Conflict when nothing differs from the base.

    Nobody else may work in the tree meanwhile: an index lock a killed program left is removed.
    """
    author = Author(author_name, author_email)
    if not message.strip() or "\0" in message:
        raise InvalidInput("A commit needs a message.", field="message")
    env = {**worktree.environment, **_identity(author)}
    (worktree.git_dir / "index.lock").unlink(missing_ok=True)
    await run_git("add", "--all", cwd=worktree.path, env=env)
    tree = (await run_git("write-tree", cwd=worktree.path, env=env)).text
    parent = (await run_git("rev-parse", "--verify", "HEAD", cwd=worktree.path, env=env)).text
    parent_tree, base_tree = [await _tree_of(worktree, commit) for commit in (parent, worktree.base_commit)]
    if tree == base_tree:
        raise Conflict("Nothing differs from the commit the work began with.")
    if tree != parent_tree:
        made = await run_git("commit-tree", tree, "-p", parent, cwd=worktree.path, env=env, stdin=message.encode())
        parent = made.text
    # Whatever an agent did to HEAD, the result ends up on the branch of the work tree.
    await run_git("update-ref", f"refs/heads/{worktree.branch}", parent, cwd=worktree.path, env=env)
    await run_git("symbolic-ref", "HEAD", f"refs/heads/{worktree.branch}", cwd=worktree.path, env=env)
    return parent


async def _tree_of(worktree: Worktree, commit: str) -> str:
    args = ("rev-parse", "--verify", f"{commit}^{{tree}}")
    return (await run_git(*args, cwd=worktree.path, env=worktree.environment)).text


def _identity(author: Author) -> dict[str, str]:
    return {
        "GIT_AUTHOR_NAME": author.name,
        "GIT_AUTHOR_EMAIL": author.email,
        "GIT_COMMITTER_NAME": author.name,
        "GIT_COMMITTER_EMAIL": author.email,
    }


async def push_branch(
    worktree: Worktree,
    remote_url: str,
    *,
    credential: Credential | None = None,
    remote_branch: str | None = None,
    timeout: float = 120.0,
) -> str:
    """Push the work tree's branch, never by force, and return the remote branch's name; Conflict when it moved on."""
    branch = remote_branch or worktree.branch
    source = f"refs/heads/{worktree.branch}"
    await push_commit(_mirror(worktree), remote_url, source, branch, credential=credential, timeout=timeout)
    return branch


async def push_branch_to_path(
    worktree: Worktree, path: Path, *, remote_branch: str | None = None, timeout: float = 120.0
) -> str:
    """The same into a local repository the caller has checked to be allowed."""
    branch = remote_branch or worktree.branch
    await push_to_path(_mirror(worktree), path, f"refs/heads/{worktree.branch}", branch, timeout=timeout)
    return branch


def _mirror(worktree: Worktree) -> Path:
    return worktree.git_dir.parent.parent
