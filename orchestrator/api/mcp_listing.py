"""Answers ``tools/list`` of the MCP endpoint: every tool the token and the client may call, and how servers stand.

Used by the MCP door. What was written for a view is kept as bytes and sent to everybody who sees the same, for as long
as it is the same: five thousand tools are megabytes of JSON. Which tools those are is decided by the catalogue.
"""

import weakref
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from mcp import MCPError
from mcp_types import INVALID_PARAMS

from orchestrator.api.mcp_conversation import capabilities_of
from orchestrator.api.mcp_relay import LIST_TTL_MS, Exchange, Written
from orchestrator.api.mcp_shapes import offered_wire
from orchestrator.api.mcp_tools import OWN_SERVER, own_listed
from orchestrator.core.caller import Scope
from orchestrator.mcp.result import ToolInfo
from orchestrator.services import shown_tools
from orchestrator.services.call_gate import CallGate
from orchestrator.services.mcp_catalogue import Listing, McpCatalogue
from orchestrator.services.mcp_endpoint import Endpoint

_MOST_KEPT, _MOST_BYTES = 32, 64 * 1024 * 1024
_NOTHING = Listing((), ())


@dataclass(frozen=True, slots=True)
class _Written:
    """A list as bytes, and of what it was made."""

    listing: "weakref.ref[Listing]"
    endpoint: Endpoint
    tools: bytes


class ToolLists:
    """One per door."""

    def __init__(self, catalogue: McpCatalogue, gate: CallGate) -> None:
        self._catalogue = catalogue
        self._gate = gate
        self._kept: OrderedDict[Hashable, _Written] = OrderedDict()

    async def answer(self, exchange: Exchange) -> dict[str, Any]:
        """The result in wire form; where the request came by the short way, its tools are written already."""
        if exchange.params.get("cursor") is not None:
            raise MCPError(INVALID_PARAMS, "This list has one page: no cursor was given out.")
        caller, endpoint = exchange.caller, exchange.endpoint
        may_call = Scope.MCPS_EXECUTE in caller.scopes
        declared = shown_tools.declared(capabilities_of(exchange.ctx))
        listing = await self._catalogue.listing(caller, endpoint, declared) if may_call else _NOTHING
        own = await self._gate.shown(caller, OWN_SERVER, own_listed(endpoint, caller))
        tools = self._written(exchange, own, listing) if exchange.takes_bytes else _tools(exchange, own, listing)
        answer: dict[str, Any] = {"tools": tools, "ttlMs": LIST_TTL_MS, "cacheScope": "private"}
        if may_call:
            answer["_meta"] = {"orchestrator/servers": _standings(listing)}
        return answer

    def _written(self, exchange: Exchange, own: Sequence[ToolInfo], listing: Listing) -> Any:
        caller, endpoint = exchange.caller, exchange.endpoint
        names = tuple(tool.name for tool in own)
        key = (endpoint.name, endpoint.revision, names, caller.project_id, exchange.modern, id(listing))
        kept = self._kept.get(key)
        if kept is not None and kept.listing() is listing and kept.endpoint == endpoint:
            self._kept.move_to_end(key)
            return Written(kept.tools)
        tools = _tools(exchange, own, listing)
        try:
            written = orjson.dumps(tools)
        except orjson.JSONEncodeError:
            return tools  # a number in a schema that is too large for it
        self._keep(key, _Written(weakref.ref(listing), endpoint, written))
        return Written(written)

    def _keep(self, key: Hashable, made: _Written) -> None:
        """Newest last. What nobody sees any more goes, and the oldest when there are too many, or too much."""
        self._kept[key] = made
        for known, one in list(self._kept.items()):
            if one.listing() is None:
                del self._kept[known]
        while len(self._kept) > _MOST_KEPT or (self._size > _MOST_BYTES and len(self._kept) > 1):
            self._kept.popitem(last=False)

    @property
    def _size(self) -> int:
        return sum(len(one.tools) for one in self._kept.values())


def _tools(exchange: Exchange, own: Sequence[ToolInfo], listing: Listing) -> list[dict[str, Any]]:
    caller, endpoint = exchange.caller, exchange.endpoint
    ours = [tool.to_wire() for tool in own]
    shown = (tool for tool in listing.tools if endpoint.lists(*tool.names))
    return ours + [offered_wire(tool, caller, endpoint, legacy=not exchange.modern) for tool in shown]


def _standings(listing: Listing) -> list[dict[str, Any]]:
    return [
        {"server": one.server, "status": one.status, "tools": one.tools}
        | ({"quarantined": one.quarantined} if one.quarantined else {})
        | ({"error": one.error} if one.error else {})
        | ({"note": one.note} if one.note else {})
        for one in listing.servers
    ]
