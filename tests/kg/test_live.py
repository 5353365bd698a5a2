"""A graph that follows its files: durable step by step, views side by side, right after any death."""

from pathlib import Path

import pytest

from orchestrator.core.errors import InvalidInput, NotFound
from orchestrator.kg.indexing.build import build_graph
from orchestrator.kg.indexing.live import LiveGraph
from orchestrator.kg.journal import MAIN, length
from orchestrator.kg.query.dataset import Dataset
from orchestrator.kg.snapshot import current_folder
from tests.kg.conftest import PROJECT, Build
from tests.kg.sample import SAMPLE, write_tree

_CART = str(SAMPLE["src/shop/cart.py"])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "tree"


@pytest.fixture
def live(build: Build, folder: Path) -> LiveGraph:
    build()
    return LiveGraph(folder, PROJECT)


def stored(folder: Path, view: str = MAIN) -> set[str]:
    """The triples that queries see in a view, but for those about the run."""
    store = Dataset(folder, current_folder(folder)).become(view)
    return {line.rsplit(" <", 1)[0] for line in store.everything().splitlines() if "/index@" not in line}


def rebuilt(root: Path, out: Path) -> set[str]:
    build_graph(root, out, project_iri=PROJECT, commit="c0ffee")
    return stored(out)


def test_a_saved_file_is_durable_and_equals_a_clean_build(
    live: LiveGraph, root: Path, folder: Path, tmp_path: Path
) -> None:
    live.update(root, commit="c0ffee")
    write_tree(
        root, {"src/shop/util.py": "def total(prices, tax=0):\n    return fetch(prices)\n\n\ndef fetch(x): ...\n"}
    )
    told = live.update(root, commit="c0ffee", paths=["src/shop/util.py"])
    assert (told["changed"], told["parsed"]) == (1, 1)
    assert stored(folder) == rebuilt(root, tmp_path / "fresh")


def test_nothing_changed_writes_nothing(live: LiveGraph, root: Path, folder: Path) -> None:
    live.update(root, commit="c0ffee")
    before = (current_folder(folder) / "journal").read_bytes()
    (root / "src/shop/util.py").touch()
    told = live.update(root, commit="c0ffee")
    assert (told["changed"], told["added"], told["removed"]) == (0, 0, 0)
    assert (current_folder(folder) / "journal").read_bytes() == before


def test_renamed_and_deleted_files_and_folders_are_found_without_being_named(
    live: LiveGraph, root: Path, folder: Path, tmp_path: Path
) -> None:
    live.update(root)
    (root / "src/shop/base.py").rename(root / "src/shop/root.py")
    (root / "tests/test_cart.py").unlink()
    live.update(root)
    assert stored(folder) == rebuilt(root, tmp_path / "one")
    (root / "src/shop").rename(root / "src/store")
    live.update(root, paths=["src/shop", "src/store"])
    assert stored(folder) == rebuilt(root, tmp_path / "two")


def test_a_new_process_goes_on_where_the_last_one_died(
    live: LiveGraph, root: Path, folder: Path, tmp_path: Path
) -> None:
    live.update(root)
    write_tree(root, {"src/shop/cart.py": _CART.replace("put", "push")})
    live.update(root)
    (root / "src/shop/util.py").unlink()
    told = LiveGraph(folder, PROJECT).update(root)
    assert told["added"] < 6
    assert stored(folder) == rebuilt(root, tmp_path / "fresh")


def test_a_build_in_between_is_followed(
    live: LiveGraph, build: Build, root: Path, folder: Path, tmp_path: Path
) -> None:
    live.update(root)
    build({**SAMPLE, "src/shop/more.py": "from .cart import Cart\n\nCart(None).save()\n"})
    write_tree(root, {"src/shop/cart.py": _CART.replace("check", "verify")})
    live.update(root)
    assert stored(folder) == rebuilt(root, tmp_path / "fresh")


def test_worktrees_get_their_own_right_answers_and_share_what_they_did_not_change(
    live: LiveGraph, root: Path, folder: Path, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for worktree in (one, two):
        write_tree(worktree, SAMPLE)
    write_tree(one, {"src/shop/base.py": "class Base:\n    def save(self): ...\n"})
    write_tree(two, {"src/shop/cart.py": _CART.replace("def check", "def verify"), "new.py": "import shop\n"})
    live.update(root)
    for view, worktree in (("one", one), ("two", two), ("one", one)):
        live.update(worktree, view=view)
    expected = {view: rebuilt(tree, tmp_path / f"{view}-fresh") for view, tree in (("one", one), ("two", two))}
    assert {view: stored(folder, view) for view in expected} == expected
    assert stored(folder) == rebuilt(root, tmp_path / "main-fresh")
    assert len({frozenset(triples) for triples in (*expected.values(), stored(folder))}) == 3
    write_tree(root, {"src/shop/util.py": "x = 1\n"})
    live.update(root)
    assert {view: stored(folder, view) for view in expected} == expected
    write_tree(one, {"src/shop/util.py": "x = 1\n"})
    live.update(one, view="one")
    assert stored(folder, "one") == rebuilt(one, tmp_path / "one-later")
    assert stored(folder, "two") == expected["two"]
    live.end_view("two")
    with pytest.raises(NotFound):
        stored(folder, "two")
    assert stored(folder) == rebuilt(root, tmp_path / "main-later")


def test_what_worktrees_did_not_change_is_stored_once(
    live: LiveGraph, root: Path, folder: Path, tmp_path: Path
) -> None:
    live.update(root)
    for number in range(3):
        write_tree(tmp_path / f"w{number}", SAMPLE)
        write_tree(tmp_path / f"w{number}", {"src/shop/util.py": f"def total(prices): return {number}\n"})
        live.update(tmp_path / f"w{number}", view=f"w{number}")
    dataset = Dataset(folder, current_folder(folder))
    overlays = [dataset.overlay(f"w{number}") for number in range(3)]
    # The edited file; what it no longer imports; the run. Everything else is the project's own, once.
    assert [len(besides) for _, besides in overlays] == [2, 2, 2]
    assert all(len(without) <= 4 for without, _ in overlays)
    assert len((current_folder(folder) / "names.txt").read_text().split()) == 10


def test_a_long_journal_becomes_a_new_snapshot_with_the_same_graph(
    live: LiveGraph, root: Path, folder: Path, tmp_path: Path
) -> None:
    live.update(root)
    worktree = tmp_path / "one"
    write_tree(worktree, {**SAMPLE, "new.py": "import shop\n"})
    live.update(worktree, view="one")
    for number in range(3):
        write_tree(root, {"src/shop/util.py": f"def total(prices): return {number}\n"})
        live.update(root)
    before, view = stored(folder), stored(folder, "one")
    assert not live.tidy(1 << 20)
    assert live.tidy(100)
    assert (stored(folder), length(current_folder(folder))) == (before, 0)
    assert len(list((folder / "snapshots").iterdir())) == 2
    live.update(worktree, view="one")
    assert stored(folder, "one") == view
    (root / "tests/test_cart.py").unlink()
    live.update(root)
    assert stored(folder) == rebuilt(root, tmp_path / "fresh")


def test_a_path_outside_of_the_tree_is_refused(live: LiveGraph, root: Path) -> None:
    for path in ("../secret.py", "/etc/passwd", "a/../../b"):
        with pytest.raises(InvalidInput):
            live.update(root, paths=[path])
    assert live.update(root, paths=[".git/config", "node_modules/x/index.py"])["changed"] == len(SAMPLE)


def test_without_a_graph_there_is_nothing_to_follow(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        LiveGraph(tmp_path / "none", PROJECT).update(tmp_path)
