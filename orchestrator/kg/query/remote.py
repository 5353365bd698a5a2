"""Queries to a SPARQL 1.1 server elsewhere, over HTTP and within our limits. Used by ``remote_queries``.

Speaks the protocol and nothing of one product. Judges no text: what comes here was admitted. Whether the server ends a
query when we hang up, or at limits of its own, is its operator's business.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2

from orchestrator.core.errors import BadQuery, TimedOut, TooLarge, Unavailable
from orchestrator.kg.query.formats import Kind

_TABLE, _TRIPLES, _JSON = "text/tab-separated-values", "application/n-triples", "application/sparql-results+json"
_LINES = {"select": _TABLE, "construct": _TRIPLES, "describe": _TRIPLES}


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, what kind it is, and over which graphs; without graphs, over the server's default graph."""

    sparql: str
    kind: Kind
    default_graphs: Sequence[str] = ()
    named_graphs: Sequence[str] = ()


class SparqlServer:
    """The query endpoint of one dataset."""

    def __init__(self, url: str, client: httpx2.AsyncClient) -> None:
        self._url, self._client = url, client

    async def lines(self, asked: Asked, *, seconds: float, rows: int, size: int) -> bytes:
        """The answer as TSV or N-Triples lines; of an ASK, as SPARQL JSON. Reading ends once there is one row too many.

        Raises BadQuery, TimedOut, TooLarge and Unavailable.
        """
        parts: list[bytes] = []
        left, space = rows + 1 + (asked.kind == "select"), size
        try:
            async with asyncio.timeout(seconds), self._answer(asked) as chunks:
                async for chunk in chunks:
                    parts.append(chunk)
                    left, space = left - chunk.count(b"\n"), space - len(chunk)
                    if space < 0:
                        raise TooLarge("the answer is larger than it may be", field="query", details={"bytes": size})
                    if left <= 0 and asked.kind != "ask":
                        break
        except TimeoutError as error:
            raise TimedOut(f"the query ran longer than {seconds} s", details={"seconds": seconds}) from error
        return b"".join(parts)

    @asynccontextmanager
    async def _answer(self, asked: Asked) -> AsyncIterator[AsyncIterator[bytes]]:
        form = {
            "query": asked.sparql,
            "default-graph-uri": list(asked.default_graphs),
            "named-graph-uri": list(asked.named_graphs),
        }
        headers = {"Accept": _LINES.get(asked.kind, _JSON)}
        try:
            async with self._client.stream("POST", self._url, data=form, headers=headers) as answer:
                if answer.status_code >= 300:
                    check(answer.status_code, await answer.aread())
                yield answer.aiter_bytes()
        except httpx2.HTTPError as error:
            raise unreachable(error) from error


def unreachable(error: httpx2.HTTPError) -> Unavailable:
    """What to raise when a request did not get through."""
    return Unavailable("the SPARQL server cannot be reached", details={"cause": str(error)[:300]})


def check(status: int, body: bytes) -> None:
    """Raise what a status above 299 means."""
    if status < 300:
        return
    said = body[:500].decode(errors="replace")
    if status in (400, 422):
        raise BadQuery(f"the SPARQL server does not take the query: {said}", field="query")
    if status in (408, 504):
        raise TimedOut("the SPARQL server ended the query at its own time limit")
    raise Unavailable(f"the SPARQL server answered with {status}", details={"body": said})
