"""The programs that a user has connected: lists and ends them, and remembers consents. Used by the account doors.

One application is one client of one user, however often it was connected. Disconnecting ends all its grants, at once in
this process and within an access token's life in others, and forgets that it need not ask. Tokens are made in
``authorization_grants``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from orchestrator.core.errors import NotFound
from orchestrator.core.ids import new_id
from orchestrator.core.redirect_uris import way_back
from orchestrator.models import OAuthConsent, OAuthGrant, RefreshToken
from orchestrator.models.database import Database
from orchestrator.services.authorization_requests import Asked
from orchestrator.services.sessions import Sessions


@dataclass(frozen=True, slots=True)
class Application:
    """A program. ``connections`` is how many grants it holds, ``last_used_at`` when it last renewed one."""

    id: UUID
    client_id: str
    name: str
    host: str
    scopes: Sequence[str]
    resources: Sequence[str]
    connections: int
    remembered: bool
    connected_at: datetime
    last_used_at: datetime


class Applications:
    """Connected programs of all users."""

    def __init__(self, database: Database, sessions: Sessions) -> None:
        self._database = database
        self._sessions = sessions

    async def list(self, user_id: UUID) -> Sequence[Application]:
        """The user's programs, the one used last first; those too that are not connected now and need not ask."""
        by_client: dict[str, list[_Seen]] = {}
        for seen in (*await self._live(user_id), *await self._remembered(user_id)):
            by_client.setdefault(seen.row.client_id, []).append(seen)
        found = [_application(client_id, seen) for client_id, seen in by_client.items()]
        return sorted(found, key=lambda one: one.last_used_at, reverse=True)

    async def disconnect(self, user_id: UUID, application_id: UUID) -> None:
        """End every grant of a program, and ask again the next time."""
        known = (*await self._live(user_id), *await self._remembered(user_id))
        mine = [seen.row for seen in known if _id_of(seen.row.client_id) == application_id]
        if not mine:
            raise NotFound("there is no such application")
        which = OAuthConsent.user_id == user_id, OAuthConsent.client_id == mine[0].client_id
        async with self._database.transaction() as connection:
            await connection.execute(delete(OAuthConsent).where(*which))
        for row in mine:
            if isinstance(row, OAuthGrant):
                await self._sessions.end(row.id)

    async def remember(self, user_id: UUID, asked: Asked) -> None:
        """Do not ask this user again for the same."""
        values = {
            "user_id": user_id, "client_id": asked.client_id, "resource": asked.resource,
            "way_back": way_back(asked.redirect_uri), "scopes": list(asked.scopes),
            "client_name": asked.client_name, "client_host": asked.client_host,
        }  # fmt: skip
        statement = insert(OAuthConsent).values(id=new_id(), **values)
        same = ["user_id", "client_id", "resource", "way_back"]
        statement = statement.on_conflict_do_update(index_elements=same, set_={"scopes": statement.excluded.scopes})
        async with self._database.transaction() as connection:
            await connection.execute(statement)

    async def remembers(self, user_id: UUID, asked: Asked) -> bool:
        """Whether this user said before that the very same need not be asked."""
        query = select(OAuthConsent.scopes).where(
            OAuthConsent.user_id == user_id,
            OAuthConsent.client_id == asked.client_id,
            OAuthConsent.resource == asked.resource,
            OAuthConsent.way_back == way_back(asked.redirect_uri),
        )
        async with self._database.transaction() as connection:
            scopes = (await connection.execute(query)).scalar_one_or_none()
        return scopes is not None and not asked.ask_again and set(asked.scopes) <= set(scopes)

    async def _live(self, user_id: UUID) -> Sequence["_Seen"]:
        alive = RefreshToken.revoked_at.is_(None), RefreshToken.expires_at > datetime.now(UTC)
        query = (
            select(OAuthGrant, func.max(RefreshToken.created_at))
            .join(RefreshToken, RefreshToken.family_id == OAuthGrant.id)
            .where(OAuthGrant.user_id == user_id, *alive)
            .group_by(OAuthGrant.id)
        )
        async with self._database.session() as session:
            return [_Seen(grant, used_at) for grant, used_at in (await session.execute(query)).all()]

    async def _remembered(self, user_id: UUID) -> Sequence["_Seen"]:
        async with self._database.session() as session:
            rows = (await session.scalars(select(OAuthConsent).where(OAuthConsent.user_id == user_id))).all()
        return [_Seen(row, row.created_at) for row in rows]


@dataclass(frozen=True, slots=True)
class _Seen:
    row: OAuthGrant | OAuthConsent
    used_at: datetime


def _application(client_id: str, seen: Sequence[_Seen]) -> Application:
    rows = [one.row for one in seen]
    newest = max(rows, key=lambda row: row.created_at)
    grants = [row for row in rows if isinstance(row, OAuthGrant)]
    return Application(
        _id_of(client_id), client_id, newest.client_name, newest.client_host,
        sorted({scope for row in rows for scope in row.scopes}), sorted({row.resource for row in rows}),
        len(grants), len(grants) < len(rows), min(row.created_at for row in rows), max(one.used_at for one in seen),
    )  # fmt: skip


def _id_of(client_id: str) -> UUID:
    return uuid5(NAMESPACE_URL, client_id)
