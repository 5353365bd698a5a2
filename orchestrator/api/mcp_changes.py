"""Tells connected MCP clients of changes: lists that changed, resources that were updated. Used by the MCP door.

Changes come from the servers behind us and from the registry. A client of the older era hears of them on its session,
one of the modern era on the stream it opened to listen; both only of servers that they may use.
"""

import asyncio
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
    ToolsListChanged,
)
from mcp_types import SubscriptionsListenRequestParams, SubscriptionsListenResult

from orchestrator.api.mcp_conversation import Context
from orchestrator.api.mcp_relay import Exchange
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.core.errors import OrchestratorError
from orchestrator.mcp.pool import Origin
from orchestrator.services.mcp_endpoint import Endpoint
from orchestrator.services.server_entry import ServerEntry

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 1.0
_MOST_NEWS = 10_000
_LISTS: Mapping[str, Callable[[], ServerEvent]] = {
    "notifications/tools/list_changed": ToolsListChanged,
    "notifications/prompts/list_changed": PromptsListChanged,
    "notifications/resources/list_changed": ResourcesListChanged,
}
_UPDATED = "notifications/resources/updated"


@dataclass(eq=False)
class _Client:
    """What is known of one session of the older era; nothing here may keep its connection alive."""

    caller: Caller
    endpoint: Endpoint
    uris: set[str] = field(default_factory=set)


class _Bus(InMemorySubscriptionBus):
    """The events of the servers one listener may use."""

    def __init__(self, caller: Caller, endpoint: Endpoint) -> None:
        super().__init__()
        self.caller = caller
        self.endpoint = endpoint


