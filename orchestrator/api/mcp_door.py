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

import orjson
import structlog
from mcp import MCPError
from mcp.server import Server
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import (
    INTERNAL_ERROR,
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
from orchestrator.api.mcp_changes import Changes
from orchestrator.api.mcp_conversation import Rounds, capabilities_of
from orchestrator.api.mcp_headers import read_once
from orchestrator.api.mcp_listing import ToolLists
from orchestrator.api.mcp_login import asked_to_log_in, more_of
from orchestrator.api.mcp_own_tool import Call, OwnTool
from orchestrator.api.mcp_relay import (
    Exchange,
    Relay,
    conversing,
    passed_on,
    refuse_unwritable,
    require_scope,
    unknown_tool,
)
from orchestrator.api.mcp_search import CALL_TOOL, called
from orchestrator.api.mcp_shapes import project_of, relayed
from orchestrator.api.mcp_short import IDLE_SECONDS, ShortWay
from orchestrator.api.mcp_tasks_extension import OFFERED, Tasks
from orchestrator.api.mcp_tools import OWN_SERVER, own_tools
from orchestrator.api.own_address import hostname, own_hosts, require_own_host
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import (
    ConsentNeeded,
    CredentialsNeeded,
    DeniedByPolicy,
    Forbidden,
    NotAuthenticated,
    NotFound,
    OrchestratorError,
)
from orchestrator.mcp.builtin import ProgressFn
from orchestrator.mcp.pool import Behind
from orchestrator.mcp.result import ToolResult
from orchestrator.mcp.translate import original_error
from orchestrator.services import shown_tools
from orchestrator.services.call_gate import Door, ToolCall
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

    def __init__(self, container: Container) -> None:
        self._container = container
        server = _Face(
            "orchestrator",
            version=__version__,
            title="Orchestrator",
            instructions=_INSTRUCTIONS,
            get_tool_input_schema=self._schema_with_headers,
            on_subscriptions_listen=self._listen,
        )
        # Without the SDK's tracing, which costs a sixth of a call and has no exporter here.
        server.middleware = [self._unsieved]
        self._server = server
        self._manager = StreamableHTTPSessionManager(
            server, max_request_body_size=container.settings.max_body_bytes, session_idle_timeout=IDLE_SECONDS
        )
        self._short = ShortWay(server, self._manager, self._schema_with_headers, self._plain_call)
        self._stamp = server.server_info_stamp
        self._lists = ToolLists(container.catalogue, container.gate)
        self._rounds = Rounds()
        self._tasks = Tasks(container)
        self._changes = Changes(container)
        self._levels: dict[str, str] = {}
        self._streams: set[asyncio.Task[Any]] = set()
        self._leaving = False
        self._methods: Mapping[str, Callable[[Exchange, ProgressFn | None], Awaitable[dict[str, Any]]]] = {
            "tools/list": lambda exchange, _: self._lists.answer(exchange),
            "tools/call": self._call_tool,
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
        request = read_once(scope, receive)
        self._refuse_rebinding(request)
        try:
            caller = await mcp_credentials.caller_of(request, self._container)
        except NotAuthenticated as error:
            await mcp_credentials.unauthenticated(request, self._container, error)(scope, receive, send)
            return
        self._container.request_limit.take(caller.user_id)
        scope[_CALLER] = caller
        endpoint = await self._container.endpoints.find(caller, request.path_params.get("name", ""))
        if endpoint.project_id is not None:
            caller = scope[_CALLER] = replace(caller, project_id=endpoint.project_id)
        scope[_ENDPOINT] = endpoint
        lacking, request_id, receive = await mcp_credentials.scope_needed(request, receive, caller, endpoint)
        if lacking is not None:
            answer = mcp_credentials.insufficient(request, self._container, lacking, request_id)
            await answer(scope, receive, send)
            return
        _caller.set(caller)
        _endpoint.set(endpoint)
        if scope["method"] == "POST":
            body = await _body(receive)
            if body is None or await self._short.serve(request, body, _owner(caller), receive, send):
                return
            receive = _replayed(body, receive)
        subject, client_id = _owner(caller)  # by this the SDK ties a session to whoever opened it
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

    def _refuse_rebinding(self, request: Request) -> None:
        """A page elsewhere must not reach us under a name it made up, nor in the browser of somebody who can."""
        require_own_host(request, self._hosts)
        origin = request.headers.get("origin")
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
        return self._for_era(await self._call_tool(exchange, None), exchange.modern)

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

    async def _call_tool(self, exchange: Exchange, on_progress: ProgressFn | None) -> dict[str, Any]:
        """Call a tool. What a model can mend is a result that says so; unknown tools and missing scopes are errors."""
        name, arguments = str(exchange.params["name"]), dict(exchange.params.get("arguments") or {})
        refuse_unwritable(arguments)
        try:
            return await self._run(exchange, name, arguments, on_progress)
        except CredentialsNeeded as error:
            return asked_to_log_in(exchange, error) or ToolResult.failure(error.message, error.as_dict()).to_wire()
        except OrchestratorError as error:
            if original_error(error) is not None:
                raise passed_on(error) from error
            if isinstance(error, DeniedByPolicy | ConsentNeeded):
                raise MCPError(mcp_credentials.REFUSED, error.message, error.as_dict()) from error
            return ToolResult.failure(error.message, error.as_dict()).to_wire()
        except (MCPError, asyncio.CancelledError):
            raise
        except Exception as error:  # the edge of a request: internals must not reach the client
            log.exception("mcp_call_crashed", tool=name[:200])
            raise MCPError(INTERNAL_ERROR, "Something went wrong on our side; the log has it.") from error

    async def _run(
        self, exchange: Exchange, name: str, arguments: dict[str, Any], on_progress: ProgressFn | None
    ) -> dict[str, Any]:
        caller = exchange.caller
        if exchange.endpoint.search and name == CALL_TOOL.name:
            name, arguments = called(arguments)
        own = own_tools(exchange.endpoint).get(name)
        if own is not None:
            require_scope(caller, own.scope)
            given = self._tasks.arguments(exchange, name, arguments)
            return await self._tasks.own(exchange, name, await self._run_own(exchange, own, given, on_progress))
        require_scope(caller, Scope.MCPS_EXECUTE)
        offered = await self._container.catalogue.find(caller, name, exchange.endpoint)
        if offered is None:
            raise unknown_tool(name)
        project_id = caller.project_id
        if offered.entry.reads_project:
            project_id, arguments = project_of(caller, arguments)

        async def run(behind: Behind | None) -> dict[str, Any]:
            call = ToolCall(
                caller, Door.MCP, offered.entry, offered.tool.name, arguments, project_id=project_id,
                request_id=exchange.request_id, endpoint=exchange.endpoint.name, behind=behind, more=more_of(exchange),
                unlisted=offered.unlisted,
            )  # fmt: skip
            answer = await self._container.tool_calls.call(call, on_progress=on_progress)
            return self._tasks.handed_on(exchange, offered.entry, answer.to_wire())

        try:
            entry, late = offered.entry, self._tasks.late(exchange, offered, arguments)
            asks = late is not None or entry.transport != "builtin"
            if not asks and not await self._container.consent.would_ask(caller, entry, offered.tool.name, project_id):
                return await run(None)
            return await conversing(self._rounds, exchange, ("tools/call", name, orjson.dumps(arguments)), run, late)
        except NotFound as error:
            if error.field == "tool":
                raise unknown_tool(name) from error
            raise

    async def _run_own(
        self, exchange: Exchange, own: OwnTool, arguments: dict[str, Any], on_progress: ProgressFn | None
    ) -> dict[str, Any]:
        """A tool of ours passes the gate like any other."""
        container, caller = self._container, exchange.caller

        async def make() -> ToolResult:
            declared = shown_tools.declared(capabilities_of(exchange.ctx))
            return await own(Call(container, caller, exchange.endpoint, on_progress, declared), arguments)

        async def run(behind: Behind | None) -> dict[str, Any]:
            call = ToolCall(
                caller, Door.MCP, OWN_SERVER, own.name, arguments, project_id=caller.project_id,
                request_id=exchange.request_id, endpoint=exchange.endpoint.name, behind=behind,
            )  # fmt: skip
            return (await container.gate.through(call, make)).to_wire()

        if not await container.consent.would_ask(caller, OWN_SERVER, own.name, caller.project_id):
            return await run(None)
        return await conversing(self._rounds, exchange, ("tools/call", own.name, orjson.dumps(arguments)), run)

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
        offered = self._container.catalogue.known_tool(_caller.get(), name, _endpoint.get())
        return offered.tool.input_schema if offered is not None and offered.mirrors_arguments else None


def _owner(caller: Caller) -> tuple[str, str]:
    """Whose a session is: nobody else may use it, nor the same user by another log-in (an application may ask more)."""
    return str(caller.user_id), caller.via if caller.via == "application" else str(caller.session_id or caller.via)


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
