"""Builds: the same for the same tree, whole or not at all, incremental, and bounded on bad input."""

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.core.errors import Conflict, InvalidInput
from orchestrator.kg.indexing import build as building
from orchestrator.kg.indexing.build import BuildReport, build_graph
from orchestrator.kg.indexing.process import BuildRequest, build_in_process
from orchestrator.kg.snapshot import FACTS, GRAPH, current_folder, current_snapshot, new_snapshot
from tests.kg.conftest import PROJECT, Build
from tests.kg.sample import SAMPLE, load, write_tree


def file_graphs(folder: Path) -> dict[str, list[str]]:
    """The lines of each file version's graph, in order; the graph about the run tells the time and is left out."""
    graphs: dict[str, list[str]] = {}
    for line in (current_folder(folder) / GRAPH).read_text().splitlines():
        graph = line.rsplit(" ", 2)[1]
        if "/index@" not in graph:
            graphs.setdefault(graph, []).append(line)
    return graphs


def reasons(report: BuildReport) -> dict[str, str]:
    return {one.path: one.reason for one in report.skipped}


_NAMES = st.sampled_from(["a", "b", "run", "é", "x1"])
_LINES = st.one_of(
    st.builds("def {}({}): {}()".format, _NAMES, _NAMES, _NAMES),
    st.builds("from .{} import {} as {}".format, _NAMES, _NAMES, _NAMES),
    st.builds("class {}({}):\n    def {}(self): self.{}()".format, _NAMES, _NAMES, _NAMES, _NAMES),
    st.builds("{} = {}()\n{}.{}()".format, _NAMES, _NAMES, _NAMES, _NAMES),
    st.text(max_size=20),
)
_TREES = st.dictionaries(
    st.sampled_from(["m.py", "p/__init__.py", "p/a.py", "p/b.py", "p/run.py", "ä b.py"]),
    st.lists(_LINES, max_size=6).map("\n".join),
    min_size=1,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=_TREES)
def test_the_same_tree_gives_the_same_triples_and_valid_rdf(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, str]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    encoded = {path: text.encode("utf-8", "replace") for path, text in tree.items()}
    write_tree(root, encoded)
    for out in ("one", "two"):
        build_graph(root, root.parent / f"{root.name}-{out}", project_iri=PROJECT, commit="c")
    one, two = (root.parent / f"{root.name}-{out}" for out in ("one", "two"))
    assert file_graphs(one) == file_graphs(two)
    assert len(load(one)) > 0


def test_what_is_given_to_the_disk_early_is_whole(build: Build, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build()
    whole = file_graphs(folder)
    monkeypatch.setattr(building, "_SYNCED", 3)
    build()
    assert file_graphs(folder) == whole


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=_TREES, later=_TREES)
def test_building_on_an_old_graph_equals_building_anew(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, str], later: dict[str, str]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    kept, fresh = root.parent / f"{root.name}-kept", root.parent / f"{root.name}-fresh"
    for state in (tree, later):
        write_tree(root, {path: text.encode("utf-8", "replace") for path, text in state.items()})
        build_graph(root, kept, project_iri=PROJECT, commit="c")
    build_graph(root, fresh, project_iri=PROJECT, commit="c")
    assert file_graphs(kept) == file_graphs(fresh)


def test_an_edit_leaves_the_names_and_graphs_of_all_else(build: Build, folder: Path) -> None:
    build()
    before = file_graphs(folder)
    edited = str(SAMPLE["src/shop/util.py"]).replace("def total", "# a comment\n\n\ndef total")
    report = build({**SAMPLE, "src/shop/util.py": edited})
    after = file_graphs(folder)
    changed = {graph for graph in before.keys() ^ after.keys() if "/file/" in graph}
    assert {graph.partition("@")[0].rpartition("/")[2] for graph in changed} == {"util.py"}
    assert all(before[graph] == after[graph] for graph in before.keys() & after.keys())
    assert (report.parsed, report.reused) == (1, 5)


