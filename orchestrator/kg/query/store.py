"""The store of a graph: what the query worker and export need of it, and Oxigraph in memory behind that.

Used inside query processes and by export. Limits, admission of queries and processes are not its business: a running
query here cannot be interrupted, so whoever calls it does so in a process that may be killed.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyoxigraph as ox

from orchestrator.core.errors import BadQuery, Unavailable

Term = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple
Graph = ox.NamedNode | ox.BlankNode | ox.DefaultGraph
NamedGraph = ox.NamedNode | ox.BlankNode
Results = ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples


class GraphStore(Protocol):
    """A dataset that answers SPARQL."""

    def query(
        self,
        sparql: str,
        *,
        substitutions: Mapping[str, str],
        default_graphs: Sequence[str],
        named_graphs: Sequence[str],
        own_dataset: bool = False,
        base_iri: str | None = None,
    ) -> Results:
        """Answers of a query that was admitted. Raises BadQuery where the text cannot be understood."""

    def has_graph(self, name: str) -> bool:
        """Whether a named graph of that IRI exists."""

    def write(self, path: Path, media_type: str) -> None:
        """Serialise the whole dataset; formats without graph names get the union."""


class Readable(Protocol):
    """Bytes in order."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to so many of them; none at the end."""
        ...


class OxigraphStore:
    """The embedded store: a snapshot's triples in this process's memory."""

    def __init__(self, graph: Path | Readable) -> None:
        """``graph``: a file of N-Quads, or what such a file's bytes can be read from."""
        self._store = ox.Store()
        given: dict[str, Any] = {"path": str(graph)} if isinstance(graph, Path) else {"input": graph}
        try:
            # What our own writer made needs no second look at each of its IRIs. In memory one transaction takes less
            # time and room than what is called bulk loading.
            self._store.load(**given, format=ox.RdfFormat.N_QUADS, lenient=True)
        except (OSError, SyntaxError) as error:
            raise Unavailable("the stored graph cannot be read", details={"cause": str(error)[:500]}) from error

    def __len__(self) -> int:
        return len(self._store)

    def add(self, quads: str) -> None:
        """Add N-Quads of our own writers; all of them or, when they cannot be read, none."""
        try:
            # Half the time of a strict reading, and every byte of a journal is checked by its sum.
            self._store.load(input=quads.encode("utf-8"), format=ox.RdfFormat.N_QUADS, lenient=True)
        except SyntaxError as error:
            raise Unavailable("a stored graph cannot be read", details={"cause": str(error)[:500]}) from error

    def add_file(self, path: Path) -> frozenset[str]:
        """Add a file of N-Quads; returns the names of the graphs in it."""
        try:
            quads = list(ox.parse(path=str(path), format=ox.RdfFormat.N_QUADS, lenient=True))
        except (OSError, SyntaxError) as error:
            raise Unavailable("a stored graph cannot be read", details={"cause": str(error)[:500]}) from error
        self._store.extend(quads)
        return frozenset(quad.graph_name.value for quad in quads if isinstance(quad.graph_name, ox.NamedNode))

    def remove_graph(self, name: str) -> None:
        """Remove a named graph, if it is there."""
        self._store.remove_graph(_node(name))

    def graph_text(self, name: str) -> str:
        """A named graph as N-Quads."""
        quads = self._store.quads_for_pattern(None, None, None, _node(name))
        return (ox.serialize(quads, format=ox.RdfFormat.N_QUADS) or b"").decode()

    def query(
        self,
        sparql: str,
        *,
        substitutions: Mapping[str, str],
        default_graphs: Sequence[str],
        named_graphs: Sequence[str],
        own_dataset: bool = False,
        base_iri: str | None = None,
    ) -> Results:
        """Answers of a query; without graphs named by the caller or the text, the union is the default graph."""
        chosen: list[Graph] | None = [_node(name) for name in default_graphs] or None
        named: list[NamedGraph] | None = None
        if default_graphs or named_graphs:
            named = [_node(name) for name in named_graphs]
        try:
            return self._store.query(
                sparql,
                base_iri=base_iri,
                use_default_graph_as_union=not (default_graphs or named_graphs or own_dataset),
                default_graph=chosen if chosen or not named_graphs else [],
                named_graphs=named,
                substitutions={ox.Variable(name): _term(name, text) for name, text in substitutions.items()},
            )
        except SyntaxError as error:
            raise _syntax_error(error) from error
        except ValueError as error:
            raise BadQuery(str(error), field="query") from error

    def everything(self) -> str:
        """All graphs as N-Quads."""
        return (self._store.dump(format=ox.RdfFormat.N_QUADS) or b"").decode()

    def has_graph(self, name: str) -> bool:
        """Whether a named graph of that IRI exists."""
        return self._store.contains_named_graph(_node(name))

    def write(self, path: Path, media_type: str) -> None:
        """Serialise the whole dataset; formats without graph names get the union."""
        target = ox.RdfFormat.from_media_type(media_type)
        if target is None:
            raise BadQuery(f"no such format: {media_type}", field="accept")
        if target.supports_datasets:
            self._store.dump(output=str(path), format=target)
            return
        everything = self._store.query("CONSTRUCT { ?s ?p ?o } { ?s ?p ?o }", use_default_graph_as_union=True)
        assert isinstance(everything, ox.QueryTriples)
        everything.serialize(output=str(path), format=target)


def _syntax_error(error: SyntaxError) -> BadQuery:
    """The parser's complaint, without its long list of all that could have stood there."""
    said = str(error)
    place = re.search(r"at (\d+):(\d+)", said)
    where = {"line": int(place[1]), "column": int(place[2])} if place else {}
    return BadQuery(f"the query is not SPARQL 1.1: {said[:300]}", field="query", details=where)


def _node(name: str) -> ox.NamedNode:
    try:
        return ox.NamedNode(name)
    except ValueError as error:
        raise BadQuery(f"not an IRI: {name[:200]!r}", field="graph") from error


def _term(name: str, text: str) -> Term:
    """One term in N-Triples syntax; anything beside it in ``text`` is refused."""
    try:
        parsed = list(ox.parse(f"<urn:s> <urn:p> {text} .", format=ox.RdfFormat.N_TRIPLES))
    except (SyntaxError, ValueError) as error:
        raise BadQuery(f"?{name} is not bound to one RDF term: {error}", field=f"substitutions.{name}") from error
    if len(parsed) != 1 or not isinstance(parsed[0].object, ox.NamedNode | ox.Literal):
        raise BadQuery(f"?{name} is not bound to one IRI or literal", field=f"substitutions.{name}")
    return parsed[0].object
