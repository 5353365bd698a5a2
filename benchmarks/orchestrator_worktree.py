"""How long a work tree of its own takes: an attempt at a repository of 2,000 files, from asking to ready.

Rows for ``make bench-orchestrator``. The same way as agents go: a mirror, its lock, git's own checkout, the search for
links that lead out. Not the cloning of the mirror, which happens once per project.
"""

import asyncio
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from benchmarks.report import Row, row
from orchestrator.core.ids import new_id
from orchestrator.git.mirror import Mirrors
from orchestrator.git.worktree import Worktrees

FILES = 2_000
_LINES = 250
"""Some 10 KB for each file, 20 MB in all, as in a middling project."""
_RUNS = 7


def sample(files: int = FILES) -> dict[str, str]:
    """A repository's worth of files, in folders of forty."""
    return {
        f"package_{number // 40}/module_{number}.py": "".join(
            f"def function_{line}(value):  # {number}\n" for line in range(_LINES)
        )
        for number in range(files)
    }


async def worktrees_ready(folder: Path, runs: int = _RUNS, files: int = FILES, at_once: int = 8) -> list[Row]:
    """The rows: one work tree, and several asked for at the same time; all of it below ``folder``."""
    folder = Path(tempfile.mkdtemp(prefix="worktrees-", dir=folder))
    try:
        mirrors = Mirrors(folder / "mirrors")
        project = new_id()
        info = await mirrors.create_from_path(project, await asyncio.to_thread(_repository, folder / "source", files))
        worktrees = Worktrees(folder / "worktrees", mirrors)
        alone, plain = [], []
        for number in range(runs):  # in turns, so that both see the same machine
            plain.append(await asyncio.to_thread(_plain_seconds, mirrors.require(project), folder, info.head, number))
            alone.append(await _seconds(worktrees, project, info.head, 1))
        together = [await _seconds(worktrees, project, info.head, at_once) / at_once for _ in range(max(1, runs // 3))]
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    what = f"work tree of {files:,} files ready"
    return [
        row("worktree_ready", what, alone, "s", at_most=1.0, baseline=f"git alone: {statistics.median(plain):.2f} s"),
        row("worktree_ready_to_git", f"{what}, to git worktree add alone", _ratios(alone, plain), "times"),
        row("worktree_ready_of_many", f"{what}, each of {at_once} asked for at once", together, "s"),
    ]


def _repository(folder: Path, files: int) -> Path:
    """A repository with one commit of the sample."""
    for path, said in sample(files).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(said)
    who = {f"GIT_{role}_{what}": "bench@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    plain = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "HOME": os.devnull}
    for args in (("init", "-q", "-b", "main"), ("add", "--all"), ("commit", "-q", "-m", "one")):
        subprocess.run(["git", *args], cwd=folder, env={**os.environ, **who, **plain}, check=True, timeout=120)
    return folder


def _ratios(ours: Sequence[float], plain: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(ours, plain, strict=True)]


def _plain_seconds(mirror: Path, folder: Path, commit: str, number: int) -> float:
    """Git's own ``worktree add`` with nothing around it."""
    place = folder / f"plain-{number}"
    os.sync()
    began = time.perf_counter()
    words = ["git", "worktree", "add", "--quiet", "--detach", str(place), commit]
    subprocess.run(words, cwd=mirror, check=True, timeout=120, capture_output=True)
    seconds = time.perf_counter() - began
    subprocess.run(["git", "worktree", "remove", "--force", str(place)], cwd=mirror, check=True, timeout=120)
    return seconds


async def _seconds(worktrees: Worktrees, project: UUID, commit: str, how_many: int) -> float:
    await asyncio.to_thread(os.sync)  # what the run before wrote is no part of this one
    began = time.perf_counter()
    names = [f"attempt-{number}" for number in range(how_many)]
    made = await asyncio.gather(*(worktrees.add(project, name, commit) for name in names))
    seconds = time.perf_counter() - began
    for worktree in made:
        await worktrees.remove(worktree, delete_branch=True)
    return seconds
