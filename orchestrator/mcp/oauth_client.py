"""OAuth 2.1 towards MCP servers, step by step: discovery, who we are there, the code, renewal, revocation.

Used by the services that keep connections. The SDK knows the documents and the order of the well-known addresses; its
own provider waits for a browser inside one request of one process, so the steps are driven from outside here. Every
address comes from a stranger: it is checked for its scheme here and for where it leads in ``guarded_network``, no
redirect is followed, every answer is small and soon, or is none.
"""

import asyncio
import base64
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import httpx2
import orjson
from mcp.client.auth import OAuthRegistrationError
from mcp.client.auth.oauth2 import check_registration_usable
from mcp.client.auth.utils import (
    build_oauth_authorization_server_metadata_discovery_urls,
    build_protected_resource_metadata_discovery_urls,
    create_client_registration_request,
    create_oauth_metadata_request,
    get_client_metadata_scopes,
    handle_registration_response,
    issuers_match,
)
from mcp.shared.auth import OAuthClientMetadata, OAuthMetadata, OAuthToken, ProtectedResourceMetadata
from mcp.shared.auth_utils import check_resource_allowed, resource_url_from_server_url
from pydantic import AnyUrl, BaseModel, ValidationError

from orchestrator.core.bodies import whole
from orchestrator.core.errors import CredentialsNeeded, InvalidInput, ServerMisbehaved, ServerUnreachable
from orchestrator.mcp.bearer import Challenge
from orchestrator.mcp.guarded_network import LOOPBACK, guarded_http

_SECONDS = 8.0
_MOST_BYTES = 256 * 1024
_LONGEST = 8192
_LATEST = 4_000_000_000
_GRANTS = ["authorization_code", "refresh_token"]
_CLIENT_NAME = "Orchestrator"


Document = TypeVar("Document", bound=BaseModel)


class GrantRefused(CredentialsNeeded):
    """The authorization server does not take this code or refresh token (any more)."""