def test_bad_files_are_listed_with_a_reason_and_the_rest_is_right(build: Build, folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    outside = tmp_path / "secret.py"
    outside.write_text("def secret(): ...\n")
    root.mkdir()
    (root / "link.py").symlink_to(outside)
    (root / "loop").symlink_to(root)
    (root / "round").symlink_to("round")
    (root / "other").mkdir()
    os.mkfifo(root / "pipe.py")
    report = build(
        {
            "good.py": "def good(): ...\n",
            "binary.py": b"\x00\x01\x02",
            "latin.py": b"# -*- coding: latin-1 -*-\ndef caf\xe9(): ...\n",
            "undeclared.py": b"x = '\xe9'\n",
            "cookie.py": b"# -*- coding: nonsense -*-\n",
            "lying.py": b"# -*- coding: ascii -*-\nx = '\xe9'\n",
            "big.py": b"x = 1\n" * 400_000,
            "minified.py": b"x = [" + b"1," * 150_000 + b"]\n",
            "pointer.py": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
            "deep.py": "(" * 10_000 + ")" * 10_000 + "\n",
            "calls.py": "f(" * 5_000 + ")" * 5_000 + "\n",
            "chain.py": "a" + ".b()" * 10_000 + "\n",
            "image.png": b"\x89PNG\x00",
            ".gitmodules": '[submodule "other"]\n\tpath = other\n\turl = ../other\n',
            "strange \"name'.py": "def odd(): ...\n",
        }
    )
    assert reasons(report) == {
        "link.py": "symlink",
        "loop": "symlink",
        "round": "symlink",
        "other": "submodule",
        "pipe.py": "not a regular file",
        "binary.py": "binary",
        "undeclared.py": "not UTF-8",
        "cookie.py": "unknown encoding",
        "lying.py": "not the declared encoding",
        "big.py": "too large",
        "minified.py": "minified",
        "pointer.py": "git-lfs pointer",
    }
    text = (current_folder(folder) / GRAPH).read_text()
    assert "secret" not in text
    for name in ("good.good", "latin.café", "odd"):
        assert name in text
    assert len(load(folder)) > 0


@pytest.mark.parametrize("path", ["../secret.py", "/etc/passwd", "a/../../b.py", "missing.py", "", "nul\0.py"])
def test_paths_out_of_the_tree_are_not_read(tmp_path: Path, folder: Path, path: str) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    report = build_graph(root, folder, project_iri=PROJECT, commit="c", files=[path])
    assert (report.files, report.skipped_total) == (0, 1)


@pytest.mark.parametrize("bad", ["no-iri", "urn:x y", "http://h/<>", "http://h/#frag"])
def test_a_bad_project_iri_is_refused_and_leaves_no_snapshot(tmp_path: Path, folder: Path, bad: str) -> None:
    with pytest.raises(InvalidInput):
        build_graph(tmp_path, folder, project_iri=bad, commit="c", files=[])
    assert current_snapshot(folder) is None


def test_only_the_last_two_snapshots_are_kept(build: Build, folder: Path) -> None:
    made = [build().snapshot for _ in range(4)]
    assert sorted(path.name for path in (folder / "snapshots").iterdir()) == made[-2:]
    assert current_snapshot(folder) == made[-1]


def test_a_failed_build_leaves_the_old_graph(build: Build, folder: Path) -> None:
    before = build().snapshot

    def fail() -> None:
        with new_snapshot(folder, "c") as (_, draft):
            (draft / GRAPH).write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert current_snapshot(folder) == before
    assert len(list((folder / "snapshots").iterdir())) == 1


def test_two_builds_of_one_folder_do_not_mix(build: Build, folder: Path) -> None:
    with new_snapshot(folder, "c"), pytest.raises(Conflict):
        build()


def test_a_damaged_cache_of_facts_only_costs_time(build: Build, folder: Path) -> None:
    build()
    (current_folder(folder) / FACTS).write_bytes(b"\x81\xa1x\x93\x01\x02\x03")
    assert build().reused == 0


async def test_a_build_in_a_process_tells_progress_and_reports(tmp_path: Path, folder: Path) -> None:
    write_tree(tmp_path / "tree", SAMPLE)
    told: list[dict[str, object]] = []
    report = await build_in_process(BuildRequest(tmp_path / "tree", folder, PROJECT, "c"), on_progress=told.append)
    assert report["modules"] == 5
    assert told[-1] == {"phase": "resolve", "done": 7, "total": 7, "seconds_left": 0.0}


async def test_a_cancelled_build_leaves_the_old_graph_and_no_process(
    build: Build, tmp_path: Path, folder: Path
) -> None:
    before = build().snapshot
    write_tree(tmp_path / "big", {f"m{number}.py": "def f():\n    f()\n" * 2000 for number in range(200)})
    begun = asyncio.Event()
    request = BuildRequest(tmp_path / "big", folder, PROJECT, "c")
    task = asyncio.create_task(build_in_process(request, on_progress=lambda _: begun.set()))
    async with asyncio.timeout(60):
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert current_snapshot(folder) == before
    assert build().reused == 6  # and the lock is free again


async def test_errors_of_a_build_in_a_process_are_the_builds_own(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InvalidInput):
        await build_in_process(BuildRequest(tmp_path / "nowhere", folder, PROJECT, "c"))
