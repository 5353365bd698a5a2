"""Definitions for the pool, made of registry entries: secrets decrypted, a user's own added, approved tools pinned.

Used by the registry, which hands them out, and kept per entry and user for as long as both stay the same. Whether
somebody may see the entry is the registry's to say.
"""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.core.batching import Batcher
from orchestrator.core.errors import CredentialsNeeded
from orchestrator.core.jsonsafe import storable
from orchestrator.core.secretbox import SecretBox
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.pins import Pins
from orchestrator.mcp.result import ToolInfo
from orchestrator.models.database import Database
from orchestrator.services import shown_tools, tool_pins
from orchestrator.services.mcp_connections import ConnectionBearer, McpConnections
from orchestrator.services.mcp_credentials import McpCredentials
from orchestrator.services.server_entry import ServerEntry
from orchestrator.services.server_sandbox import stored_wish

_MOST_KEPT = 10_000

FirstSight = tuple[ServerEntry, tuple[ToolInfo, ...]]
Secrets = tuple[Mapping[str, str], Mapping[str, str]]
"""Environment and headers."""


class ServerDefinitions:
    """Makes and keeps them. ``find`` reads an entry anew after ``changed``."""

    def __init__(
        self,
        database: Database,
        secretbox: SecretBox,
        credentials: McpCredentials,
        connections: McpConnections,
        *,
        trust_first_sight: bool,
        changed: Callable[[], None],
        find: Callable[[UUID], Awaitable[ServerEntry]],
    ) -> None:
        self._database = database
        self._secretbox = secretbox
        self._credentials = credentials
        self._connections = connections
        self._trust_first_sight = trust_first_sight
        self._changed = changed
        self._find = find
        self._kept: dict[tuple[UUID, str], tuple[ServerEntry, ServerDefinition]] = {}
        self._first_sights: Batcher[FirstSight, None] = Batcher(self._pin_all)

    async def of(self, entry: ServerEntry, user_id: UUID | None) -> ServerDefinition:
        """The definition for a user. CredentialsNeeded where the user has to set or do something first."""
        kept = self._kept.get((entry.id, ""))
        if kept is not None and kept[0] is entry and not entry.oauth:
            return kept[1]  # one whose credentials are everybody's
        if entry.personal and user_id is None:
            raise CredentialsNeeded(f"MCP server {entry.name!r} is reached with the credentials of a user")
        entry = await self._credentials.view(user_id, entry)
        connection, bearer = await self._connections.bearer(entry, user_id) if entry.oauth else ("", None)
        key = (entry.id, entry.credential(user_id))
        kept = self._kept.get(key)
        if kept is None or kept[0] is not entry or kept[1].connection != connection:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            made = self._define(entry, key[1], connection, bearer, self._credentials.values(entry))
            kept = self._kept[key] = (entry, made)
        return kept[1]

    def told(self, entry: ServerEntry) -> ServerDefinition:
        """What the entry itself says, without anything that is a user's own: for documents, not for calls."""
        return self._define(entry, "", "", None, ({}, {}))

    def keep_only(self, servers: Collection[UUID]) -> None:
        """Forget those of entries that are gone."""
        self._kept = {key: kept for key, kept in self._kept.items() if key[0] in servers}

    def secrets(self, entry: ServerEntry) -> tuple[dict[str, str], dict[str, str]]:
        """The values the entry itself has, decrypted."""
        if not entry.secrets_encrypted:
            return {}, {}
        secrets = json.loads(self._secretbox.decrypt(entry.secrets_encrypted))
        return secrets["env"], secrets["headers"]

    def client_secret(self, entry: ServerEntry) -> str | None:
        """The secret of the client that the entry names for OAuth."""
        if not entry.secrets_encrypted:
            return None
        secret: str | None = json.loads(self._secretbox.decrypt(entry.secrets_encrypted)).get("client_secret")
        return secret

    async def pin_first(self, connection: AsyncConnection, entry: ServerEntry, tools: Sequence[ToolInfo]) -> bool:
        """Approve what is seen for the first time, of the server or by a user whose session is their own."""
        first = await tool_pins.pin_first(connection, entry.id, tools)
        if not first and self._is_first_look(entry):
            await tool_pins.pin_unknown(connection, entry.id, tools)
            return True
        return first

    def _define(
        self, entry: ServerEntry, credential: str, connection: str, bearer: ConnectionBearer | None, own: Secrets
    ) -> ServerDefinition:
        env, headers = self.secrets(entry)
        own_env, own_headers = own
        return ServerDefinition(
            id=entry.id,
            name=entry.name,
            transport=entry.transport,  # type: ignore[arg-type]
            command=entry.command,
            args=entry.args,
            env={**env, **own_env},
            url=entry.url,
            headers={**headers, **own_headers},
            timeout_seconds=entry.timeout_seconds,
            max_concurrency=min(entry.max_concurrency, 1024),
            pins=self._pins(entry),
            credential=credential,
            connection=connection,
            bearer=bearer,
            sandbox=stored_wish(entry),
        )

    def _pins(self, entry: ServerEntry) -> Pins | None:
        """What is approved of it; a server nobody has seen yet is pinned by whoever sees it first.

        A server of users' own shows each something else: what it shows a user first is pinned too, unless it is known
        to be another definition.
        """
        if entry.transport == "builtin":
            return None

        async def shown(tools: tuple[ToolInfo, ...], capabilities: Mapping[str, object]) -> None:
            await self._keep_shown(entry, tools, capabilities)

        if entry.pins is not None and not self._is_first_look(entry):
            return Pins(entry.pins, on_shown=shown)

        async def first_sight(tools: tuple[ToolInfo, ...]) -> Mapping[str, str]:
            await self._first_sights.submit((entry, tools))
            if entry.viewer is not None:
                seen = {"tools": storable([tool.to_wire() for tool in tools])}
                await self._credentials.store_seen(entry.viewer, entry.id, seen)
                self._changed()
            return (await self._find(entry.id)).pins or {}

        return Pins({}, first_sight, shown)

    async def _pin_all(self, seen: Sequence[FirstSight]) -> Sequence[None]:
        """What several servers show for the first time, as they do at a first list: written, and read again, together.

        In one order everywhere, so that two processes that see the same never wait for each other.
        """
        async with self._database.transaction() as connection:
            for entry, tools in sorted(seen, key=lambda one: one[0].id):
                await self.pin_first(connection, entry, tools)
        self._changed()
        return [None] * len(seen)

    async def _keep_shown(
        self, entry: ServerEntry, tools: tuple[ToolInfo, ...], capabilities: Mapping[str, object]
    ) -> None:
        """Keep what only a client that can be asked is shown, so that somebody can look at it and approve it."""
        usual = {tool.name for tool in entry.seen}
        only_there = [tool for tool in tools if tool.name not in usual]
        async with self._database.transaction() as connection:
            changed = await shown_tools.keep(connection, entry.id, entry.viewer, capabilities, only_there)
        if changed:
            self._changed()

    def _is_first_look(self, entry: ServerEntry) -> bool:
        """Whether its viewer has not seen a server of users' own yet, and first sights are trusted."""
        return entry.personal and self._trust_first_sight and not entry.seen
