"""Resources, resource templates and prompts of the MCP servers behind an endpoint, merged, and whose each one is.

Used by the MCP door. Everything is kept in wire form. A server that fails hides only its own; what a server told is
trusted for as long as it said, and no longer than until it announces a change.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from orchestrator.core.caller import Caller
from orchestrator.core.errors import NotFound, OrchestratorError, Unavailable
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.pool import Origin, ServerPool
from orchestrator.mcp.uris import fits
from orchestrator.services.mcp_catalogue import McpCatalogue
from orchestrator.services.mcp_endpoint import EVERYTHING, Endpoint
from orchestrator.services.mcp_registry import McpRegistry
from orchestrator.services.server_entry import ServerEntry

log = structlog.get_logger(__name__)

_TTL_SECONDS = (1.0, 60.0, 300.0)
_MAX_PAGES = 100
_MAX_ITEMS = 10_000
_MOST_KEPT = 5000


@dataclass(frozen=True, slots=True)
class Kind:
    """What can be listed: the method, the field of its result, the member that names one, the capability."""

    method: str
    field: str
    key: str
    capability: str


RESOURCES = Kind("resources/list", "resources", "uri", "resources")
TEMPLATES = Kind("resources/templates/list", "resourceTemplates", "uriTemplate", "resources")
PROMPTS = Kind("prompts/list", "prompts", "name", "prompts")


@dataclass(frozen=True, slots=True)
class Offer:
    """One of them: whose it is, its name there, and how it is offered here in wire form."""

    entry: ServerEntry
    original: str
    wire: Mapping[str, Any]


class McpOffers:
    """Merged lists."""

    def __init__(
        self, registry: McpRegistry, pool: ServerPool, catalogue: McpCatalogue, *, seconds: float = 3.0
    ) -> None:
        self._registry = registry
        self._pool = pool
        self._catalogue = catalogue
        self._seconds = seconds
        self._kept: dict[tuple[UUID, str, str], tuple[float, Sequence[Mapping[str, Any]]]] = {}
        pool.listen(self._forget)

    async def listing(self, caller: Caller, kind: Kind, endpoint: Endpoint = EVERYTHING) -> dict[str, Offer]:
        """All of a kind that the caller may use here, by the name it has here."""
        labels = await self._catalogue.servers(caller, endpoint)
        remote = {label: entry for label, entry in labels.items() if entry.transport != "builtin"}
        found = await asyncio.gather(*(self._of(caller, entry, kind) for entry in remote.values()))
        table: dict[str, Offer] = {}
        flat = [
            (label, entry, str(item.get(kind.key, "")), item)
            for (label, entry), items in zip(remote.items(), found, strict=True)
            for item in items
        ]
        # Prompts are named as tools are; a URI stays as it is, unless another server has the same.
        names = endpoint.names([one[:3] for one in flat]) if kind is PROMPTS else None
        for number, (label, entry, original, item) in enumerate(flat):
            name = names[number] if names else f"orchestrator+{label}:{original}" if original in table else original
            table[name] = Offer(entry, original, {**item, kind.key: name})
        return table

    async def prompt(self, caller: Caller, name: str, endpoint: Endpoint = EVERYTHING) -> Offer:
        """The prompt of a name. Raises NotFound."""
        offer = (await self.listing(caller, PROMPTS, endpoint)).get(name)
        if offer is None:
            raise NotFound(f"Unknown prompt: {name[:200]}", field="name")
        return offer

    async def holders(self, caller: Caller, uri: str, endpoint: Endpoint = EVERYTHING) -> list[Offer]:
        """Who may hold a resource, likeliest first: who lists it, whose template fits it, then all that have any."""
        listed = (await self.listing(caller, RESOURCES, endpoint)).get(uri)
        if listed is not None:
            return [listed]
        templates = (await self.listing(caller, TEMPLATES, endpoint)).values()
        holders = [Offer(one.entry, uri, {}) for one in templates if fits(one.original, uri) or one.original == uri]
        if holders:
            return holders[:1]
        entries = (await self._catalogue.servers(caller, endpoint)).values()
        remote = [entry for entry in entries if entry.transport != "builtin"]
        offered = await asyncio.gather(*(self._capabilities(caller, entry) for entry in remote))
        return [
            Offer(entry, uri, {})
            for entry, has in zip(remote, offered, strict=True)
            if has.get("resources") is not None
        ]

    async def of_server(self, caller: Caller, entry: ServerEntry, kind: Kind) -> list[dict[str, Any]]:
        """All of a kind that one server has, as it names them. Raises what is wrong with the server."""
        definition = await self._definition(caller, entry)
        if (await self._pool.capabilities(definition)).get(kind.capability) is None:
            return []
        items, _ = await self._fetch(definition, kind)
        return [dict(item) for item in items]

    async def ask(self, caller: Caller, entry: ServerEntry, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """A request to one server about what it offers, its result in wire form."""
        return dict(await self._pool.request(await self._definition(caller, entry), method, params))

    async def _definition(self, caller: Caller, entry: ServerEntry) -> ServerDefinition:
        if not entry.enabled:
            raise Unavailable(f"the MCP server {entry.name} is disabled")
        return await self._registry.definition(entry, caller.user_id)

    async def _of(self, caller: Caller, entry: ServerEntry, kind: Kind) -> Sequence[Mapping[str, Any]]:
        try:
            definition = await self._registry.definition(entry, caller.user_id)
        except OrchestratorError as error:
            log.info("mcp_list_failed", server=entry.name, method=kind.method, error=error.message)
            return ()
        # The revision tells credentials apart, too: nobody is shown what another's session listed.
        key = (entry.id, definition.revision, kind.method)
        kept = self._kept.get(key)
        if kept is not None and time.monotonic() < kept[0]:
            return kept[1]
        try:
            async with asyncio.timeout(self._seconds):
                offered = await self._pool.capabilities(definition)
                items, ttl = (
                    await self._fetch(definition, kind)
                    if offered.get(kind.capability) is not None
                    else ([], _TTL_SECONDS[2])
                )
        except (OrchestratorError, TimeoutError) as error:
            # Whatever is wrong with it is its own: the standing of the server in tools/list says what.
            log.info("mcp_list_failed", server=entry.name, method=kind.method, error=str(error)[:300])
            return kept[1] if kept is not None else ()
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[key] = (time.monotonic() + ttl, items)
        return items

    async def _capabilities(self, caller: Caller, entry: ServerEntry) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(self._seconds):
                definition = await self._registry.definition(entry, caller.user_id)
                return await self._pool.capabilities(definition)
        except (OrchestratorError, TimeoutError):
            return {}

    async def _fetch(self, definition: ServerDefinition, kind: Kind) -> tuple[list[Mapping[str, Any]], float]:
        items: list[Mapping[str, Any]] = []
        cursor: str | None = None
        least, ttl, most = _TTL_SECONDS
        for _ in range(_MAX_PAGES):
            page = await self._pool.request(definition, kind.method, {"cursor": cursor} if cursor else None)
            items += page.get(kind.field) or ()
            if isinstance(told := page.get("ttlMs"), int | float):
                ttl = min(max(told / 1000, least), most)
            cursor = page.get("nextCursor")
            if not cursor or len(items) > _MAX_ITEMS:
                break
        return items[:_MAX_ITEMS], ttl

    def _forget(self, origin: Origin, method: str, params: Mapping[str, Any]) -> None:
        if method.endswith("list_changed"):
            self._kept = {key: kept for key, kept in self._kept.items() if key[0] != origin.server_id}
