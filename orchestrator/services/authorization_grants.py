"""What comes of a consent: codes, the grants they are redeemed for, and the tokens of a grant. Used by the OAuth doors.

A code works once, for a minute, with the client, the way back, the endpoint and the proof it was made for; a second use
ends what came of the first. A grant's refresh tokens rotate as those of log-ins do, in ``sessions``. Access tokens are
for one MCP endpoint, with scopes that were consented to. People see and end their grants in ``applications``.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.core.errors import NotAuthenticated, OAuthRefused
from orchestrator.core.ids import new_id
from orchestrator.models import OAuthCode, OAuthGrant, RefreshToken, User
from orchestrator.models.database import Database
from orchestrator.services.authorization_requests import Asked
from orchestrator.services.oauth_clients import OAuthClients
from orchestrator.services.sessions import Sessions
from orchestrator.services.stored_tokens import digest, new_secret
from orchestrator.services.tokens import Tokens

log = structlog.get_logger(__name__)

CODE_LIFE = timedelta(seconds=60)
_KEPT = timedelta(days=1)
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(frozen=True, slots=True, repr=False)
class Granted:
    """What an application holds. ``refresh_token`` is None for one that did not want any."""

    access_token: str
    refresh_token: str | None
    expires_in: int
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Redemption:
    """A code with all that must fit it. ``resource`` is a path; None where the client named none again."""

    code: str
    client_id: str
    redirect_uri: str
    verifier: str
    resource: str | None


class AuthorizationGrants:
    """Codes and grants of all users."""

    def __init__(self, database: Database, sessions: Sessions, tokens: Tokens, clients: OAuthClients) -> None:
        self._database = database
        self._sessions = sessions
        self._tokens = tokens
        self._clients = clients

    async def approve(self, user_id: UUID, asked: Asked) -> str:
        """The user said yes: the address that takes a fresh code to the client."""
        await self._clients.keep(asked.client_id)
        secret, now = new_secret(), datetime.now(UTC)
        code = OAuthCode(
            id=new_id(), code_hash=digest(secret), grant_id=new_id(), user_id=user_id, client_id=asked.client_id,
            client_name=asked.client_name, client_host=asked.client_host, redirect_uri=asked.redirect_uri,
            challenge=asked.challenge, scopes=list(asked.scopes), resource=asked.resource,
            refreshable=asked.refreshable, expires_at=now + CODE_LIFE,
        )  # fmt: skip
        async with self._database.session() as session:
            await session.execute(delete(OAuthCode).where(OAuthCode.expires_at < now - _KEPT))
            session.add(code)
        return asked.answer(code=secret)

    async def redeem(self, given: Redemption) -> Granted:
        """The first tokens of a grant; OAuthRefused (invalid_grant) when anything does not fit."""
        query = (
            select(OAuthCode, User)
            .join(User, User.id == OAuthCode.user_id)
            .where(OAuthCode.code_hash == digest(given.code))
            .with_for_update(of=OAuthCode)
        )
        refresh = None
        async with self._database.session() as session:
            row = (await session.execute(query)).one_or_none()
            if row is None:
                raise _invalid("the code is unknown")
            code, user = row
            reused = code.used_at is not None
            fault = "the code was used before; what came of it is ended" if reused else _fault(code, user, given)
            code.used_at = code.used_at or datetime.now(UTC)
            if not fault:
                refresh = await self._begin(session, code)
        if reused:
            log.warning("authorization_code_reused", user_id=str(user.id), grant_id=str(code.grant_id))
            await self._sessions.end(code.grant_id)
        if fault:
            raise _invalid(fault)
        return self._granted(user, code.grant_id, code.scopes, code.resource, refresh if code.refreshable else None)

    async def refresh(
        self, refresh_token: str, *, client_id: str, scopes: tuple[str, ...] | None, resource: str | None
    ) -> Granted:
        """The next tokens of a grant, with all its scopes or fewer. A token that was used before ends the grant."""
        grant = await self._grant_of(refresh_token)
        if grant is None or not grant.refreshable or grant.client_id != client_id:
            raise _invalid("the refresh token is wrong, or another client's")
        if resource not in (None, grant.resource):
            raise OAuthRefused("the grant is for another resource", details={"error": "invalid_target"})
        if scopes is not None and not set(scopes) <= set(grant.scopes):
            raise OAuthRefused("a refresh cannot widen the scopes", details={"error": "invalid_scope"})
        try:
            rotated = await self._sessions.rotate(refresh_token, kind="application")
        except NotAuthenticated as error:
            raise _invalid(error.message) from error
        narrowed = list(scopes) if scopes else grant.scopes
        return self._granted(rotated.user, grant.id, narrowed, grant.resource, rotated.refresh_token)

    async def revoke(self, token: str, *, client_id: str) -> None:
        """End the grant that an access or refresh token belongs to; nothing when there is none (RFC 7009)."""
        try:
            grant_id = self._tokens.caller_of_application(token).session_id
        except NotAuthenticated:
            grant = await self._grant_of(token)
        else:
            async with self._database.session() as session:
                grant = await session.get(OAuthGrant, grant_id)
        if grant is None:
            return
        if grant.client_id != client_id:
            raise _invalid("the token is another client's")
        await self._sessions.end(grant.id)

    async def _begin(self, session: AsyncSession, code: OAuthCode) -> str:
        alive = exists().where(RefreshToken.family_id == OAuthGrant.id)
        await session.execute(delete(OAuthGrant).where(OAuthGrant.user_id == code.user_id, ~alive))
        names = ("user_id", "client_id", "client_name", "client_host", "scopes", "resource", "refreshable")
        session.add(OAuthGrant(id=code.grant_id, **{name: getattr(code, name) for name in names}))
        life = None if code.refreshable else timedelta(seconds=self._tokens.access_seconds)
        return await self._sessions.start_application(session, code.user_id, code.grant_id, life=life)

    async def _grant_of(self, refresh_token: str) -> OAuthGrant | None:
        query = (
            select(OAuthGrant)
            .join(RefreshToken, RefreshToken.family_id == OAuthGrant.id)
            .where(RefreshToken.token_hash == digest(refresh_token), RefreshToken.kind == "application")
        )
        async with self._database.session() as session:
            return (await session.scalars(query)).one_or_none()

    def _granted(self, user: User, grant_id: UUID, scopes: list[str], resource: str, refresh: str | None) -> Granted:
        access = self._tokens.issue_application(
            user.id, grant_id, scopes=scopes, resource=resource, is_admin=user.is_admin
        )
        return Granted(access, refresh, self._tokens.access_seconds, tuple(scopes))


def _fault(code: OAuthCode, user: User, given: Redemption) -> str:
    """What does not fit, in words; empty when all does."""
    if code.expires_at <= datetime.now(UTC):
        return "the code has expired"
    if user.disabled_at is not None:
        return "this account is disabled"
    if code.client_id != given.client_id:
        return "the code was given to another client"
    if code.redirect_uri != given.redirect_uri:
        return "the redirect_uri is not the one the code was sent to"
    if given.resource not in (None, code.resource):
        return "the code is for another resource"
    return "" if _proves(given.verifier, code.challenge) else "the code_verifier does not fit the code_challenge"


def _proves(verifier: str, challenge: str) -> bool:
    if not _VERIFIER.fullmatch(verifier):
        return False
    made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    return hmac.compare_digest(made, challenge)


def _invalid(why: str) -> OAuthRefused:
    return OAuthRefused(why, details={"error": "invalid_grant"})
