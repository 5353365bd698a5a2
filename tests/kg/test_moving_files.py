"""Files that change while they are read, and a build without a network: it ends, and what it says is right."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from orchestrator.kg.facts import Skipped
from orchestrator.kg.indexing import build as building
from orchestrator.kg.indexing import files
from orchestrator.kg.indexing.build import Progress, build_graph
from orchestrator.kg.indexing.live import LiveGraph
from orchestrator.kg.snapshot import NAMES, current_folder
from tests.kg.conftest import PROJECT

_ROOT = Path(__file__).parents[2]


def names(folder: Path) -> set[str]:
    told = (current_folder(folder) / NAMES).read_text().split("\n")
    return {name for name in told if "/index@" not in name}


@pytest.mark.parametrize("becomes", ["pipe", "symlink", "device"])
def test_a_file_that_becomes_something_else_is_skipped_and_holds_nothing_up(tmp_path: Path, becomes: str) -> None:
    path = tmp_path / "a.py"
    if becomes == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/etc/passwd" if becomes == "symlink" else "/dev/zero")
    found = files._read_regular(str(path), "a.py")
    assert isinstance(found, Skipped)
    assert found.reason == ("not a regular file" if becomes == "pipe" else "symlink")


def test_a_file_that_grows_without_end_is_read_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_HASHED", 100_000)
    path, done = tmp_path / "a.log", threading.Event()

    def grow() -> None:
        with path.open("ab", buffering=0) as stream:
            while not done.is_set():
                stream.write(b"x" * 50_000)

    path.write_bytes(b"x")
    writer = threading.Thread(target=grow)
    writer.start()
    try:
        (found,) = files.read_files(tmp_path, ["a.log"])
        while not isinstance(found, Skipped):
            (found,) = files.read_files(tmp_path, ["a.log"])
    finally:
        done.set()
        writer.join()
    assert found.reason == "too large"


def test_files_saved_during_a_build_are_right_after_one_update(tmp_path: Path, folder: Path) -> None:
    root, done = tmp_path / "tree", threading.Event()
    root.mkdir()
    for number in range(40):
        (root / f"m{number}.py").write_text(f"from m{(number + 1) % 40} import f\n\ndef f():\n    return f()\n")

    def save() -> None:
        turn = 0
        while not done.is_set():
            turn += 1
            path = root / f"m{turn % 40}.py"
            path.unlink(missing_ok=True)
            path.write_text(f"def f():\n    return {turn}\n\ndef g{turn % 7}():\n    return f()\n")

    writer = threading.Thread(target=save)
    writer.start()
    try:
        for _ in range(3):
            build_graph(root, folder, project_iri=PROJECT, commit="")
    finally:
        done.set()
        writer.join()
    told = LiveGraph(folder, PROJECT)
    told.update(root)
    told.tidy(0)
    clean = tmp_path / "clean"
    build_graph(root, clean, project_iri=PROJECT, commit="")
    assert names(folder) == names(clean)


def test_the_time_that_is_left_is_told_once_there_is_something_to_tell_it_from(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "_PROGRESS_EVERY", -1.0)
    monkeypatch.setattr(building, "_GUESSED_FROM", 0.0)
    for number in range(60):
        (tmp_path / f"m{number}.py").write_text("def f():\n    return f()\n")
    told: list[Progress] = []
    build_graph(tmp_path, folder, project_iri=PROJECT, commit="", progress=told.append)
    assert {one.phase for one in told} == {"read", "resolve"}
    assert all((one.seconds_left is None) == (one.done * 20 < one.total) for one in told)
    assert all(one.seconds_left == 0 for one in told if one.done == one.total)
    assert building._seconds_left(6.0, 30, 60) == 6.0


def test_a_build_needs_no_network(tmp_path: Path, folder: Path) -> None:
    alone = ["unshare", "--net", "--map-root-user"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine takes nobody's network away")
    (tmp_path / "a.py").write_text("import requests\n\ndef f():\n    return requests.get('https://example.org')\n")
    (tmp_path / "requirements.txt").write_text("requests==2.32.0\n")
    request = {
        "root": str(tmp_path), "out": str(folder), "project_iri": PROJECT, "commit": "", "files": None,
        "memory_bytes": 1 << 32,
    }  # fmt: skip
    command = [*alone, sys.executable, "-m", "orchestrator.kg.indexing.worker"]
    done = subprocess.run(
        command, cwd=_ROOT, input=json.dumps(request), capture_output=True, text=True, timeout=120, check=True
    )
    report = json.loads(done.stdout.splitlines()[-1])["report"]
    assert (report["skipped_total"], report["functions"]) == (0, 1)
