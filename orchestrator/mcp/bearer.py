"""Puts the access token of an OAuth connection on requests to a server, and on nothing that goes elsewhere.

Used by the HTTP transports. Where the token comes from, and how it is renewed, is behind ``Bearer``: services keep it.
A refused token is renewed once and the request sent again; what only a person can mend ends the request with the error
that says so.
"""

from dataclasses import dataclass
from typing import Protocol

import httpx2
from mcp.client.auth.utils import (
    extract_field_from_www_auth,
    extract_resource_metadata_from_www_auth,
    extract_scope_from_www_auth,
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a server said when it refused: where its metadata is, and which scopes it wants."""

    resource_metadata: str | None = None
    scopes: tuple[str, ...] = ()

    @classmethod
    def of(cls, response: httpx2.Response) -> "Challenge":
        """From a 401 or 403."""
        scopes = extract_scope_from_www_auth(response) or ""
        return cls(extract_resource_metadata_from_www_auth(response), tuple(scopes.split())[:64])


class Bearer(Protocol):
    """The token of one connection. Its errors are ours: CredentialsNeeded where a person has to do something."""

    async def token(self) -> str:
        """A token that has not expired, renewed first if need be."""

    async def renew(self, refused: str) -> None:
        """The server refused this token: get another, unless somebody has already."""

    async def step_up(self, challenge: Challenge) -> None:
        """The token is good and allows too little: raise CredentialsNeeded with what the person has to allow."""


class BearerTransport(httpx2.AsyncBaseTransport):
    """Requests to the origin of the server carry the token."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, url: str, bearer: Bearer) -> None:
        self._inner = inner
        self._origin = _origin(httpx2.URL(url))
        self._bearer = bearer

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it, and once more with a new token where the first was refused."""
        if _origin(request.url) != self._origin:
            return await self._inner.handle_async_request(request)
        token = await self._bearer.token()
        response = await self._send(request, token)
        if response.status_code == 401:
            await response.aclose()
            await self._bearer.renew(token)
            response = await self._send(request, await self._bearer.token())
        if response.status_code == 403 and extract_field_from_www_auth(response, "error") == "insufficient_scope":
            await response.aclose()
            await self._bearer.step_up(Challenge.of(response))
        return response

    async def _send(self, request: httpx2.Request, token: str) -> httpx2.Response:
        request.headers["Authorization"] = f"Bearer {token}"
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
