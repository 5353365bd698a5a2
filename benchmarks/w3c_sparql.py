"""The W3C SPARQL 1.1 evaluation, result format and syntax tests, asked of an endpoint over HTTP.

Data goes in through the Graph Store Protocol, queries and updates through the SPARQL Protocol; an update's outcome is
read back by a query. Left out: entailment regimes and federation, which no endpoint here offers.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
import pyoxigraph as ox
import rdflib
from rdflib import RDFS
from rdflib.term import Node

from benchmarks.w3c_compare import Answer, graph, result_set, same, same_csv, table
from benchmarks.w3c_sets import MF, Case, cases

QT = rdflib.Namespace("http://www.w3.org/2001/sw/DataAccess/tests/test-query#")
UT = rdflib.Namespace("http://www.w3.org/2009/sparql/tests/test-update#")
LEFT_OUT = {
    "entailment", "service", "syntax-fed", "protocol", "graph-store-protocol", "http-rdf-update", "service-description",
}  # fmt: skip
_TABLES = {
    ".srx": "application/sparql-results+xml",
    ".srj": "application/sparql-results+json",
    ".tsv": "text/tab-separated-values",
    ".csv": "text/csv",
}
_GRAPHS = {".rdf": "application/rdf+xml", ".nt": "application/n-triples"}
_EVERYTHING = "SELECT ?g ?s ?p ?o { { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } }"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one test went; ``why`` is empty when it passed."""

    case: Case
    why: str


class Endpoint:
    """A writable SPARQL 1.1 endpoint."""

    def __init__(self, client: httpx.Client, sparql: str, data: str) -> None:
        self._client, self._sparql, self._data = client, sparql, data

    def fill(self, default: list[Node], named: list[tuple[str, Node]]) -> None:
        """Hold these files and nothing else."""
        self.update("DROP ALL").raise_for_status()
        for target, file in [
            *(({"default": ""}, file) for file in default),
            *(({"graph": name}, file) for name, file in named),
        ]:
            triples = (quad.triple for quad in ox.parse(path=str(local(file)), base_iri=str(file)))
            body = ox.serialize(triples, format=ox.RdfFormat.N_TRIPLES)
            headers = {"Content-Type": "application/n-triples"}
            self._client.post(self._data, params=target, content=body, headers=headers).raise_for_status()

    def ask(self, query: str, accept: str) -> httpx.Response:
        """The answer to a query, whatever its status."""
        headers = {"Content-Type": "application/sparql-query", "Accept": accept}
        return self._client.post(self._sparql, content=query.encode(), headers=headers)

    def update(self, text: str) -> httpx.Response:
        """The answer to an update, whatever its status."""
        headers = {"Content-Type": "application/sparql-update"}
        return self._client.post(self._sparql, content=text.encode(), headers=headers)


def run(root: Path, endpoint: Endpoint) -> list[Verdict]:
    """Every test of every group, in order."""
    groups = sorted(folder.name for folder in root.iterdir() if folder.is_dir() and folder.name not in LEFT_OUT)
    return [Verdict(case, why) for group in groups for case in cases(root, group) for why in _judge(case, endpoint)]


def local(file: Node | None) -> Path:
    """The path of a file: IRI."""
    return Path(unquote(urlsplit(str(file)).path))


def _judge(case: Case, endpoint: Endpoint) -> list[str]:
    """What is wrong with the answer, or nothing; no verdict for kinds of tests that are not SPARQL's."""
    check = {
        "QueryEvaluationTest": _query, "CSVResultFormatTest": _query, "UpdateEvaluationTest": _update,
        "PositiveSyntaxTest11": _syntax, "NegativeSyntaxTest11": _syntax, "PositiveUpdateSyntaxTest11": _syntax,
        "NegativeUpdateSyntaxTest11": _syntax, "PositiveSyntaxTest": _syntax, "NegativeSyntaxTest": _syntax,
    }.get(case.kind)  # fmt: skip
    if check is None:
        return []
    try:
        return [check(case, endpoint)]
    except (httpx.HTTPStatusError, SyntaxError, ValueError) as error:
        return [f"{type(error).__name__}: {str(error)[:200]}"]


def _text(file: Node | None) -> str:
    return local(file).read_text("utf-8")


