"""Which SPARQL texts may run: SELECT, ASK, CONSTRUCT and DESCRIBE over graphs that are here, and nothing else.

Runs inside the query process, before the engine sees the text: both engines would send requests for SERVICE and LOAD.
Decides on rdflib's parse tree, and its words must agree with the tree: two parsers may differ in where a comment ends.
A text that rdflib cannot read (it misses some of SPARQL 1.1) is admitted only if no forbidden keyword occurs in it as a
token; the engine then reports the syntax error, or answers. Updates are for scratch
datasets only, and admitted by ``admit_update``.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from pyparsing import ParseBaseException, ParseResults
from rdflib.plugins.sparql.parser import parseQuery, parseUpdate
from rdflib.plugins.sparql.parserutils import CompValue
from rdflib.term import URIRef

from orchestrator.core.errors import BadQuery, QueryRefused
from orchestrator.kg.query.formats import Kind
from orchestrator.kg.query.tokens import TOKEN, words_of

MAX_QUERY = 256 * 1024
_KINDS: dict[str, Kind] = {
    "SelectQuery": "select",
    "AskQuery": "ask",
    "ConstructQuery": "construct",
    "DescribeQuery": "describe",
}
_CODE_POINT = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")
_MAX_NESTING = 100
_UPDATES = frozenset({"INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY", "WITH"})


@dataclass(frozen=True, slots=True)
class Admitted:
    """A query that may run. ``own_dataset``: it says itself, by FROM, which graphs it reads."""

    kind: Kind
    own_dataset: bool = False


_UNREADABLE = (ParseBaseException, RecursionError, ValueError, TypeError, AttributeError, KeyError)
"""What rdflib's parser raises at texts it cannot read; among them some that are right."""


def admit(sparql: str, has_graph: Callable[[str], bool]) -> Admitted:
    """Admit a query or raise BadQuery saying what is refused and where. ``has_graph`` knows what graphs there are."""
    _check_size(sparql)
    try:
        tree = parseQuery(sparql)
    except _UNREADABLE:
        return _admit_by_words(sparql)
    query = tree[1]
    kind = _KINDS.get(query.name)
    if kind is None:
        raise BadQuery("only SELECT, ASK, CONSTRUCT and DESCRIBE are allowed", field="query")
    datasets = 0
    for node in _walk(query):
        if node.name == "ServiceGraphPattern":
            raise _refused(sparql, "SERVICE", "SERVICE is refused: queries reach this graph only")
        if node.name == "DatasetClause":
            datasets += 1
            _check_dataset(sparql, node, has_graph)
    for text in _readings(sparql):
        words = [word for word, _ in words_of(text)]
        if "SERVICE" in words or words.count("FROM") != datasets:
            raise BadQuery("the query can be read in two ways: SERVICE or FROM behind a comment", field="query")
    return Admitted(kind, own_dataset=datasets > 0)


def admit_update(sparql: str) -> None:
    """Admit an update of a scratch dataset or raise BadQuery. What would fetch is refused, unless it says SILENT.

    ``LOAD SILENT`` promises success whatever happens; without a network it does nothing.
    """
    _check_size(sparql)
    words = [word for text in _readings(sparql) for word, _ in words_of(text)]
    reaches_out = "SERVICE" in words or any(a == "LOAD" and b != "SILENT" for a, b in pairwise([*words, ""]))
    if not reaches_out:
        return
    try:
        tree = parseUpdate(sparql)
    except _UNREADABLE:
        raise BadQuery("the update cannot be read, and has SERVICE or LOAD in it", field="update") from None
    for node in _walk(tree):
        if node.name == "ServiceGraphPattern":
            raise _refused(sparql, "SERVICE", "SERVICE is refused: updates reach this dataset only")
        if node.name == "Load" and not node.silent:
            raise _refused(sparql, "LOAD", "LOAD is refused: send the triples themselves")
    raise BadQuery("the update can be read in two ways: SERVICE or LOAD behind a comment", field="update")


def _check_size(sparql: str) -> None:
    if len(sparql) > MAX_QUERY:
        raise BadQuery(f"the query is longer than {MAX_QUERY} characters", field="query")
    _check_nesting(sparql)


def _walk(root: object) -> Iterator[CompValue]:
    """Every named node below ``root``, without recursion."""
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, CompValue):
            yield node
            stack.extend(node.values())
        elif isinstance(node, list | tuple | ParseResults):
            stack.extend(node)


def _check_dataset(sparql: str, node: CompValue, has_graph: Callable[[str], bool]) -> None:
    for key in ("default", "named"):
        if key not in node:
            continue
        name = node[key]
        if not isinstance(name, URIRef):
            raise _refused(sparql, "FROM", "FROM takes a full IRI here")
        if not has_graph(str(name)):
            raise _refused(sparql, "FROM", f"FROM <{name}> is refused: there is no such graph here")


def _check_nesting(sparql: str) -> None:
    """Both parsers recurse, so brackets are counted first."""
    depth = 0
    for match in TOKEN.finditer(sparql):
        depth += {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}.get(match.group(), 0)
        if depth > _MAX_NESTING:
            raise BadQuery(f"the query nests deeper than {_MAX_NESTING} brackets", field="query")


def _admit_by_words(sparql: str) -> Admitted:
    kind: Kind | None = None
    for word, _ in (found for text in _readings(sparql) for found in words_of(text)):
        if word in _UPDATES:
            raise _refused(sparql, word, f"{word} is refused: queries only read")
        if word in ("SERVICE", "FROM"):
            raise BadQuery(f"the query cannot be read, and has {word} in it", field="query")
        if kind is None and word in ("SELECT", "ASK", "CONSTRUCT", "DESCRIBE"):
            kind = word.lower()  # type: ignore[assignment]  # one of Kind by the line above
    if kind is None:
        raise BadQuery("only SELECT, ASK, CONSTRUCT and DESCRIBE are allowed", field="query")
    return Admitted(kind)


def _readings(sparql: str) -> tuple[str, ...]:
    """The text, and the text with its code point escapes resolved: a keyword may hide in them, so both count."""
    plain = _CODE_POINT.sub(lambda match: chr(int(match.group(1) or match.group(2), 16) % 0x110000), sparql)
    return (sparql, plain) if plain != sparql else (sparql,)


def _refused(sparql: str, keyword: str, message: str) -> QueryRefused:
    """The refusal with the place of the first such keyword."""
    for word, match in words_of(sparql):
        if word == keyword:
            line = sparql.count("\n", 0, match.start()) + 1
            column = match.start() - (sparql.rfind("\n", 0, match.start()) + 1) + 1
            where = {"line": line, "column": column}
            return QueryRefused(f"{message} (line {line}, column {column})", field="query", details=where)
    return QueryRefused(message, field="query")
