"""Log-ins: starts them, keeps them alive and ends them. Used by the account doors; checks of tokens are in ``tokens``.

API clients get an access token and a refresh token that changes at every use; the console gets one opaque cookie. A
refresh token that is used again ends its whole log-in, because one of its two holders is a thief. Two refreshes that
race within ten seconds are no theft: both get the very same successor, so the chain never forks. A connected
application holds a chain of its own kind, begun in ``authorization_grants``.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from orchestrator.core.errors import NotAuthenticated
from orchestrator.core.ids import new_id
from orchestrator.models.accounts import RefreshToken, User
from orchestrator.models.database import Database
from orchestrator.services.stored_tokens import digest, new_secret
from orchestrator.services.tokens import Tokens

log = structlog.get_logger(__name__)

GRACE = timedelta(seconds=10)
_sibling = aliased(RefreshToken)
_USER_AGENT_LENGTH = 200


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What an API client holds. ``expires_in`` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class CookieSession:
    """What the console holds: the cookie's value and the token that unsafe requests must carry."""

    secret: str
    csrf_token: str


@dataclass(frozen=True, slots=True)
class Rotated:
    """The next link of a chain, whose it is and which log-in it keeps alive."""

    user: User
    session_id: UUID
    refresh_token: str


class Sessions:
    """Log-ins of users. ``days`` is how long one lives without use."""

    def __init__(self, database: Database, tokens: Tokens, *, days: int) -> None:
        self._database = database
        self._tokens = tokens
        self._life = timedelta(days=days)
        self._chain_key = tokens.key_for(b"refresh-chain")

    async def start(self, user: User, *, user_agent: str = "") -> TokenPair:
        """A new log-in of an API client."""
        family, refresh = new_id(), new_secret()
        await self._insert(user.id, family, refresh, "refresh", user_agent)
        return self._pair(user, family, refresh)

    async def start_cookie(self, user: User, *, user_agent: str = "") -> CookieSession:
        """A new log-in of the console."""
        family, secret = new_id(), new_secret()
        await self._insert(user.id, family, secret, "session", user_agent)
        return CookieSession(secret, self._tokens.csrf_token(family))

    async def start_application(
        self, session: AsyncSession, user_id: UUID, grant_id: UUID, *, life: timedelta | None = None
    ) -> str:
        """Begin the chain of a connected application inside the caller's transaction; returns its first link."""
        await self._forget_old(session, user_id)
        secret = new_secret()
        row = self._row(user_id, grant_id, secret, "application", "")
        if life is not None:
            row.expires_at = datetime.now(UTC) + life
        session.add(row)
        return secret

    async def refresh(self, refresh_token: str) -> TokenPair:
        """The next pair of a log-in; NotAuthenticated when the token is unknown, expired, revoked or used before."""
        rotated = await self.rotate(refresh_token)
        return self._pair(rotated.user, rotated.session_id, rotated.refresh_token)

    async def rotate(self, refresh_token: str, *, kind: str = "refresh") -> Rotated:
        """The successor of a refresh token; NotAuthenticated when it is unknown, expired, revoked or used before."""
        now = datetime.now(UTC)
        # A log-out that ran beside a refresh saw only the links there were: any revoked link condemns the family.
        ended = exists().where(_sibling.family_id == RefreshToken.family_id, _sibling.revoked_at.is_not(None))
        query = (
            select(RefreshToken, User, ended)
            .join(User, User.id == RefreshToken.user_id)
            .where(RefreshToken.token_hash == digest(refresh_token), RefreshToken.kind == kind)
            .with_for_update(of=RefreshToken)
        )
        async with self._database.session() as session:
            row = (await session.execute(query)).one_or_none()
            if row is None:
                raise NotAuthenticated("the refresh token is wrong")
            link, user, revoked = row
            if revoked or link.expires_at <= now or user.disabled_at is not None:
                raise NotAuthenticated("the refresh token has expired or was revoked", hint="log in again")
            successor = self._successor(refresh_token)
            if link.rotated_at is None:
                link.rotated_at = now
                session.add(self._row(user.id, link.family_id, successor, kind, link.user_agent))
        if link.rotated_at != now and now - link.rotated_at > GRACE:
            await self._end(RefreshToken.family_id == link.family_id)
            log.warning("refresh_token_reused", user_id=str(user.id), session_id=str(link.family_id))
            raise NotAuthenticated("the refresh token was used before; this log-in is ended", hint="log in again")
        return Rotated(user, link.family_id, successor)

    async def end(self, session_id: UUID) -> None:
        """End one log-in."""
        await self._end(RefreshToken.family_id == session_id)

    async def end_by_refresh_token(self, refresh_token: str) -> None:
        """End the log-in that a refresh token, of whatever age, belongs to; nothing when there is none."""
        query = select(RefreshToken.family_id).where(RefreshToken.token_hash == digest(refresh_token))
        async with self._database.transaction() as connection:
            family = (await connection.execute(query)).scalar_one_or_none()
        if family is not None:
            await self._end(RefreshToken.family_id == family)

    async def end_all(self, user_id: UUID, *, but: UUID | None = None) -> None:
        """End every log-in of a user, except one."""
        await self._end(RefreshToken.user_id == user_id, *([RefreshToken.family_id != but] if but else []))

    async def _end(self, *which: ColumnElement[bool]) -> None:
        statement = (
            update(RefreshToken)
            .where(RefreshToken.revoked_at.is_(None), *which)
            .values(revoked_at=datetime.now(UTC))
            .returning(RefreshToken.family_id)
        )
        async with self._database.transaction() as connection:
            ended = set((await connection.execute(statement)).scalars())
        self._tokens.end(*ended)

    async def _insert(self, user_id: UUID, family: UUID, secret: str, kind: str, user_agent: str) -> None:
        async with self._database.session() as session:
            await self._forget_old(session, user_id)
            session.add(self._row(user_id, family, secret, kind, user_agent))

    async def _forget_old(self, session: AsyncSession, user_id: UUID) -> None:
        old = RefreshToken.expires_at < datetime.now(UTC) - timedelta(days=1)
        await session.execute(delete(RefreshToken).where(RefreshToken.user_id == user_id, old))

    def _row(self, user_id: UUID, family: UUID, secret: str, kind: str, user_agent: str) -> RefreshToken:
        return RefreshToken(
            id=new_id(), kind=kind, family_id=family, user_id=user_id, token_hash=digest(secret),
            user_agent=user_agent[:_USER_AGENT_LENGTH], expires_at=datetime.now(UTC) + self._life,
        )  # fmt: skip

    def _pair(self, user: User, family: UUID, refresh: str) -> TokenPair:
        access = self._tokens.issue_access(user.id, family, is_admin=user.is_admin)
        return TokenPair(access, refresh, self._tokens.access_seconds)

    def _successor(self, refresh_token: str) -> str:
        """The next link, which only we can compute from this one: so racing refreshes get the same."""
        mac = hmac.new(self._chain_key, refresh_token.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(mac).decode().rstrip("=")
