"""An OAuth 2.1 authorization server as RFCs 6749, 7009, 7591, 7636, 8414, 8707 and 9207 have it, on loopback.

A visit to the authorize address consents at once, as ``login_as``. Attributes make it misbehave; ``tokens`` says what
was issued, so that an MCP server behind it can verify. ``documents`` reads client metadata documents (CIMD).
"""

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from orchestrator.agents.scripted.http_server import Reply, Request, Route, ScriptedServer


@dataclass(frozen=True)
class Issued:
    """An access token."""

    client_id: str
    subject: str
    scopes: tuple[str, ...]
    resource: str
    expires_at: float


class FakeAuthorization(ScriptedServer):
    """One authorization server."""

    def __init__(self) -> None:
        self.login_as = "ada"
        self.lifetime: int | None = 3600
        self.registers, self.takes_documents, self.rotates = True, False, True
        self.methods = ["none", "client_secret_basic"]
        self.iss: str | None = ""
        """What the answer names: "" is the right issuer, None is nothing."""
        self.overrides: dict[str, Any] = {}
        self.documents: Callable[[str], Mapping[str, Any]] | None = None
        self.clients: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, Issued] = {}
        self.refreshing: dict[str, Issued] = {}
        self.revoked: list[str] = []
        self._codes: dict[str, tuple[Issued, str, str]] = {}
        super().__init__()

    def routes(self) -> Sequence[Route]:
        return (
            ("GET", r"/.well-known/oauth-authorization-server", lambda _: Reply(200, self.metadata())),
            ("GET", r"/authorize", self._authorize),
            ("POST", r"/token", self._token),
            ("POST", r"/register", self._register),
            ("POST", r"/revoke", self._revoke),
        )

    def metadata(self) -> dict[str, Any]:
        told = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "revocation_endpoint": f"{self.url}/revoke",
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": self.methods,
            "authorization_response_iss_parameter_supported": self.iss is not None,
            "client_id_metadata_document_supported": self.takes_documents,
        }
        registration = {"registration_endpoint": f"{self.url}/register"} if self.registers else {}
        return {**told, **registration, **self.overrides}

    def asked(self, path: str) -> list[Request]:
        """The requests to a path."""
        return [request for request in self.requests if request.path == path]

    def add_client(self, client_id: str, secret: str | None, redirect_uri: str) -> None:
        """Register a client by hand."""
        self.clients[client_id] = {"client_secret": secret, "redirect_uris": [redirect_uri]}

    def expire(self) -> None:
        """No access token is good any more."""
        self.tokens.clear()

    def _client(self, client_id: str) -> Mapping[str, Any] | None:
        if client_id.startswith("https://") and self.takes_documents and self.documents is not None:
            document = self.documents(client_id)
            return document if document["client_id"] == client_id else None
        return self.clients.get(client_id)

    def _register(self, request: Request) -> Reply:
        known = {**request.json(), "client_id": secrets.token_hex(8)}
        if known.get("token_endpoint_auth_method") != "none":
            known["client_secret"] = secrets.token_hex(16)
        self.clients[known["client_id"]] = known
        return Reply(201, known)

    def _authorize(self, request: Request) -> Reply:
        query = request.query
        client = self._client(query.get("client_id", ""))
        if client is None or query.get("redirect_uri") not in client["redirect_uris"]:
            return Reply(400, {"error": "invalid_request"})
        if query.get("code_challenge_method") != "S256" or "resource" not in query:
            return Reply(400, {"error": "invalid_request"})
        scopes = tuple(query.get("scope", "").split())
        issued = Issued(query["client_id"], self.login_as, scopes, query["resource"], 0)
        code = secrets.token_hex(12)
        self._codes[code] = issued, query["code_challenge"], query["redirect_uri"]
        answer = {"code": code, "state": query["state"]}
        if self.iss is not None:
            answer["iss"] = self.iss or self.url
        return Reply(302, b"", {"Location": f"{query['redirect_uri']}?{urlencode(answer)}"})

    def _token(self, request: Request) -> Reply:
        form = request.form()
        name, secret = request.basic or (form.get("client_id", ""), form.get("client_secret"))
        client = self._client(name)
        if client is None or client.get("client_secret") != (secret or None):
            return Reply(401, {"error": "invalid_client"})
        if form["grant_type"] == "refresh_token":
            old = self.refreshing.get(form["refresh_token"])
            if old is None or old.client_id != name or form.get("resource") != old.resource:
                return Reply(400, {"error": "invalid_grant"})
            if self.rotates:
                del self.refreshing[form["refresh_token"]]
            return self._issue(old, refresh=self.rotates)
        issued, challenge, redirect_uri = self._codes.pop(form.get("code", ""), (None, "", ""))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proven = base64.urlsafe_b64encode(digest).decode().rstrip("=") == challenge
        if issued is None or not proven or issued.client_id != name or form.get("redirect_uri") != redirect_uri:
            return Reply(400, {"error": "invalid_grant"})
        return self._issue(issued, refresh=True)

    def _issue(self, about: Issued, *, refresh: bool) -> Reply:
        access = secrets.token_urlsafe(24)
        ends = time.time() + (self.lifetime if self.lifetime is not None else 1e9)
        self.tokens[access] = Issued(about.client_id, about.subject, about.scopes, about.resource, ends)
        body: dict[str, Any] = {"access_token": access, "token_type": "bearer", "scope": " ".join(about.scopes)}
        if self.lifetime is not None:
            body["expires_in"] = self.lifetime
        if refresh:
            body["refresh_token"] = secrets.token_urlsafe(24)
            self.refreshing[body["refresh_token"]] = about
        return Reply(200, body)

    def _revoke(self, request: Request) -> Reply:
        token = request.form().get("token", "")
        self.revoked.append(token)
        self.refreshing.pop(token, None)
        return Reply(200, {})
