"""What each user has of their own at MCP servers: secret values, and the server as a session with these shows it.

Used by the registry, which asks for a user's view of an entry, and by the doors. Values are sealed and never come out
again. What one user's session showed is theirs alone: it is kept here and not in the entry.
"""

import asyncio
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from orchestrator.core.errors import CredentialsNeeded, InvalidInput, NotFound
from orchestrator.core.ids import new_id
from orchestrator.core.routing import Health
from orchestrator.core.secretbox import SecretBox
from orchestrator.mcp.definition import ServerDefinition, check
from orchestrator.mcp.pins import sort_tools
from orchestrator.mcp.result import ToolInfo
from orchestrator.models import McpConnection, McpCredential
from orchestrator.models.database import Database
from orchestrator.services.server_entry import ServerEntry

_FRESH_SECONDS = 1.0
_MOST_USERS = 5000
_NO_ID = UUID(int=0)

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Own:
    """One row: what a user has at one server."""

    updated_at: datetime
    secrets_encrypted: str | None = field(repr=False)
    seen: Mapping[str, Any]

    def view(self, entry: ServerEntry, user_id: UUID) -> ServerEntry:
        """The entry as this user sees it."""
        seen = self.seen["seen"]
        tools = sort_tools(seen, entry.pins).trusted if entry.pins is not None else seen
        return replace(
            entry, viewer=user_id, own_encrypted=self.secrets_encrypted, tools=tools, **self.seen
        )  # fmt: skip


@dataclass(slots=True)
class _Known:
    """What was read of one user, and the views that were made of it."""

    read_at: float = float("-inf")
    rows: dict[UUID, Own] = field(default_factory=dict)
    views: dict[UUID, tuple[ServerEntry, Own | None, ServerEntry]] = field(default_factory=dict)
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class McpCredentials:
    """Users' own values and views. What was read of a user is trusted for a second, and anew after ``forget``."""

    def __init__(self, database: Database, secretbox: SecretBox) -> None:
        self._database = database
        self._secretbox = secretbox
        self._users: dict[UUID, _Known] = {}

    # Views.

    async def views(self, user_id: UUID, entries: Sequence[ServerEntry]) -> list[ServerEntry]:
        """The entries as a user sees them; the same objects again while nothing has changed."""
        if not any(entry.personal for entry in entries):
            return list(entries)
        known = await self._known(user_id)
        return [_view(known, entry, user_id) if entry.personal else entry for entry in entries]

    async def view(self, user_id: UUID | None, entry: ServerEntry) -> ServerEntry:
        """One entry as a user sees it."""
        if not entry.personal or user_id is None or entry.viewer == user_id:
            return entry
        return (await self.views(user_id, (entry,)))[0]

    def forget(self, user_id: UUID) -> None:
        """Read this user's rows anew at the next question."""
        self._users.pop(user_id, None)

    async def _known(self, user_id: UUID) -> _Known:
        known = self._users.get(user_id)
        if known is None:
            if len(self._users) >= _MOST_USERS:
                self._users.clear()
            known = self._users[user_id] = _Known()
        if time.monotonic() - known.read_at > _FRESH_SECONDS:
            async with known.reading:
                if time.monotonic() - known.read_at > _FRESH_SECONDS:
                    began = time.monotonic()
                    await self._read(user_id, known)
                    known.read_at = began
        return known

    async def _read(self, user_id: UUID, known: _Known) -> None:
        """Read what changed: lists of tools are long, and most rows are as they were."""
        mine = McpCredential.user_id == user_id
        stamped = select(McpCredential.server_id, McpCredential.updated_at).where(mine)
        async with self._database.transaction() as connection:
            stamps = {row.server_id: row.updated_at for row in await connection.execute(stamped)}
            rows = {key: own for key, own in known.rows.items() if stamps.get(key) == own.updated_at}
            if missing := [key for key in stamps if key not in rows]:
                changed = select(McpCredential.__table__).where(mine, McpCredential.server_id.in_(missing))
                for row in (await connection.execute(changed)).mappings():
                    rows[row["server_id"]] = _own(dict(row))
        known.rows = rows

    # Values.

    def values(self, entry: ServerEntry) -> tuple[dict[str, str], dict[str, str]]:
        """Environment values and headers of the viewer of an entry. CredentialsNeeded names what they have not set."""
        env, headers = self._own(entry)
        missing = [name for name in entry.user_env if name not in env]
        missing += [name for name in entry.user_headers if name not in headers]
        if missing:
            raise CredentialsNeeded(
                f"MCP server {entry.name!r} needs values of your own: {', '.join(missing)}",
                hint=f"set them with PUT /api/v1/mcps/{entry.id}/credentials, or: orchestrator mcp credentials",
                details={"server_id": str(entry.id), "missing": missing},
            )
        return (
            {name: env[name] for name in entry.user_env},
            {name: headers[name] for name in entry.user_headers},
        )

    def names(self, entry: ServerEntry) -> tuple[list[str], list[str]]:
        """The names, never the values, of what the viewer of an entry has set."""
        env, headers = self._own(entry)
        return sorted(env.keys() & set(entry.user_env)), sorted(headers.keys() & set(entry.user_headers))

    async def put(self, user_id: UUID, entry: ServerEntry, env: Values, headers: Values) -> None:
        """Set values; names that are not given keep theirs. InvalidInput names one that is not for users to set."""
        _check(entry, env, headers)
        old_env, old_headers = self._own(entry)
        whole = {
            "for": _address(entry),
            "env": _kept(old_env, entry.user_env) | dict(env),
            "headers": _kept(old_headers, entry.user_headers) | dict(headers),
        }
        await self._write(user_id, entry.id, {"secrets_encrypted": self._secretbox.encrypt(json.dumps(whole))})

    async def remove(self, user_id: UUID, server_id: UUID) -> None:
        """Forget a user's values and what a session with them showed."""
        mine = (McpCredential.user_id == user_id) & (McpCredential.server_id == server_id)
        async with self._database.transaction() as connection:
            await connection.execute(delete(McpCredential).where(mine))
        self.forget(user_id)

    async def store_seen(self, user_id: UUID, server_id: UUID, values: Mapping[str, Any]) -> None:
        """Keep what a probe with this user's credentials saw."""
        await self._write(user_id, server_id, values)

    async def longest_unseen(self, servers: Sequence[UUID], before: datetime, most: int) -> Sequence[tuple[UUID, UUID]]:
        """Users and servers, last probed before that time or never, of whose credentials there are any."""
        own, connection = McpCredential, McpConnection
        same = (connection.server_id == own.server_id) & (connection.user_id == own.user_id)
        connected = select(connection.id).where(same, connection.secrets_encrypted.is_not(None)).exists()
        query = (
            select(own.user_id, own.server_id)
            .where(own.server_id.in_(servers), own.secrets_encrypted.is_not(None) | connected)
            .where(own.probed_at.is_(None) | (own.probed_at < before))
            .order_by(own.probed_at.nulls_first())
            .limit(most)
        )
        async with self._database.transaction() as transaction:
            return [(row.user_id, row.server_id) for row in await transaction.execute(query)]

    async def forget_seen(self, server_id: UUID) -> None:
        """Drop what sessions of all users showed: the entry is another one now."""
        values: dict[str, Any] = {"tools": [], "health": Health.UNKNOWN, "health_error": None}
        async with self._database.transaction() as connection:
            await connection.execute(update(McpCredential).where(McpCredential.server_id == server_id).values(**values))
        self._users.clear()

    async def _write(self, user_id: UUID, server_id: UUID, values: Mapping[str, Any]) -> None:
        made = insert(McpCredential).values(id=new_id(), user_id=user_id, server_id=server_id, **values)
        stamped = {**values, "updated_at": datetime.now(UTC)}
        made = made.on_conflict_do_update(index_elements=["user_id", "server_id"], set_=stamped)
        try:
            async with self._database.transaction() as connection:
                await connection.execute(made)
        except IntegrityError as error:  # built in, or deleted a moment ago
            raise NotFound("no such MCP server that keeps credentials", field="server_id") from error
        self.forget(user_id)

    def _own(self, entry: ServerEntry) -> tuple[dict[str, str], dict[str, str]]:
        """What the viewer has set, for the very address the entry has: another one gets nothing of it."""
        if not entry.own_encrypted:
            return {}, {}
        secrets = json.loads(self._secretbox.decrypt(entry.own_encrypted))
        if secrets["for"] != _address(entry):
            return {}, {}
        return secrets["env"], secrets["headers"]


