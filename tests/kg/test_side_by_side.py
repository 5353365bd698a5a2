"""Several processes do what one does; what one leaves undone, the first one does."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from orchestrator.kg.indexing import build
from orchestrator.kg.indexing import side_by_side as room
from orchestrator.kg.indexing.build import build_graph
from orchestrator.kg.indexing.side_by_side import Work, beside, side_by_side
from orchestrator.kg.query.runtime_dir import CODE_ROOT
from orchestrator.kg.snapshot import GRAPH, current_folder

# In a process of its own, as the build is: it forks.
_BUILD = """
import sys
from functools import partial
from pathlib import Path
from orchestrator.kg.indexing import build
root, out, processes = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
build.processors = lambda: processes
report = build.build_graph(root, out, project_iri="urn:p", commit="c", may_fork=True)
print(report.files, report.parsed, report.calls, report.may_call, report.tests, report.triples, report.skipped_total)
"""


def _tree(root: Path, count: int) -> Path:
    root.mkdir()
    for number in range(count):
        text = f"import m{number - 1}\n\n\nclass C(m{number - 1}.C):\n    def f(self, x={number}): return self.g(x)\n"
        (root / f"m{number}.py").write_text(text)
        (root / f"s{number}.js").write_text(f"import {{ f{number - 1} }} from './s{number - 1}'\n")
    (root / "bytes.py").write_bytes(b"\xff\xfe")
    (root / "broken.py").write_text("def (")
    (root / "odd name é.txt").write_text("x")
    (root / "link.py").symlink_to("m1.py")
    return root


def _built(root: Path, out: Path, processes: int) -> tuple[str, set[str]]:
    command = [sys.executable, "-c", _BUILD, os.fspath(root), os.fspath(out), str(processes)]
    told = subprocess.run(command, cwd=CODE_ROOT, capture_output=True, text=True, check=True, timeout=120).stdout
    quads = (current_folder(out) / GRAPH).read_text().splitlines()
    return told, {line for line in quads if "urn:p/index" not in line}


def test_three_processes_build_what_one_builds(tmp_path: Path) -> None:
    root = _tree(tmp_path / "root", 130)
    told, quads = _built(root, tmp_path / "three", 3)
    assert (told, quads) == _built(root, tmp_path / "one", 1)
    assert told.split()[0] == "263"


def test_a_build_that_may_not_fork_has_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "processors", lambda: 3)
    monkeypatch.setattr(os, "fork", _forked)
    root = _tree(tmp_path / "root", 110)
    assert build_graph(root, tmp_path / "out", project_iri="urn:p", commit="c").files == 223
    with pytest.raises(_ForkedError):
        build_graph(root, tmp_path / "other", project_iri="urn:p", commit="c", may_fork=True)


class _ForkedError(Exception):
    pass


def _forked() -> int:
    raise _ForkedError


# The rest forks from here: the work is small and touches nothing that the test process holds.


def _named(count: int) -> Work[int, str]:
    return Work(range(count), lambda piece: f"{piece} by {os.getpid()}", str.encode, bytes.decode)


def test_every_piece_is_done_once_and_not_all_by_the_first_process(tmp_path: Path) -> None:
    first, others = os.getpid(), tmp_path / "others"

    def do(piece: int) -> str:
        while os.getpid() == first and not others.exists():
            os.sched_yield()  # it would have done all of it before the others began
        others.touch()
        return f"{piece} by {os.getpid()}"

    done = list(side_by_side(Work(range(2000), do, str.encode, bytes.decode), 3, tmp_path))
    assert sorted(piece for piece, _ in done) == list(range(2000))
    assert all(told.startswith(f"{piece} by ") for piece, told in done)
    assert {told.rpartition(" ")[2] for _, told in done} - {str(first)}


def test_another_process_begins_before_anything_is_asked_for(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    work = Work([begun, tmp_path / "other"], lambda piece: piece.touch() or str(os.getpid()), str.encode, bytes.decode)
    with beside(work, tmp_path) as others:
        while not begun.exists():
            os.sched_yield()
        done = dict(others)
    assert done.keys() == set(work.pieces)
    assert done[begun] != str(os.getpid())


def test_what_others_hand_back_may_be_larger_than_any_pipe(tmp_path: Path) -> None:
    work = Work(range(6), lambda piece: bytes([piece]) * 3_000_000, bytes, bytes)
    assert dict(side_by_side(work, 3, tmp_path)) == {piece: bytes([piece]) * 3_000_000 for piece in range(6)}


def test_what_dead_processes_had_taken_is_done_by_the_first_one(tmp_path: Path) -> None:
    first = os.getpid()

    def do(piece: int) -> str:
        if os.getpid() != first:
            os._exit(9)
        return str(piece)

    assert sorted(side_by_side(Work(range(40), do, str.encode, bytes.decode), 3, tmp_path)) == [
        (piece, str(piece)) for piece in sorted(range(40))
    ]


def test_an_error_is_the_first_ones_even_if_another_met_it(tmp_path: Path) -> None:
    def do(piece: int) -> str:
        if piece == 7:
            raise ValueError("piece 7")
        return str(piece)

    with pytest.raises(ValueError, match="piece 7"):
        list(side_by_side(Work(range(40), do, str.encode, bytes.decode), 3, tmp_path))


def test_processes_end_with_whoever_wants_no_more(tmp_path: Path) -> None:
    before = set(psutil.Process().children())
    found = side_by_side(_named(100_000), 3, tmp_path)
    next(found)
    assert len(set(psutil.Process().children()) - before) == 2
    found.close()
    assert set(psutil.Process().children()) <= before


def test_another_process_holds_nothing_open_so_that_the_lock_of_a_killed_build_is_free(tmp_path: Path) -> None:
    source, kept = os.pipe()
    with (tmp_path / "build.lock").open("w"):
        child = os.fork()
        if not child:
            try:
                room._let_go_of_all_but(kept)
                os.write(kept, " ".join(sorted(os.listdir("/proc/self/fd"), key=int)).encode())
            finally:
                os._exit(0)
        os.close(kept)
        with open(source, "rb") as told:
            held = [int(one) for one in told.read().split()]
        os.waitpid(child, 0)
    # The last one is the listing's own.
    assert held[:-1] == [0, 1, 2, kept] or held == [0, 1, 2, 3, kept]
