"""What the MCP endpoint answers beside tools: resources, prompts, completions, log levels; each passed to whose it is.

Used by ``mcp_door``. Requests and results go through in wire form. An error of a server behind us keeps its code, its
words and its data.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from mcp import MCPError
from mcp_types import INVALID_PARAMS, PROTOCOL_VERSION_META_KEY
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from orchestrator.api.mcp_conversation import Context, Direct, Late, Rounds, Told, is_ours
from orchestrator.api.mcp_credentials import REFUSED
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import Forbidden, InvalidInput, NotFound, OrchestratorError
from orchestrator.core.jsonsafe import check_finite
from orchestrator.mcp.builtin import ProgressFn
from orchestrator.mcp.conversation import Conversation
from orchestrator.mcp.pool import Behind
from orchestrator.mcp.translate import original_error
from orchestrator.services.mcp_endpoint import Endpoint
from orchestrator.services.mcp_offers import PROMPTS, RESOURCES, TEMPLATES, Kind, Offer

LIST_TTL_MS = 5000
RESOURCE_NOT_FOUND = -32002
_RESERVED = PROTOCOL_VERSION_META_KEY.rpartition("/")[0] + "/"
SHORT = "orchestrator.short"
"""Set in the scope of a request that goes the short way."""
_NOT_FORWARDED = frozenset({"progressToken"})
_NOT_OURS = frozenset({"_meta", "task"})
"""``task`` asks for a task as revision 2025-11-25 tried them out; this gateway offers the extension instead."""


@dataclass(frozen=True, slots=True)
class Written:
    """A part of a result that is JSON already."""

    json: bytes

    @staticmethod
    def fragment(value: object) -> orjson.Fragment:
        """For orjson, which asks about everything it does not know. Raises TypeError."""
        if isinstance(value, Written):
            return orjson.Fragment(value.json)
        raise TypeError


Asking = Callable[[Behind], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request: who sent it, through which endpoint, and its parameters in wire form."""

    ctx: Context
    caller: Caller
    endpoint: Endpoint
    params: Mapping[str, Any]
    level: str = "debug"

    @property
    def modern(self) -> bool:
        """Whether the client speaks the revisions without a handshake."""
        return self.ctx.protocol_version in MODERN_PROTOCOL_VERSIONS

    @property
    def takes_bytes(self) -> bool:
        """Whether a part of the result may be ``Written``."""
        return self.ctx.request is not None and self.ctx.request.scope.get(SHORT) is True

    @property
    def lane(self) -> str:
        """What tells this client from every other: its session, else the user."""
        session = self.ctx.request.headers.get("mcp-session-id") if self.ctx.request is not None else None
        return f"{self.caller.user_id} {session or ''}"

    @property
    def request_id(self) -> str | None:
        """The id of the HTTP request that brought it."""
        request = self.ctx.request
        return None if request is None else request.scope["state"].get("request_id")

    @property
    def meta(self) -> dict[str, Any]:
        """The client's ``_meta``, without what is between it and us."""
        told = self.params.get("_meta")
        kept = told.items() if isinstance(told, Mapping) else ()
        return {key: value for key, value in kept if key not in _NOT_FORWARDED and not key.startswith(_RESERVED)}

    @property
    def wants_progress(self) -> bool:
        """Whether the client asked to be told how far the work is."""
        told = self.params.get("_meta")
        return isinstance(told, Mapping) and told.get("progressToken") is not None

    @property
    def forwarded(self) -> dict[str, Any]:
        """All parameters, for a server behind us."""
        rest = {key: value for key, value in self.params.items() if key not in _NOT_OURS}
        if meta := self.meta:
            rest["_meta"] = meta
        return rest


async def conversing(
    rounds: Rounds, exchange: Exchange, about: Callable[[], object], run: Asking, late: Late | None = None
) -> dict[str, Any]:
    """Do something during which the client may be asked, however its era is asked. ``about`` is what it asked for."""

    async def on(conversation: Conversation) -> dict[str, Any]:
        # Only who can be asked has a session of its own.
        return await run(Behind(conversation, exchange.lane if conversation.capabilities else ""))

    if not exchange.modern:
        return await on(Direct(exchange.ctx, exchange.level))
    state = exchange.params.get("requestState")
    if not is_ours(state):
        told = Told(exchange.ctx)
        if late is None and not told.capabilities:
            return await on(told)  # nothing will be asked: the call runs in the task of its request
    owner = (exchange.caller.user_id, exchange.endpoint.name, about())
    if is_ours(state):
        answers = exchange.params.get("inputResponses") or {}
        return await rounds.go_on(exchange.ctx, owner, str(state), answers, late)
    return await rounds.begin(exchange.ctx, owner, on, late)


