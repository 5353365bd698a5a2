"""What was seen at run time, in the graph: only of the versions a tree has, for each view its own."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pyoxigraph as ox
import pytest
from pyshacl import validate
from rdflib import Graph

import orchestrator.kg
from orchestrator.core.errors import InvalidInput, TooLarge
from orchestrator.kg.facts import FileFacts
from orchestrator.kg.indexing.build import build_graph
from orchestrator.kg.indexing.live import LiveGraph
from orchestrator.kg.python.extract import extract
from orchestrator.kg.query.dataset import Dataset
from orchestrator.kg.rdf.vocabulary import CODE
from orchestrator.kg.snapshot import current_folder
from orchestrator.kg.traces import ledger as limits
from orchestrator.kg.traces import read
from orchestrator.kg.traces.ledger import Ledger, Run, load_ledger, save_ledger
from orchestrator.kg.traces.match import Seen, Symbol, match
from orchestrator.kg.traces.read import Version, read_bytes
from orchestrator.kg.traces.run import joined
from tests.kg.conftest import PROJECT
from tests.kg.sample import SAMPLE, write_tree

_ONTOLOGY = Path(next(iter(orchestrator.kg.__path__))) / "rdf"
_TRACE = """trace 1 python 3.11 1790000000
f {cart} src/shop/cart.py
f {util} src/shop/util.py
f {test} tests/test_cart.py
c 1 16 f Cart.check
c 2 6 f total
c 3 9 f test_save
e 1 2 19
t 3
v 3 1 2
"""


def run_of(name: str, label: str = "pytest") -> Run:
    return Run(name, datetime(2026, 11, 24, tzinfo=UTC).isoformat(), label)


def blob(text: str) -> str:
    data = text.encode()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """The trace of a run of the sample's tests."""
    folder = tmp_path / "traces"
    folder.mkdir()
    blobs = {
        name: blob(str(SAMPLE[path]))
        for name, path in {"cart": "src/shop/cart.py", "util": "src/shop/util.py", "test": "tests/test_cart.py"}.items()
    }
    (folder / "python-1.trace").write_text(_TRACE.format(**blobs))
    return folder


@pytest.fixture
def live(tmp_path: Path, folder: Path) -> LiveGraph:
    write_tree(tmp_path / "tree", SAMPLE)
    build_graph(tmp_path / "tree", folder, project_iri=PROJECT, commit="c0ffee")
    return LiveGraph(folder, PROJECT)


def ask(folder: Path, predicate: str, view: str = "") -> set[tuple[str, str]]:
    store = Dataset(folder, current_folder(folder)).become(view)
    text = f"SELECT ?a ?b {{ ?s <{CODE}{predicate}> ?o . ?s <{CODE}qualifiedName> ?a . ?o <{CODE}qualifiedName> ?b }}"
    rows = store.query(text, substitutions={}, default_graphs=(), named_graphs=())
    assert isinstance(rows, ox.QuerySolutions)
    return {(row["a"].value, row["b"].value) for row in rows}


CALL = {("shop.cart.Cart.check", "shop.util.total")}


def test_a_run_becomes_observed_calls_and_coverage(live: LiveGraph, tmp_path: Path, folder: Path, traces: Path) -> None:
    told = live.observe(tmp_path / "tree", traces, run_of("r1"), commit="c0ffee")
    assert (told["calls"], told["tests"], told["covered"], told["stale_files"]) == (1, 1, 2, 0)
    assert ask(folder, "observedCall") == CALL
    assert {covered for _, covered in ask(folder, "covers")} == {"shop.cart.Cart.check", "shop.util.total"}


def test_nothing_is_claimed_of_what_changed_and_it_comes_back_with_the_old_text(
    live: LiveGraph, tmp_path: Path, folder: Path, traces: Path
) -> None:
    tree = tmp_path / "tree"
    live.observe(tree, traces, run_of("r1"))
    callee = tree / "src/shop/util.py"
    before = callee.read_text()
    callee.write_text(before + "# changed\n")
    live.update(tree, paths=["src/shop/util.py"])
    assert ask(folder, "observedCall") == set()
    assert {covered for _, covered in ask(folder, "covers")} == {"shop.cart.Cart.check"}
    callee.write_text(before)
    live.update(tree, paths=["src/shop/util.py"])
    assert ask(folder, "observedCall") == CALL


