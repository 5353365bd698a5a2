"""The registry of MCP servers: who may see and change an entry, its definition for the pool, its health as last probed.

Used by the MCP doors, the tool executor, routing and the monitor's probes. Calling a server is the pool's work.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, CredentialsNeeded, Forbidden, NotFound, OrchestratorError
from orchestrator.core.ids import new_id
from orchestrator.core.jsonsafe import storable
from orchestrator.core.routing import Health
from orchestrator.core.secretbox import SecretBox
from orchestrator.mcp import mcp_json
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.pool import Probe, ServerPool
from orchestrator.mcp.result import ToolInfo
from orchestrator.models import McpServer
from orchestrator.models.database import Database
from orchestrator.sandbox.starter import Starter
from orchestrator.services import shown_tools, tool_pins
from orchestrator.services.entry_rows import imported_values, origin_after, row_of, values_of
from orchestrator.services.entry_rules import kept_client_secret
from orchestrator.services.mcp_connections import McpConnections
from orchestrator.services.mcp_credentials import McpCredentials
from orchestrator.services.public_urls import check_url
from orchestrator.services.server_definitions import ServerDefinitions
from orchestrator.services.server_entry import ServerEntry, entry_of_builtin, entry_of_row
from orchestrator.services.server_sandbox import sandboxing, wish_of

log = structlog.get_logger(__name__)

_FRESH_SECONDS = 1.0
_FILE_LOCK = 724_003


class McpRegistry:
    """All MCP servers, built-in and registered."""

    def __init__(
        self,
        database: Database,
        pool: ServerPool,
        secretbox: SecretBox,
        starter: Starter,
        *,
        credentials: McpCredentials,
        connections: McpConnections,
        allow_stdio: bool,
        allow_private_urls: bool = True,
        trust_first_sight: bool = True,
    ) -> None:
        self._database = database
        self._pool = pool
        self._secretbox = secretbox
        self.credentials = credentials
        self.connections = connections
        self._starter = starter
        self._allow_stdio = allow_stdio
        self._allow_private_urls = allow_private_urls
        self._trust_first_sight = trust_first_sight
        self._builtins = tuple(entry_of_builtin(server) for server in pool.builtins)
        self._known: dict[UUID, tuple[datetime, ServerEntry]] = {}
        self._all = self._builtins
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._changes = 0
        self._definitions = ServerDefinitions(
            database, secretbox, credentials, connections,
            trust_first_sight=trust_first_sight, changed=self.refresh, find=self.find,
        )  # fmt: skip

    async def all(self) -> tuple[ServerEntry, ...]:
        """Every entry; looked up at most once a second. The same tuple again while nothing has changed."""
        if time.monotonic() - self._read_at > _FRESH_SECONDS:
            async with self._reading:
                while time.monotonic() - self._read_at > _FRESH_SECONDS:
                    changes = self._changes
                    async with self._database.single() as connection:
                        await self._read(connection)
                    if changes == self._changes:
                        self._read_at = time.monotonic()
        return self._all

    async def _read(self, connection: AsyncConnection) -> None:
        """Read what changed: tool lists are long, and most rows are as they were."""
        order = select(McpServer.id, McpServer.updated_at).order_by(McpServer.name, McpServer.id)
        stamps = [(row.id, row.updated_at) for row in await connection.execute(order)]
        current = set(stamps)
        known = {key: kept for key, kept in self._known.items() if (key, kept[0]) in current}
        if len(known) == len(stamps) == len(self._known):
            return
        new = [key for key, _ in stamps if key not in known]
        hashes, apart = await tool_pins.hashes_of(connection, new), await shown_tools.of_servers(connection, new)
        changed = select(McpServer.__table__).where(McpServer.id.in_(new))
        for row in (await connection.execute(changed)).mappings():
            key = row["id"]
            _, before = self._known.get(key, (None, None))
            known[key] = (row["updated_at"], entry_of_row(dict(row), hashes[key], before, apart[key]))
        self._known = known
        self._definitions.keep_only(known)
        self._all = (*self._builtins, *(known[key][1] for key, _ in stamps if key in known))

    async def visible(self, user_id: UUID, projects: Sequence[UUID] | None = None) -> list[ServerEntry]:
        """The entries a user may use, as they see them: everybody's, their own, and those of the projects given."""
        shared = set(projects or ())
        entries = [
            e for e in await self.all() if e.owner_id in (None, user_id) or (e.project_id and e.project_id in shared)
        ]
        return await self.credentials.views(user_id, entries)

    async def get(self, caller: Caller, server_id: UUID) -> ServerEntry:
        """One visible entry."""
        return self._pick(await self.visible(caller.user_id), server_id)

    async def find(self, server_id: UUID, user_id: UUID | None = None) -> ServerEntry:
        """One entry, for work that was already routed to it; as its user sees it."""
        return await self.credentials.view(user_id, self._pick(await self.all(), server_id))

    async def create(self, caller: Caller, values: Mapping[str, Any], *, shared: bool = False) -> ServerEntry:
        """Register a server: the caller's own, or everybody's when an admin says so."""
        self._may_write(caller, values.get("transport"), shared)
        identifier = new_id()
        await self._may_reach(values.get("url"))
        await self._may_grant(values)
        row = self._new_row(identifier, values, None if shared else caller.user_id)
        try:
            async with self._database.transaction() as connection:
                await connection.execute(insert(McpServer).values(**row))
        except IntegrityError as error:
            raise Conflict(f"there is already an MCP server named {values['name']}", field="name") from error
        self.refresh()
        return await self.find(identifier)

    async def create_all(
        self, caller: Caller, found: Sequence[mcp_json.ServerEntry], *, shared: bool
    ) -> list[ServerEntry]:
        """Register every server of a document: all of them, or none where one is refused."""
        rows = []
        for one in found:
            self._may_write(caller, one.transport, shared)
            await self._may_reach(one.url, f"mcpServers.{one.name}.url")
            await self._may_grant(imported_values(one), f"mcpServers.{one.name}.")
            rows.append(self._new_row(new_id(), imported_values(one), None if shared else caller.user_id))
        try:
            async with self._database.transaction() as connection:
                for row in rows:
                    await connection.execute(insert(McpServer).values(**row))
        except IntegrityError as error:
            names = await self._taken([row["name"] for row in rows], rows[0]["owner_id"])
            raise Conflict(
                f"taken already: {', '.join(names)}", field="mcpServers", details={"names": names}
            ) from error
        self.refresh()
        return [await self.find(row["id"]) for row in rows]

    async def _taken(self, names: Sequence[str], owner_id: UUID | None) -> list[str]:
        """Which of some names the owner's servers have, or everybody's."""
        owners = McpServer.owner_id.is_(None) if owner_id is None else McpServer.owner_id == owner_id
        async with self._database.transaction() as connection:
            found = await connection.scalars(
                select(McpServer.name).where(owners, McpServer.name.in_(names)).order_by(McpServer.name)
            )
            return list(found)

    async def load_file(self, path: Path, variables: Mapping[str, str]) -> int:
        """Register the servers of an operator's mcp.json for everybody; entries known by their names are changed.

        Returns how many. ``variables`` fill the ``${VAR}`` of the file. Safe in several processes at once.
        """
        found = await asyncio.to_thread(mcp_json.read_mcp_json, path, variables)
        async with self._database.transaction() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _FILE_LOCK})
            for entry in found:
                row = self._new_row(new_id(), imported_values(entry), None)
                everybodys = (McpServer.owner_id.is_(None)) & (McpServer.name == entry.name)
                known = {name: value for name, value in row.items() if name not in ("id", "pinned_at")}
                changed = await connection.execute(update(McpServer).where(everybodys).values(**known))
                if changed.rowcount == 0:
                    await connection.execute(insert(McpServer).values(**row))
        self.refresh()
        return len(found)

    async def change(self, caller: Caller, server_id: UUID, values: Mapping[str, Any]) -> ServerEntry:
        """Change an entry the caller may write; absent values stay."""
        entry = await self.get(caller, server_id)
        self._may_write(caller, values.get("transport", entry.transport), entry.owner_id is None)
        if entry.transport == "builtin":
            raise Conflict("a built-in server cannot be changed")
        await self._may_reach(values.get("url"))
        await self._may_grant(values)
        env, headers = self._definitions.secrets(entry)
        whole = values_of(entry) | {"env": env, "headers": headers} | dict(values)
        if (oauth := whole["oauth"]) is not None:
            secret = kept_client_secret(entry.oauth, oauth, self.client_secret(entry))
            whole["oauth"] = {**oauth, "client_secret": secret}
        whole["origin"] = origin_after(entry, whole)
        row = self._row(server_id, whole)
        async with self._database.transaction() as connection:
            await connection.execute(update(McpServer).where(McpServer.id == server_id).values(**row))
        if entry.personal:
            await self.credentials.forget_seen(server_id)
        self.refresh()
        return await self.find(server_id, caller.user_id)

    async def remove(self, caller: Caller, server_id: UUID) -> None:
        """Delete an entry and close its session."""
        entry = await self.get(caller, server_id)
        self._may_write(caller, None, entry.owner_id is None)
        if entry.transport == "builtin":
            raise Conflict("a built-in server cannot be deleted")
        async with self._database.transaction() as connection:
            await connection.execute(delete(McpServer).where(McpServer.id == server_id))
        await self._pool.forget(server_id)
        self.refresh()

    async def definition(self, entry: ServerEntry, user_id: UUID | None = None) -> ServerDefinition:
        """What the pool needs to reach it for a user, secrets decrypted; made once per version of entry and values.

        Raises CredentialsNeeded where the user has to set or do something first.
        """
        return await self._definitions.of(entry, user_id)

    def told(self, entry: ServerEntry) -> ServerDefinition:
        """What the entry itself says, without anything that is a user's own: for documents, not for calls."""
        return self._definitions.told(entry)

    def secret_names(self, entry: ServerEntry) -> tuple[list[str], list[str]]:
        """The names, never the values, of its environment variables and headers."""
        env, headers = self._definitions.secrets(entry)
        return sorted(env), sorted(headers)

    async def prepare(self) -> None:
        """Ask the kernel for sandboxes where some server is a program: the first one to start would wait for that."""
        if any(entry.transport == "stdio" and entry.enabled for entry in await self.all()):
            await self._starter.verdict()

    async def sandboxing(self, entry: ServerEntry) -> tuple[bool | None, str | None]:
        """Whether its server runs in a sandbox, None where it is no process of ours; and why it does not."""
        return await sandboxing(entry, self._starter)

    def status(self, entry: ServerEntry, user_id: UUID) -> str:
        """How its session stands in this process: idle, starting, ready or failed."""
        if entry.transport == "builtin":
            return "ready"
        return self._pool.state(entry.id, entry.credential(user_id)).status

    async def probe(self, entry: ServerEntry, user_id: UUID | None = None) -> Probe:
        """Ask a server how it is and store what it said: health, latency, version and tools.

        What a session with a user's own credentials shows is stored as that user's, and seen by nobody else.
        """
        try:
            definition = await self.definition(entry, user_id)
            probe = await self._pool.probe(definition)
        except CredentialsNeeded as error:
            # It says nothing of the server: only that there is nothing to go there with.
            await self._store_unknown(entry, user_id, error)
            return Probe(healthy=False, error=error.as_dict())
        except OrchestratorError as error:
            probe = Probe(healthy=False, error=error.as_dict())
        if entry.transport != "builtin":
            await self._store_probe(entry, probe, user_id)
        return probe

    async def set_own(
        self, caller: Caller, server_id: UUID, env: Mapping[str, str], headers: Mapping[str, str]
    ) -> ServerEntry:
        """Set values of the caller's own; the session with the old ones ends and the server is asked anew."""
        await self.credentials.put(caller.user_id, await self.get(caller, server_id), env, headers)
        return await self.own_changed(caller, server_id)

    async def remove_own(self, caller: Caller, server_id: UUID) -> None:
        """Forget the caller's values, end their session and forget what it showed."""
        await self.credentials.remove(caller.user_id, (await self.get(caller, server_id)).id)
        await self.own_changed(caller, server_id)

    async def own_changed(self, caller: Caller, server_id: UUID) -> ServerEntry:
        """The caller has other credentials than before: what was known with the old ones is over."""
        entry = await self.get(caller, server_id)
        credential = entry.credential(caller.user_id)
        await self._pool.forget(server_id, credential)
        await self.probe(entry, caller.user_id)
        self._pool.announce(server_id, credential)
        return await self.get(caller, server_id)

    def refresh(self) -> None:
        """Read the table again at the next question."""
        self._changes += 1
        self._read_at = float("-inf")

    async def _store_probe(self, entry: ServerEntry, probe: Probe, user_id: UUID | None) -> None:
        values: dict[str, Any] = {
            "health": Health.HEALTHY if probe.healthy else Health.UNHEALTHY,
            "health_error": str(probe.error.get("message"))[:2000] if probe.error else None,
            "latency_ms": probe.latency_ms,
            "probed_at": datetime.now(UTC),
        }
        if probe.healthy:
            values |= {
                "protocol_version": probe.protocol_version,
                "server_info": storable({"name": probe.server_name, "version": probe.server_version, "era": probe.era}),
                "tools": storable([tool.to_wire() for tool in probe.tools]),
            }
        await self._store_seen(entry, user_id, values, probe.tools if probe.healthy else None)

    async def _store_unknown(self, entry: ServerEntry, user_id: UUID | None, error: CredentialsNeeded) -> None:
        """What was seen with credentials that are gone is no longer there to be used."""
        if entry.tools or not entry.personal:
            told = None if entry.personal else error.message[:2000]
            health = Health.UNKNOWN if entry.personal else Health.UNHEALTHY
            await self._store_seen(entry, user_id, {"tools": [], "health": health, "health_error": told}, None)

    async def _store_seen(
        self, entry: ServerEntry, user_id: UUID | None, values: Mapping[str, Any], tools: Sequence[ToolInfo] | None
    ) -> None:
        """Store it with the entry, or as the user's own; what was seen first is pinned."""
        if entry.personal and user_id is not None:
            await self.credentials.store_seen(user_id, entry.id, values)
        async with self._database.transaction() as connection:
            if not entry.personal:
                await connection.execute(update(McpServer).where(McpServer.id == entry.id).values(**values))
            first = tools is not None and await self._definitions.pin_first(connection, entry, tools)
        if tools is not None and not first and entry.pins is not None:
            tool_pins.tell_of_held(entry.name, tools, entry.seen, entry.pins)
        self.refresh()

    def require_writer(self, caller: Caller, entry: ServerEntry) -> None:
        """Raise Forbidden unless the caller may change the entry, and so approve what its server offers."""
        if entry.owner_id not in (None, caller.user_id):
            raise Forbidden("only its owner may change this server")
        self._may_write(caller, entry.transport, entry.owner_id is None)

    def may_write(self, caller: Caller, entry: ServerEntry) -> bool:
        """Whether the caller may."""
        try:
            self.require_writer(caller, entry)
        except Forbidden:
            return False
        return True

    def _may_write(self, caller: Caller, transport: str | None, shared: bool) -> None:
        if shared and not caller.is_admin:
            raise Forbidden("only an admin of the service may change servers that are everybody's")
        if transport == "stdio" and not (caller.is_admin and self._allow_stdio):
            raise Forbidden(
                "a stdio server is a program on the service's machine: only an admin of the service may register one",
                hint="use a streamable_http server, or set ALLOW_STDIO_SERVERS and ask an admin",
            )

    async def _may_reach(self, url: str | None, field: str = "url") -> None:
        if url:
            await check_url(url, field, allow_private=self._allow_private_urls)

    async def _may_grant(self, values: Mapping[str, Any], prefix: str = "") -> None:
        """Folders that are there and are not ours. Who may register a program at all is an admin: see _may_write."""
        for number, folder in enumerate(wish_of(values).folders):
            await asyncio.to_thread(self._starter.check_folder, folder, f"{prefix}folders[{number}].path")

    def _row(self, identifier: UUID, values: Mapping[str, Any]) -> dict[str, Any]:
        taken = [entry.name for entry in self._builtins]
        return row_of(identifier, values, self._secretbox, taken=taken)

    def _new_row(self, identifier: UUID, values: Mapping[str, Any], owner_id: UUID | None) -> dict[str, Any]:
        """Registering is trusting what is seen first, unless every definition is to be approved by hand."""
        pinned_at = None if self._trust_first_sight else datetime.now(UTC)
        return self._row(identifier, values) | {"owner_id": owner_id, "pinned_at": pinned_at}

    def client_secret(self, entry: ServerEntry) -> str | None:
        """The secret of the client that the entry names for OAuth."""
        return self._definitions.client_secret(entry)

    @staticmethod
    def _pick(entries: Sequence[ServerEntry], server_id: UUID) -> ServerEntry:
        for entry in entries:
            if entry.id == server_id:
                return entry
        raise NotFound("no such MCP server")
