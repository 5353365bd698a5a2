"""What may be given as REPO, and what the demo makes of it."""

import subprocess
from pathlib import Path

import pytest

from orchestrator.cli.demo.source import find_source
from orchestrator.core.errors import InvalidInput


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    author = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    for command in (("init", "-q"), (*author, "commit", "-q", "--allow-empty", "-m", "Begin")):
        subprocess.run(["git", *command], cwd=folder, check=True, timeout=30)
    return folder


def test_a_folder_inside_a_repository_means_the_repository(repository: Path) -> None:
    (repository / "inner").mkdir()
    source = find_source(str(repository / "inner"))
    assert (source.name, source.path, source.url) == ("shop", repository, None)


def test_a_file_url_is_a_path(repository: Path) -> None:
    assert find_source(f"file://{repository}").path == repository


def test_a_linked_work_tree_brings_the_folder_of_its_data(repository: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    subprocess.run(["git", "worktree", "add", "-q", linked], cwd=repository, check=True, timeout=30)
    assert find_source(str(linked)).roots == [str(linked), str(repository / ".git")]


def test_a_bare_repository_is_itself(repository: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", repository, bare], check=True, timeout=30)
    source = find_source(str(bare))
    assert (source.name, source.path) == ("bare", bare)


@pytest.mark.parametrize("url", ["https://git.example.org/team/shop.git", "git@git.example.org:team/shop.git"])
def test_a_url_becomes_a_repository_url(url: str) -> None:
    source = find_source(url)
    assert (source.name, source.url, source.path, source.roots) == ("shop", url, None, [])


def test_what_is_neither_is_refused_with_an_example(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refused:
        find_source(str(tmp_path / "absent"))
    assert "https://" in str(refused.value.hint)


def test_a_repository_without_a_commit_is_refused(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True, timeout=30)
    with pytest.raises(InvalidInput, match="no commit"):
        find_source(str(tmp_path))
