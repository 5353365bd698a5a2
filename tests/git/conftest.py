"""Real repositories for the tests of git: a small one, mirrors and work trees in a folder of the test's own."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.git.mirror import Mirrors
from orchestrator.git.worktree import Worktrees

GIT_ENV = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    **{
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "T"), ("EMAIL", "t@e"))
    },
}


@pytest.fixture(autouse=True)
def no_proxy_to_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def git() -> Callable[..., str]:
    """Runs git in a folder, as a person would."""

    def run(folder: Path, *args: str) -> str:
        done = subprocess.run(["git", *args], cwd=folder, env=GIT_ENV, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    return run


@pytest.fixture
def source(tmp_path: Path, git: Callable[..., str]) -> Path:
    """A local repository with two commits, a branch and a tag."""
    folder = tmp_path / "projects" / "source"
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "trunk")
    (folder / "README.md").write_text("# Source\n")
    (folder / "src").mkdir()
    (folder / "src" / "a.py").write_text("def a() -> int:\n    return 1\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "one")
    git(folder, "tag", "v1")
    git(folder, "branch", "feature/x")
    (folder / "src" / "b.py").write_text("from src.a import a\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "two")
    return folder


@pytest.fixture
def mirrors(tmp_path: Path) -> Mirrors:
    return Mirrors(tmp_path / "mirrors")


@pytest.fixture
def worktrees(tmp_path: Path, mirrors: Mirrors) -> Worktrees:
    return Worktrees(tmp_path / "worktrees", mirrors)