def test_a_run_in_another_version_is_stale_and_says_so(
    live: LiveGraph, tmp_path: Path, folder: Path, traces: Path
) -> None:
    (tmp_path / "tree/src/shop/util.py").write_text("def total(prices):\n    return 0\n")
    told = live.observe(tmp_path / "tree", traces, run_of("r1"))
    assert (told["stale"], told["calls"]) == (["src/shop/util.py"], 0)
    assert ask(folder, "observedCall") == set()


def test_a_view_shows_what_was_seen_of_its_own_files(
    live: LiveGraph, tmp_path: Path, folder: Path, traces: Path
) -> None:
    worktree = tmp_path / "worktree"
    write_tree(worktree, SAMPLE | {"src/shop/util.py": "def total(prices):\n    return 0\n"})
    live.update(tmp_path / "tree", commit="c0ffee")
    live.observe(tmp_path / "tree", traces, run_of("r1"), commit="c0ffee")
    live.update(worktree, view="attempt", commit="c0ffee")
    assert ask(folder, "observedCall") == CALL
    assert ask(folder, "observedCall", "attempt") == set()
    (worktree / "src/shop/util.py").write_text(str(SAMPLE["src/shop/util.py"]))
    live.update(worktree, view="attempt", commit="c0ffee", paths=["src/shop/util.py"])
    assert ask(folder, "observedCall", "attempt") == CALL


def test_a_clean_build_holds_what_was_seen(live: LiveGraph, tmp_path: Path, folder: Path, traces: Path) -> None:
    live.observe(tmp_path / "tree", traces, run_of("r1"))
    build_graph(tmp_path / "tree", folder, project_iri=PROJECT, commit="c0ffee")
    assert ask(folder, "observedCall") == CALL
    assert live.update(tmp_path / "tree", commit="c0ffee")["added"] <= 1


def test_what_was_seen_has_the_shape_it_should(live: LiveGraph, tmp_path: Path, folder: Path, traces: Path) -> None:
    live.observe(tmp_path / "tree", traces, run_of("r1", "python -m pytest"))
    text = Dataset(folder, current_folder(folder)).store
    text.write(folder / "all.nt", "application/n-triples")
    graph = Graph().parse(folder / "all.nt", format="nt")
    shapes, ontology = (Graph().parse(_ONTOLOGY / name) for name in ("shapes.ttl", "ontology.ttl"))
    conforms, _, words = validate(graph, shacl_graph=shapes, ont_graph=ontology)
    assert conforms, words
    runs = list(graph.query(f"SELECT ?l {{ ?r a <{CODE}TraceRun> ; <http://www.w3.org/2000/01/rdf-schema#label> ?l }}"))
    assert [str(row[0]) for row in runs] == ["python -m pytest"]  # type: ignore[index]


