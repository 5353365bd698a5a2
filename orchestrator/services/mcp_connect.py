"""Connecting to MCP servers by OAuth: the way through the browser, from its start to the stored tokens, and the end.

Used by the doors. A flow lives in an encrypted cookie of the browser that started it and is finished by the same
log-in, so nobody can make another's consent their own, nor slip their own account into another's. Every authorization
server answers at an address of its own, beside naming itself: what one gave is never handed to another.
"""

import hmac
import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, Forbidden, NotAuthenticated, NotConfigured, OrchestratorError
from orchestrator.core.ids import new_id
from orchestrator.core.secretbox import SecretBox
from orchestrator.mcp.oauth_client import (
    GrantRefused,
    Identity,
    OAuthSteps,
    Place,
    authorize_url,
    client_document,
    require_issuer,
    same_issuer,
)
from orchestrator.models import UpstreamClient
from orchestrator.models.database import Database
from orchestrator.services.entry_rules import is_document
from orchestrator.services.flow_cookie import FlowCookies
from orchestrator.services.mcp_connections import Connection, expiry_of, key_of, secrets_of
from orchestrator.services.mcp_registry import McpRegistry
from orchestrator.services.server_entry import ServerEntry

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class Flow:
    """A log-in under way."""

    server_id: str
    user: str
    session: str
    state: str
    verifier: str
    issuer: str
    names_itself: bool
    resource: str
    client_id: str
    auth_method: str
    token_endpoint: str
    revocation_endpoint: str | None
    redirect_uri: str
    scopes: tuple[str, ...]


