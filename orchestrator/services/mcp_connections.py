"""The OAuth connections to MCP servers: tokens sealed in the database, renewed by one process at a time, and given out.

Used by the registry, which puts a ``Bearer`` into definitions, and by ``mcp_connect``, which makes and ends
connections. A renewal is claimed in the row, carried out with no transaction open, and written by whoever holds the
claim; everybody else waits for the row to change. A connection is bound to its issuer: its tokens go nowhere else.
"""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import delete, func, insert, or_, select, update

from orchestrator.core.errors import CredentialsNeeded, OrchestratorError, ServerUnreachable
from orchestrator.core.ids import new_id
from orchestrator.core.secretbox import SecretBox
from orchestrator.mcp.bearer import Challenge
from orchestrator.mcp.oauth_client import GrantRefused, Identity, OAuthSteps, Tokens, resource_covers
from orchestrator.models import McpConnection
from orchestrator.models.database import Database
from orchestrator.services.server_entry import ServerEntry

log = structlog.get_logger(__name__)

_FRESH_SECONDS = 2.0
_MOST_KEPT = 10_000
_MARGIN_SECONDS = 60.0
_CLAIM_SECONDS = 30.0
_LOOK_SECONDS = 0.1

Key = tuple[UUID, UUID | None]
"""The server, and whose the connection is; None: it is shared."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection as it was last read; ``secrets`` is None once somebody has to log in again."""

    id: UUID
    issuer: str
    resource: str
    client_id: str
    auth_method: str
    token_endpoint: str
    revocation_endpoint: str | None
    scopes: tuple[str, ...]
    wanted: tuple[str, ...]
    expires_at: datetime | None
    generation: int
    secrets: Mapping[str, Any] | None = field(repr=False)

    @property
    def status(self) -> str:
        """``connected``, ``expired`` (and not to be renewed) or ``needs_login``."""
        if self.secrets is None:
            return "needs_login"
        lives = self.expires_at is None or self.expires_at > datetime.now(UTC) or self.secrets["refresh_token"]
        return "connected" if lives else "expired"

    @property
    def due(self) -> bool:
        """Whether its token should be renewed before it is used."""
        if self.expires_at is None or self.secrets is None or not self.secrets["refresh_token"]:
            return False
        margin = min(_MARGIN_SECONDS, float(self.secrets["expires_in"] or 0) / 4)
        return self.expires_at <= datetime.now(UTC) + timedelta(seconds=margin)


def key_of(entry: ServerEntry, user_id: UUID | None) -> Key:
    """Which connection a user's calls to a server go with."""
    return entry.id, user_id if (entry.oauth or {}).get("mode") == "per_user" else None


