"""The MCP endpoints: ``/mcp`` with everything a caller may use, ``/mcp/{name}`` with a chosen part, streamable HTTP.

Used by MCP clients of both eras of the protocol; the official SDK speaks it. Each request carries a bearer token; what
its scopes do not allow is neither listed nor called. Everything of other servers goes through in wire form. What a
tool does is not known here: ours are in ``mcp_tools``; resources, prompts and the rest are in ``mcp_relay``.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from typing import Any
from uuid import UUID

import structlog
from mcp.server import Server
from mcp.server._otel import OpenTelemetryMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import (
    SERVER_INFO_META_KEY,
    CompletionsCapability,
    LoggingCapability,
    PromptsCapability,
    ResourcesCapability,
    ServerCapabilities,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    ToolsCapability,
)
from mcp_types.methods import validate_client_request
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from starlette.requests import Request
from starlette.types import Message, Receive, Send
from starlette.types import Scope as HttpScope

from orchestrator import __version__
from orchestrator.api import mcp_credentials
from orchestrator.api.mcp_call import ToolCalls
from orchestrator.api.mcp_changes import Changes
from orchestrator.api.mcp_conversation import Rounds
from orchestrator.api.mcp_headers import KnownHeaders, ReadHeaders
from orchestrator.api.mcp_listing import ToolLists
from orchestrator.api.mcp_relay import (
    Exchange,
    Relay,
)
from orchestrator.api.mcp_session import IDLE_SECONDS
from orchestrator.api.mcp_shapes import relayed
from orchestrator.api.mcp_short import ShortWay
from orchestrator.api.mcp_tasks_extension import OFFERED, Tasks
from orchestrator.api.own_address import hostname, own_hosts, require_own_host
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.core.errors import (
    Forbidden,
    NotAuthenticated,
)
from orchestrator.mcp.builtin import ProgressFn
from orchestrator.services.mcp_endpoint import EVERYTHING, Endpoint

log = structlog.get_logger(__name__)

_MODERN_ONLY = frozenset({"resultType", "_meta", "ttlMs", "cacheScope"})
_MOST_LEVELS = 10_000
_CALLER, _ENDPOINT = "orchestrator.caller", "orchestrator.endpoint"
_INSTRUCTIONS = """\
Tools named server__tool belong to MCP servers registered with this orchestrator; the others are its own. Work that
takes long, changes code or needs an agent is a task: create_task, then wait_task. list_servers says why the tools of a
server are missing."""

Context = ServerRequestContext[Any, Request]

_caller: ContextVar[Caller] = ContextVar("mcp_caller")
_endpoint: ContextVar[Endpoint] = ContextVar("mcp_endpoint", default=EVERYTHING)


class _Face(Server[Any]):
    """The SDK's server, which would derive from its handlers what is offered; here every method is relayed."""

    def get_capabilities(self, *_: Any, protocol_version: str | None = None, **__: Any) -> ServerCapabilities:
        """All there is: a method that no server behind us knows answers with an empty list or an error."""
        modern = protocol_version in MODERN_PROTOCOL_VERSIONS
        return ServerCapabilities(
            tools=ToolsCapability(list_changed=True),
            prompts=PromptsCapability(list_changed=True),
            resources=ResourcesCapability(subscribe=True, list_changed=True),
            completions=CompletionsCapability(),
            logging=None if modern else LoggingCapability(),
            extensions=OFFERED if modern else None,
        )


