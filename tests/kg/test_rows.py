"""Whole tables out of a graph, also where names hold what separates columns elsewhere."""

from pathlib import Path

from orchestrator.kg.query.client import GraphQueries, QueryLimits
from orchestrator.kg.query.rows import rows_of
from orchestrator.services.project_history import spans_of
from tests.kg.conftest import Build

_TREE = {"a, b.test.js": 'describe("one, two", () => { it("adds, then subtracts", () => {}); });\n', "c.py": "x = 1\n"}


async def test_names_with_commas_cost_no_history(build: Build, folder: Path, queries: GraphQueries) -> None:
    build(_TREE)
    spans = await spans_of(queries, folder)
    assert all("," not in span.iri for span in spans["a, b.test.js"])


async def test_an_unbound_variable_is_empty(build: Build, folder: Path, queries: GraphQueries) -> None:
    build(_TREE)
    text = "SELECT ?x ?y WHERE { VALUES (?x ?y) { ('a, b' UNDEF) } }"
    assert await rows_of(queries, folder, text, QueryLimits()) == [["a, b", ""]]