class McpConnect:
    """Begins, finishes and ends connections."""

    def __init__(
        self, database: Database, registry: McpRegistry, secretbox: SecretBox, *, base_url: str, allow_private: bool
    ) -> None:
        self._database = database
        self._registry = registry
        self._secretbox = secretbox
        self._cookies = FlowCookies(secretbox, "mcp-connect")
        self._base_url = base_url
        self._allow_private = allow_private

    async def begin(self, caller: Caller, server_id: UUID) -> tuple[str, str]:
        """Start a log-in of the caller: where to send their browser, and the cookie for it."""
        caller.require_login()
        entry = await self._entry(caller, server_id)
        found = await self._registry.connections.find(key_of(entry, caller.user_id), fresh=True)
        oauth = entry.oauth or {}
        async with OAuthSteps(str(entry.url), allow_private=self._allow_private) as steps:
            place = await steps.discover(
                pinned=oauth.get("issuer"), wanted=oauth.get("scopes") or (), by_get=entry.transport == "sse"
            )
            redirect_uri = self._redirect_uri(place.issuer)
            identity = await self._identity(entry, place, redirect_uri, steps)
        # What was allowed before stays allowed, as far as it was this authorization server that allowed it.
        before = (*found.scopes, *found.wanted) if found is not None and found.issuer == place.issuer else ()
        scopes = tuple(dict.fromkeys((*before, *place.scopes)))[:64]
        flow = Flow(
            str(entry.id), str(caller.user_id), str(caller.session_id), secrets.token_urlsafe(24),
            secrets.token_urlsafe(48), place.issuer, place.names_itself, place.resource, identity.client_id,
            identity.auth_method, place.token_endpoint, place.revocation_endpoint, redirect_uri, scopes,
        )  # fmt: skip
        url = authorize_url(
            place, identity, redirect_uri=redirect_uri, state=flow.state, scopes=scopes,
            challenge=create_s256_code_challenge(flow.verifier),
        )  # fmt: skip
        return url, self._cookies.seal(flow)

    async def finish(
        self, caller: Caller, cookie: str | None, tag: str, answer: Mapping[str, str | None]
    ) -> ServerEntry:
        """Take the browser's way back: check whose it is, and redeem the code at the one who gave it."""
        flow = self._cookies.open(Flow, cookie, answer.get("state") or "")
        if (str(caller.user_id), str(caller.session_id)) != (flow.user, flow.session):
            raise Forbidden("another log-in started this connection", hint="start it again")
        if not hmac.compare_digest(tag_of(flow.issuer), tag):
            raise NotAuthenticated("this answer came back to the address of another authorization server")
        require_issuer(flow.issuer, named=answer.get("iss"), names_itself=flow.names_itself)
        code = answer.get("code")
        if answer.get("error") or not code:
            raise NotAuthenticated("the authorization server did not give its consent", hint="start it again")
        entry = await self._entry(caller, UUID(flow.server_id))
        secret = await self._client_secret(entry, flow)
        identity = Identity(flow.client_id, flow.auth_method, secret)
        async with OAuthSteps(str(entry.url), allow_private=self._allow_private) as steps:
            try:
                given = await steps.redeem(
                    flow.token_endpoint, identity, code=code, verifier=flow.verifier, redirect_uri=flow.redirect_uri,
                    resource=flow.resource,
                )  # fmt: skip
            except GrantRefused as error:
                raise NotAuthenticated(error.message, hint="start it again") from error
        same = ("issuer", "resource", "client_id", "auth_method", "token_endpoint", "revocation_endpoint")
        values = {name: getattr(flow, name) for name in same} | {
            "scopes": list(given.scopes if given.scopes is not None else flow.scopes),
            "expires_at": expiry_of(given),
        }
        sealed = secrets_of(given) | {"client_secret": secret}
        await self._registry.connections.store(key_of(entry, caller.user_id), values, sealed)
        return await self._registry.own_changed(caller, entry.id)

    async def disconnect(self, caller: Caller, server_id: UUID) -> None:
        """Forget a connection, then have its tokens revoked where the authorization server does that."""
        entry = await self._entry(caller, server_id)
        found = await self._registry.connections.remove(key_of(entry, caller.user_id))
        await self._registry.own_changed(caller, server_id)
        if found is None or found.secrets is None or not found.revocation_endpoint:
            return
        identity = Identity(found.client_id, found.auth_method, found.secrets.get("client_secret"))
        token = found.secrets["refresh_token"] or found.secrets["access_token"]
        try:
            async with OAuthSteps(str(entry.url), allow_private=self._allow_private) as steps:
                revoked = await steps.revoke(found.revocation_endpoint, identity, token)
        except OrchestratorError as error:
            # Forgotten it is in any case; the token ends by itself.
            log.info("mcp_revocation_failed", server=entry.name, error=error.message)
            return
        log.info("mcp_connection_revoked", server=entry.name, revoked=revoked)

    async def status(self, caller: Caller, server_id: UUID) -> tuple[ServerEntry, Connection | None]:
        """The entry and the connection that the caller's calls go with."""
        entry = await self._registry.get(caller, server_id)
        if not entry.oauth:
            return entry, None
        return entry, await self._registry.connections.find(key_of(entry, caller.user_id), fresh=True)

    def page(self, server_id: UUID) -> str:
        """The address that starts a log-in in a browser with a log-in of the console."""
        return f"{self._base_url}/api/v1/mcps/{server_id}/connect"

    async def page_for(self, caller: Caller, server_id: UUID) -> str:
        """The same, where there is a log-in and it is the caller's to make."""
        return self.page((await self._entry(caller, server_id)).id)

    def document(self, tag: str) -> dict[str, Any]:
        """What we publish of ourselves for the authorization server of this tag."""
        return client_document(self._client_url(tag), self._callback(tag))

    # Inside.

    async def _entry(self, caller: Caller, server_id: UUID) -> ServerEntry:
        entry = await self._registry.get(caller, server_id)
        if not entry.oauth:
            hint = "set oauth of the entry to {'mode': 'per_user'} or {'mode': 'shared'}"
            raise Conflict(f"MCP server {entry.name!r} is not reached with OAuth", field="oauth", hint=hint)
        if entry.oauth["mode"] == "shared":
            self._registry.require_writer(caller, entry)
        return entry

    async def _identity(self, entry: ServerEntry, place: Place, redirect_uri: str, steps: OAuthSteps) -> Identity:
        """Who we are there: the client the entry names, a document about us, else a registration."""
        named = (entry.oauth or {}).get("client_id")
        if named and not is_document(named):
            secret = self._registry.client_secret(entry)
            usable = [m for m in ("client_secret_basic", "client_secret_post") if m in place.auth_methods]
            method = (usable or ["client_secret_basic"])[0] if secret else "none"
            return Identity(named, method, secret)
        if place.takes_documents and (named or self._is_public()):
            return Identity(named or self._client_url(tag_of(place.issuer)))
        known = await self._registered(place.issuer, redirect_uri)
        if known is not None:
            return known
        if place.registration_endpoint is None:
            raise NotConfigured(
                f"{place.issuer} registers nobody by itself",
                hint=f"register a client there with the redirect URI {redirect_uri}, then set oauth.client_id, "
                f"oauth.client_secret and oauth.issuer of the entry",
                details={"issuer": place.issuer, "redirect_uri": redirect_uri},
            )
        made = await steps.register(place, redirect_uri)
        await self._keep_client(place.issuer, redirect_uri, made)
        return made

    async def _client_secret(self, entry: ServerEntry, flow: Flow) -> str | None:
        """The secret of the client that began the flow, if that is still who we are at this issuer."""
        oauth = entry.oauth or {}
        if oauth.get("client_id") == flow.client_id and same_issuer(oauth.get("issuer"), flow.issuer):
            return self._registry.client_secret(entry)
        known = await self._registered(flow.issuer, flow.redirect_uri)
        return known.client_secret if known is not None and known.client_id == flow.client_id else None

    async def _registered(self, issuer: str, redirect_uri: str) -> Identity | None:
        query = select(UpstreamClient.__table__).where(
            UpstreamClient.issuer == issuer, UpstreamClient.redirect_uri == redirect_uri
        )
        async with self._database.transaction() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None or (row["expires_at"] is not None and row["expires_at"] < datetime.now(UTC)):
            return None
        sealed = row["client_secret_encrypted"]
        return Identity(row["client_id"], row["auth_method"], self._secretbox.decrypt(sealed) if sealed else None)

    async def _keep_client(self, issuer: str, redirect_uri: str, made: Identity) -> None:
        values = {
            "client_id": made.client_id,
            "auth_method": made.auth_method,
            "client_secret_encrypted": self._secretbox.encrypt(made.client_secret) if made.client_secret else None,
            "expires_at": made.expires_at,
        }
        row = insert(UpstreamClient).values(id=new_id(), issuer=issuer, redirect_uri=redirect_uri, **values)
        row = row.on_conflict_do_update(index_elements=["issuer", "redirect_uri"], set_=values)
        async with self._database.transaction() as connection:
            await connection.execute(row)

    def _is_public(self) -> bool:
        """Whether an authorization server elsewhere can read what we publish."""
        parts = urlsplit(self._base_url)
        if parts.scheme != "https" or not parts.hostname:
            return False
        try:
            return ipaddress.ip_address(parts.hostname).is_global
        except ValueError:
            return "." in parts.hostname and not parts.hostname.endswith((".localhost", ".local", ".internal"))

    def _redirect_uri(self, issuer: str) -> str:
        return self._callback(tag_of(issuer))

    def _callback(self, tag: str) -> str:
        return f"{self._base_url}/api/v1/mcps/callback/{tag}"

    def _client_url(self, tag: str) -> str:
        return f"{self._base_url}/.well-known/mcp-client/{tag}"


def tag_of(issuer: str) -> str:
    """What stands for an issuer in our addresses."""
    return sha256(issuer.encode()).hexdigest()[:24]