@dataclass(frozen=True, slots=True)
class Place:
    """An authorization server that one MCP server trusts, as its own documents describe it."""

    issuer: str
    resource: str
    authorization_endpoint: str
    token_endpoint: str
    registration_endpoint: str | None
    revocation_endpoint: str | None
    auth_methods: tuple[str, ...]
    takes_documents: bool
    names_itself: bool
    scopes: tuple[str, ...]
    metadata: OAuthMetadata


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are at an authorization server."""

    client_id: str
    auth_method: str = "none"
    client_secret: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """What we were given. ``scopes`` None: as asked for."""

    access_token: str
    refresh_token: str | None
    expires_in: int | None
    scopes: tuple[str, ...] | None


class OAuthSteps:
    """The steps of one server at a time; cheap to make, closed after use (``async with``)."""

    def __init__(self, server_url: str, *, allow_private: bool) -> None:
        self._server_url = server_url
        self._allow_private = allow_private
        self._only_https = urlsplit(server_url).scheme == "https"
        self._clients: dict[str, httpx2.AsyncClient] = {}

    async def __aenter__(self) -> "OAuthSteps":
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients.values():
            await client.aclose()

    # Discovery.

    async def discover(self, *, pinned: str | None, wanted: Sequence[str], by_get: bool = False) -> Place:
        """Where to log in for this server: at the ``pinned`` issuer and at no other where one is given."""
        challenge = await self._challenge(by_get=by_get)
        described = await self._protected_resource(challenge.resource_metadata)
        issuer, resource = self._choose(described, pinned)
        metadata = await self._metadata(issuer)
        scope = " ".join(wanted) or get_client_metadata_scopes(
            " ".join(challenge.scopes) or None, described, None, None
        )
        return self._place(metadata, resource, scope)

    async def _challenge(self, *, by_get: bool) -> Challenge:
        """What the server says to somebody without a token."""
        accept = {"Accept": "application/json, text/event-stream"}
        ping = {"jsonrpc": "2.0", "id": 0, "method": "ping"}
        request = httpx2.Request("GET", self._server_url, headers=accept) if by_get else (
            httpx2.Request("POST", self._server_url, headers=accept, json=ping)
        )  # fmt: skip
        response = await self._send(request, "the MCP server", body=False)
        return Challenge.of(response) if response.status_code in (401, 403) else Challenge()

    async def _protected_resource(self, told: str | None) -> ProtectedResourceMetadata | None:
        for url in build_protected_resource_metadata_discovery_urls(told, self._server_url):
            self._check(url, "the address of its metadata")
            response = await self._send(create_oauth_metadata_request(url), "the MCP server")
            if response.status_code >= 500:
                raise ServerUnreachable(f"the metadata of the MCP server cannot be read: HTTP {response.status_code}")
            if response.status_code == 200:
                return _parsed(ProtectedResourceMetadata, response, "the metadata of the MCP server")
        return None

    def _choose(self, described: ProtectedResourceMetadata | None, pinned: str | None) -> tuple[str, str]:
        """The issuer and the resource to name: servers of the oldest kind are their own authorization server."""
        own = resource_url_from_server_url(self._server_url)
        if described is None:
            parts = urlsplit(self._server_url)
            issuers, resource = [f"{parts.scheme}://{parts.netloc}"], own
        else:
            issuers, resource = [str(url) for url in described.authorization_servers], str(described.resource)
            if not check_resource_allowed(requested_resource=own, configured_resource=resource):
                raise ServerMisbehaved(f"the MCP server's metadata are about another resource: {resource[:200]}")
        if pinned is not None and not any(issuers_match(pinned, issuer) for issuer in issuers):
            raise ServerMisbehaved(
                f"the MCP server now names another authorization server: {issuers[0][:200]} instead of {pinned[:200]}",
                hint="if that is meant, change oauth.issuer of the entry; nothing was sent to the new one",
            )
        return pinned or issuers[0], resource

    async def _metadata(self, issuer: str) -> OAuthMetadata:
        self._check(issuer, "the authorization server")
        for url in build_oauth_authorization_server_metadata_discovery_urls(issuer, self._server_url):
            response = await self._send(create_oauth_metadata_request(url), "the authorization server")
            if response.status_code >= 500:
                raise ServerUnreachable(f"the authorization server is away: HTTP {response.status_code}")
            if response.status_code == 200:
                found = _parsed(OAuthMetadata, response, "the authorization server's metadata")
                if not issuers_match(str(found.issuer), issuer):
                    raise ServerMisbehaved(
                        f"the metadata are of another authorization server: {str(found.issuer)[:200]}"
                    )
                return found
        raise ServerMisbehaved(f"{issuer[:200]} publishes no metadata of an authorization server")

    def _place(self, metadata: OAuthMetadata, resource: str, scope: str | None) -> Place:
        if "S256" not in (metadata.code_challenge_methods_supported or ()):
            raise ServerMisbehaved("the authorization server does not offer PKCE with S256")
        optional = (metadata.registration_endpoint, metadata.revocation_endpoint)
        addresses = [str(url) if url else None for url in (metadata.authorization_endpoint, metadata.token_endpoint)]
        addresses += [str(url) if url else None for url in optional]
        for address in addresses:
            if address is not None:
                self._check(address, "an address of the authorization server")
        authorize, token, registration, revocation = addresses
        scopes = (scope or "").split()
        if "offline_access" in (metadata.scopes_supported or ()) and scopes:
            scopes.append("offline_access")
        return Place(
            issuer=str(metadata.issuer),
            resource=resource,
            authorization_endpoint=authorize or "",
            token_endpoint=token or "",
            registration_endpoint=registration,
            revocation_endpoint=revocation,
            auth_methods=tuple(metadata.token_endpoint_auth_methods_supported or ("client_secret_basic",)),
            takes_documents=metadata.client_id_metadata_document_supported is True,
            names_itself=metadata.authorization_response_iss_parameter_supported is True,
            scopes=tuple(dict.fromkeys(scopes))[:64],
            metadata=metadata,
        )

    # Who we are there.

    async def register(self, place: Place, redirect_uri: str) -> Identity:
        """Register as a client, where the authorization server lets anybody (RFC 7591)."""
        method = next((one for one in ("none", "client_secret_basic", "client_secret_post")
                       if one in place.auth_methods), "none")  # fmt: skip
        about = OAuthClientMetadata(
            redirect_uris=[AnyUrl(redirect_uri)], client_name=_CLIENT_NAME, application_type="web", grant_types=_GRANTS,
            token_endpoint_auth_method=method, scope=" ".join(place.scopes) or None,
        )  # fmt: skip
        request = create_client_registration_request(place.metadata, about, place.issuer)
        response = await self._send(request, "the authorization server")
        try:
            known = await handle_registration_response(response)
            check_registration_usable(known)
        except OAuthRegistrationError as error:
            raise ServerMisbehaved(f"the authorization server did not register us: {str(error)[:300]}") from error
        chosen = known.token_endpoint_auth_method or ("client_secret_basic" if known.client_secret else "none")
        ends = known.client_secret_expires_at
        until = datetime.fromtimestamp(min(ends, _LATEST), UTC) if ends and ends > 0 else None
        return Identity(_short(known.client_id, "client_id"), chosen, known.client_secret, until)

    # Tokens.

    async def redeem(
        self, endpoint: str, identity: Identity, *, code: str, verifier: str, redirect_uri: str, resource: str
    ) -> Tokens:
        """The tokens for a code. Raises GrantRefused."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri,
                "code_verifier": verifier, "resource": resource}  # fmt: skip
        return await self._token(endpoint, identity, form)

    async def renew(self, endpoint: str, identity: Identity, *, refresh_token: str | None, resource: str) -> Tokens:
        """The next tokens for a refresh token. Raises GrantRefused, also where there is none."""
        if not refresh_token:
            raise GrantRefused("there is no refresh token")
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "resource": resource}
        return await self._token(endpoint, identity, form)

    async def revoke(self, endpoint: str, identity: Identity, token: str) -> bool:
        """Have a token forgotten (RFC 7009); whether the authorization server says it was."""
        response = await self._post(endpoint, identity, {"token": token})
        return response.status_code == 200

    async def _token(self, endpoint: str, identity: Identity, form: Mapping[str, str]) -> Tokens:
        response = await self._post(endpoint, identity, form)
        if response.status_code in (400, 401, 403):
            raise GrantRefused(f"the authorization server refused: {_why(response)}")
        if response.status_code not in (200, 201):
            raise ServerUnreachable(f"the authorization server is away: HTTP {response.status_code}")
        given = _parsed(OAuthToken, response, "the authorization server's answer")
        return Tokens(
            access_token=_short(given.access_token, "access_token"),
            refresh_token=_short(given.refresh_token, "refresh_token") if given.refresh_token else None,
            expires_in=max(0, min(given.expires_in, 10 * 366 * 86400)) if given.expires_in is not None else None,
            scopes=tuple(given.scope.split())[:64] if given.scope is not None else None,
        )

    async def _post(self, endpoint: str, identity: Identity, form: Mapping[str, str]) -> httpx2.Response:
        self._check(endpoint, "an address of the authorization server")
        headers = {"Accept": "application/json"}
        whole = {**form, "client_id": identity.client_id}
        if identity.auth_method == "client_secret_basic" and identity.client_secret:
            pair = f"{quote(identity.client_id, safe='')}:{quote(identity.client_secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
            del whole["client_id"]
        elif identity.auth_method == "client_secret_post" and identity.client_secret:
            whole["client_secret"] = identity.client_secret
        request = httpx2.Request("POST", endpoint, data=whole, headers=headers)
        return await self._send(request, "the authorization server")

    # The wire.

    def _check(self, url: str, what: str) -> None:
        """https, or http on this very machine where the MCP server itself is reached so."""
        parts = urlsplit(url)
        plain = parts.scheme == "http" and parts.hostname in LOOPBACK and self._allow_private and not self._only_https
        if len(url) > 2048 or not (parts.scheme == "https" or plain) or not parts.hostname or parts.username:
            raise ServerMisbehaved(f"{what} is no https address: {url[:200]}")

    async def _send(self, request: httpx2.Request, who: str, *, body: bool = True) -> httpx2.Response:
        """One answer, not redirected, not large, not late."""
        try:
            async with asyncio.timeout(_SECONDS):
                response = await self._client(request.url).send(request, stream=True, follow_redirects=False)
                try:
                    content = await _read(response, who) if body else b""
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise ServerUnreachable(f"{who} did not answer within {_SECONDS:g} s") from error
        except (httpx2.TransportError, ssl.SSLError) as error:
            raise ServerUnreachable(f"{who} cannot be reached: {type(error).__name__}: {error}".rstrip(": ")) from error
        return httpx2.Response(response.status_code, headers=_plain(response), content=content, request=request)

    def _client(self, url: httpx2.URL) -> httpx2.AsyncClient:
        origin = f"{url.scheme}://{url.netloc.decode()}"
        if origin not in self._clients:
            limits = httpx2.Limits(max_connections=4)
            transport = guarded_http(origin, limits=limits, allow_private=self._allow_private)
            self._clients[origin] = httpx2.AsyncClient(
                transport=transport, timeout=_SECONDS, trust_env=False, headers={"accept-encoding": "identity"}
            )
        return self._clients[origin]


