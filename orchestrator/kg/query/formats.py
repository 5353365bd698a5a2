"""Media types of query results and graphs, and which one an Accept header asks for. Used by the query worker.

Knows names only; serialising is done by pyoxigraph. An Accept header that names nothing we write gets the default of
the kind of answer, as RFC 9110 permits, so a CONSTRUCT through a client that asks for JSON tables still answers.
"""

from typing import Literal

from pyoxigraph import QueryResultsFormat, RdfFormat

Kind = Literal["select", "ask", "construct", "describe"]

RESULT_FORMATS: dict[str, QueryResultsFormat] = {
    "application/sparql-results+json": QueryResultsFormat.JSON,
    "application/sparql-results+xml": QueryResultsFormat.XML,
    "text/csv": QueryResultsFormat.CSV,
    "text/tab-separated-values": QueryResultsFormat.TSV,
}
GRAPH_FORMATS: dict[str, RdfFormat] = {
    "text/turtle": RdfFormat.TURTLE,
    "application/n-triples": RdfFormat.N_TRIPLES,
    "application/rdf+xml": RdfFormat.RDF_XML,
    "application/ld+json": RdfFormat.JSON_LD,
    "application/trig": RdfFormat.TRIG,
    "application/n-quads": RdfFormat.N_QUADS,
}
_ALIASES = {
    "application/json": "application/sparql-results+json",
    "application/xml": "application/sparql-results+xml",
    "text/xml": "application/sparql-results+xml",
}
_GRAPH_ALIASES = {"application/json": "application/ld+json", "application/xml": "application/rdf+xml"}


def negotiate(accept: str, kind: Kind) -> str:
    """The media type to answer with, for an Accept header and a kind of query."""
    tabular = kind in ("select", "ask")
    offered = list(RESULT_FORMATS if tabular else GRAPH_FORMATS)
    aliases = _ALIASES if tabular else _GRAPH_ALIASES
    for wanted in _by_preference(accept):
        exact = aliases.get(wanted, wanted)
        if exact in offered:
            return exact
        if wanted.endswith("/*") and wanted != "*/*":
            for media_type in offered:
                if media_type.startswith(wanted[:-1]):
                    return media_type
    return offered[0]


def _by_preference(accept: str) -> list[str]:
    """The media ranges of an Accept header, most wanted first; ``q=0`` and rubbish dropped."""
    ranked: list[tuple[float, int, str]] = []
    for position, part in enumerate(accept[:4096].split(",")):
        name, _, parameters = part.partition(";")
        weight = _weight(parameters)
        if name.strip() and weight > 0:
            ranked.append((-weight, position, name.strip().lower()))
    return [name for _, _, name in sorted(ranked)]


def _weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
