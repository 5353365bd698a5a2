"""A work tree of a large repository is ready soon; the figure itself is `make bench-orchestrator`'s."""

from pathlib import Path

from benchmarks.orchestrator_worktree import worktrees_ready


async def test_a_work_tree_of_two_thousand_files_is_ready_soon(tmp_path: Path) -> None:
    alone, to_git, together = await worktrees_ready(tmp_path, runs=1, at_once=2)
    assert alone.value < 10, "the goal is 1 s; ten leave room for a busy machine"
    assert together.value < 10
    assert to_git.value < 10
