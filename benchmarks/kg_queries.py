"""Twelve queries over a million triples through HTTP with all limits on, against the bare engine in the same run; and
what a query that would run for ever, or sort a hundred million rows, does to the others.

Ours and the engine's times alternate, so that both meet the same machine; the client is a bare one. The graph is made
(``kg_graph``). The engine counts its answers in this process, without HTTP, limits or serialising.
"""

import asyncio
import http.client
import statistics
import time
from pathlib import Path
from urllib.parse import urlsplit

import pyoxigraph as ox

from benchmarks.kg_graph import BASE, HUB, HUB_FILE, HUB_NAME, LEAF, write_graph
from benchmarks.kg_service import GraphEndpoint, graph_service
from benchmarks.report import Row, percentile, row
from orchestrator.kg.rdf.vocabulary import PREFIXES

_ROUNDS, _WARM_UPS = 9, 3
_SECONDS = 2.0
_RUNAWAY = """SELECT (COUNT(*) AS ?n) { ?a c:calls ?b . ?c c:calls ?d . ?e c:calls ?f
    FILTER(STRLEN(CONCAT(STR(?b), STR(?d), STR(?f))) > 5000) }"""
_SORT = "SELECT ?a ?b ?c ?d (CONCAT(STR(?a), STR(?d)) AS ?x) { ?a c:calls ?b . ?c c:calls ?d } ORDER BY ?x"

# Bound at one end, so that their cost does not grow with the graph.
BOUNDED = {
    "point lookup": f'SELECT ?f ?p ?o {{ ?f c:qualifiedName "{HUB_NAME}" ; ?p ?o }}',
    "direct callers": f"""SELECT ?c ?q ?path {{
        ?c c:calls <{HUB}> ; c:qualifiedName ?q ; c:definedIn/c:path ?path }} LIMIT 800""",
    "tests reaching X": f"""SELECT (COUNT(DISTINCT ?t) AS ?n) {{
        {{ SELECT DISTINCT ?t {{ ?t c:calls+ <{LEAF}> }} }} FILTER EXISTS {{ ?t a c:TestCase }} }}""",
    "owner of a file": f"""SELECT ?who (COUNT(?c) AS ?n) {{
        ?c c:changed <{HUB_FILE}> ; prov:wasAssociatedWith/foaf:name ?who }}
        GROUP BY ?who ORDER BY DESC(?n) LIMIT 3""",
}
FREE = {
    "callers, transitive": f"SELECT (COUNT(DISTINCT ?c) AS ?n) {{ ?c c:calls+ <{HUB}> }}",
    "most called": "SELECT ?f (COUNT(?s) AS ?n) { ?s c:callee ?f } GROUP BY ?f ORDER BY DESC(?n) LIMIT 20",
    "regex on names": 'SELECT ?f ?l { ?f a c:Function ; rdfs:label ?l FILTER regex(?l, "^get_.*url", "i") }',
    "OPTIONAL twice": """SELECT ?c ?d ?s { ?c a c:Class ; c:definedIn/c:path ?p .
        OPTIONAL { ?c rdfs:comment ?d } OPTIONAL { ?c c:extends ?s } FILTER(STRSTARTS(?p, "pkg1/")) }""",
    "text in comments": 'SELECT ?f ?d { ?f rdfs:comment ?d FILTER(CONTAINS(LCASE(?d), "transaction")) } LIMIT 300',
    "failed task to test": """SELECT ?task ?fn ?test { ?run c:outcome c:failed ; prov:wasInformedBy ?task .
        ?task c:modified ?fn . ?test c:calls ?fn ; a c:TestCase } LIMIT 2000""",
    "dead code": """SELECT (COUNT(*) AS ?n) { ?f a c:Function ; c:definedIn/c:path ?p . FILTER(STRSTARTS(?p, "pkg1/"))
        FILTER NOT EXISTS { ?x c:calls ?f } }""",
    "import cycles": f"""SELECT DISTINCT ?m {{ ?m c:imports ?n . ?n c:imports+ ?m
        FILTER(STRSTARTS(STR(?m), "{BASE}/symbol/pkg7/mod1")) }}""",
}
_BUDGET = 50.0
"""Milliseconds of the p95 goal; it can be asked of queries that the bare engine answers in less than that minus 5."""


