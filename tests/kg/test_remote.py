"""Graphs on a SPARQL server elsewhere: a real Oxigraph server answers as our own does, and follows every change."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from orchestrator.core.errors import (
    BadQuery,
    Conflict,
    NotConfigured,
    NotFound,
    QueryRefused,
    TimedOut,
    TooLarge,
    Unavailable,
)  # fmt: skip
from orchestrator.kg.journal import Delta, append
from orchestrator.kg.query.client import GraphQueries, QueryLimits
from orchestrator.kg.query.formats import GRAPH_FORMATS, RESULT_FORMATS
from orchestrator.kg.query.remote_queries import RemoteQueries
from orchestrator.kg.query.substitute import substituted
from orchestrator.kg.questions.ask import ANSWERS, ask
from orchestrator.kg.questions.asking import Asker
from orchestrator.kg.rdf.terms import iri, literal
from orchestrator.kg.shared_graphs import write_shared
from orchestrator.kg.snapshot import GRAPH, current_folder, new_snapshot
from tests.kg.conftest import Build

pytestmark = pytest.mark.xdist_group("remote")

OXIGRAPH = Path(sys.executable).with_name("oxigraph")
FIRST = {
    "u:a@1": "<u:a> <u:calls> <u:b> <u:a@1> .\n",
    "u:b@1": '<u:b> <u:name> "b" <u:b@1> .\n',
    "u:index": '<u:i> <u:at> "1" <u:index> .\n',
}
ALL = "SELECT ?g ?s ?p ?o { GRAPH ?g { ?s ?p ?o } FILTER(?g != <urn:orchestrator:published>) } ORDER BY ?g ?s ?p ?o"


class Server:
    """An Oxigraph server with one dataset, behind addresses that name a project."""

    def __init__(self, *options: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [str(OXIGRAPH), "serve", "--bind", f"127.0.0.1:{self.port}", *options]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self.query, self.update = (
            f"http://127.0.0.1:{self.port}/{door}?project={{project}}" for door in ("query", "update")
        )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                httpx2.get(f"http://127.0.0.1:{self.port}/query").close()
            except httpx2.ConnectError:
                continue
            return
        raise AssertionError("the Oxigraph server did not start")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server("--union-default-graph")
    yield running
    running.stop()


@pytest.fixture
async def remote(server: Server, tmp_path: Path) -> AsyncIterator[RemoteQueries]:
    asked = RemoteQueries(server.query, server.update, tmp_path / "front", idle_seconds=60)
    yield asked
    await asked.stop(tmp_path / "front")
    await asked.aclose()


def snapshot(folder: Path, graphs: dict[str, str]) -> Path:
    with new_snapshot(folder, "c0ffee") as (_, draft):
        (draft / GRAPH).write_text("".join(graphs.values()))
    return current_folder(folder)


async def same(remote: RemoteQueries, queries: GraphQueries, folder: Path, query: str = ALL, **given: object) -> bytes:
    """What the server says, after making sure that a server of this host says the same."""
    there = await remote.query(folder, query, accept="text/csv", **given)
    here = await queries.query(folder, query, accept="text/csv", **given)  # type: ignore[arg-type]
    assert (there.body, there.rows, there.kind) == (here.body, here.rows, here.kind)
    return there.body


async def test_the_server_follows_snapshots_changes_and_shared_graphs(
    remote: RemoteQueries, queries: GraphQueries, folder: Path
) -> None:
    place = snapshot(folder, FIRST)
    await remote.warm(folder)
    assert (await same(remote, queries, folder)).count(b"\n") == 4
    append(place, Delta(("u:b@1",), {"u:b@2": '<u:b> <u:name> "b \\"2\\"" <u:b@2> .\n'}))
    append(place, Delta((), {"u:c@1": "<u:c> <u:calls> <u:a> <u:c@1> .\n"}, view="elsewhere"))
    write_shared(folder, "work", ["<u:t> <u:modified> <u:a> <u:work/1> .", "<u:t> <u:state> <u:done> <u:work/2> ."])
    await queries.refresh(folder)
    told = await same(remote, queries, folder)
    assert b'b ""2""' in told
    assert b"u:c@1" not in told
    write_shared(folder, "work", ["<u:t> <u:state> <u:failed> <u:work/2> ."])
    snapshot(folder, {**FIRST, "u:index": '<u:i> <u:at> "2" <u:index> .\n'})
    await remote.refresh(folder)
    told = await same(remote, queries, folder)
    assert told.count(b"\n") == 5
    assert b"u:work/1" not in told


async def test_answers_are_the_same_in_every_format_and_kind(
    remote: RemoteQueries, queries: GraphQueries, folder: Path
) -> None:
    snapshot(folder, FIRST)
    await remote.warm(folder)
    union = "FILTER(?p IN (<u:calls>, <u:name>, <u:at>))"
    for accept in RESULT_FORMATS:
        for query in (f"SELECT ?s ?p ?o {{ ?s ?p ?o {union} }} ORDER BY ?s", "ASK { <u:a> ?p ?o }"):
            there = await remote.query(folder, query, accept=accept)
            here = await queries.query(folder, query, accept=accept)
            assert (there.body, there.media_type, there.rows) == (here.body, here.media_type, here.rows)
    for accept in GRAPH_FORMATS:
        there = await remote.query(
            folder, "CONSTRUCT { <u:x> ?p <r> } { <u:a> ?p ?o }", accept=accept, base_iri="http://b/"
        )
        assert (there.kind, there.rows, there.media_type) == ("construct", 1, accept)
        assert b"http://b/r" in there.body
    chosen = {"default_graphs": ["u:a@1"], "named_graphs": ["u:b@1"]}
    await same(
        remote, queries, folder, "SELECT * { { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } } ORDER BY ?s", **chosen
    )


async def test_values_are_bound_as_text_where_only_text_is_sent(
    remote: RemoteQueries, queries: GraphQueries, folder: Path
) -> None:
    snapshot(folder, FIRST)
    await remote.warm(folder)
    values = {"n": literal('b" } ?x'), "x": iri("u:b")}
    await same(
        remote, queries, folder, "SELECT ?x ?n ?s { ?s <u:name> ?name FILTER(?name = ?n) }", substitutions=values
    )
    values["n"] = literal("b")
    query = "SELECT ?x ?n (COUNT(?s) AS ?many) { ?x <u:name> ?n ; ?p ?o . ?s ?q ?x } GROUP BY ?x ?n ORDER BY ?x"
    told = await same(remote, queries, folder, query, substitutions=values)
    assert told.splitlines()[1] in (b"u:b,b,1", b"b,u:b,1")


QUESTIONS: dict[str, dict[str, str]] = {
    "find_symbol": {"name": "Cart"},
    "outline": {"path": "src/shop/cart.py"},
    "callers": {"symbol": "Store.put"},
    "callees": {"symbol": "Cart.unknown"},
    "impact": {"symbol": "shop.util.total"},
    "tests_reaching": {"symbol": "shop.util.total"},
    "path_between": {"start": "tests.test_cart.test_total", "end": "shop.util.total"},
    "overrides": {"symbol": "shop.base.Base"},
    "config_reads": {"key": "HOME"},
    "users_of_dependency": {"name": "requests"},
    "owners": {"path": "src/shop/cart.py"},
    "co_changing": {"path": "src/shop/cart.py"},
    "who_changed": {"symbol": "shop.util.total"},
    "changed_between": {"old": "c0ffee0"},
}


async def test_prepared_questions_are_answered_as_on_this_host(
    remote: RemoteQueries, queries: GraphQueries, folder: Path, build: Build
) -> None:
    build()
    for question in sorted(ANSWERS):
        told = [await _told(Asker(asked, folder, QueryLimits()), question) for asked in (remote, queries)]
        assert told[0] == told[1], question


async def _told(asker: Asker, question: str) -> object:
    """The answer, or what is said instead of one."""
    try:
        return await ask(asker, question, QUESTIONS.get(question, {}))
    except NotFound as error:
        return error.message


def test_a_variable_is_replaced_where_it_is_one() -> None:
    query = 'SELECT ?x (STR(?x) AS ?y) WHERE { ?x <u:?x> "?x" . $x ?p ?xy # ?x\n} ORDER BY ?x'
    told = substituted(query, {"x": "<u:a>"})
    assert told == (
        'SELECT (<u:a> AS ?x) (STR(<u:a>) AS ?y) WHERE { <u:a> <u:?x> "?x" . <u:a> ?p ?xy # ?x\n} ORDER BY (<u:a>)'
    )
    assert substituted(query, {}) == query
    inner = substituted("SELECT ?x ?y { { SELECT DISTINCT ?x ?y { ?x ?p ?y } } }", {"x": "<u:a>"})
    assert inner == "SELECT (<u:a> AS ?x) ?y { { SELECT DISTINCT (<u:a> AS ?x_inside0) ?y { <u:a> ?p ?y } } }"


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("SELECT * { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }", QueryRefused),
        ("SELECT * FROM <http://127.0.0.1:1/> { ?s ?p ?o }", QueryRefused),
        ("DROP ALL", QueryRefused),
        ("SELECT * { ?s ?p", BadQuery),
    ],
)
async def test_what_may_not_run_here_is_not_sent_there(
    remote: RemoteQueries, folder: Path, query: str, error: type[Exception]
) -> None:
    snapshot(folder, FIRST)
    await remote.warm(folder)
    with pytest.raises(error):
        await remote.query(folder, query)
    with pytest.raises(QueryRefused):
        await remote.query(folder, "SELECT * { ?s ?p ?o }", default_graphs=["http://127.0.0.1:1/"])
    assert (await remote.query(folder, "ASK { GRAPH <u:a@1> { ?s ?p ?o } }", accept="text/csv")).body == b"true"


async def test_limits_hold_there_too(remote: RemoteQueries, folder: Path) -> None:
    many = "".join(f'<u:{number}> <u:p> "{number}" <u:many@1> .\n' for number in range(3000))
    snapshot(folder, {"u:many@1": many})
    await remote.warm(folder)
    cut = await remote.query(folder, "SELECT ?s { ?s <u:p> ?o }", limits=QueryLimits(rows=10))
    assert (cut.rows, cut.truncated) == (10, True)
    with pytest.raises(TooLarge):
        await remote.query(folder, "SELECT ?s { ?s <u:p> ?o }", limits=QueryLimits(bytes=5000))
    endless = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(STR(?c) > CONCAT(STR(?f), STR(?i))) }"
    began = time.monotonic()
    with pytest.raises(TimedOut):
        await remote.query(folder, endless, limits=QueryLimits(seconds=0.5))
    assert time.monotonic() - began < 5


async def test_a_server_that_is_not_fit_for_it_is_named(
    server: Server, folder: Path, tmp_path: Path, remote: RemoteQueries
) -> None:
    with pytest.raises(NotFound):
        await remote.query(folder, "ASK {}")
    with pytest.raises(NotConfigured):
        RemoteQueries("http://127.0.0.1:1/query", "http://127.0.0.1:1/update", tmp_path)
    snapshot(folder, FIRST)
    await remote.warm(folder)
    snapshot(tmp_path / "other", FIRST)
    with pytest.raises(Conflict):
        await remote.warm(tmp_path / "other")
    await remote.forget(tmp_path / "other")
    assert b"true" in (await remote.query(folder, "ASK { ?s ?p ?o }")).body
    await remote.forget(folder)
    assert httpx2.get(f"http://127.0.0.1:{server.port}/store").content == b""
    plain = Server()
    narrow = RemoteQueries(plain.query, plain.update, tmp_path / "front")
    try:
        with pytest.raises(NotConfigured):
            await narrow.warm(folder)
    finally:
        await narrow.aclose()
        await asyncio.to_thread(plain.stop)
    await asyncio.to_thread(server.stop)
    with pytest.raises(Unavailable):
        await remote.query(folder, "ASK {}")