class Changes:
    """One per door."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._clients: weakref.WeakKeyDictionary[Any, _Client] = weakref.WeakKeyDictionary()
        self._buses: dict[_Bus, ListenHandler] = {}
        self._interest: dict[tuple[Origin, str], set[object]] = {}
        self._heard: dict[tuple[Origin | None, str, str], Mapping[str, Any]] = {}
        self._news = asyncio.Event()
        container.pool.listen(self._hear)

    def _hear(self, origin: Origin | None, method: str, params: Mapping[str, Any]) -> None:
        """The same again before it was passed on is no news; nor is more than anybody could read."""
        if len(self._heard) < _MOST_NEWS:
            self._heard[origin, method, str(params.get("uri", ""))] = params
        self._news.set()

    # Who wants to know.

    def join(self, exchange: Exchange) -> None:
        """A client of the older era has connected, or asks for something again."""
        connection = exchange.ctx.session._connection
        known = self._clients.get(connection)
        if known is None:
            self._clients[connection] = _Client(exchange.caller, exchange.endpoint)
        else:
            known.caller, known.endpoint = exchange.caller, exchange.endpoint

    async def subscribe(self, exchange: Exchange, *, wanted: bool) -> dict[str, Any]:
        """A client of the older era wants to hear of a resource, or no longer."""
        self.join(exchange)
        client = self._clients[exchange.ctx.session._connection]
        uri = str(exchange.params.get("uri", ""))
        (client.uris.add if wanted else client.uris.discard)(uri)
        await self._ask(exchange.caller, exchange.endpoint, uri, client, wanted=wanted)
        return {}

    async def listen(
        self, ctx: Context, params: SubscriptionsListenRequestParams, caller: Caller, endpoint: Endpoint
    ) -> SubscriptionsListenResult:
        """Serve one stream of a client of the modern era, until it hangs up."""
        bus = _Bus(caller, endpoint)
        uris = list(params.notifications.resource_subscriptions or ())
        stream = ListenHandler(bus)
        self._buses[bus] = stream
        try:
            for uri in uris:
                await self._ask(caller, endpoint, uri, bus, wanted=True)
            return await stream(ctx, params)
        finally:
            del self._buses[bus]
            await asyncio.shield(self._leave(caller, endpoint, uris, bus))

    def hang_up(self) -> None:
        """End every stream of the modern era, as the protocol has it."""
        for stream in self._buses.values():
            stream.close()

    async def _leave(self, caller: Caller, endpoint: Endpoint, uris: list[str], bus: _Bus) -> None:
        for uri in uris:
            await self._ask(caller, endpoint, uri, bus, wanted=False)

    async def _ask(self, caller: Caller, endpoint: Endpoint, uri: str, who: object, *, wanted: bool) -> None:
        """Have the holder of a resource tell of it for as long as anybody wants to know."""
        for holder in await self._container.offers.holders(caller, uri, endpoint):
            key = (Origin(holder.entry.id, holder.entry.credential(caller.user_id)), holder.original)
            interested = self._interest.setdefault(key, set())
            before = bool(interested)
            (interested.add if wanted else interested.discard)(who)
            if not interested:
                del self._interest[key]
            if before != bool(interested):
                await self._tell_holder(caller, holder.entry, holder.original, wanted=wanted)

    async def _tell_holder(self, caller: Caller, entry: ServerEntry, uri: str, *, wanted: bool) -> None:
        try:
            definition = await self._container.registry.definition(entry, caller.user_id)
            await self._container.pool.subscribe(definition, uri, wanted=wanted)
        except OrchestratorError as error:
            if wanted:
                raise
            log.info("mcp_unsubscribe_failed", server=entry.name, error=error.message)

    # Telling.

    async def run(self) -> None:
        """Pass changes on, and look what became of the registry; until cancelled."""
        await asyncio.gather(self._pass_on(), self._watch_registry())

    async def _pass_on(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            heard, self._heard = self._heard, {}
            for (origin, method, _), params in heard.items():
                if method == "notifications/tools/list_changed" and origin is not None:
                    await self._reread(origin)
                await self._tell(origin, method, params)

    async def _tell(self, origin: Origin | None, method: str, params: Mapping[str, Any]) -> None:
        for connection, client in list(self._clients.items()):
            wanted = method != _UPDATED or params.get("uri") in client.uris
            if wanted and await self._concerns(client.caller, client.endpoint, origin):
                await connection.notify(method, dict(params))
        for bus in list(self._buses):
            if await self._concerns(bus.caller, bus.endpoint, origin):
                event = ResourceUpdated(uri=str(params.get("uri"))) if method == _UPDATED else _LISTS[method]()
                await bus.publish(event)

    async def _reread(self, origin: Origin) -> None:
        """Put a server's new tools into the registry before anybody is told to look."""
        try:
            user_id = UUID(origin.credential) if origin.credential else None
            entry = await self._container.registry.find(origin.server_id, user_id)
            await self._container.registry.probe(entry, user_id)
        except OrchestratorError as error:
            log.info("mcp_reread_failed", server=str(origin.server_id), error=error.message)

    async def _concerns(self, caller: Caller, endpoint: Endpoint, origin: Origin | None) -> bool:
        """What was heard on the session of a user's own concerns this user alone."""
        if origin is None:
            return True
        if origin.credential and origin.credential != str(caller.user_id):
            return False
        entries = await self._container.catalogue.servers(caller, endpoint)
        return any(entry.id == origin.server_id for entry in entries.values())

    async def _watch_registry(self) -> None:
        """Entries may be changed by any process: whoever is connected hears of it within a second or two."""
        seen = await self._entries()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if not self._clients and not self._buses:
                continue
            now = await self._entries()
            if now is not None and now != seen:
                for method in _LISTS:
                    self._hear(None, method, {})
                seen = now

    async def _entries(self) -> frozenset[object] | None:
        try:
            entries = await self._container.registry.all()
        except OrchestratorError:
            return None
        # Rules say what is listed for whom, so a change of one may change a list.
        revision = await self._container.policy.revision()
        return frozenset({revision}) | frozenset(
            (entry.id, entry.name, entry.enabled, entry.owner_id, entry.project_id,
             tuple(tool.fingerprint for tool in entry.tools))
            for entry in entries
        )  # fmt: skip
