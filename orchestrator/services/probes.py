"""Health of MCP servers: every registered, enabled server is probed in turn. Run by the monitor and on request.

A server that fails is marked and nothing else: the others are probed all the same, a few at a time.
"""

import asyncio

import structlog

from orchestrator.services.mcp_registry import McpRegistry
from orchestrator.services.server_entry import ServerEntry

log = structlog.get_logger(__name__)

_AT_ONCE = 4


class Probes:
    """Probes servers."""

    def __init__(self, registry: McpRegistry) -> None:
        self._registry = registry
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def sweep(self) -> int:
        """Probe every registered server that is enabled; returns how many are healthy.

        Servers that users reach with credentials of their own are not: there is nobody whose these would be.
        """
        entries = [
            entry
            for entry in await self._registry.all()
            if entry.enabled and entry.transport != "builtin" and not entry.personal
        ]
        return sum(await asyncio.gather(*(self._one(entry) for entry in entries)))

    async def _one(self, entry: ServerEntry) -> bool:
        async with self._room:
            probe = await self._registry.probe(entry)
        if probe.healthy != (entry.health == "healthy"):
            error = (probe.error or {}).get("message")
            log.info("mcp_server_health_changed", server=entry.name, healthy=probe.healthy, error=error)
        return probe.healthy
