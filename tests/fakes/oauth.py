"""The authorisation-code flow with state and PKCE (S256), as the fakes of GitHub and Hugging Face answer it.

A visit to the authorize address logs in whoever ``login_as`` names, at once and without a page. Codes work once.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from orchestrator.agents.scripted.http_server import Failure, Reply, Request


@dataclass(frozen=True)
class _Grant:
    client_id: str
    redirect_uri: str
    challenge: str
    scope: str
    login: str


class OAuth:
    """One registered application. ``issue`` makes a token for a login name and a scope."""

    def __init__(self, issue: Callable[[str, str], str]) -> None:
        self.client_id, self.client_secret = "fake-client", secrets.token_hex(16)
        self.login_as: str | None = None
        self.require_pkce = True
        self._issue = issue
        self._grants: dict[str, _Grant] = {}

    def authorize(self, request: Request) -> Reply:
        query = request.query
        target = query.get("redirect_uri", "")
        if query.get("client_id") != self.client_id or not target.startswith(("http://", "https://")):
            raise Failure(404, {"message": "Not Found"})
        state = {"state": query["state"]} if "state" in query else {}
        if self.login_as is None:
            why = {"error": "access_denied", "error_description": "The user has denied your application access."}
            return _redirect(target, why | state)
        challenge = query.get("code_challenge", "")
        if self.require_pkce and (not challenge or query.get("code_challenge_method") != "S256"):
            return _redirect(target, {"error": "invalid_request", "error_description": "PKCE is required."} | state)
        code = secrets.token_hex(10)
        self._grants[code] = _Grant(self.client_id, target, challenge, query.get("scope", ""), self.login_as)
        return _redirect(target, {"code": code} | state)

    def exchange(self, request: Request) -> tuple[str, str] | str:
        """Token and scope, or the name of the error."""
        form = request.form()
        name, password = request.basic or (form.get("client_id", ""), form.get("client_secret", ""))
        if (name, password) != (self.client_id, self.client_secret):
            return "incorrect_client_credentials"
        grant = self._grants.pop(form.get("code", ""), None)
        if grant is None:
            return "bad_verification_code"
        if form.get("redirect_uri", grant.redirect_uri) != grant.redirect_uri:
            return "redirect_uri_mismatch"
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if grant.challenge and base64.urlsafe_b64encode(digest).decode().rstrip("=") != grant.challenge:
            return "bad_verification_code"
        return self._issue(grant.login, grant.scope), grant.scope


def _redirect(target: str, query: dict[str, str]) -> Reply:
    glue = "&" if "?" in target else "?"
    return Reply(302, b"", {"Location": target + glue + urlencode(query)})
