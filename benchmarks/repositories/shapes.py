"""Validates a built graph with the SHACL shapes, some nodes at a time, so that a large one fits.

A part holds all triples of its nodes, the types of what they point to, and who reads its configuration keys: the shapes
look no further. Used by the commands beside this file; the tests validate small graphs in one piece.
"""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyoxigraph as ox
from pyshacl import validate
from rdflib import Graph

import orchestrator.kg
from orchestrator.kg.rdf.vocabulary import CODE, RDF

_RDF_FOLDER = Path(next(iter(orchestrator.kg.__path__))) / "rdf"
_MOST = 40_000  # some two minutes; of a larger graph every second, third … node is looked at
_AT_ONCE = 150  # the validator compares each node with each
_TYPE, _READS = ox.NamedNode(RDF + "type"), ox.NamedNode(CODE + "readsConfig")


def violations(store: ox.Store) -> tuple[int, int, list[str]]:
    """How many nodes there are, how many were looked at, and the words about each part in which something is wrong."""
    shapes, terms = (Graph().parse(_RDF_FOLDER / name) for name in ("shapes.ttl", "ontology.ttl"))
    nodes = sorted({quad.subject.value for quad in store if isinstance(quad.subject, ox.NamedNode)})
    chosen = nodes[:: -(-len(nodes) // _MOST)]
    found = []
    for start in range(0, len(chosen), _AT_ONCE):
        part = chosen[start : start + _AT_ONCE]
        seen = _part(store, part)
        for triple in terms:
            seen.add(triple)
        conforms, _, words = validate(seen, shacl_graph=shapes, focus_nodes=part, inplace=True)
        if not conforms:
            found.append(str(words))
    return len(nodes), len(chosen), found


def _part(store: ox.Store, nodes: Sequence[str]) -> Graph:
    stream = io.BytesIO()
    ox.serialize(set(_triples(store, nodes)), stream, format=ox.RdfFormat.N_TRIPLES)
    return Graph().parse(data=stream.getvalue(), format="nt")


def _triples(store: ox.Store, nodes: Sequence[str]) -> Iterator[ox.Triple]:
    for node in map(ox.NamedNode, nodes):
        for quad in store.quads_for_pattern(node, None, None):
            yield quad.triple
            if isinstance(quad.object, ox.NamedNode) and quad.predicate != _TYPE:
                yield from (typed.triple for typed in store.quads_for_pattern(quad.object, _TYPE, None))
        yield from (quad.triple for quad in store.quads_for_pattern(None, _READS, node))
