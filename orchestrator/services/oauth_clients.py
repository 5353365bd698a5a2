"""Programs that ask for access to the MCP endpoints: found by their id, or registering themselves.

Used by the authorization services and the registration door (RFC 7591). All are public: they prove themselves by PKCE,
and none holds a secret. Anybody may register, so it is limited by place and number, and what nobody ever approved is
forgotten after a day. A client that describes itself by a document needs none of this: see ``client_documents``.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update

from orchestrator.core.errors import OAuthRefused
from orchestrator.core.ids import new_id
from orchestrator.core.redirect_uris import is_usable, shown_name, way_back
from orchestrator.models import OAuthClient
from orchestrator.models.database import Database
from orchestrator.services.client_documents import Client, ClientDocuments, is_document_address, may_refresh
from orchestrator.services.limits import AttemptLimit

UNUSED_LIFE = timedelta(days=1)
MOST_UNUSED = 1000
_MOST_REDIRECTS = 30
_HOUR = 3600.0


class OAuthClients:
    """Clients by id."""

    def __init__(self, database: Database, documents: ClientDocuments, *, most_unused: int = MOST_UNUSED) -> None:
        self._database = database
        self._documents = documents
        self._most_unused = most_unused
        self._registrations = AttemptLimit(60, _HOUR)

    async def find(self, client_id: str, *, place: str) -> Client:
        """The client; OAuthRefused (invalid_client) when there is none."""
        if is_document_address(client_id):
            return await self._documents.find(client_id, place=place)
        try:
            row_id = UUID(client_id)
        except ValueError:
            raise _unknown() from None
        async with self._database.session() as session:
            row = await session.get(OAuthClient, row_id)
        if row is None or str(row.id) != client_id:
            raise _unknown()
        return Client(client_id, row.name, "", tuple(row.redirect_uris), row.refreshable)

    async def register(self, metadata: dict[str, Any], *, place: str) -> OAuthClient:
        """A new client. Of its redirect addresses those are kept that may be used; OAuthRefused when none may."""
        uris = _redirects(metadata.get("redirect_uris"))
        _require_possible(metadata)
        self._registrations.attempt(place)
        name = shown_name(metadata.get("client_name")) or "Unnamed application"
        row = OAuthClient(id=new_id(), name=name, redirect_uris=uris, refreshable=may_refresh(metadata))
        async with self._database.session() as session:
            session.add(row)
            await session.flush()
            await session.refresh(row)
            unused = OAuthClient.used_at.is_(None)
            old = datetime.now(UTC) - UNUSED_LIFE
            await session.execute(delete(OAuthClient).where(unused, OAuthClient.created_at < old))
            too_many = select(OAuthClient.id).where(unused).order_by(OAuthClient.id.desc()).offset(self._most_unused)
            await session.execute(delete(OAuthClient).where(OAuthClient.id.in_(too_many)))
        return row

    async def keep(self, client_id: str) -> None:
        """Somebody approved this client: it is not forgotten any more."""
        if is_document_address(client_id):
            return
        used = update(OAuthClient).where(OAuthClient.id == UUID(client_id)).values(used_at=datetime.now(UTC))
        async with self._database.transaction() as connection:
            await connection.execute(used)


def _redirects(given: object) -> list[str]:
    if not isinstance(given, list) or not given or len(given) > _MOST_REDIRECTS:
        raise _invalid("invalid_redirect_uri", f"name 1 to {_MOST_REDIRECTS} redirect_uris")
    # Programs name several, one of which they will use: an unusable one must not lock them out.
    usable: Sequence[str] = [uri for uri in dict.fromkeys(map(str, given)) if is_usable(uri)]
    if not usable:
        raise _invalid(
            "invalid_redirect_uri",
            "a redirect_uri must be https, http on the person's own computer, or of a program's own scheme",
        )
    return list(usable)


def _require_possible(metadata: dict[str, Any]) -> None:
    types, answers = metadata.get("grant_types"), metadata.get("response_types")
    if isinstance(types, list) and types and "authorization_code" not in types:
        raise _invalid("invalid_client_metadata", "grant_types must hold authorization_code")
    if isinstance(answers, list) and answers and "code" not in answers:
        raise _invalid("invalid_client_metadata", "response_types must hold code")
    if metadata.get("token_endpoint_auth_method") == "private_key_jwt":
        raise _invalid("invalid_client_metadata", "private_key_jwt is not offered; `none` with PKCE is")


def client_host(client: Client, redirect_uri: str) -> str:
    """What a person can tell a client by: the host that vouches for it, else the host it wants to be answered at."""
    return client.host or way_back(redirect_uri)


def _invalid(error: str, why: str) -> OAuthRefused:
    return OAuthRefused(why, field="redirect_uris", details={"error": error})


def _unknown() -> OAuthRefused:
    why = "this client is not registered here, or its registration was never used and has ended"
    return OAuthRefused(why, field="client_id", hint="register again", details={"error": "invalid_client"})