class McpConnections:
    """Reads, renews and writes connections. ``base_url`` is where people log in to one."""

    def __init__(self, database: Database, secretbox: SecretBox, *, base_url: str, allow_private: bool) -> None:
        self._database = database
        self._secretbox = secretbox
        self._base_url = base_url
        self._allow_private = allow_private
        self._kept: dict[Key, tuple[float, Connection | None]] = {}
        self._renewals: dict[Key, asyncio.Task[None]] = {}

    # Reading.

    async def find(self, key: Key, *, fresh: bool = False) -> Connection | None:
        """A connection, at most two seconds old."""
        kept = self._kept.get(key)
        if not fresh and kept is not None and time.monotonic() - kept[0] < _FRESH_SECONDS:
            return kept[1]
        began = time.monotonic()
        async with self._database.transaction() as connection:
            row = (await connection.execute(select(McpConnection.__table__).where(_is(key)))).mappings().first()
        return self._keep(key, began, self._opened(dict(row)) if row is not None else None)

    async def bearer(self, entry: ServerEntry, user_id: UUID | None) -> tuple[str, "ConnectionBearer"]:
        """The connection's name and what gives its token. Raises CredentialsNeeded where there is none."""
        key = key_of(entry, user_id)
        found = await self.find(key)
        if found is None or found.secrets is None or not _reaches(found, entry):
            raise self.login_needed(entry, key)
        return str(found.id), ConnectionBearer(self, entry, key)

    def login_needed(self, entry: ServerEntry, key: Key, scopes: Sequence[str] = ()) -> CredentialsNeeded:
        """What a person has to do, and where."""
        url = f"{self._base_url}/api/v1/mcps/{entry.id}/connect"
        consent = f" and allow {' '.join(scopes)}" if scopes else ""
        who = "" if key[1] is not None else "; it is shared, so somebody who may change its entry has to"
        return CredentialsNeeded(
            f"MCP server {entry.name!r} needs consent: log in at {url}{consent}{who}",
            hint=f"open {url} in the browser you use the console in",
            details={"server_id": str(entry.id), "url": url} | ({"scopes": list(scopes)} if scopes else {}),
        )

    def forget(self) -> None:
        """Read every connection anew at the next question."""
        self._kept.clear()

    # Writing.

    async def store(self, key: Key, values: Mapping[str, Any], secrets: Mapping[str, Any]) -> None:
        """A new connection in the place of the old one; sessions with the old one are told apart by its id."""
        row = {
            **values,
            "id": new_id(),
            "server_id": key[0],
            "user_id": key[1],
            "secrets_encrypted": self._seal(secrets),
        }
        async with self._database.transaction() as connection:
            await connection.execute(delete(McpConnection).where(_is(key)))
            await connection.execute(insert(McpConnection).values(**row))
        self._kept.pop(key, None)

    async def remove(self, key: Key) -> Connection | None:
        """Forget a connection; what it was, so that it can be revoked."""
        found = await self.find(key, fresh=True)
        async with self._database.transaction() as connection:
            await connection.execute(delete(McpConnection).where(_is(key)))
        self._kept.pop(key, None)
        return found

    async def want(self, key: Key, scopes: Sequence[str]) -> None:
        """Note scopes that the server asked for, so that the next log-in asks for them too."""
        found = await self.find(key)
        if found is None or set(scopes) <= {*found.scopes, *found.wanted}:
            return
        whole = list(dict.fromkeys((*found.wanted, *scopes)))[:64]
        async with self._database.transaction() as connection:
            await connection.execute(update(McpConnection).where(_is(key)).values(wanted=whole))
        self._kept.pop(key, None)

    # Renewal.

    async def renew(self, entry: ServerEntry, key: Key, seen: Connection) -> None:
        """A newer token than the one seen, fetched by us or by whoever is at it. Raises where there is none to get.

        Shielded: whoever began it may leave, but a refresh token that was spent must not be lost.
        """
        task = self._renewals.get(key)
        if task is None or task.done():
            task = self._renewals[key] = asyncio.create_task(self._renew(entry, key, seen), name="mcp token renewal")
            task.add_done_callback(_retrieve)
        await asyncio.shield(task)

    async def _renew(self, entry: ServerEntry, key: Key, seen: Connection) -> None:
        try:
            claim = new_id()
            async with asyncio.timeout(_CLAIM_SECONDS + 5):
                while True:
                    mine = await self._claim(key, seen, claim)
                    if mine is not None:
                        return await self._carry_out(entry, key, mine, claim)
                    now = await self.find(key, fresh=True)
                    if now is None or now.secrets is None or now.id != seen.id:
                        raise self.login_needed(entry, key)
                    if now.generation != seen.generation:
                        return None
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError as error:
            raise ServerUnreachable(f"the token for MCP server {entry.name!r} was not renewed in time") from error
        finally:
            self._renewals.pop(key, None)

    async def _claim(self, key: Key, seen: Connection, claim: UUID) -> Connection | None:
        """The row, when it is ours to renew until the claim ends; None when it is another's, or another by now."""
        table = McpConnection
        free = or_(table.claimed_until.is_(None), table.claimed_until < func.clock_timestamp())
        until = func.clock_timestamp() + timedelta(seconds=_CLAIM_SECONDS)
        mine = (table.id == seen.id) & (table.generation == seen.generation) & table.secrets_encrypted.is_not(None)
        taken = update(table).where(mine, free).values(claim=claim, claimed_until=until).returning(table.__table__)
        async with self._database.transaction() as connection:
            row = (await connection.execute(taken)).mappings().first()
        return self._opened(dict(row)) if row is not None else None

    async def _carry_out(self, entry: ServerEntry, key: Key, mine: Connection, claim: UUID) -> None:
        assert mine.secrets is not None
        identity = Identity(mine.client_id, mine.auth_method, mine.secrets.get("client_secret"))
        try:
            async with OAuthSteps(str(entry.url), allow_private=self._allow_private) as steps:
                given = await steps.renew(
                    mine.token_endpoint, identity, refresh_token=mine.secrets["refresh_token"], resource=mine.resource
                )
        except GrantRefused as error:
            log.info("mcp_connection_ended", server=entry.name, issuer=mine.issuer, error=error.message)
            await self._finish(key, mine, claim, {"secrets_encrypted": None, "generation": mine.generation + 1})
            raise self.login_needed(entry, key) from error
        except OrchestratorError:
            await self._finish(key, mine, claim, {})
            raise
        await self._finish(key, mine, claim, self._renewed(mine, given))

    def _renewed(self, old: Connection, given: Tokens) -> dict[str, Any]:
        assert old.secrets is not None
        # Servers that do not rotate refresh tokens leave them out.
        secrets = secrets_of(replace(given, refresh_token=given.refresh_token or old.secrets["refresh_token"]))
        return {
            "secrets_encrypted": self._seal(secrets | {"client_secret": old.secrets.get("client_secret")}),
            "scopes": list(given.scopes if given.scopes is not None else old.scopes),
            "expires_at": expiry_of(given),
            "generation": old.generation + 1,
        }

    async def _finish(self, key: Key, mine: Connection, claim: UUID, values: Mapping[str, Any]) -> None:
        """Write and let go of the claim, if it is still ours."""
        ours = (McpConnection.id == mine.id) & (McpConnection.claim == claim)
        done = update(McpConnection).where(ours).values(claim=None, claimed_until=None, **values)
        async with self._database.transaction() as connection:
            await connection.execute(done)
        self._kept.pop(key, None)

    def _opened(self, row: Mapping[str, Any]) -> Connection:
        sealed = row["secrets_encrypted"]
        same = ("id", "issuer", "resource", "client_id", "auth_method", "token_endpoint", "revocation_endpoint",
                "expires_at", "generation")  # fmt: skip
        return Connection(
            **{name: row[name] for name in same},
            scopes=tuple(row["scopes"]),
            wanted=tuple(row["wanted"]),
            secrets=json.loads(self._secretbox.decrypt(sealed)) if sealed else None,
        )

    def _keep(self, key: Key, at: float, found: Connection | None) -> Connection | None:
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[key] = (at, found)
        return found

    def _seal(self, secrets: Mapping[str, Any]) -> str:
        return self._secretbox.encrypt(json.dumps(dict(secrets)))


