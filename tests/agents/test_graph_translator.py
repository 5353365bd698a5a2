"""Words to SPARQL: the real model client against a scripted endpoint, and real queries against a real graph."""

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator.agents.base import AgentLimits
from orchestrator.agents.graph_translator import GraphTranslator
from orchestrator.agents.llm_config import Endpoint
from orchestrator.core.errors import AgentFailed, InvalidInput, NotConfigured
from orchestrator.core.events import EventKind
from orchestrator.kg.indexing.build import build_graph
from orchestrator.kg.query.client import GraphQueries, QueryLimits
from orchestrator.kg.rdf.ontology import ontology_quads
from orchestrator.kg.shared_graphs import write_shared
from orchestrator.services.graph_questions import PreparedQuestions
from tests.agents.support import Told, context
from tests.fakes.openai import FakeOpenAI
from tests.kg.conftest import PROJECT
from tests.kg.sample import SAMPLE, write_tree

GOOD = (
    '```sparql\nSELECT ?who WHERE { ?x c:qualifiedName "shop.util.total" . ?d c:calls ?x ; c:qualifiedName ?who }\n```'
)


class RealGraph:
    """A built graph of the sample, asked through the service's own questions."""

    def __init__(self, folder: Path, queries: GraphQueries) -> None:
        self._folder = folder
        self._questions = PreparedQuestions(queries, QueryLimits(seconds=5, rows=100))

    async def ask(self, question: str, given: Mapping[str, Any]) -> dict[str, Any]:
        return await self._questions.ask(self._folder, question, given)

    async def sparql(self, query: str) -> dict[str, Any]:
        return await self._questions.sparql(self._folder, query)

    async def commit(self) -> str | None:
        return None


@pytest.fixture
def model() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as fake:
        yield fake


@pytest.fixture
async def graph(tmp_path: Path) -> AsyncIterator[RealGraph]:
    write_tree(tmp_path / "tree", SAMPLE)
    folder = tmp_path / "graph"
    build_graph(tmp_path / "tree", folder, project_iri=PROJECT, commit="c0ffee")
    write_shared(folder, "ontology", ontology_quads())
    queries = GraphQueries(idle_seconds=60)
    yield RealGraph(folder, queries)
    await queries.stop(folder)
    await queries.aclose()


def agent(model: FakeOpenAI) -> GraphTranslator:
    return GraphTranslator(Endpoint(model.base_url, "test-model"), retries=0)


async def test_the_query_is_shown_with_its_rows(model: FakeOpenAI, graph: RealGraph) -> None:
    model.say(GOOD)
    result = await agent(model).run(context(graph=graph, question="who calls total?"))
    assert "2 rows:" in result.summary
    assert "shop.cart.Cart.check" in result.summary
    assert 'c:qualifiedName "shop.util.total"' in result.summary
    assert (result.data["tried"], result.data["tokens"]) == ([], 15)
    told = str(model.asked[0]["messages"])
    assert "c:mayCall: A call site in the subject is a candidate" in told
    assert model.asked[0].get("tools") is None


async def test_a_refused_query_goes_back_to_the_model_with_the_reason(model: FakeOpenAI, graph: RealGraph) -> None:
    model.say("SELECT ?x WHERE { ?x c:calls }")
    model.say("```sparql\nSELECT * WHERE { SERVICE <http://example.org/> { ?s ?p ?o } }\n```")
    model.say("ASK { ?x a c:TestCase }")
    told = Told()
    result = await agent(model).run(context(graph=graph, tell=told, question="are there tests?"))
    assert result.summary.startswith("yes\n")
    assert [one["query"].splitlines()[-1][:10] for one in result.data["tried"]] == ["SELECT ?x ", "SELECT * W"]
    assert "refused" in str(model.asked[1]["messages"][-1]["content"])
    assert len([event for event in told.of(EventKind.LOG) if event["message"] == "wrote a query"]) == 3


async def test_repairs_are_bounded_and_what_was_tried_is_told(model: FakeOpenAI, graph: RealGraph) -> None:
    for _ in range(4):
        model.say("DELETE WHERE { ?s ?p ?o }")
    with pytest.raises(AgentFailed) as caught:
        await agent(model).run(context(graph=graph, question="forget everything"))
    assert len(caught.value.details["tried"]) == len(model.asked) == 3


async def test_the_limit_on_tokens_holds_over_all_tries(model: FakeOpenAI, graph: RealGraph) -> None:
    model.say("rubbish")
    model.say(GOOD)
    limits = AgentLimits(seconds=30, tokens=15)
    with pytest.raises(AgentFailed, match="tokens"):
        await agent(model).run(context(graph=graph, limits=limits, question="who calls total?"))
    assert len(model.asked) == 1


async def test_without_a_model_it_says_what_to_set(graph: RealGraph) -> None:
    with pytest.raises(NotConfigured):
        await GraphTranslator(Endpoint()).run(context(graph=graph, question="x"))


@pytest.mark.parametrize("given", [{}, {"question": ""}, {"question": "x" * 2001}, {"question": "x", "more": 1}])
def test_wrong_input_is_named(model: FakeOpenAI, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        agent(model).check(given)
