"""The SPARQL 1.1 Protocol's requests, read: which query or update, over which graphs. Used by the SPARQL doors.

Knows the three forms (GET, POST with a form, POST with the text itself) and what each may carry; runs nothing.
"""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs

from fastapi import Request
from starlette.exceptions import HTTPException

from orchestrator.core.errors import BadQuery

_FORM = "application/x-www-form-urlencoded"
_DIRECT = {"application/sparql-query": "query", "application/sparql-update": "update"}
_CHARSETS = ("", "utf-8", "utf8", "us-ascii")
_MOST_FIELDS = 20_000

Given = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One query or update. Graphs are those of the request; what the text itself names stays in the text."""

    kind: Literal["query", "update"]
    text: str
    default_graphs: tuple[str, ...]
    named_graphs: tuple[str, ...]
    base_iri: str
    accept: str


async def read_operation(request: Request) -> Operation | None:
    """The operation a request asks for; None for a GET without a query, which asks what the endpoint is.

    Raises BadQuery for a request that the protocol does not know, and a 415 for a body in another format than its own.
    """
    given = _fields(request.url.query)
    if request.method == "GET":
        if "update" in given:
            raise BadQuery("an update is sent by POST", field="update")
        return _operation(request, given) if "query" in given else None
    kind, charset = _content_type(request)
    if charset not in _CHARSETS or kind not in (_FORM, *_DIRECT):
        raise HTTPException(415, f"send {_FORM}, {' or '.join(_DIRECT)}, in UTF-8")
    text = _text(await request.body())
    more = {_DIRECT[kind]: [text]} if kind in _DIRECT else _fields(text)
    for name, values in more.items():
        given.setdefault(name, []).extend(values)
    return _operation(request, given)


def _operation(request: Request, given: Given) -> Operation:
    texts = [(kind, text) for kind in ("query", "update") for text in given.get(kind, [])]
    if len(texts) != 1:
        raise BadQuery(f"exactly one query or update is needed, {len(texts)} were given", field="query")
    kind, text = texts[0]
    default, named = ("default-graph-uri", "named-graph-uri")
    if kind == "update":
        default, named = ("using-graph-uri", "using-named-graph-uri")
    return Operation(
        kind="query" if kind == "query" else "update",
        text=text,
        default_graphs=tuple(given.get(default, ())),
        named_graphs=tuple(given.get(named, ())),
        base_iri=endpoint(request),
        accept=request.headers.get("accept") or "*/*",
    )


def endpoint(request: Request) -> str:
    """The URL of the endpoint that was asked, which is also what relative IRIs are relative to."""
    return str(request.url.replace(query="", fragment=""))


def _content_type(request: Request) -> tuple[str, str]:
    """Media type and charset of the body, in small letters."""
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    given = dict(part.strip().lower().partition("=")[::2] for part in parameters.split(";"))
    return kind.strip().lower(), given.get("charset", "").strip('"')


def _fields(text: str) -> Given:
    try:
        return parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except UnicodeDecodeError as error:
        raise BadQuery("a parameter is not UTF-8", field="query") from error
    except ValueError as error:
        raise BadQuery("there are too many parameters", field="query") from error


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadQuery("the body is not UTF-8", field="body") from error