def test_runs_are_counted_once_and_old_ones_forgotten(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(limits, "MOST_RUNS", 2)
    file = Version("a.py", "0" * 40)
    one, two, three = (Symbol(file, name) for name in ("one", "two", "three"))
    ledger = Ledger()
    ledger.add(run_of("r1"), Seen(calls={(one, two): 5, (one, three): 6}))
    ledger.add(run_of("r1"), Seen(calls={(one, two): 5}))
    ledger.add(run_of("r2"), Seen(calls={(one, two): 5}))
    ledger.add(run_of("r3"), Seen(covered={one: {two}}))
    save_ledger(folder, ledger)
    kept = load_ledger(folder)
    assert [run.id for run in kept.runs] == ["r2", "r3"]
    call = kept.files[file].calls["one"]
    assert {target.name: (found.runs, found.last, found.line) for target, found in call.items()} == {
        "two": (2, "r2", 5)
    }
    assert kept.files[file].covered == {"one": {two: "r3"}}


def test_what_is_too_much_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_CALLS", 1)
    monkeypatch.setattr(limits, "TESTS_PER_FUNCTION", 2)
    file = Version("a.py", "0" * 40)
    symbols = [Symbol(file, name) for name in "abcde"]
    seen = Seen(
        calls={(symbols[0], symbols[1]): 1, (symbols[0], symbols[2]): 1},
        covered={test: {symbols[4]} for test in symbols[:4]},
    )
    assert Ledger().add(run_of("r1"), seen).left_out == 3


def test_a_damaged_ledger_is_an_empty_one(folder: Path) -> None:
    save_ledger(folder, Ledger([run_of("r1")]))
    (folder / "traces" / "ledger").write_bytes(b"\xff\x00nonsense")
    assert load_ledger(folder).runs == []


@pytest.mark.parametrize(
    "bad",
    [
        "f nonsense a.py", f"f {'0' * 40} ../a.py", f"f {'0' * 40} /a.py", f"f {'0' * 40} a//b.py", f"f {'0' * 40}",
        "c 0 1 f x", "c 9 1 f x", "c 1 -1 f x", "c 1 x f x", "c 1 1", "e 1 2", "e 1 9 1", "e 0 0 0", "e a b c",
        "t 9", "t -1", "v 1 x", "v 0", "x", "trace 2 python", "\x00\x01", "c 1 1 f " + "x" * 5000,
    ],
)  # fmt: skip
def test_records_that_are_none_are_dropped(bad: str) -> None:
    good = f"trace 1 python 3.11 1\nf {'0' * 40} a.py\nc 1 1 f one\nc 1 5 f two\n"
    trace = read_bytes(f"{good}{bad}\ntrace 1 python 3.11 1\nf {'0' * 40} a.py\nc 1 1 f one\ne 1 1 7\n".encode())
    code = next(iter(trace.calls))[0]
    assert list(trace.calls) == [(code, code)]
    assert all(not set(code.file.path.split("/")) & {"", "..", "."} for pair in trace.calls for code in pair)


def test_what_a_killed_process_was_writing_is_left_out() -> None:
    text = f"trace 1 python 3.11 1\nf {'0' * 40} a.py\nc 1 1 f one\nc 1 5 f two\nv 1 2"
    assert {code.name for codes in read_bytes(text.encode() + b"\0" * 9).covered.values() for code in codes} == {"one"}


def test_bytes_that_are_no_trace_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput):
        read_bytes(b"{}")
    monkeypatch.setattr(read, "MAX_BYTES", 10)
    with pytest.raises(TooLarge):
        read_bytes(b"trace 1 python 3.11 1\n")


def test_traces_of_many_processes_are_one_text(tmp_path: Path) -> None:
    one = f"trace 1 python 3.11 1\nf {'0' * 40} a.py\nc 1 1 f one\ne 1 1 1"
    (tmp_path / "1.trace").write_bytes(one.encode() + b"\0" * 50)
    (tmp_path / "2.trace").write_bytes(one.replace("one", "two").encode() + b"\n")
    names = {caller.name for caller, _ in read_bytes(joined(tmp_path)).calls}
    assert names == {"one", "two"}


SOURCE = """
@decorate
@decorate(1)
def run(x):
    return [helper(i) for i in x]


class A:
    def run(self):
        return (lambda: helper(1))()

    def run(self):
        return sorted(self, key=lambda one: helper(one))


if x:
    def run(y): ...
"""


@pytest.mark.parametrize(
    ("line", "body", "name", "found"),
    [
        (2, False, "run", "run"),
        (9, False, "A.run", "A.run"),
        (12, False, "A.run", "A.run~2"),
        (12, False, "run", "A.run~2"),
        (17, False, "run", "run~2"),
        (8, True, "A", "A"),
        (5, False, "run.<locals>.<listcomp>", "run"),
        (10, False, "A.run.<locals>.<lambda>", "A.run.<lambda1>"),
        (13, False, "A.run.<locals>.<lambda>", "A.run~2.<lambda1>"),
        (1, True, "<module>", ""),
        (11, False, "A.run", None),
        (0, False, "A", None),
        (9, False, "vanished", None),
    ],
)
def test_code_is_matched_with_the_definition_it_is(line: int, body: bool, name: str, found: str | None) -> None:
    file = Version("a.py", "0" * 40)
    facts = extract(SOURCE.encode())
    code = read.Code(file, line, body, name)
    helper = read.Code(file, 2, False, "run")

    def facts_of(version: Version) -> FileFacts | None:
        return facts if version == file else None

    seen = match(read.Trace(calls={(code, helper): 1}), facts_of)
    assert [caller.name for caller, _ in seen.calls] == ([] if found is None else [found])
    assert (code in seen.unknown) is (found is None)
