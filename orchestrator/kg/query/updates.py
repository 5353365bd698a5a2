"""The dataset that a protocol request chooses for an update: its graphs become USING clauses. Used by scratch datasets.

The engine takes no dataset for an update, so the text gets one: before the WHERE of every operation that has one.
"""

from collections.abc import Iterator, Sequence

from orchestrator.core.errors import BadQuery
from orchestrator.kg.query.names import iri
from orchestrator.kg.query.tokens import words_of


def with_graphs(update: str, default_graphs: Sequence[str], named_graphs: Sequence[str]) -> str:
    """The update over the graphs of ``using-graph-uri`` and ``using-named-graph-uri``; as it was when there are none.

    Raises BadQuery where the text says itself which graphs it means, as SPARQL 1.1 Protocol 2.2.3 asks, and for DELETE
    WHERE, which has no place for them.
    """
    if not default_graphs and not named_graphs:
        return update
    clauses = "".join(
        [f"USING {iri(name)} " for name in default_graphs] + [f"USING NAMED {iri(name)} " for name in named_graphs]
    )
    parts, end = [], 0
    for place in _wheres(update):
        parts += [update[end:place], clauses]
        end = place
    return "".join([*parts, update[end:]])


def _wheres(update: str) -> Iterator[int]:
    """Where the WHERE of each operation stands; those of queries inside lie in brackets."""
    depth, before = 0, ""
    for word, match in words_of(update):
        depth += {"{": 1, "}": -1}.get(word, 0)
        if depth == 0 and word in ("USING", "WITH"):
            raise BadQuery(f"the request and the update's {word} both choose graphs", field="using-graph-uri")
        if depth == 0 and word == "WHERE":
            if before == "DELETE":
                raise BadQuery("DELETE WHERE takes no graphs: write DELETE {…} WHERE {…}", field="using-graph-uri")
            yield match.start()
        before = word
