"""Media types of query results and graphs, and which one an Accept header asks for. Used by the query worker.

Knows names only; serialising is done by pyoxigraph. An Accept header that names a format of the other kind gets the
default of this kind, as RFC 9110 permits, so a CONSTRUCT through a client that asks for JSON tables still answers; one
that names nothing we write is refused.
"""

from typing import Literal

from pyoxigraph import QueryResultsFormat, RdfFormat

from orchestrator.core.errors import NotAcceptable

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
_KNOWN = frozenset({"*/*", *RESULT_FORMATS, *GRAPH_FORMATS, *_ALIASES, *_GRAPH_ALIASES})


def negotiate(accept: str, kind: Kind) -> str:
    """The media type to answer with, for an Accept header and a kind of query. Raises NotAcceptable."""
    tabular = kind in ("select", "ask")
    offered = list(RESULT_FORMATS if tabular else GRAPH_FORMATS)
    aliases = _ALIASES if tabular else _GRAPH_ALIASES
    ranges = _by_preference(accept)
    for wanted in ranges:
        exact = aliases.get(wanted, wanted)
        if exact in offered:
            return exact
        if wanted.endswith("/*") and wanted != "*/*":
            for media_type in offered:
                if media_type.startswith(wanted[:-1]):
                    return media_type
    if ranges and not any(_is_known(wanted) for wanted in ranges):
        raise NotAcceptable(
            "none of the formats in Accept is written here", field="accept", details={"offered": offered}
        )
    return offered[0]


def _is_known(wanted: str) -> bool:
    """Whether a media range names something that we write for one kind of query or another."""
    return wanted in _KNOWN or any(one.startswith(wanted[:-1]) for one in _KNOWN if wanted.endswith("/*"))


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
