"""Personal API tokens: makes, lists and revokes them. Used by the account doors and the CLI.

A token's text is shown once; the database keeps its hash and its first characters. Checking one is done in
``stored_tokens``.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import Conflict, NotFound
from orchestrator.core.ids import new_id
from orchestrator.models.accounts import ApiToken
from orchestrator.models.database import Database
from orchestrator.models.projects import Role
from orchestrator.services.access import ProjectAccess
from orchestrator.services.stored_tokens import API_TOKEN_PREFIX, StoredTokens, digest, new_secret

_MOST = 100
_SHOWN = 10


class ApiTokens:
    """The personal API tokens of all users."""

    def __init__(self, database: Database, stored: StoredTokens, access: ProjectAccess) -> None:
        self._database = database
        self._stored = stored
        self._access = access

    async def create(
        self,
        caller: Caller,
        name: str,
        scopes: Iterable[Scope],
        *,
        days: int | None = None,
        project_id: UUID | None = None,
    ) -> tuple[ApiToken, str]:
        """A new token and its text. ``days`` is its life, None for no end; ``project_id`` narrows it to a project."""
        caller.require_login()
        if project_id is not None:
            await self._access.require(caller, project_id, Role.VIEWER)
        secret = new_secret(API_TOKEN_PREFIX)
        token = ApiToken(
            id=new_id(), user_id=caller.user_id, name=name, prefix=secret[:_SHOWN], token_hash=digest(secret),
            scopes=sorted(set(scopes)), project_id=project_id,
            expires_at=datetime.now(UTC) + timedelta(days=days) if days else None,
        )  # fmt: skip
        async with self._database.session() as session:
            if await _count(session, caller.user_id) >= _MOST:
                raise Conflict(f"you have {_MOST} API tokens; revoke one first")
            session.add(token)
            await session.flush()
            await session.refresh(token)
        return token, secret

    async def list(self, user_id: UUID, *, limit: int, offset: int) -> tuple[Sequence[ApiToken], int]:
        """A page of the user's tokens that are not revoked, newest first, and how many there are."""
        query = select(ApiToken).where(*_live(user_id)).order_by(ApiToken.id.desc()).limit(limit).offset(offset)
        async with self._database.session() as session:
            return (await session.scalars(query)).all(), await _count(session, user_id)

    async def revoke(self, user_id: UUID, token_id: UUID) -> None:
        """Revoke one of the user's tokens: at once in this process, within ten seconds in others."""
        async with self._database.session() as session:
            token = await session.scalar(select(ApiToken).where(ApiToken.id == token_id, *_live(user_id)))
            if token is None:
                raise NotFound("there is no such API token")
            token.revoked_at = datetime.now(UTC)
        self._stored.forget()


async def _count(session: AsyncSession, user_id: UUID) -> int:
    return await session.scalar(select(func.count()).select_from(ApiToken).where(*_live(user_id))) or 0


def _live(user_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None)