def authorize_url(
    place: Place, identity: Identity, *, redirect_uri: str, state: str, challenge: str, scopes: Sequence[str]
) -> str:
    """Where to send the browser."""
    query = {
        "response_type": "code", "client_id": identity.client_id, "redirect_uri": redirect_uri, "state": state,
        "code_challenge": challenge, "code_challenge_method": "S256", "resource": place.resource,
    }  # fmt: skip
    if scopes:
        query["scope"] = " ".join(scopes)
    if "offline_access" in scopes:
        query["prompt"] = "consent"
    glue = "&" if urlsplit(place.authorization_endpoint).query else "?"
    return f"{place.authorization_endpoint}{glue}{urlencode(query)}"


def client_document(client_id: str, redirect_uri: str) -> dict[str, Any]:
    """What we publish of ourselves for authorization servers that read it (CIMD)."""
    return {
        "client_id": client_id, "client_name": _CLIENT_NAME, "redirect_uris": [redirect_uri],
        "grant_types": _GRANTS, "response_types": ["code"], "token_endpoint_auth_method": "none",
        "application_type": "web",
    }  # fmt: skip


def resource_covers(resource: str, server_url: str) -> bool:
    """Whether a token for this resource is one for the server at this address."""
    own = resource_url_from_server_url(server_url)
    return check_resource_allowed(requested_resource=own, configured_resource=resource)


