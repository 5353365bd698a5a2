"""Opaque credentials that are looked up: personal API tokens and the console's session cookies. Used by ``tokens``.

The database holds SHA-256 hashes only. A lookup is remembered for ten seconds, so a revocation elsewhere takes effect
within that; in this process ``forget`` makes it effective at once. Making and revoking them is not done here.
"""

import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select, update

from orchestrator.core.caller import Caller, Scope
from orchestrator.models.accounts import ApiToken, RefreshToken, User
from orchestrator.models.database import Database

API_TOKEN_PREFIX = "orc_"  # noqa: S105 - a mark that secret scanners can look for, not a secret
_REMEMBER_SECONDS = 10.0
_MOST_REMEMBERED = 10_000
_TOUCH = timedelta(minutes=1)
_KNOWN_SCOPES = {scope.value: scope for scope in Scope}


def new_secret(prefix: str = "") -> str:
    """A fresh opaque credential of 256 random bits."""
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What the database keeps of an opaque credential. It is random, so one round of SHA-256 is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class StoredTokens:
    """Finds the caller behind an opaque credential. ``session_days`` is how long a cookie lives without use."""

    def __init__(self, database: Database, *, session_days: int) -> None:
        self._database = database
        self._session_life = timedelta(days=session_days)
        self._known: dict[str, tuple[Caller | None, float]] = {}
        self._epoch = 0

    async def of_api_token(self, secret: str) -> Caller | None:
        """The caller of a personal API token; None when it is wrong, expired, revoked or its user disabled."""
        return await self._remembered(digest(secret), self._find_api_token)

    async def of_session(self, secret: str) -> Caller | None:
        """The caller of a session cookie; None when it is wrong, expired, revoked or its user disabled."""
        return await self._remembered(digest(secret), self._find_session)

    def forget(self) -> None:
        """Remember nothing: something was revoked. Lookups under way are not remembered either."""
        self._epoch += 1
        self._known.clear()

    async def _remembered(
        self, token_hash: str, find: Callable[[str], Awaitable[tuple[Caller, datetime | None] | None]]
    ) -> Caller | None:
        now = time.monotonic()
        known = self._known.get(token_hash)
        if known is not None and known[1] > now:
            return known[0]
        epoch = self._epoch
        found = await find(token_hash)
        caller, expires_at = found or (None, None)
        seconds = _REMEMBER_SECONDS
        if expires_at is not None:
            seconds = min(seconds, (expires_at - datetime.now(UTC)).total_seconds())
        if epoch == self._epoch:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[token_hash] = (caller, now + seconds)
        return caller

    async def _find_api_token(self, token_hash: str) -> tuple[Caller, datetime | None] | None:
        now = datetime.now(UTC)
        query = (
            select(ApiToken, User.is_admin)
            .join(User, User.id == ApiToken.user_id)
            .where(ApiToken.token_hash == token_hash, ApiToken.revoked_at.is_(None), User.disabled_at.is_(None))
            .where(or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > now))
        )
        async with self._database.session() as session:
            row = (await session.execute(query)).one_or_none()
            if row is None:
                return None
            token, is_admin = row
            if token.last_used_at is None or now - token.last_used_at > _TOUCH:
                await session.execute(update(ApiToken).where(ApiToken.id == token.id).values(last_used_at=now))
        scopes = frozenset(_KNOWN_SCOPES[name] for name in token.scopes if name in _KNOWN_SCOPES)
        narrow = token.project_id is not None
        admin = is_admin and not narrow
        via = "agent" if token.task_id is not None else "api_token"
        caller = Caller(
            token.user_id, scopes, admin and via != "agent", token.project_id, via, token_id=token.id,
            task_id=token.task_id,
        )  # fmt: skip
        return caller, token.expires_at

    async def _find_session(self, token_hash: str) -> tuple[Caller, datetime | None] | None:
        now = datetime.now(UTC)
        query = (
            select(
                RefreshToken.id, RefreshToken.user_id, RefreshToken.family_id, RefreshToken.expires_at, User.is_admin
            )
            .join(User, User.id == RefreshToken.user_id)
            .where(RefreshToken.token_hash == token_hash, RefreshToken.kind == "session")
            .where(RefreshToken.revoked_at.is_(None), RefreshToken.expires_at > now, User.disabled_at.is_(None))
        )
        async with self._database.session() as session:
            row = (await session.execute(query)).one_or_none()
            if row is None:
                return None
            until = now + self._session_life
            if until - row.expires_at > timedelta(hours=1):
                await session.execute(update(RefreshToken).where(RefreshToken.id == row.id).values(expires_at=until))
        return _session_caller(row.user_id, row.family_id, is_admin=row.is_admin), row.expires_at


def _session_caller(user_id: UUID, family_id: UUID, *, is_admin: bool) -> Caller:
    return Caller(user_id, is_admin=is_admin, via="session", session_id=family_id)
