"""The first look at a server that was just registered: waited for a moment, and gone on with where it takes longer.

Used by the doors that register servers. A command that never greets must not hold up whoever registers it: the entry is
there at once, says that its server is starting, and tells later what came of it.
"""

import asyncio
from collections.abc import Callable, Iterable
from uuid import UUID

import structlog

from orchestrator.core.errors import OrchestratorError
from orchestrator.services.mcp_registry import McpRegistry
from orchestrator.services.server_entry import ServerEntry

log = structlog.get_logger(__name__)

WAIT_SECONDS = 5.0
"""Most local servers are ready by then."""


class FirstProbes:
    """Probes under way. ``changed`` is told whenever one has stored what it found."""

    def __init__(self, registry: McpRegistry, changed: Callable[[], None]) -> None:
        self._registry = registry
        self._changed = changed
        self._running: set[asyncio.Task[None]] = set()

    async def look(self, entries: Iterable[ServerEntry], user_id: UUID, *, seconds: float) -> None:
        """Probe these servers, all at once, and wait for it no longer than so many seconds."""
        asked = {asyncio.create_task(self._probe(one, user_id), name=f"mcp first probe {one.name}") for one in entries}
        for one in asked:
            self._running.add(one)
            one.add_done_callback(self._running.discard)
        if asked:
            await asyncio.wait(asked, timeout=seconds)

    async def _probe(self, entry: ServerEntry, user_id: UUID) -> None:
        try:
            await self._registry.probe(entry, user_id)
        except OrchestratorError as error:
            log.warning("mcp_first_probe_failed", server=entry.name, error=error.message)
        finally:
            self._changed()

    async def aclose(self) -> None:
        """Give up what is under way."""
        for one in self._running:
            one.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
