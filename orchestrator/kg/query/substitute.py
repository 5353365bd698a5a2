"""Values for variables as text, for SPARQL servers elsewhere, whose protocol knows no bound variables.

Used by ``remote_queries``. Works on tokens, so a variable's name inside a string, an IRI or a comment stays. The values
come from ``rdf.terms``.
"""

from collections.abc import Iterator, Mapping

from orchestrator.kg.query.guard import tokens_of


def substituted(sparql: str, values: Mapping[str, str]) -> str:
    """The query with each variable of ``values`` (name without ``?``) replaced by its term in N-Triples syntax.

    Where a SELECT names the variable as a column it becomes ``(term AS ?name)``, so the answer still has it.
    """
    return "".join(_replaced(sparql, values)) if values else sparql


def _replaced(sparql: str, values: Mapping[str, str]) -> Iterator[str]:
    columns, brackets, braces = False, 0, 0
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
            yield f"({value} AS {part})"
        elif not braces and not brackets:
            yield f"({value})"  # in GROUP BY or ORDER BY, which take a term in brackets only
        else:
            yield value
