"""The agent ``agent:graph-translator``: a question in words becomes SPARQL by a language model, and is answered.

The model is told the graph's own terms; what it writes runs as any query does, read-only and limited. What the engine
refuses goes back to the model with the reason, a few times at most. The query is shown with the rows, so that a reader
can judge it: an answer is only as right as its query.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import Field

from orchestrator.agents.base import AgentContext, AgentInfo, AgentKind, AgentResult, Graph
from orchestrator.agents.llm_config import ADVICE, Endpoint, LlmConfig, LlmInput
from orchestrator.agents.options import Options, read_options
from orchestrator.core.capabilities import Capability
from orchestrator.core.errors import (
    AgentFailed,
    BadQuery,
    NotConfigured,
    NotFound,
    QueryRefused,
    TimedOut,
    TooLarge,
)
from orchestrator.core.events import EventKind

_MOST_TRIES = 3
_SHOWN = 20
_MOST_QUERY = 20_000
_REPAIRABLE = (BadQuery, QueryRefused, TimedOut, TooLarge)
_FENCED = re.compile(r"```(?:sparql)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_PREFIXES = {
    "c": "https://w3id.org/orchestrator/code#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "prov": "http://www.w3.org/ns/prov#",
    "dct": "http://purl.org/dc/terms/",
    "schema": "https://schema.org/",
    "foaf": "http://xmlns.com/foaf/0.1/",
}
_TERMS = """PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
SELECT ?term ?said WHERE { GRAPH <https://w3id.org/orchestrator/code> { ?term rdfs:comment ?said } } ORDER BY ?term"""
_INSTRUCTIONS = """You write SPARQL 1.1 queries for a graph of a code repository. Answer with one SELECT or ASK query in
a ```sparql block and nothing else. Prefixes c, rdf, rdfs, xsd, prov, dct, schema and foaf are declared already. The
graph is read-only; SERVICE and FROM are refused. Use LIMIT. Start from what is known; test types last, as
FILTER EXISTS { ?t a c:TestCase }. Names: c:qualifiedName is "package.module.Class.method", rdfs:label its last part,
c:path a file's path. A definition stands in a file: ?d c:definedIn/c:path ?path.

Examples:
who calls f of module a.b:
SELECT ?who ?line
WHERE { ?x c:qualifiedName "a.b.f" . ?s c:callee ?x ; c:caller/c:qualifiedName ?who ; c:startLine ?line }
who changed the file a/b.py most:
SELECT ?who (COUNT(?k) AS ?n) WHERE { ?f c:path "a/b.py" . ?k c:changed ?f ; prov:wasAssociatedWith/foaf:name ?who }
GROUP BY ?who ORDER BY DESC(?n) LIMIT 10

Terms of the graph:
"""


class TranslateInput(Options):
    """One question in words."""

    question: str = Field(min_length=1, max_length=2000, description="As: which class has the most subclasses?")


class GraphTranslator:
    """Turns words into queries. ``retries`` is how often one request is tried again when the provider stumbles."""

    def __init__(self, endpoint: Endpoint, *, retries: int = 2) -> None:
        self._endpoint = endpoint
        self._retries = retries
        self.info = AgentInfo(
            id="agent:graph-translator",
            name="Graph translator",
            kind=AgentKind.LLM,
            description="Writes SPARQL for a question in words, repairs what is refused, and shows query and rows.",
            capabilities=(Capability("graph_translation"),),
            task_types=frozenset({"graph_translation"}),
            unavailable=endpoint.missing,
            account=endpoint.account,
            model=endpoint.model,
            example={"question": "which class has the most subclasses?"},
        )

    def check(self, given: Mapping[str, Any]) -> None:
        """Raise InvalidInput naming the field."""
        read_options(TranslateInput, given)

    async def run(self, context: AgentContext) -> AgentResult:
        """Ask the model for a query until one runs. Raises AgentFailed with all that were tried when none does."""
        question = read_options(TranslateInput, context.input).question
        if self.info.unavailable:
            raise NotConfigured(self.info.unavailable, hint=ADVICE)
        graph = context.require_graph()
        config = LlmConfig(instructions=_INSTRUCTIONS + await _terms(graph), tools=["none"], temperature=0)
        tried: list[dict[str, Any]] = []
        used = 0
        while len(tried) < _MOST_TRIES:
            answer = await self._ask(config, _prompt(question, tried), context, used)
            used += sum(answer.data["usage"][kind] for kind in ("input_tokens", "output_tokens"))
            query = _query(answer.data["answer"])
            context.tell(EventKind.LOG, message="wrote a query", query=query)
            try:
                found = await graph.sparql(query)
            except _REPAIRABLE as error:
                tried.append({"query": query, "error": error.as_dict()})
                context.tell(EventKind.LOG, message=f"the query was refused: {error.message}", code=error.code)
            else:
                return _result(question, query, found, tried, used)
        raise AgentFailed(f"None of {_MOST_TRIES} queries could be run.", details={"tried": tried})

    async def _ask(self, config: LlmConfig, prompt: str, context: AgentContext, used: int) -> AgentResult:
        # Loaded here: pydantic-ai and the OpenAI client cost 2 s and 118 MB, which the API never needs.
        from orchestrator.agents.llm_engine import converse  # noqa: PLC0415

        left = context.limits.tokens - used
        if left <= 0:
            raise AgentFailed(f"The agent used {used} tokens; that is its limit.", details={"limit": "tokens"})
        alone = replace(context, tools=None, notes="", history=(), limits=replace(context.limits, tokens=left))
        return await converse(self._endpoint, config, LlmInput(prompt=prompt), alone, retries=self._retries)


async def _terms(graph: Graph) -> str:
    """The graph's own terms, a line each, as it tells them itself."""
    found = await graph.sparql(_TERMS)
    rows = found["answer"]["results"]["bindings"]
    if not rows:
        raise NotFound("this graph does not tell its terms", hint="build it again")
    code = _PREFIXES["c"]
    lines = (f"{row['term']['value'].replace(code, 'c:')}: {row['said']['value']}" for row in rows)
    return "\n".join(line for line in lines if line.startswith("c:") and not line.startswith("c:rule-"))


def _prompt(question: str, tried: list[dict[str, Any]]) -> str:
    if not tried:
        return question
    last = tried[-1]
    return (
        f"{question}\n\nYour last query was refused:\n{last['query']}\n\nThe reason: {last['error']['message']}\n"
        "Write a query that avoids this."
    )


def _query(answer: str) -> str:
    """The query in an answer, with the prefixes it does not declare itself."""
    fenced = _FENCED.search(answer)
    text = (fenced[1] if fenced else answer).strip()[:_MOST_QUERY]
    declared = set(re.findall(r"^\s*PREFIX\s+(\w*):", text, re.MULTILINE | re.IGNORECASE))
    lines = [f"PREFIX {name}: <{iri}>" for name, iri in _PREFIXES.items() if name not in declared]
    return "\n".join([*lines, text])


def _result(question: str, query: str, found: Mapping[str, Any], tried: list[dict[str, Any]], used: int) -> AgentResult:
    answer = found.get("answer", {})
    written = query.partition("foaf/0.1/>\n")[2] or query
    if "boolean" in answer:
        said = "yes" if answer["boolean"] else "no"
    elif "results" in answer:
        rows = [[term["value"] for term in row.values()] for row in answer["results"]["bindings"]]
        shown = ["  " + " · ".join(row) for row in rows[:_SHOWN]]
        more = [f"  and {found['rows'] - _SHOWN} more"] if found["rows"] > _SHOWN else []
        said = "\n".join([f"{found['rows']} rows" + (":" if rows else "."), *shown, *more])
    else:
        said = str(found.get("text", ""))[:2000]
    data = {"question": question, "query": query, "found": dict(found), "tried": tried, "tokens": used}
    return AgentResult(f"{said}\n\nBy this query, after {len(tried)} refused:\n{written}", data)
