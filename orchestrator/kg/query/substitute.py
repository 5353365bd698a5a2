"""Values for variables as text, for SPARQL servers elsewhere, whose protocol knows no bound variables.

Used by ``remote_queries``. Works on tokens, so a variable's name inside a string, an IRI or a comment stays. The values
come from ``rdf.terms``.
"""

from collections.abc import Iterator, Mapping
from itertools import count

from orchestrator.kg.query.tokens import tokens_of


def substituted(sparql: str, values: Mapping[str, str]) -> str:
    """The query with each variable of ``values`` (name without ``?``) replaced by its term in N-Triples syntax.

    Where the SELECT names the variable as a column it becomes ``(term AS ?name)``, so the answer still has it; in a
    SELECT inside, whose columns the one around it would meet again, it gets a name of its own.
    """
    return "".join(_replaced(sparql, values)) if values else sparql


def _replaced(sparql: str, values: Mapping[str, str]) -> Iterator[str]:
    columns, brackets, braces, inside = False, 0, 0, count()
    for part in tokens_of(sparql):
        brackets += {"(": 1, ")": -1}.get(part, 0)
        braces += {"{": 1, "}": -1}.get(part, 0)
        if part.upper() == "SELECT":
            columns = True
        elif part == "{" or part.upper() in ("WHERE", "FROM"):
            columns = False
        value = values.get(part[1:]) if part[0] in "?$" and len(part) > 1 else None
        if value is None:
            yield part
        elif columns and not brackets:
            yield f"({value} AS {part})" if not braces else f"({value} AS {part}_inside{next(inside)})"
        elif not braces and not brackets:
            yield f"({value})"  # in GROUP BY or ORDER BY, which take a term in brackets only
        else:
            yield value
