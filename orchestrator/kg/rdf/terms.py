"""Write values as RDF terms in N-Triples syntax. Used by the triple writer, the prepared questions and callers.

Every value that reaches a query or a graph goes through here, so nothing raw is ever pasted into one.
"""

import re
from datetime import UTC, datetime
from urllib.parse import quote

from orchestrator.core.errors import InvalidInput
from orchestrator.kg.rdf.vocabulary import CODE, RDF, RDFS, XSD

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_TO_ESCAPE = re.compile(r'["\\\x00-\x1f\x7f\ud800-\udfff]')
_NOT_IN_IRI = re.compile(r'[\x00-\x20<>"{}|^`\\\ud800-\udfff]')
_PLAIN = re.compile(r"[A-Za-z0-9_./-]*")
TYPE, LABEL, COMMENT = f"<{RDF}type>", f"<{RDFS}label>", f"<{RDFS}comment>"
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def literal(value: str) -> str:
    """A plain string literal; lone surrogates become U+FFFD, because RDF strings cannot hold them."""
    return f'"{_TO_ESCAPE.sub(_escape, value)}"' if _TO_ESCAPE.search(value) else f'"{value}"'


def iri(value: str) -> str:
    """An absolute IRI. Raises InvalidInput if it is none."""
    if not _ABSOLUTE.match(value) or _NOT_IN_IRI.search(value):
        raise InvalidInput(f"not an absolute IRI: {value[:200]!r}", field="iri")
    return f"<{value}>"


def code(name: str) -> str:
    """A term of our own ontology."""
    return f"<{CODE}{name}>"


def integer(value: int) -> str:
    """A whole number."""
    return f'"{value}"^^<{XSD}integer>'


def moment(value: datetime) -> str:
    """A point in time, in UTC; one without an offset is taken to be in UTC already."""
    at = value.astimezone(UTC) if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return f'"{at.isoformat().replace("+00:00", "Z")}"^^<{XSD}dateTime>'


def base_iri(project_iri: str) -> str:
    """The project's IRI, on which all others of its graph are built. Raises InvalidInput if it cannot be that."""
    base = project_iri.rstrip("/#")
    if "#" in base or "?" in base:
        raise InvalidInput("a project IRI has no fragment or query", field="project_iri")
    iri(base)
    return base


def path_part(value: str) -> str:
    """A repository path or qualified name, percent-encoded where an IRI needs it; letters stay readable.

    A comma is encoded, too: in results as CSV the engine does not put quotes around IRIs.
    """
    return value if _PLAIN.fullmatch(value) else _quote(value)


def _quote(value: str) -> str:
    return "".join(
        char if char.isalnum() or char in "-._~/'()!*;=:@+$" else quote(char, safe="", errors=_for_surrogate(char))
        for char in value
    )


def _for_surrogate(char: str) -> str:
    """A byte that was no UTF-8 in a path is that byte again; any other lone surrogate is written as it is."""
    return "surrogateescape" if "\udc80" <= char <= "\udcff" else "surrogatepass"


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    if "\ud800" <= char <= "\udfff":
        return "\ufffd"
    return _ESCAPES.get(char) or f"\\u{ord(char):04X}"