def same_issuer(one: str | None, other: str | None) -> bool:
    """Whether two names are of one authorization server: the same text, but for the slash after a bare host."""
    return one is not None and other is not None and issuers_match(one, other)


async def _read(response: httpx2.Response, who: str) -> bytes:
    body = await whole(response.aiter_raw(), _MOST_BYTES)
    if body is None:
        raise ServerMisbehaved(f"the answer of {who} is larger than {_MOST_BYTES} bytes")
    return body


def _plain(response: httpx2.Response) -> list[tuple[str, str]]:
    framing = ("content-length", "transfer-encoding", "content-encoding")
    return [(name, value) for name, value in response.headers.items() if name not in framing]


def _parsed(kind: type[Document], response: httpx2.Response, what: str) -> Document:
    try:
        return kind.model_validate_json(response.content)
    except (ValidationError, RecursionError) as error:
        raise ServerMisbehaved(f"{what} are not what they should be") from error


def _why(response: httpx2.Response) -> str:
    """The error code of the answer, as far as it is one; never its text, which may repeat what we sent."""
    try:
        told = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        told = None
    code = told.get("error") if isinstance(told, dict) else None
    known = isinstance(code, str) and code.replace("_", "").isalnum() and len(code) <= 60
    return str(code) if known else f"HTTP {response.status_code}"


def _short(value: str, name: str) -> str:
    if not (0 < len(value) <= _LONGEST and value.isascii() and value.isprintable()):
        raise ServerMisbehaved(f"the authorization server gave a {name} that cannot be used")
    return value


def require_issuer(place_issuer: str, *, named: str | None, names_itself: bool) -> None:
    """The answer came from whom we asked (RFC 9207); InvalidInput for a mix-up."""
    if named is None and not names_itself:
        return
    if named != place_issuer:
        raise InvalidInput("this answer is not of the authorization server that was asked", field="iss")
