"""Who is behind a credential: access tokens (signed, stateless), personal API tokens and session cookies (looked up).

Used by every door. An access token is a JWT, HS256 only, that lives 15 minutes: a log-out, a disabled user or a lost
admin right reaches it at once in the process that did it and at its end elsewhere. What the check remembers is only
that a signature was good; time and revocation are looked at on every use. Log-ins are made in ``sessions``. The token
of a connected application is of another key and audience: no door but the MCP endpoints asks for its caller.
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

import jwt

from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import NotAuthenticated, NotConfigured
from orchestrator.services.stored_tokens import API_TOKEN_PREFIX, StoredTokens

_ISSUER = "orchestrator"
_AUDIENCE = "orchestrator-api"
_APPLICATION_AUDIENCE = "orchestrator-mcp"
APPLICATION_PREFIX = "ora_"  # a mark that secret scanners can look for, and that no other credential bears
_ALGORITHM = "HS256"
_REQUIRED = ["sub", "sid", "adm", "iat", "exp", "iss", "aud", "typ"]
_LONGEST = 2048
_MOST_REMEMBERED = 4096
_RENEW = "POST /api/v1/auth/refresh gives a new one"
_SCOPES = {scope.value: scope for scope in Scope}
_Known = tuple[Caller, float]


class Tokens:
    """Issues access tokens and finds the caller behind any credential."""

    def __init__(self, stored: StoredTokens, secret: str, *, access_minutes: int) -> None:
        if len(secret) < 32:
            raise NotConfigured(
                "SECRET_KEY is too short: it needs 32 characters or more",
                hint="make one with: python -c 'import secrets; print(secrets.token_urlsafe(48))'",
            )
        self._secret = secret.encode()
        self._signing_key = self.key_for(b"access-token")
        self._application_key = self.key_for(b"application-token")
        self._csrf_key = self.key_for(b"csrf")
        self._stored = stored
        self.access_seconds = access_minutes * 60
        # Only this header is ever read: the algorithm is not the sender's choice, and nothing unsigned is parsed.
        empty = jwt.encode({}, self._signing_key, _ALGORITHM)
        self._header = empty[: empty.index(".") + 1]
        # Apart: what is remembered of one kind must never answer for the other.
        self._good: dict[str, _Known] = {}
        self._good_applications: dict[str, _Known] = {}
        self._ended: dict[UUID, float] = {}

    def issue_access(self, user_id: UUID, session_id: UUID, *, is_admin: bool = False) -> str:
        """A fresh access token of a log-in."""
        now = int(time.time())
        claims = {
            "iss": _ISSUER, "aud": _AUDIENCE, "typ": "access", "sub": str(user_id), "sid": str(session_id),
            "adm": is_admin, "iat": now, "exp": now + self.access_seconds,
        }  # fmt: skip
        return jwt.encode(claims, self._signing_key, _ALGORITHM)

    def issue_application(
        self, user_id: UUID, grant_id: UUID, *, scopes: Iterable[str], resource: str, is_admin: bool = False
    ) -> str:
        """A fresh access token of a connected application, for one MCP endpoint."""
        now = int(time.time())
        claims = {
            "iss": _ISSUER, "aud": _APPLICATION_AUDIENCE, "typ": "application", "sub": str(user_id),
            "sid": str(grant_id), "adm": is_admin, "scp": " ".join(sorted(scopes)), "res": resource, "iat": now,
            "exp": now + self.access_seconds,
        }  # fmt: skip
        return APPLICATION_PREFIX + jwt.encode(claims, self._application_key, _ALGORITHM)

    def caller_of_access(self, token: str) -> Caller:
        """The caller of an access token; NotAuthenticated unless it is ours, unexpired and not ended here."""
        return self._current(token, self._good, self._access_caller)

    def caller_of_application(self, token: str) -> Caller:
        """The caller of an application's token, whose ``resource`` is where it may be used; NotAuthenticated else."""
        return self._current(token, self._good_applications, self._application_caller)

    async def caller_of_bearer(self, token: str) -> Caller:
        """The caller of what followed ``Authorization: Bearer``: an access token or a personal API token."""
        if not token.startswith(API_TOKEN_PREFIX):
            return self.caller_of_access(token)
        caller = await self._stored.of_api_token(token) if len(token) <= 200 else None
        if caller is None:
            raise NotAuthenticated("the API token is wrong, expired or revoked")
        return caller

    async def caller_of_session(self, cookie: str) -> Caller:
        """The caller of the console's session cookie."""
        caller = await self._stored.of_session(cookie) if len(cookie) <= 200 else None
        if caller is None or caller.session_id in self._ended:
            raise NotAuthenticated("the session has ended", hint="log in again")
        return caller

    def key_for(self, use: bytes) -> bytes:
        """A key of its own for each use, so that what is made for one can never pass for another."""
        return hmac.new(self._secret, b"orchestrator/" + use, hashlib.sha256).digest()

    def csrf_token(self, session_id: UUID) -> str:
        """What unsafe requests of a cookie session must carry in X-CSRF-Token."""
        return hmac.new(self._csrf_key, session_id.bytes, hashlib.sha256).hexdigest()

    def csrf_matches(self, session_id: UUID, given: str) -> bool:
        """Whether the token belongs to the session; compared in constant time."""
        return hmac.compare_digest(self.csrf_token(session_id).encode(), given.encode())

    def end(self, *session_ids: UUID) -> None:
        """These log-ins were ended: refuse their access tokens here from now on. Other processes see them expire."""
        now = time.time()
        self._ended = {known: until for known, until in self._ended.items() if until > now}
        self._ended |= dict.fromkeys(session_ids, now + self.access_seconds)
        self._stored.forget()

    def _current(self, token: str, good: dict[str, _Known], check: Callable[[str], _Known]) -> Caller:
        known = good.get(token)
        if known is None:
            known = check(token)
            if len(good) >= _MOST_REMEMBERED:
                good.clear()
            good[token] = known
        caller, expires_at = known
        if expires_at <= time.time():
            good.pop(token, None)
            raise NotAuthenticated("the access token has expired", hint=_RENEW)
        if caller.session_id in self._ended:
            raise NotAuthenticated("this log-in was ended")
        return caller

    def _access_caller(self, token: str) -> _Known:
        claims = self._claims(token, self._signing_key, _AUDIENCE, "access")
        caller = Caller(UUID(claims["sub"]), is_admin=claims["adm"] is True, session_id=UUID(claims["sid"]))
        return caller, float(claims["exp"])

    def _application_caller(self, token: str) -> _Known:
        text = token.removeprefix(APPLICATION_PREFIX)
        claims = self._claims(text, self._application_key, _APPLICATION_AUDIENCE, "application")
        scopes = frozenset(_SCOPES[name] for name in claims["scp"].split() if name in _SCOPES)
        caller = Caller(
            UUID(claims["sub"]), scopes, is_admin=claims["adm"] is True, via="application",
            session_id=UUID(claims["sid"]), resource=claims["res"],
        )  # fmt: skip
        return caller, float(claims["exp"])

    def _claims(self, token: str, key: bytes, audience: str, kind: str) -> dict[str, Any]:
        if len(token) > _LONGEST or not token.startswith(self._header):
            raise NotAuthenticated("this is not an access token of ours")
        try:
            claims: dict[str, Any] = jwt.decode(
                token, key, [_ALGORITHM], audience=audience, issuer=_ISSUER, options={"require": _REQUIRED}
            )
        except jwt.ExpiredSignatureError as error:
            raise NotAuthenticated("the access token has expired", hint=_RENEW) from error
        except jwt.InvalidTokenError as error:
            raise NotAuthenticated("the access token is wrong") from error
        if claims["typ"] != kind:
            raise NotAuthenticated("this is not an access token")
        return claims
