"""Are two SPARQL answers the same? By value, with blank nodes matched, order only where it was asked for."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyoxigraph as ox
import rdflib
from rdflib import RDF, BNode, Literal, URIRef
from rdflib.compare import isomorphic
from rdflib.term import Node

RS = rdflib.Namespace("http://www.w3.org/2001/sw/DataAccess/tests/result-set#")
_XSD = "http://www.w3.org/2001/XMLSchema#"
_INTEGERS = (
    "integer", "int", "long", "short", "byte", "nonNegativeInteger", "positiveInteger", "negativeInteger",
    "nonPositiveInteger", "unsignedInt", "unsignedLong", "unsignedShort", "unsignedByte",
)  # fmt: skip
_NUMBERS = {_XSD + name: "integer" for name in _INTEGERS} | {
    _XSD + name: name for name in ("decimal", "double", "float")
}

Rows = list[dict[str, Node]]
Answer = bool | rdflib.Graph | Rows


def table(body: bytes, media_type: str) -> bool | Rows:
    """A SELECT's or ASK's serialised answer. CSV is compared by ``same_csv``."""
    kind = ox.QueryResultsFormat.from_media_type(media_type)
    assert kind is not None, media_type
    results = ox.parse_query_results(body, format=kind)
    if isinstance(results, ox.QueryBoolean):
        return bool(results)
    names = [variable.value for variable in results.variables]
    return [{name: term(row[name]) for name in names if row[name] is not None} for row in results]


def term(value: object) -> Node:
    """An engine's term as rdflib's, its spelling kept."""
    if isinstance(value, ox.NamedNode):
        return URIRef(value.value)
    if isinstance(value, ox.BlankNode):
        return BNode(value.value)
    assert isinstance(value, ox.Literal)
    if value.language:
        return Literal(value.value, lang=value.language)
    kind = value.datatype.value
    return Literal(value.value, datatype=None if kind == f"{_XSD}string" else URIRef(kind), normalize=False)


def graph(path: Path, base: str) -> rdflib.Graph:
    """A file of triples."""
    return rdflib.Graph().parse(path, publicID=base)


def result_set(found: rdflib.Graph) -> Answer:
    """What a graph in the DAWG result-set vocabulary says, or the graph itself where it is none."""
    node = found.value(None, RDF.type, RS.ResultSet)
    if node is None:
        return found
    boolean = found.value(node, RS.boolean)
    if boolean is not None:
        return str(boolean) == "true"
    solutions = sorted(found.objects(node, RS.solution), key=lambda one: int(str(found.value(one, RS["index"]) or 0)))
    return [
        {
            str(found.value(bound, RS.variable)): _present(found.value(bound, RS.value))
            for bound in found.objects(one, RS.binding)
        }
        for one in solutions
    ]


def _present(node: Node | None) -> Node:
    assert node is not None
    return node


def same(got: Answer, wanted: Answer, *, ordered: bool) -> bool:
    """Whether two answers are the same."""
    if isinstance(wanted, bool) or isinstance(got, bool):
        return got is wanted
    if isinstance(wanted, rdflib.Graph) or isinstance(got, rdflib.Graph):
        return type(got) is type(wanted) and isomorphic(_by_value(got), _by_value(wanted))
    return _same_rows(got, wanted, ordered=ordered)


def same_csv(got: bytes, wanted: bytes) -> bool:
    """Whether two CSV tables are the same; columns in any order, as SELECT * has none."""
    one, other = (sorted(_csv(body), key=lambda row: sorted(row.items())) for body in (got, wanted))
    return one == other


def _csv(body: bytes) -> list[dict[str, str]]:
    rows = csv.DictReader(io.StringIO(body.decode(), newline=""))
    return [{name: _cell(cell) for name, cell in row.items()} for row in rows]


def _cell(cell: str) -> str:
    if cell.startswith("_:"):
        return "_:"
    try:
        return repr(round(float(cell), 6))
    except ValueError:
        return cell


def _value(node: Node) -> tuple[object, ...]:
    """A term in value space: 1 and 01 are one integer, 1 and 1.0 are not one number."""
    if not isinstance(node, Literal):
        return "iri", str(node)
    kind = str(node.datatype) if node.datatype else "" if node.language else f"{_XSD}string"
    if kind in _NUMBERS:
        try:
            return "number", round(float(str(node)), 6), _NUMBERS[kind]
        except ValueError:
            return "literal", str(node), "", kind
    if kind == f"{_XSD}boolean":
        return "boolean", str(node) in ("1", "true")
    return "literal", str(node), (node.language or "").lower(), kind


def _by_value(found: Iterable[tuple[Node, Node, Node]]) -> rdflib.Graph:
    made = rdflib.Graph()
    for subject, predicate, value in found:
        made.add((subject, predicate, Literal(repr(_value(value))) if isinstance(value, Literal) else value))
    return made


def _same_rows(got: Rows, wanted: Rows, *, ordered: bool) -> bool:
    if len(got) != len(wanted):
        return False
    if any(isinstance(node, BNode) for row in (*got, *wanted) for node in row.values()):
        return isomorphic(_rows_graph(got, ordered=ordered), _rows_graph(wanted, ordered=ordered))
    one, other = (
        [sorted((name, repr(_value(node))) for name, node in row.items()) for row in rows] for rows in (got, wanted)
    )
    return one == other if ordered else sorted(one) == sorted(other)


def _rows_graph(rows: Sequence[Mapping[str, Node]], *, ordered: bool) -> rdflib.Graph:
    made = rdflib.Graph()
    for index, row in enumerate(rows):
        solution = BNode()
        made.add((solution, RS["index"], Literal(index if ordered else 0)))
        for name, node in row.items():
            bound = BNode()
            made.add((solution, RS.binding, bound))
            made.add((bound, RS.variable, Literal(name)))
            made.add((bound, RS.value, node if isinstance(node, BNode) else Literal(repr(_value(node)))))
    return made
