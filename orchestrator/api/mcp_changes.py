"""Tells connected MCP clients of changes: lists that changed, resources that were updated. Used by the MCP door.

Changes come from the servers behind us and from the registry. A client of the older era hears of them on its session,
one of the modern era on the stream it opened to listen; both only of servers that they may use.
"""

import asyncio
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from mcp import MCPError
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
    ToolsListChanged,
)
from mcp_types import (
    INVALID_PARAMS,
    SubscriptionFilter,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)

from orchestrator.api.mcp_conversation import Context
from orchestrator.api.mcp_relay import RESOURCE_NOT_FOUND, Exchange, passed_on, require_scope
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import OrchestratorError
from orchestrator.mcp.pool import Origin
from orchestrator.mcp.translate import original_error
from orchestrator.services.mcp_endpoint import Endpoint
from orchestrator.services.mcp_offers import Offer
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

_Key = tuple[Origin, str]
"""A session, and a resource as its server names it."""


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
        self._interest: dict[_Key, dict[object, str]] = {}
        self._gone: list[_Client] = []
        self._heard: dict[tuple[Origin | None, str, str], Mapping[str, Any]] = {}
        self._news = asyncio.Event()
        self._looked: tuple[object, int, frozenset[object]] | None = None
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
            made = self._clients[connection] = _Client(exchange.caller, exchange.endpoint)
            weakref.finalize(connection, self._lost, made).atexit = False
        else:
            known.caller, known.endpoint = exchange.caller, exchange.endpoint

    def _lost(self, client: _Client) -> None:
        """A client of the older era has gone: what only it wanted to hear of is no longer asked for."""
        if client.uris:
            self._gone.append(client)
            self._news.set()

    async def subscribe(self, exchange: Exchange, *, wanted: bool) -> dict[str, Any]:
        """A client of the older era wants to hear of a resource, or no longer. MCPError where nobody would tell it."""
        require_scope(exchange.caller, Scope.MCPS_EXECUTE)
        self.join(exchange)
        client = self._clients[exchange.ctx.session._connection]
        uri = str(exchange.params.get("uri", ""))
        if wanted:
            missing = INVALID_PARAMS if exchange.modern else RESOURCE_NOT_FOUND
            await self._want(exchange.caller, exchange.endpoint, uri, client, missing)
            client.uris.add(uri)
        else:
            client.uris.discard(uri)
            await self._leave(exchange.caller, uri, client)
        return {}

    async def listen(
        self, ctx: Context, params: SubscriptionsListenRequestParams, caller: Caller, endpoint: Endpoint
    ) -> SubscriptionsListenResult:
        """Serve one stream of a client of the modern era, until it hangs up.

        Resources that nobody tells of are left out of the acknowledgement; where that leaves nothing it is an error.
        """
        bus = _Bus(caller, endpoint)
        wanted = params.notifications
        uris = list(dict.fromkeys(wanted.resource_subscriptions or ()))
        stream = ListenHandler(bus)
        self._buses[bus] = stream
        told: list[str] = []
        try:
            refused = await self._want_all(bus, uris, told)
            if refused is not None and not told and not _lists_of(wanted):
                raise refused
            agreed = wanted.model_copy(update={"resource_subscriptions": told or None})
            return await stream(ctx, params.model_copy(update={"notifications": agreed}))
        finally:
            del self._buses[bus]
            await asyncio.shield(self._leave_all(caller, told, bus))

    def hang_up(self) -> None:
        """End every stream of the modern era, as the protocol has it."""
        for stream in self._buses.values():
            stream.close()

    async def _want_all(self, bus: _Bus, uris: list[str], told: list[str]) -> MCPError | None:
        """Ask for each; ``told`` gets those that somebody tells of. The first refusal, if there was one."""
        first: MCPError | None = None
        for uri in uris:
            try:
                require_scope(bus.caller, Scope.MCPS_EXECUTE)
                await self._want(bus.caller, bus.endpoint, uri, bus, INVALID_PARAMS)
                told.append(uri)
            except MCPError as error:
                first = first or error
        return first

    async def _want(self, caller: Caller, endpoint: Endpoint, uri: str, who: object, missing: int) -> None:
        """Have the holder of a resource tell of it for as long as anybody wants to know."""
        holders = await self._container.offers.holders(caller, uri, endpoint)
        refused = MCPError(missing, "Resource not found", {"uri": uri})
        told = False
        for holder in holders:
            key = _key(caller, holder)
            interested = self._interest.setdefault(key, {})
            first = not interested
            interested[who] = uri
            try:
                if first:
                    await self._tell_holder(caller, holder.entry, holder.original, wanted=True)
                told = True
            except OrchestratorError as error:
                self._forget(key, who)
                refused = passed_on(error) if original_error(error) else _refused(error, uri)
        if not told:
            raise refused

    async def _leave(self, caller: Caller, uri: str, who: object) -> None:
        for key in [key for key, interested in self._interest.items() if interested.get(who) == uri]:
            if not self._forget(key, who):
                continue
            origin, original = key
            try:
                entry = await self._container.registry.find(origin.server_id, caller.user_id)
                await self._tell_holder(caller, entry, original, wanted=False)
            except OrchestratorError as error:
                log.info("mcp_unsubscribe_failed", server=str(origin.server_id), error=error.message)

    async def _leave_all(self, caller: Caller, uris: Iterable[str], who: object) -> None:
        for uri in uris:
            await self._leave(caller, uri, who)

    def _forget(self, key: _Key, who: object) -> bool:
        """Whether nobody is interested any more."""
        self._interest[key].pop(who, None)
        if self._interest[key]:
            return False
        del self._interest[key]
        return True

    async def _tell_holder(self, caller: Caller, entry: ServerEntry, uri: str, *, wanted: bool) -> None:
        definition = await self._container.registry.definition(entry, caller.user_id)
        await self._container.pool.subscribe(definition, uri, wanted=wanted)

    # Telling.

    async def run(self) -> None:
        """Pass changes on, and look what became of the registry; until cancelled."""
        await asyncio.gather(self._pass_on(), self._watch_registry())

    async def _pass_on(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            gone, self._gone = self._gone, []
            for client in gone:
                await self._leave_all(client.caller, client.uris, client)
            heard, self._heard = self._heard, {}
            for (origin, method, _), params in heard.items():
                if method == _UPDATED and origin is not None:
                    await self._tell_updated(origin, params)
                    continue
                if method == "notifications/tools/list_changed" and origin is not None:
                    await self._reread(origin)
                await self._tell(origin, method, params)

    async def _tell(self, origin: Origin | None, method: str, params: Mapping[str, Any]) -> None:
        for connection, client in list(self._clients.items()):
            if await self._concerns(client.caller, client.endpoint, origin):
                await connection.notify(method, dict(params))
        for bus in list(self._buses):
            if await self._concerns(bus.caller, bus.endpoint, origin):
                await bus.publish(_LISTS[method]())

    async def _tell_updated(self, origin: Origin, params: Mapping[str, Any]) -> None:
        """Everybody who asked, by the name they know the resource by."""
        interested = dict(self._interest.get((origin, str(params.get("uri", ""))), {}))
        for connection, client in list(self._clients.items()):
            if client in interested and await self._concerns(client.caller, client.endpoint, origin):
                await connection.notify(_UPDATED, {**params, "uri": interested[client]})
        for bus in list(self._buses):
            if bus in interested and await self._concerns(bus.caller, bus.endpoint, origin):
                await bus.publish(ResourceUpdated(uri=interested[bus]))

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
        if self._looked is None or self._looked[0] is not entries or self._looked[1] != revision:
            found = frozenset({revision}) | frozenset(
                (entry.id, entry.name, entry.enabled, entry.owner_id, entry.project_id,
                 tuple(tool.fingerprint for tool in entry.tools))
                for entry in entries
            )  # fmt: skip
            self._looked = (entries, revision, found)
        return self._looked[2]


def _key(caller: Caller, holder: Offer) -> _Key:
    return Origin(holder.entry.id, holder.entry.credential(caller.user_id)), holder.original


def _lists_of(wanted: SubscriptionFilter) -> bool:
    return bool(wanted.tools_list_changed or wanted.prompts_list_changed or wanted.resources_list_changed)


def _refused(error: OrchestratorError, uri: str) -> MCPError:
    return MCPError(INVALID_PARAMS, error.message, {"uri": uri, **error.as_dict()})