async def queries(folder: Path) -> list[Row]:
    """Overhead of each query over the bare engine, p95, and the runaway queries."""
    quads = folder / "graph.nq"
    triples = await asyncio.to_thread(write_graph, quads)
    engine = ox.Store()
    await asyncio.to_thread(engine.bulk_load, path=str(quads), format=ox.RdfFormat.N_QUADS)
    async with graph_service(folder, quads, QUERY_SECONDS=str(_SECONDS)) as graph:
        times = {}
        for name, text in (BOUNDED | FREE).items():
            times[name] = await asyncio.to_thread(_compare, graph, engine, text)
        rows = _rows(times, triples)
        rows += await _unmoved(graph, _RUNAWAY, "query_runaway", "a query that would run for ever")
        rows += await _unmoved(graph, _SORT, "query_sort", "sorting more than 100 M rows")
    return rows


class _Asker:
    """One kept connection that asks queries, and little else, so that the client costs little."""

    def __init__(self, graph: GraphEndpoint) -> None:
        url = urlsplit(graph.url)
        self._connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=60)
        self._path = url.path
        self._headers = {
            "Authorization": f"Bearer {graph.token}",
            "Content-Type": "application/sparql-query",
            "Accept": "application/sparql-results+json",
        }

    def ask(self, text: str) -> tuple[float, int]:
        """Milliseconds until the whole answer is there, and its status."""
        started = time.perf_counter()
        self._connection.request("POST", self._path, (PREFIXES + text).encode(), self._headers)
        answer = self._connection.getresponse()
        answer.read()
        taken = 1000 * (time.perf_counter() - started)
        if answer.headers.get("X-Query-Truncated"):
            raise RuntimeError("a compared query was cut at the row limit")
        return taken, answer.status


def _compare(graph: GraphEndpoint, engine: ox.Store, text: str) -> tuple[list[float], list[float]]:
    """Milliseconds through HTTP and in the bare engine, in turn."""
    asker, ours, bare = _Asker(graph), [], []
    for _ in range(_WARM_UPS + _ROUNDS):
        mine, status = asker.ask(text)
        if status != 200:
            raise RuntimeError(f"a query was answered with {status}")
        started = time.perf_counter()
        sum(1 for _ in engine.query(PREFIXES + text, use_default_graph_as_union=True))  # type: ignore[union-attr]
        ours.append(mine)
        bare.append(1000 * (time.perf_counter() - started))
    return ours, bare


def _rows(measured: dict[str, tuple[list[float], list[float]]], triples: int) -> list[Row]:
    """One row per query, warm; what the first time costs beside that; and p95."""
    first = [ours[0] - bare[0] for ours, bare in measured.values()]
    times = {name: (ours[_WARM_UPS:], bare[_WARM_UPS:]) for name, (ours, bare) in measured.items()}
    made = [row("query_first", "a text's first time (admission, cold memory), over the bare engine", first, "ms")]
    for names, kind, goal in ((BOUNDED, "bounded", 5.0), (FREE, "free", 35.0)):
        for name in names:
            ours, bare = times[name]
            middle = statistics.median(bare)
            over = [mine - middle for mine in ours]
            what, key = (
                f"{name} ({kind}), over the bare engine",
                f"query_over_{name.replace(' ', '_').replace(',', '')}",
            )
            made.append(row(key, what, over, "ms", at_most=goal, baseline=f"engine {middle:.3g} ms"))
    quick = {name for name, (_, bare) in times.items() if statistics.median(bare) <= _BUDGET - 5}
    slow = ", ".join(sorted(times.keys() - quick))
    what = f"p95 at {triples:,} triples" + (f"; not asked of those the engine is too slow for: {slow}" if slow else "")
    value = percentile([mine for name in quick for mine in times[name][0]], 0.95)
    return [*made, row("query_p95", what, [value], "ms", at_most=_BUDGET)]


async def _unmoved(graph: GraphEndpoint, text: str, name: str, what: str) -> list[Row]:
    """How late the query is ended, and what others' point lookups take meanwhile against before."""
    lookup = BOUNDED["point lookup"]
    one, other = _Asker(graph), _Asker(graph)
    calm = [one.ask(lookup)[0] for _ in range(60)][20:]
    ending = asyncio.create_task(asyncio.to_thread(other.ask, text))
    meanwhile = []
    while not ending.done():
        meanwhile.append((await asyncio.to_thread(one.ask, lookup))[0])
    taken, status = await ending
    if status not in (413, 504):
        raise RuntimeError(f"{what} was answered with {status}")
    late = max(0.0, taken - 1000 * _SECONDS)
    before = f"before {statistics.median(calm):.3g} ms; p95 meanwhile {percentile(meanwhile, 0.95):.3g} ms"
    return [
        row(f"{name}_late", f"{what}: how long past its limit of {_SECONDS:g} s", [late], "ms", at_most=100,
            baseline=f"status {status}"),
        row(f"{name}_others", f"{what}: others' lookups meanwhile, p50", [statistics.median(meanwhile)], "ms",
            at_most=50, baseline=before),
    ]  # fmt: skip
