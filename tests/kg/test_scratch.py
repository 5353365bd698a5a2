"""Scratch datasets: what a standard store does, nothing that reaches out, and files that are whole or as they were."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.core.errors import BadQuery, Conflict, InvalidInput, NotFound, QueryRefused, TimedOut, TooLarge
from orchestrator.kg.query import scratch
from orchestrator.kg.query.client import GraphQueries, QueryLimits
from orchestrator.kg.query.updates import with_graphs
from orchestrator.kg.snapshot import GRAPH, new_snapshot

BASE = "http://example.org/sparql"
G = "http://example.org/g"
LIMITS = QueryLimits()


class Scratch:
    """One dataset and what is done with it."""

    def __init__(self, queries: GraphQueries, folder: Path, path: Path) -> None:
        self.path = path
        self._queries, self._folder = queries, folder

    async def update(self, text: str, limits: QueryLimits = LIMITS, **graphs: list[str]) -> None:
        given: dict[str, Any] = {"default_graphs": [], "named_graphs": [], "base_iri": BASE} | graphs
        await self.do("update", limits, update=text, **given)

    async def do(self, action: str, limits: QueryLimits = LIMITS, **given: Any) -> tuple[dict[str, Any], bytes]:
        return await self._queries.scratch(self._folder, self.path, action, limits=limits, **given)

    async def rows(self, query: str, **given: Any) -> list[dict[str, str]]:
        answer = await self._queries.query(self._folder, query, scratch=self.path, **given)
        told = json.loads(answer.body)
        return [{name: term["value"] for name, term in row.items()} for row in told["results"]["bindings"]]


@pytest.fixture
async def dataset(folder: Path, queries: GraphQueries, tmp_path: Path) -> Scratch:
    with new_snapshot(folder, "c0ffee") as (_, draft):
        (draft / GRAPH).write_text("<u:project> <u:has> <u:a> <u:graph> .\n")
    return Scratch(queries, folder, tmp_path / "mine.nq")


async def test_what_is_written_is_there_and_the_project_graph_is_not(dataset: Scratch) -> None:
    assert await dataset.rows("SELECT * { ?s ?p ?o }") == []
    await dataset.update("INSERT DATA { <a> <b> 1 . GRAPH <g> { <c> <d> 2 } }")
    at = "http://example.org/"
    assert await dataset.rows("SELECT * { ?s ?p ?o }") == [{"s": f"{at}a", "p": f"{at}b", "o": "1"}]
    assert await dataset.rows("SELECT ?o { GRAPH <g> { ?s ?p ?o } }", base_iri=BASE) == [{"o": "2"}]
    assert await dataset.rows("SELECT ?o FROM <http://example.org/none> { ?s ?p ?o }") == []
    assert await dataset.rows("SELECT ?o { ?s ?p ?o }", default_graphs=[G]) == [{"o": "2"}]


async def test_graphs_are_put_added_to_read_and_removed(dataset: Scratch) -> None:
    put = {"graph": G, "media_type": "text/turtle", "base_iri": G}
    assert (await dataset.do("put", data="<#a> a <#T> .", **put))[0] == {"made": True}
    assert (await dataset.do("post", data="<#b> a <#T> .", **put))[0] == {"made": False}
    _, body = await dataset.do("read", graph=G, accept="application/n-triples")
    assert len(body.splitlines()) == 2
    await dataset.do("put", data="<#c> a <#T> .", **put)
    assert len(await dataset.rows(f"SELECT * {{ GRAPH <{G}> {{ ?s ?p ?o }} }}")) == 1
    await dataset.do("remove", graph=G)
    for action, given in (("read", {"accept": "*/*"}), ("remove", {})):
        with pytest.raises(NotFound):
            await dataset.do(action, graph=G, **given)
    assert (await dataset.do("read", graph=None, accept="text/turtle"))[1] == b""


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("LOAD <http://127.0.0.1:1/>", QueryRefused),
        ("LOAD <file:///etc/hostname> INTO GRAPH <u:g>", QueryRefused),
        ("INSERT { ?s ?p ?o } WHERE { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }", QueryRefused),
        ("INSERT { ?s ?p ?o } WHERE { \\u0053ERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }", BadQuery),
        ("INSERT DATA { <a> <b> }", BadQuery),
        ("SELECT * {}", BadQuery),
        ("DROP GRAPH <http://example.org/none>", Conflict),
    ],
)
async def test_an_update_that_may_not_run_changes_nothing(dataset: Scratch, text: str, error: type[Exception]) -> None:
    await dataset.update("INSERT DATA { <a> <b> 1 }")
    before = dataset.path.read_bytes()
    with pytest.raises(error):
        await dataset.update(text)
    assert dataset.path.read_bytes() == before


async def test_a_silent_load_succeeds_and_does_nothing(dataset: Scratch) -> None:
    await dataset.update("LOAD SILENT <http://127.0.0.1:1/> ; LOAD SILENT <file:///etc/hostname> INTO GRAPH <u:g>")
    assert await dataset.rows("SELECT * { { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } }") == []


async def test_an_update_that_runs_too_long_or_too_large_leaves_the_dataset_as_it_was(dataset: Scratch) -> None:
    numbers = " ".join(str(number) for number in range(300))
    await dataset.update(f"INSERT {{ <a> <b> ?n }} WHERE {{ VALUES ?n {{ {numbers} }} }}")
    before = dataset.path.read_bytes()
    endless = "INSERT { ?a <p> ?b } WHERE { { SELECT * { ?s ?p ?a, ?b, ?c, ?d } ORDER BY ?d ?c } }"
    with pytest.raises(TimedOut):
        await dataset.update(endless, QueryLimits(seconds=0.2))
    with pytest.raises(TooLarge):
        await dataset.update(endless, QueryLimits(seconds=60, memory_bytes=64 * 1024 * 1024))
    assert dataset.path.read_bytes() == before
    await dataset.update("INSERT DATA { <c> <d> 1 }")  # the killed writers' lock is free
    assert {path.name for path in dataset.path.parent.glob("mine.*")} == {"mine.nq", "mine.lock"}


async def test_a_dataset_may_not_outgrow_its_limit(dataset: Scratch) -> None:
    body = "\n".join(f'<u:{number}> <u:p> "{"x" * 1000}" .' for number in range(1500))
    given = {"data": body, "media_type": "application/n-triples", "base_iri": BASE}
    rounds = scratch.MAX_BYTES // len(body)
    for number in range(rounds):
        await dataset.do("put", graph=f"u:g{number}", **given)
    before = dataset.path.read_bytes()
    with pytest.raises(TooLarge):
        await dataset.do("put", graph=f"u:g{rounds}", **given)
    assert dataset.path.read_bytes() == before


async def test_writers_at_the_same_time_lose_nothing(dataset: Scratch) -> None:
    await asyncio.gather(*(dataset.update(f"INSERT DATA {{ <a> <b> {number} }}") for number in range(12)))
    assert len(await dataset.rows("SELECT * { ?s ?p ?o }")) == 12


async def test_a_body_that_is_no_rdf_is_refused(dataset: Scratch) -> None:
    for media_type, data, error in (
        ("text/turtle", "<a> <b>", BadQuery),
        ("image/png", "", InvalidInput),
        ("application/n-quads", "<u:a> <u:b> <u:c> <u:d> .", InvalidInput),
    ):
        with pytest.raises(error):
            await dataset.do("put", graph=G, data=data, media_type=media_type, base_iri=G)
    with pytest.raises(BadQuery):
        await dataset.do("put", graph="not an iri", data="", media_type="text/turtle", base_iri=G)


def test_graphs_of_the_request_become_using_clauses() -> None:
    text = 'DELETE { <WHERE> <b> "WHERE" } WHERE { ?s ?p ?o { SELECT * WHERE { ?a ?b ?c } } } ; CLEAR ALL'
    told = with_graphs(text, ["u:a"], ["u:b"])
    assert told.count("USING") == 2
    assert '"WHERE" } USING <u:a> USING NAMED <u:b> WHERE { ?s' in told
    assert with_graphs("CLEAR ALL", ["u:a"], []) == "CLEAR ALL"
    assert with_graphs(text, [], []) == text


@pytest.mark.parametrize(
    "text",
    [
        "WITH <u:x> DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }",
        "INSERT { ?s ?p ?o } USING NAMED <u:x> WHERE { ?s ?p ?o }",
        "DELETE WHERE { ?s ?p ?o }",
    ],
)
def test_graphs_cannot_be_chosen_twice(text: str) -> None:
    with pytest.raises(BadQuery):
        with_graphs(text, ["u:a"], [])


async def test_the_graphs_of_a_request_are_what_an_update_reads(dataset: Scratch) -> None:
    await dataset.update("INSERT DATA { <a> <b> 0 . GRAPH <g1> { <a> <b> 1 } GRAPH <g2> { <a> <b> 2 } }")
    chosen = {"default_graphs": ["http://example.org/g1"], "named_graphs": ["http://example.org/g2"]}
    await dataset.update(
        "INSERT { GRAPH <out> { <x> <y> ?o } } WHERE { { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } }", **chosen
    )
    found = await dataset.rows("SELECT ?o { GRAPH <http://example.org/out> { ?s ?p ?o } } ORDER BY ?o")
    assert [row["o"] for row in found] == ["1", "2"]
