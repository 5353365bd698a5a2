"""The work graph: from a task down to the definitions it changed, valid, and joined to code and history."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyoxigraph as ox
import pytest
from pyshacl import validate
from rdflib import Graph

import orchestrator.kg
from orchestrator.core.commits import Commit, CommitPatch, FilePatch, History, Hunk, TouchedFile
from orchestrator.kg.history.lines import Span
from orchestrator.kg.history.triples import history_quads
from orchestrator.kg.rdf.vocabulary import CODE, PREFIXES, TERMS
from orchestrator.kg.work.records import ApprovalRecord, AttemptRecord, TaskRecord, ToolCallRecord
from orchestrator.kg.work.triples import work_graph, work_quads
from tests.kg.conftest import PROJECT, Build
from tests.kg.sample import load

_RDF = Path(next(iter(orchestrator.kg.__path__))) / "rdf"
_AT = datetime(2026, 2, 3, 10, tzinfo=UTC)
CART = f"{PROJECT}/symbol/src/shop/cart.py#Cart"
CHECK = f"{CART}.check"
SHA = "c" * 40

TASK = TaskRecord(
    id="0190-task", title='Make "check" faster', type="ask", state="completed", reason="ok", user_id="u1",
    target="agent:coder", agent_name="Coder", created_at=_AT, started_at=_AT, ended_at=_AT + timedelta(minutes=5),
    branch="orchestrator/x", commit=SHA, changed=("src/shop/cart.py",), modified=(CHECK,),
    attempts=(
        AttemptRecord(1, "agent:coder", _AT, _AT, "lost_worker"),
        AttemptRecord(2, "agent:coder", _AT, None, "ok", (
            ToolCallRecord(1, "edit", "files", _AT, _AT, "passed"),
            ToolCallRecord(2, "run_tests", "", _AT, _AT, "failed", ran_tests=True,
                           failing=(f"{PROJECT}/symbol/tests/test_cart.py#test_save",)),
        )),
    ),
    approvals=(ApprovalRecord(1, _AT, granted=True),),
)  # fmt: skip


def history() -> list[str]:
    files = (TouchedFile("src/shop/cart.py", "", "M", 1, 1), TouchedFile("README.md", "", "A", 1, 0))
    commit = Commit(SHA, (), "Ann", "ann@example.org", "2026-02-03T10:00:00Z", "Faster check", files)
    patch = CommitPatch(SHA, (FilePatch("src/shop/cart.py", "src/shop/cart.py", (Hunk(17, 1, 17, 1),)),))
    told = History(SHA, (commit,), "commits", (patch,), "")
    spans = {"src/shop/cart.py": [Span(CART, 9, 22), Span(CHECK, 16, 19)]}
    return list(history_quads(PROJECT, told, {"src/shop/cart.py", "README.md"}, spans, _AT))


@pytest.fixture
def joined(build: Build, folder: Path) -> ox.Store:
    """Code, history and work of the sample in one store."""
    build()
    store = load(folder)
    quads = "\n".join([*history(), *work_quads(PROJECT, TASK)])
    store.bulk_load(input=quads.encode(), format=ox.RdfFormat.N_QUADS)
    return store


def test_the_joined_graph_has_the_shape_it_should_and_only_defined_terms(joined: ox.Store) -> None:
    everything = joined.query("CONSTRUCT { ?s ?p ?o } { ?s ?p ?o }", use_default_graph_as_union=True)
    assert isinstance(everything, ox.QueryTriples)
    graph = Graph().parse(data=everything.serialize(format=ox.RdfFormat.N_TRIPLES), format="nt")  # type: ignore[arg-type]
    conforms, _, words = validate(
        graph, shacl_graph=Graph().parse(_RDF / "shapes.ttl"), ont_graph=Graph().parse(_RDF / "ontology.ttl")
    )
    assert conforms, words
    used = {str(node) for triple in graph for node in triple if str(node).startswith(CODE)}
    assert {term.removeprefix(CODE) for term in used} <= TERMS


def test_one_join_says_which_task_changed_a_function_and_whether_its_tests_passed(joined: ox.Store) -> None:
    rows = joined.query(
        f"""{PREFIXES} SELECT ?title ?agent ?outcome ?test {{
          ?x c:qualifiedName "shop.cart.Cart.check" . ?t c:modified ?x ; dct:title ?title .
          ?t prov:wasAssociatedWith/schema:name ?agent . ?r prov:wasInformedBy ?t ; a c:TestRun ; c:outcome ?outcome .
          ?r c:failing/c:qualifiedName ?test }}""",
        use_default_graph_as_union=True,
    )
    assert isinstance(rows, ox.QuerySolutions)
    assert [tuple(term.value for term in row) for row in rows] == [
        ('Make "check" faster', "Coder", f"{CODE}failed", "tests.test_cart.test_save")
    ]


def test_what_a_task_produced_meets_the_history(joined: ox.Store) -> None:
    rows = joined.query(
        f"{PREFIXES} SELECT ?who {{ ?t a c:Task ; c:produced ?k . ?k prov:wasAssociatedWith/foaf:name ?who }}",
        use_default_graph_as_union=True,
    )
    assert isinstance(rows, ox.QuerySolutions)
    assert [row["who"].value for row in rows] == ["Ann"]


def test_a_task_stands_in_a_graph_of_its_own_and_writes_the_same_again() -> None:
    quads = list(work_quads(PROJECT, TASK))
    assert quads == list(work_quads(PROJECT, TASK))
    assert all(quad.endswith(f" <{work_graph(PROJECT, TASK.id)}> .") for quad in quads)


@pytest.mark.parametrize("hostile", ['"> . <urn:x> <urn:y> <urn:z> .', "\n\0\ud800", "a b<>", "x" * 10_000])
def test_hostile_words_stay_words(hostile: str) -> None:
    calls = (ToolCallRecord(1, hostile, hostile, None, None, "unfinished"),)
    task = TaskRecord(
        id=hostile, title=hostile, type=hostile, state=hostile, reason=hostile, user_id=hostile, target=hostile,
        agent_name=hostile, created_at=None, started_at=None, ended_at=None, branch=hostile, commit=hostile,
        changed=(hostile,), attempts=(AttemptRecord(1, hostile, None, None, hostile, calls),),
    )  # fmt: skip
    store = ox.Store()
    store.bulk_load(input="\n".join(work_quads(PROJECT, task)).encode(), format=ox.RdfFormat.N_QUADS)
    assert len({quad.graph_name for quad in store}) == 1
    assert "urn:x" not in {quad.subject.value for quad in store}  # type: ignore[union-attr]
