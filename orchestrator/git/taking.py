"""Fills a work tree with the files of a commit made elsewhere, without a commit of its own.

Used for what a team unites. The branch stays where it is: what was taken shows as a change, and is committed like one.
"""

from orchestrator.git.program import run_git
from orchestrator.git.tree import check_commit
from orchestrator.git.worktree import Worktree


async def take_files(worktree: Worktree, commit: str) -> None:
    """Make the tree's files those of the commit; whatever else was in it goes."""
    args = ("read-tree", "--reset", "-u", check_commit(commit))
    await run_git(*args, cwd=worktree.path, env=worktree.environment)
