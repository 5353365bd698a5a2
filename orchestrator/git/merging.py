"""Merges in a mirror without a work tree: the commit two branches make, its revert, and moving the default branch.

Used by the verifier and the merge queue. Nothing is checked out, so nothing of the repository runs: no hook, no filter,
no driver. A conflict is an answer that names the files, not an error. Pushes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.core.errors import Conflict
from orchestrator.git.program import run_git
from orchestrator.git.templates import Author
from orchestrator.git.tree import HEAD_REF, check_commit

ORIGIN = "refs/remotes/origin/"
_MOST_NAMED = 200


@dataclass(frozen=True, slots=True)
class Merged:
    """The commit a merge gave, or the files that conflict."""

    commit: str | None
    conflicts: tuple[str, ...] = ()


async def merge(git_dir: Path, ours: str, theirs: str, message: str, author: Author) -> Merged:
    """Merge ``theirs`` into ``ours``: always a commit of its own, so that one commit can be reverted."""
    tree, conflicts = await _merged_tree(git_dir, ours, theirs)
    if tree is None:
        return Merged(None, conflicts)
    return Merged(await _commit(git_dir, tree, (ours, theirs), message, author))


async def merged_or_same(git_dir: Path, ours: str, theirs: str, message: str, author: Author) -> Merged:
    """The same, but ``theirs`` itself where it has all of ``ours`` already."""
    if await contains(git_dir, theirs, ours):
        return Merged(theirs)
    return await merge(git_dir, ours, theirs, message, author)


async def revert(git_dir: Path, ours: str, merged: str, message: str, author: Author) -> Merged:
    """Take back what a merge commit brought: one commit on ``ours``."""
    return await apply_change(git_dir, ours, merged, f"{check_commit(merged)}^1", message, author)


async def before_merge(git_dir: Path, merged: str) -> str:
    """The commit on which a merge was made."""
    return (await run_git("rev-parse", "--verify", f"{check_commit(merged)}^1", cwd=git_dir)).text


async def apply_change(git_dir: Path, ours: str, old: str, new: str, message: str, author: Author) -> Merged:
    """Bring what differs between two commits to ``ours``, whatever its history: one commit on it.

    ``ours`` itself when it has all of that already.
    """
    # A three-way merge with ``old`` as its base. Older gits cannot be told a base, so one is made: three commits with
    # the trees in question and just this history.
    trees = [await _tree_of(git_dir, commit) for commit in (old, ours, new)]
    base = await _commit(git_dir, trees[0], (), "base", author)
    present, changed = [await _commit(git_dir, tree, (base,), "side", author) for tree in trees[1:]]
    tree, conflicts = await _merged_tree(git_dir, present, changed)
    if tree is None:
        return Merged(None, conflicts)
    return Merged(ours if tree == trees[1] else await _commit(git_dir, tree, (ours,), message, author))


async def contains(git_dir: Path, commit: str, other: str) -> bool:
    """Whether ``other`` is an ancestor of ``commit``, or the same."""
    args = ("merge-base", "--is-ancestor", check_commit(other), check_commit(commit))
    return (await run_git(*args, cwd=git_dir, accept=(0, 1))).exit_code == 0


async def find_trailer(git_dir: Path, commit: str, trailer: str, most: int = 500) -> str | None:
    """The newest of the commits on the main line behind one whose message has this line."""
    args = ("log", "--first-parent", f"--max-count={most}", "--fixed-strings", f"--grep={trailer}", "--format=%H")
    lines = (await run_git(*args, check_commit(commit), cwd=git_dir)).text.splitlines()
    return lines[0] if lines else None


async def move_branch(git_dir: Path, branch: str, old: str, new: str) -> None:
    """Move the source's branch as the mirror knows it, and the project's head; Conflict when it is not at ``old``."""
    lines = [f"update {ref} {check_commit(new)} {check_commit(old)}" for ref in (ORIGIN + branch, HEAD_REF)]
    asked = "\n".join(("start", *lines, "prepare", "commit", "")).encode()
    done = await run_git("update-ref", "--stdin", cwd=git_dir, stdin=asked, accept=(0, 1, 128))
    if done.exit_code:
        raise Conflict("The branch has moved on meanwhile.", details={"branch": branch})


async def _merged_tree(git_dir: Path, ours: str, theirs: str) -> tuple[str | None, tuple[str, ...]]:
    options = ("--write-tree", "--name-only", "--no-messages", "-z")
    args = ("merge-tree", *options, check_commit(ours), check_commit(theirs))
    done = await run_git(*args, cwd=git_dir, timeout=120.0, accept=(0, 1))
    tree, *names = [part for part in done.text.split("\0") if part]
    return (tree, ()) if done.exit_code == 0 else (None, tuple(dict.fromkeys(names))[:_MOST_NAMED])


async def _commit(git_dir: Path, tree: str, parents: tuple[str, ...], message: str, author: Author) -> str:
    behind = [word for parent in parents for word in ("-p", parent)]
    return (
        await run_git("commit-tree", tree, *behind, cwd=git_dir, stdin=message.encode(), env=_identity(author))
    ).text


async def _tree_of(git_dir: Path, commit: str) -> str:
    return (await run_git("rev-parse", "--verify", f"{commit}^{{tree}}", cwd=git_dir)).text


def _identity(author: Author) -> Mapping[str, str]:
    who = {"NAME": author.name, "EMAIL": author.email}
    return {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in who.items()}
