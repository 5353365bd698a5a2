"""Snapshots of a work tree while somebody works in it: commits beside its branch, each on top of the one before.

Used by whoever runs agents, so that work can be taken up, or forked, as it stood. They are read through an index of
their own and change nothing in the tree; a ref keeps them from being collected. What git ignores is not in them.
"""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

from orchestrator.git.program import run_git
from orchestrator.git.tree import check_commit
from orchestrator.git.worktree import Worktree

_REFS = "refs/orchestrator/checkpoints/"
_IDENTITY = {
    f"GIT_{who}_{what}": said
    for who in ("AUTHOR", "COMMITTER")
    for what, said in (("NAME", "Orchestrator"), ("EMAIL", "checkpoints@orchestrator.invalid"))
}


class Snapshots:
    """The snapshots of one work tree; one is taken at a time. ``start`` is the commit its files began with."""

    def __init__(self, worktree: Worktree, start: str) -> None:
        self._worktree = worktree
        self._index = worktree.git_dir / "index.checkpoint"
        self._env = {**worktree.environment, "GIT_INDEX_FILE": str(self._index), **_IDENTITY}
        self._lock = asyncio.Lock()
        self._tree = ""
        self.latest = check_commit(start)

    async def take(self) -> str | None:
        """The commit of the files as they are; None when nothing differs from the snapshot before."""
        async with self._lock:
            tree = await self._written()
            self._tree = self._tree or await self._git("rev-parse", "--verify", f"{self.latest}^{{tree}}")
            if tree == self._tree:
                return None
            made = await self._git("commit-tree", tree, "-p", self.latest, stdin=b"Checkpoint\n")
            await self._git("update-ref", f"{_REFS}{self._worktree.name}", made)
            self.latest, self._tree = made, tree
            return made

    async def _written(self) -> str:
        if not self._index.exists():
            # With its time: git looks only into files that are younger than their entry.
            await asyncio.to_thread(shutil.copy2, self._worktree.git_dir / "index", self._index)
        await self._git("add", "--all")
        return await self._git("write-tree")

    async def _git(self, *arguments: str, stdin: bytes | None = None) -> str:
        return (await run_git(*arguments, cwd=self._worktree.path, env=self._env, stdin=stdin)).text


async def stand_on_base(worktree: Worktree) -> None:
    """Have the branch begin at the base again while the files stay: what a checkpoint held is not yet committed."""
    branch = f"refs/heads/{worktree.branch}"
    await run_git("update-ref", branch, worktree.base_commit, cwd=worktree.path, env=worktree.environment)


async def checkpoint_names(mirror: Path) -> list[str]:
    """The work trees that there are snapshots of, also those that are gone."""
    found = await run_git("for-each-ref", "--format=%(refname)", _REFS, cwd=mirror)
    return [line.removeprefix(_REFS) for line in found.text.splitlines()]


async def forget_checkpoints(mirror: Path, names: Sequence[str]) -> None:
    """Let the snapshots of these work trees be collected."""
    if names:
        asked = "".join(f"delete {_REFS}{name}\n" for name in names).encode()
        await run_git("update-ref", "--stdin", cwd=mirror, stdin=asked)
