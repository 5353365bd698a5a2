"""A benchmark whose public set is not to be had says so, and the others are measured: themselves, not the benchmark."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks.kg_sets import checkout
from benchmarks.readme import render
from benchmarks.report import Row, row


async def _unreachable(folder: Path) -> list[Row]:
    checkout("rdf-tests", "RDF_TESTS", (folder / "nowhere").as_uri(), "c0ffee", folder)
    return []


async def _measured(folder: Path) -> list[Row]:
    return [row("one", "one figure", [1.0], "s", at_most=2)]


async def test_a_set_that_is_not_to_be_had_is_told_and_the_rest_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RDF_TESTS", raising=False)
    monkeypatch.setenv("BENCH_SETS", str(tmp_path))
    monkeypatch.setitem(benchmarks.TARGETS, "bench-kg", (_unreachable, _measured))
    (first, second), failed = await benchmarks._run("bench-kg", None)
    assert "set RDF_TESTS, or BENCH_SETS to a folder with rdf-tests in it" in first.what
    assert (first.runs, second.value, failed) == (0, 1.0, [])


async def _broken(folder: Path) -> list[Row]:
    raise ConnectionResetError(str(folder))


async def test_a_measurement_that_fails_is_told_and_named_and_the_rest_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(benchmarks.TARGETS, "bench-kg", (_broken, _measured))
    (first, second), failed = await benchmarks._run("bench-kg", None)
    assert (first.runs, second.value, failed) == (0, 1.0, ["_broken"])


async def test_one_folder_holds_all_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rdf-tests").mkdir()
    monkeypatch.delenv("RDF_TESTS", raising=False)
    monkeypatch.setenv("BENCH_SETS", str(tmp_path))
    assert checkout("rdf-tests", "RDF_TESTS", "nowhere", "c0ffee", tmp_path) == tmp_path / "rdf-tests"


def test_what_was_not_measured_stands_in_the_readme(tmp_path: Path) -> None:
    told = '{"name": "x", "what": "x: not measured, no", "value": 0, "unit": "", "baseline": "", "goal": "", "holds": false, "runs": 0, "spread": ""}'  # noqa: E501 - one row as it is stored
    machine = '{"cores": 2, "cpu": "a", "python": "3.11"}'
    (tmp_path / "bench-kg.json").write_text(f'{{"machine": {machine}, "at": "2026-11-30", "rows": [{told}]}}')
    assert "| x: not measured, no | – |" in render(tmp_path)


def test_what_is_measured_is_the_program_and_not_the_benchmark_that_starts_it() -> None:
    large = bytearray(b"x") * (150 * 1024 * 1024)
    alone = [sys.executable, "-m", "benchmarks.lone", "0", sys.executable, "-S", "-c", "print(1)"]
    done = subprocess.run(alone, cwd=Path(__file__).parents[2], capture_output=True, check=True, timeout=60)
    cost = json.loads(done.stdout)
    assert 0 < cost["megabytes"] < len(large) / 1024 / 1024
    assert 0 < cost["cpu"] < 30