class Relay:
    """Answers by method."""

    def __init__(self, container: Container, rounds: Rounds) -> None:
        self._container = container
        self._rounds = rounds
        self.methods: Mapping[str, Callable[[Exchange, ProgressFn | None], Awaitable[dict[str, Any]]]] = {
            "resources/list": lambda exchange, _: self._list(exchange, RESOURCES),
            "resources/templates/list": lambda exchange, _: self._list(exchange, TEMPLATES),
            "prompts/list": lambda exchange, _: self._list(exchange, PROMPTS),
            "resources/read": self._read,
            "prompts/get": self._prompt,
            "completion/complete": self._complete,
        }

    async def _list(self, exchange: Exchange, kind: Kind) -> dict[str, Any]:
        if exchange.params.get("cursor") is not None:
            raise MCPError(INVALID_PARAMS, "This list has one page: no cursor was given out.")
        items: list[dict[str, Any]] = []
        if Scope.MCPS_EXECUTE in exchange.caller.scopes:
            offers = await self._container.offers.listing(exchange.caller, kind, exchange.endpoint)
            items = [dict(offer.wire) for offer in offers.values()]
        return {kind.field: items, "ttlMs": LIST_TTL_MS, "cacheScope": "private"}

    async def _read(self, exchange: Exchange, on_progress: ProgressFn | None) -> dict[str, Any]:
        require_scope(exchange.caller, Scope.MCPS_EXECUTE)
        uri = str(exchange.params.get("uri", ""))
        holders = await self._container.offers.holders(exchange.caller, uri, exchange.endpoint)
        missing = INVALID_PARAMS if exchange.modern else RESOURCE_NOT_FOUND
        refused = MCPError(missing, "Resource not found", {"uri": uri})
        for holder in holders:
            try:
                params = {**exchange.forwarded, "uri": holder.original}
                read = await self._ask(exchange, holder, "resources/read", params, ("resources/read", uri), on_progress)
            except MCPError as error:
                refused = error
            else:
                # The newer era wants to know how long it may be kept; a server of the older one does not say.
                return {"ttlMs": 0, "cacheScope": "private", **read} if "contents" in read else read
        raise refused

    async def _prompt(self, exchange: Exchange, on_progress: ProgressFn | None) -> dict[str, Any]:
        require_scope(exchange.caller, Scope.MCPS_EXECUTE)
        name = str(exchange.params.get("name", ""))
        offer = await self._offered_prompt(exchange, name)
        params = {**exchange.forwarded, "name": offer.original}
        about = ("prompts/get", name, str(exchange.params.get("arguments")))
        return await self._ask(exchange, offer, "prompts/get", params, about, on_progress)

    async def _complete(self, exchange: Exchange, on_progress: ProgressFn | None) -> dict[str, Any]:
        require_scope(exchange.caller, Scope.MCPS_EXECUTE)
        ref = exchange.params.get("ref") or {}
        if ref.get("type") == "ref/prompt":
            offer = await self._offered_prompt(exchange, str(ref.get("name", "")))
            ref = {**ref, "name": offer.original}
        else:
            uri = str(ref.get("uri", ""))
            holders = await self._container.offers.holders(exchange.caller, uri, exchange.endpoint)
            if not holders:
                raise MCPError(INVALID_PARAMS, "Resource not found", {"uri": uri})
            offer, ref = holders[0], {**ref, "uri": holders[0].original}
        params = {**exchange.forwarded, "ref": ref}
        return await self._ask(exchange, offer, "completion/complete", params, "completion/complete", on_progress)

    async def _offered_prompt(self, exchange: Exchange, name: str) -> Offer:
        try:
            return await self._container.offers.prompt(exchange.caller, name, exchange.endpoint)
        except NotFound as error:
            raise MCPError(INVALID_PARAMS, error.message) from error

    async def _ask(
        self,
        exchange: Exchange,
        offer: Offer,
        method: str,
        params: Mapping[str, Any],
        about: object,
        on_progress: ProgressFn | None,
    ) -> dict[str, Any]:
        try:
            definition = await self._container.registry.definition(offer.entry, exchange.caller.user_id)
        except OrchestratorError as error:
            raise passed_on(error) from error

        async def run(behind: Behind) -> dict[str, Any]:
            try:
                return dict(
                    await self._container.pool.request(
                        definition, method, params, behind=behind, on_progress=on_progress
                    )
                )
            except OrchestratorError as error:
                raise passed_on(error, definition.secrets) from error

        return await conversing(self._rounds, exchange, lambda: about, run)


def require_scope(caller: Caller, scope: Scope) -> None:
    """Raise our JSON-RPC error unless the token carries the scope."""
    try:
        caller.require(scope)
    except Forbidden as error:
        raise MCPError(REFUSED, error.message, error.as_dict()) from error


def passed_on(error: OrchestratorError, secrets: tuple[str, ...] = ()) -> MCPError:
    """The error a server behind us gave, as it was but for secrets of ours; one of our own as an internal error."""
    original = original_error(error)
    if original is None:
        return MCPError(-32603, error.message, error.as_dict())
    code, message, data = original
    for secret in secrets:
        message = message.replace(secret, "***")
    return MCPError(code, message[:2000], data)


def refuse_unwritable(arguments: Mapping[str, Any]) -> None:
    """Raise our JSON-RPC error for numbers that JSON has not, which would arrive as null."""
    try:
        check_finite(arguments, "arguments")
    except InvalidInput as error:
        raise MCPError(INVALID_PARAMS, error.message, error.as_dict()) from error


def unknown_tool(name: str) -> MCPError:
    """The error for a tool that nothing offers here."""
    return MCPError(INVALID_PARAMS, f"Unknown tool: {name[:200]}", {"code": "not_found", "field": "name"})
