"""The ontology as a graph of its own, so that whoever asks a graph can ask it what its terms mean. Used by builds."""

from collections.abc import Iterator
from pathlib import Path

import pyoxigraph as ox

from orchestrator.kg.rdf.vocabulary import CODE

_SOURCE = Path(__file__).with_name("ontology.ttl")
GRAPH_NAME = CODE.rstrip("#")


def ontology_quads() -> Iterator[str]:
    """Every statement of the ontology as a line of N-Quads, in the graph that has the ontology's own IRI."""
    for triple in ox.parse(path=str(_SOURCE), format=ox.RdfFormat.TURTLE):
        yield f"{triple.subject} {triple.predicate} {triple.object} <{GRAPH_NAME}> ."