class McpDoor:
    """One per application; serves while ``running`` is entered."""

    def __init__(self, container: Container, *, traced: bool = False) -> None:
        """``traced``: every message gets a span of the SDK's."""
        self._container = container
        server = _Face(
            "orchestrator",
            version=__version__,
            title="Orchestrator",
            instructions=_INSTRUCTIONS,
            get_tool_input_schema=self._schema_with_headers,
            on_subscriptions_listen=self._listen,
        )
        # The SDK's tracing costs a sixth of a call, also where nobody collects its spans.
        server.middleware = [*([OpenTelemetryMiddleware()] if traced else []), self._unsieved]
        self._server = server
        self._manager = StreamableHTTPSessionManager(
            server, max_request_body_size=container.settings.max_body_bytes, session_idle_timeout=IDLE_SECONDS
        )
        self._headers = KnownHeaders(self._refuse_rebinding)
        self._short = ShortWay(server, self._manager, self._schema_of, None if traced else self._plain_call)
        self._stamp = server.server_info_stamp
        self._lists = ToolLists(container.catalogue, container.gate)
        self._rounds = Rounds()
        self._tasks = Tasks(container)
        self._calls = ToolCalls(container, self._rounds, self._tasks)
        self._changes = Changes(container)
        self._levels: dict[str, str] = {}
        self._streams: set[asyncio.Task[Any]] = set()
        self._leaving = False
        self._methods: Mapping[str, Callable[[Exchange, ProgressFn | None], Awaitable[dict[str, Any]]]] = {
            "tools/list": lambda exchange, _: self._lists.answer(exchange),
            "tools/call": self._calls.call,
            "logging/setLevel": self._set_level,
            "resources/subscribe": lambda exchange, _: self._changes.subscribe(exchange, wanted=True),
            "resources/unsubscribe": lambda exchange, _: self._changes.subscribe(exchange, wanted=False),
            **Relay(container, self._rounds).methods,
        }
        self._hosts = own_hosts(container)
        self._origins = {origin.strip() for origin in container.settings.cors_origins.split(",") if origin.strip()}

    @asynccontextmanager
    async def running(self) -> AsyncIterator["McpDoor"]:
        """Serve; at the end every session and every call in flight is cancelled."""
        telling = asyncio.create_task(self._changes.run(), name="mcp changes")
        try:
            async with self._manager.run():
                yield self
        finally:
            self._rounds.close()
            await self._tasks.aclose()
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling

    # HTTP.

    async def handle(self, scope: HttpScope, receive: Receive, send: Send) -> None:
        """One HTTP request, from a caller who says who they are."""
        request = self._headers.request(scope, receive)
        try:
            caller = await mcp_credentials.caller_of(request, self._container)
        except NotAuthenticated as error:
            await mcp_credentials.unauthenticated(request, self._container, error)(scope, receive, send)
            return
        self._headers.keep(request.read)
        self._container.request_limit.take(caller.user_id)
        scope[_CALLER] = caller
        endpoint = await self._container.endpoints.find(caller, request.path_params.get("name", ""))
        if endpoint.project_id is not None:
            caller = scope[_CALLER] = replace(caller, project_id=endpoint.project_id)
        scope[_ENDPOINT] = endpoint
        if caller.via == "application":
            lacking, request_id, receive = await mcp_credentials.scope_needed(request, receive, caller, endpoint)
            if lacking is not None:
                answer = mcp_credentials.insufficient(request, self._container, lacking, request_id)
                await answer(scope, receive, send)
                return
        if scope["method"] == "POST":
            body = await _body(receive)
            if body is None or await self._short.serve(request, body, _owner(caller), receive, send):
                return
            receive = _replayed(body, receive)
        _caller.set(caller)
        _endpoint.set(endpoint)
        subject, client_id = map(str, _owner(caller))  # by this the SDK ties a session to whoever opened it
        scope["user"] = AuthenticatedUser(AccessToken(token="", client_id=client_id, scopes=[], subject=subject))
        if scope["method"] != "GET":
            await self._manager.handle_request(scope, receive, send)
        else:
            await self._stream(scope, receive, send)

    async def _stream(self, scope: HttpScope, receive: Receive, send: Send) -> None:
        """A stream that stays open until the client hangs up, or until we do."""
        task = asyncio.current_task()
        assert task is not None
        self._streams.add(task)
        try:
            await self._manager.handle_request(scope, receive, send)
        except asyncio.CancelledError:
            if not self._leaving:
                raise
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._streams.discard(task)

    def hang_up(self) -> None:
        """End what would stay open: the service is about to stop, and calls under way get their time."""
        self._leaving = True
        self._changes.hang_up()
        for task in self._streams:
            task.cancel()

    def _refuse_rebinding(self, headers: ReadHeaders) -> None:
        """A page elsewhere must not reach us under a name it made up, nor in the browser of somebody who can."""
        require_own_host(headers, self._hosts)
        origin = headers.get("origin")
        if origin and origin not in self._origins and hostname(origin) not in self._hosts:
            raise Forbidden(f"pages of {origin[:200]!r} may not call this", field="Origin", hint="set CORS_ORIGINS")

    # Protocol.

    async def _unsieved(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """Answer past the SDK's typed models, which would drop every field they do not know."""
        exchange = self._exchange(ctx)
        if ctx.method == "notifications/initialized":
            self._changes.join(exchange)
            session_id = ctx.request.headers.get("mcp-session-id", "")  # type: ignore[union-attr]
            self._short.join(session_id, _owner(exchange.caller), ctx.session._connection)
        if exchange.modern and (of_tasks := self._tasks.methods.get(ctx.method)):
            return self._for_era(await of_tasks(exchange), modern=True)
        handler = self._methods.get(ctx.method)
        if handler is None or not (exchange.modern or ctx.session.client_params):
            return await call_next(ctx)
        try:
            validate_client_request(ctx.method, ctx.protocol_version, ctx.params)
        except KeyError:
            return await call_next(ctx)  # not in this revision: the SDK says so
        if not exchange.wants_progress:
            return self._for_era(await handler(exchange, None), exchange.modern)
        async with relayed(ctx.session.report_progress) as progress:
            return self._for_era(await handler(exchange, progress), exchange.modern)

    async def _plain_call(self, ctx: Context) -> dict[str, Any]:
        exchange = self._exchange(ctx)
        return self._for_era(await self._calls.call(exchange, None), exchange.modern)

    def _exchange(self, ctx: Context) -> Exchange:
        """Who sent this very request, and through which endpoint: a session outlives tokens."""
        scope = ctx.request.scope  # type: ignore[union-attr]
        level = self._levels.get(ctx.request.headers.get("mcp-session-id", ""), "debug")  # type: ignore[union-attr]
        return Exchange(ctx, scope[_CALLER], scope[_ENDPOINT], ctx.params or {}, level)

    def _for_era(self, wire: dict[str, Any], modern: bool) -> dict[str, Any]:
        """The envelope of the client's era; the one of the server behind us is between it and us."""
        meta = {key: value for key, value in (wire.get("_meta") or {}).items() if key != SERVER_INFO_META_KEY}
        if modern:
            meta[SERVER_INFO_META_KEY] = self._stamp
            return {"resultType": "complete", **wire, "_meta": meta}
        wire = {key: value for key, value in wire.items() if key not in _MODERN_ONLY}
        if not isinstance(wire.get("structuredContent", {}), dict):
            # Only an object is allowed there in this era; the text says the same.
            del wire["structuredContent"]
        return wire | ({"_meta": meta} if meta else {})

    async def _set_level(self, exchange: Exchange, _: ProgressFn | None) -> dict[str, Any]:
        """From which severity on this session wants to hear what servers log."""
        session = exchange.ctx.request.headers.get("mcp-session-id", "")  # type: ignore[union-attr]
        if len(self._levels) >= _MOST_LEVELS:
            self._levels.clear()
        self._levels[session] = str(exchange.params["level"])
        return {}

    async def _listen(self, ctx: Context, params: SubscriptionsListenRequestParams) -> SubscriptionsListenResult:
        exchange = self._exchange(ctx)
        async with self._tasks.noticing(exchange) as ctx:
            return await self._changes.listen(ctx, params, exchange.caller, exchange.endpoint)

    def _schema_with_headers(self, name: str) -> Mapping[str, Any] | None:
        """The schema of a tool whose arguments clients repeat in headers; the SDK compares them."""
        return self._mirrored(_caller.get(), _endpoint.get(), name)

    def _schema_of(self, request: Request, name: str) -> Mapping[str, Any] | None:
        return self._mirrored(request.scope[_CALLER], request.scope[_ENDPOINT], name)

    def _mirrored(self, caller: Caller, endpoint: Endpoint, name: str) -> Mapping[str, Any] | None:
        offered = self._container.catalogue.known_tool(caller, name, endpoint)
        return offered.tool.input_schema if offered is not None and offered.mirrors_arguments else None


def _owner(caller: Caller) -> tuple[UUID, UUID | str]:
    """Whose a session is: nobody else may use it, nor the same user by another log-in (an application may ask more)."""
    return caller.user_id, caller.via if caller.via == "application" else caller.session_id or caller.via


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None when the client hung up before its end. The frame around the application bounds it."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The request once more, for who has not seen it."""
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return pending.pop() if pending else await receive()

    return again
