"""Which local paths may become projects, and what lies inside a tree."""

from pathlib import Path

import pytest

from orchestrator.core.errors import InvalidInput
from orchestrator.git.local import path_inside, remove_tree, resolve_local_path


def _refused(path: str, roots: list[Path]) -> str:
    with pytest.raises(InvalidInput) as caught:
        resolve_local_path(path, roots)
    assert caught.value.field == "path"
    return caught.value.message


def test_a_folder_below_a_root_is_taken_by_its_real_path(tmp_path: Path) -> None:
    (tmp_path / "root" / "real").mkdir(parents=True)
    (tmp_path / "root" / "link").symlink_to("real")
    assert resolve_local_path(str(tmp_path / "root" / "link"), [tmp_path / "root"]) == tmp_path / "root" / "real"
    assert resolve_local_path(str(tmp_path / "root"), [tmp_path / "root"]) == tmp_path / "root"


def test_what_lies_outside_is_never_told_apart_from_what_is_missing_there(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "root-but-longer").mkdir()
    (root / "escape").symlink_to(tmp_path / "outside")
    (root / "dangling").symlink_to(tmp_path / "nothing")
    answers = {
        _refused(str(tmp_path / name), [root])
        for name in ("outside", "nothing", "root-but-longer", "root/escape", "root/dangling")
    }
    assert len(answers) == 1
    assert "no such folder" in _refused(str(root / "missing"), [root])


@pytest.mark.parametrize("path", ["", "relative", "~/x", "/a/../etc", "/a\0b", "/a\nb", "/" + "x" * 5000])
def test_an_odd_path_is_refused(path: str, tmp_path: Path) -> None:
    _refused(path, [tmp_path])


def test_without_roots_nothing_is_allowed() -> None:
    _refused("/", [])


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    _refused(str(tmp_path / "a"), [tmp_path])


def test_a_path_stays_inside_its_tree(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "src").mkdir(parents=True)
    (tree / "out").symlink_to("/etc")
    assert path_inside(tree, "src/new.py") == tree / "src" / "new.py"
    for path in ("../x", "/etc/passwd", "out/passwd", "src/../../x", "a\0"):
        with pytest.raises(InvalidInput):
            path_inside(tree, path)


async def test_a_read_only_tree_can_be_removed_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "keep").mkdir()
    (tmp_path / "keep" / "file").write_text("x")
    tree = tmp_path / "tree"
    (tree / "locked").mkdir(parents=True)
    (tree / "locked" / "link").symlink_to(tmp_path / "keep")
    (tree / "locked").chmod(0o500)
    await remove_tree(tree)
    assert not tree.exists()
    assert (tmp_path / "keep" / "file").exists()
    await remove_tree(tree)