class ConnectionBearer:
    """The token of one connection, for the transport."""

    def __init__(self, connections: McpConnections, entry: ServerEntry, key: Key) -> None:
        self._connections = connections
        self._entry = entry
        self._key = key

    async def token(self) -> str:
        """A token that has not expired."""
        found = await self._present()
        if found.due:
            try:
                await self._connections.renew(self._entry, self._key, found)
            except ServerUnreachable:
                if found.expires_at is None or found.expires_at <= datetime.now(UTC):
                    raise
                # The old one is good for a moment yet.
            found = await self._present()
        assert found.secrets is not None
        return str(found.secrets["access_token"])

    async def renew(self, refused: str) -> None:
        """Another token than the refused one."""
        found = await self._present(fresh=True)
        if found.secrets is not None and found.secrets["access_token"] == refused:
            await self._connections.renew(self._entry, self._key, found)

    async def step_up(self, challenge: Challenge) -> None:
        """Ask the person for more."""
        await self._connections.want(self._key, challenge.scopes)
        raise self._connections.login_needed(self._entry, self._key, challenge.scopes)

    async def _present(self, *, fresh: bool = False) -> Connection:
        found = await self._connections.find(self._key, fresh=fresh)
        if found is None or found.secrets is None:
            raise self._connections.login_needed(self._entry, self._key)
        return found


def secrets_of(given: Tokens) -> dict[str, Any]:
    """What is sealed of tokens."""
    return {
        "access_token": given.access_token, "refresh_token": given.refresh_token, "expires_in": given.expires_in
    }  # fmt: skip


def expiry_of(given: Tokens) -> datetime | None:
    """When they expire, where that was said."""
    return None if given.expires_in is None else datetime.now(UTC) + timedelta(seconds=given.expires_in)


def _is(key: Key) -> Any:
    whose = McpConnection.user_id.is_(None) if key[1] is None else McpConnection.user_id == key[1]
    return (McpConnection.server_id == key[0]) & whose


def _reaches(connection: Connection, entry: ServerEntry) -> bool:
    """Whether the connection was made for the address that the entry has now."""
    return bool(entry.url and resource_covers(connection.resource, entry.url))


def _retrieve(task: asyncio.Task[None]) -> None:
    """Look at the outcome, so that a renewal nobody waits for any more is not reported as lost."""
    if not task.cancelled():
        task.exception()