_SEEN = ("health_error", "latency_ms", "protocol_version", "server_info", "probed_at")


def _own(row: Mapping[str, Any]) -> Own:
    seen = {name: row[name] for name in _SEEN}
    tools = tuple(ToolInfo.from_wire(tool) for tool in row["tools"])
    return Own(row["updated_at"], row["secrets_encrypted"], seen | {"seen": tools, "health": Health(row["health"])})


def _view(known: _Known, entry: ServerEntry, user_id: UUID) -> ServerEntry:
    own = known.rows.get(entry.id)
    kept = known.views.get(entry.id)
    if kept is None or kept[0] is not entry or kept[1] is not own:
        made = own.view(entry, user_id) if own is not None else replace(entry, viewer=user_id)
        kept = known.views[entry.id] = (entry, own, made)
    return kept[2]


def _address(entry: ServerEntry) -> str:
    """Where values go: they were given for this and nothing else."""
    if entry.transport == "stdio":
        return json.dumps([entry.command, *entry.args])
    parts = urlsplit(entry.url or "")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _kept(values: Values, names: Iterable[str]) -> dict[str, str]:
    return {name: values[name] for name in names if name in values}


def _check(entry: ServerEntry, env: Values, headers: Values) -> None:
    for kind, given, allowed in (("env", env, entry.user_env), ("headers", headers, entry.user_headers)):
        for name in given:
            if name not in allowed:
                told = f"users of {entry.name!r} do not set this one; they set: {', '.join(allowed) or 'none'}"
                raise InvalidInput(told, field=f"{kind}.{name[:100]}")
    check(ServerDefinition(
        _NO_ID, entry.name, entry.transport, command=entry.command, env=env, url=entry.url, headers=headers,  # type: ignore[arg-type]
    ))  # fmt: skip
