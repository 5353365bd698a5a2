"""Health of MCP servers: every registered, enabled server is probed in turn. Run by the monitor and on request.

A server that fails is marked and nothing else: the others are probed all the same, a few at a time. A server that users
reach with credentials of their own is probed with those of each, more seldom, and let go of again.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from orchestrator.core.errors import CredentialsNeeded, NotFound
from orchestrator.mcp.pool import ServerPool
from orchestrator.services.mcp_registry import McpRegistry
from orchestrator.services.server_entry import ServerEntry

log = structlog.get_logger(__name__)

_AT_ONCE = 4
_OWN_EVERY = timedelta(minutes=15)
_MOST_OWN = 20
"""Users' own servers in one sweep: the one unseen for longest first."""


class Probes:
    """Probes servers."""

    def __init__(self, registry: McpRegistry, pool: ServerPool) -> None:
        self._registry = registry
        self._pool = pool
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def sweep(self) -> int:
        """Probe every registered server that is enabled; returns how many are healthy."""
        entries = [one for one in await self._registry.all() if one.enabled and one.transport != "builtin"]
        shared = [self._one(entry) for entry in entries if not entry.personal]
        before = datetime.now(UTC) - _OWN_EVERY
        personal = [entry.id for entry in entries if entry.personal]
        due = await self._registry.credentials.longest_unseen(personal, before, _MOST_OWN) if personal else ()
        return sum(await asyncio.gather(*shared, *(self._own(user_id, server_id) for user_id, server_id in due)))

    async def _one(self, entry: ServerEntry, user_id: UUID | None = None) -> bool:
        async with self._room:
            probe = await self._registry.probe(entry, user_id)
        if probe.healthy != (entry.health == "healthy"):
            error = (probe.error or {}).get("message")
            log.info("mcp_server_health_changed", server=entry.name, healthy=probe.healthy, error=error)
        return probe.healthy

    async def _own(self, user_id: UUID, server_id: UUID) -> bool:
        """With the credentials of this user, whose session is not kept for it."""
        try:
            entry = await self._registry.find(server_id, user_id)
            await self._registry.definition(entry, user_id)
        except NotFound:
            return False  # deleted a moment ago
        except CredentialsNeeded:
            await self._registry.credentials.store_seen(user_id, server_id, {"probed_at": datetime.now(UTC)})
            return False
        credential = entry.credential(user_id)
        in_use = self._pool.state(server_id, credential).status != "idle"
        healthy = await self._one(entry, user_id)
        if not in_use:
            await self._pool.forget(server_id, credential)
        return healthy