def _based(file: Node | None) -> str:
    """A query or update with its own place as base."""
    return f"BASE <{file}>\n{_text(file)}"


def _syntax(case: Case, endpoint: Endpoint) -> str:
    action = case.one(case.node, MF.action)
    endpoint.update("DROP ALL").raise_for_status()
    answer = endpoint.update(_text(action)) if local(action).suffix == ".ru" else endpoint.ask(_text(action), "*/*")
    # These have passed the parser: refused by policy, not fitting what is there, a function that is not known.
    understood = answer.status_code < 300 or answer.status_code in (403, 409, 422)
    if case.kind.startswith("Positive"):
        return "" if understood else f"{answer.status_code} {answer.text[:200]}"
    return "" if answer.status_code == 400 else f"accepted with {answer.status_code}"


def _query(case: Case, endpoint: Endpoint) -> str:
    action, wanted_file = case.one(case.node, MF.action), case.one(case.node, MF.result)
    query = case.one(action, QT.query)
    named = [
        (str(case.one(one, QT.graph) or one), case.one(one, QT.graph) or one) for one in case.all(action, QT.graphData)
    ]
    endpoint.fill(case.all(action, QT.data), named)
    suffix = local(wanted_file).suffix
    asked = _TABLES.get(suffix) or f"{_GRAPHS.get(suffix, 'text/turtle')}, application/sparql-results+json;q=0.9"
    answer = endpoint.ask(_based(query), asked)
    if answer.status_code != 200:
        return f"{answer.status_code} {answer.text[:200]}"
    media_type = answer.headers["content-type"].partition(";")[0]
    if suffix == ".csv":
        return "" if same_csv(answer.content, local(wanted_file).read_bytes()) else "another table"
    got = _answer(answer.content, media_type)
    good = same(got, _wanted(wanted_file), ordered="ORDER BY" in _text(query).upper())
    return "" if good else f"another answer: {answer.text[:200]}"


def _answer(body: bytes, media_type: str) -> Answer:
    if media_type in _TABLES.values():
        return table(body, media_type)
    return rdflib.Graph().parse(data=body, format=media_type)


def _wanted(file: Node | None) -> Answer:
    path = local(file)
    media_type = _TABLES.get(path.suffix)
    return table(path.read_bytes(), media_type) if media_type else result_set(graph(path, str(file)))


def _update(case: Case, endpoint: Endpoint) -> str:
    action, result = case.one(case.node, MF.action), case.one(case.node, MF.result)
    endpoint.fill(case.all(action, UT.data), labelled(case, action))
    answer = endpoint.update(_based(case.one(action, UT.request)))
    if answer.status_code >= 300:
        return f"{answer.status_code} {answer.text[:200]}"
    got, wanted = _datasets(endpoint), {}
    for file in case.all(result, UT.data):
        wanted.setdefault("", rdflib.Graph()).parse(local(file), publicID=str(file))
    for name, file in labelled(case, result):
        wanted.setdefault(name, rdflib.Graph()).parse(local(file), publicID=str(file))
    wanted = {name: found for name, found in wanted.items() if len(found)}
    good = got.keys() == wanted.keys() and all(same(got[name], wanted[name], ordered=False) for name in wanted)
    return "" if good else f"another dataset: { ({name: len(found) for name, found in got.items()}) }"


def labelled(case: Case, node: Node | None) -> list[tuple[str, Node]]:
    """Named graphs that a test's node lists: their names and files."""
    found = [(case.one(one, RDFS.label), case.one(one, UT.graph)) for one in case.all(node, UT.graphData)]
    return [(str(name), file) for name, file in found if file is not None]


def _datasets(endpoint: Endpoint) -> dict[str, rdflib.Graph]:
    """Every graph of the endpoint by name, the default graph under the empty one."""
    answer = endpoint.ask(_EVERYTHING, _TABLES[".srj"])
    answer.raise_for_status()
    rows = table(answer.content, _TABLES[".srj"])
    assert isinstance(rows, list)
    found: dict[str, rdflib.Graph] = {}
    for row in rows:
        found.setdefault(str(row.get("g", "")), rdflib.Graph()).add((row["s"], row["p"], row["o"]))
    return found
