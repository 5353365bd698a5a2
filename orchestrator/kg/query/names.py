"""Names of graphs as they stand in a SPARQL text, made by the engine, so nothing raw is pasted into one."""

import pyoxigraph as ox

from orchestrator.core.errors import BadQuery


def node(name: str) -> ox.NamedNode:
    """An absolute IRI as a node. Raises BadQuery."""
    try:
        return ox.NamedNode(name)
    except ValueError as error:
        raise BadQuery(f"not an absolute IRI: {name[:200]!r}", field="graph") from error


def iri(name: str) -> str:
    """An absolute IRI in angle brackets. Raises BadQuery."""
    return str(node(name))


def literal(text: str) -> str:
    """A plain literal, quoted and escaped."""
    return str(ox.Literal(text))
