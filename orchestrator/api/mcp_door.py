"""The MCP endpoint ``/mcp``: every tool of every server the caller may use, and our own, over streamable HTTP.

Used by MCP clients of both eras of the protocol; the official SDK speaks it. Each request carries a bearer token; what
its scopes do not allow is neither listed nor called. Schemas and results of other servers go through in wire form.
What a tool does is not known here: ours are in ``mcp_tools``, the others behind the services.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from mcp import MCPError
from mcp.server import Server
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    SERVER_INFO_META_KEY,
    CallToolRequestParams,
    PaginatedRequestParams,
)
from mcp_types.methods import validate_client_request
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as HttpScope

from orchestrator import __version__
from orchestrator.api.mcp_tools import OWN_TOOLS, Call
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import Forbidden, InvalidInput, NotAuthenticated, NotFound, OrchestratorError
from orchestrator.mcp.builtin import ProgressFn
from orchestrator.mcp.result import ToolResult
from orchestrator.services.mcp_catalogue import OfferedTool

log = structlog.get_logger(__name__)

REFUSED = -32010
"""Our JSON-RPC code for what no other argument would change: the token lacks a scope. ``data`` is our error."""
_LIST_TTL_MS = 5000
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_CALLER = "orchestrator.caller"
_INSTRUCTIONS = """\
Tools named server__tool belong to MCP servers registered with this orchestrator; the others are its own. Work that
takes long, changes code or needs an agent is a task: create_task, then wait_task. list_servers says why the tools of a
server are missing."""
_PROJECT_ID = {"type": "string", "format": "uuid", "description": "The project to work on; list_projects names them."}

Context = ServerRequestContext[Any, Request]

_caller: ContextVar[Caller] = ContextVar("mcp_caller")


class McpDoor:
    """One per application; serves while ``running`` is entered."""

    def __init__(self, container: Container) -> None:
        self._container = container
        # listChanged stays unadvertised: nobody is told of changes yet, and lists say how long they hold.
        server: Server[Any] = Server(
            "orchestrator",
            version=__version__,
            title="Orchestrator",
            instructions=_INSTRUCTIONS,
            get_tool_input_schema=self._schema_with_headers,
            on_list_tools=cast("Any", self._list_tools),
            on_call_tool=cast("Any", self._call_tool),
        )
        # Without the SDK's tracing, which costs a sixth of a call and has no exporter here.
        server.middleware = [self._unsieved]
        self._server = server
        self._manager = StreamableHTTPSessionManager(
            server, max_request_body_size=container.settings.max_body_bytes, session_idle_timeout=1800.0
        )
        self._methods: Mapping[str, Callable[[Context, Any], Awaitable[dict[str, Any]]]] = {
            "tools/list": self._list_tools,
            "tools/call": self._call_tool,
        }
        named = urlsplit(container.settings.base_url).hostname
        self._hosts = _LOOPBACK | {container.settings.host} | ({named} if named else set())
        self._origins = {origin.strip() for origin in container.settings.cors_origins.split(",") if origin.strip()}

    @asynccontextmanager
    async def running(self) -> AsyncIterator["McpDoor"]:
        """Serve; at the end every session and every call in flight is cancelled."""
        async with self._manager.run():
            yield self

    # HTTP.

    async def handle(self, scope: HttpScope, receive: Receive, send: Send) -> None:
        """One HTTP request, from a caller who says who they are."""
        request = Request(scope)
        self._refuse_rebinding(request)
        caller = await self._authenticate(request)
        self._container.request_limit.take(caller.user_id)
        scope[_CALLER] = caller
        # By this the SDK ties a session to whoever opened it.
        owner = AccessToken(
            token="", client_id=str(caller.session_id or caller.via), scopes=[], subject=str(caller.user_id)
        )
        scope["user"] = AuthenticatedUser(owner)
        _caller.set(caller)
        await self._manager.handle_request(scope, receive, send)

    def _refuse_rebinding(self, request: Request) -> None:
        """A page elsewhere must not reach us under a name it made up, nor in the browser of somebody who can."""
        host = _hostname(f"//{request.headers.get('host', '')}")
        if host not in self._hosts:
            raise Forbidden(
                f"this service is not known as {host!r}", field="Host", hint="set PUBLIC_URL to its address"
            )
        origin = request.headers.get("origin")
        if origin and origin not in self._origins and _hostname(origin) not in self._hosts:
            raise Forbidden(f"pages of {origin[:200]!r} may not call this", field="Origin", hint="set CORS_ORIGINS")

    async def _authenticate(self, request: Request) -> Caller:
        """Bearer tokens only: a cookie is sent by browsers without anybody's wish."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise NotAuthenticated("send Authorization: Bearer <access token or personal API token>")
        return await self._container.tokens.caller_of_bearer(token.strip())

    # Protocol.

    async def _unsieved(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """Answer lists and calls past the SDK's typed models, which would drop every field they do not know."""
        handler = self._methods.get(ctx.method)
        modern = ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
        if handler is None or not (modern or ctx.session.client_params):
            return await call_next(ctx)
        validate_client_request(ctx.method, ctx.protocol_version, ctx.params)
        known = PaginatedRequestParams if ctx.method == "tools/list" else CallToolRequestParams
        wire = await handler(ctx, known.model_validate(ctx.params or {}, by_name=False))
        return self._for_era(wire, modern)

    def _for_era(self, wire: dict[str, Any], modern: bool) -> dict[str, Any]:
        """The envelope of the client's era; the one of the server behind us is between it and us."""
        meta = {key: value for key, value in (wire.get("_meta") or {}).items() if key != SERVER_INFO_META_KEY}
        if modern:
            meta[SERVER_INFO_META_KEY] = self._server.server_info_stamp
            return {"resultType": "complete", **wire, "_meta": meta}
        wire = {key: value for key, value in wire.items() if key not in ("resultType", "_meta", "ttlMs", "cacheScope")}
        if not isinstance(wire.get("structuredContent", {}), dict):
            # Only an object is allowed there in this era; the text says the same.
            del wire["structuredContent"]
        return wire | ({"_meta": meta} if meta else {})

    async def _list_tools(self, ctx: Context, params: PaginatedRequestParams | None) -> dict[str, Any]:
        """Every tool the token may call, and beside them how each server stands."""
        if params is not None and params.cursor is not None:
            raise MCPError(INVALID_PARAMS, "This list has one page: no cursor was given out.")
        caller = _caller_of(ctx)
        legacy = ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS
        tools = [tool.info.to_wire() for tool in OWN_TOOLS.values() if tool.scope in caller.scopes]
        answer: dict[str, Any] = {"tools": tools, "ttlMs": _LIST_TTL_MS, "cacheScope": "private"}
        if Scope.MCPS_EXECUTE in caller.scopes:
            listing = await self._container.catalogue.listing(caller)
            tools += [_offered(tool, caller, legacy=legacy) for tool in listing.tools]
            standings = [
                {"server": one.server, "status": one.status, "tools": one.tools}
                | ({"error": one.error} if one.error else {})
                for one in listing.servers
            ]
            answer["_meta"] = {"orchestrator/servers": standings}
        return answer

    async def _call_tool(self, ctx: Context, params: CallToolRequestParams) -> dict[str, Any]:
        """Call a tool. What a model can mend is a result that says so; unknown tools and missing scopes are errors."""
        caller = _caller_of(ctx)
        token = ((ctx.params or {}).get("_meta") or {}).get("progressToken")
        try:
            if token is None:
                result = await self._run(caller, params.name, params.arguments or {}, None)
            else:
                async with _relayed(ctx.session.report_progress) as progress:
                    result = await self._run(caller, params.name, params.arguments or {}, progress)
        except OrchestratorError as error:
            result = ToolResult.failure(error.message, error.as_dict())
        except (MCPError, asyncio.CancelledError):
            raise
        except Exception as error:  # the edge of a request: internals must not reach the client
            log.exception("mcp_call_crashed", tool=params.name[:200])
            raise MCPError(INTERNAL_ERROR, "Something went wrong on our side; the log has it.") from error
        return result.to_wire()

    async def _run(
        self, caller: Caller, name: str, arguments: dict[str, Any], progress: ProgressFn | None
    ) -> ToolResult:
        own = OWN_TOOLS.get(name)
        if own is not None:
            _require(caller, own.scope)
            return await own(Call(self._container, caller, progress), arguments)
        _require(caller, Scope.MCPS_EXECUTE)
        offered = await self._container.catalogue.find(caller, name)
        if offered is None:
            raise _unknown(name)
        project_id = caller.project_id
        if offered.entry.reads_project:
            project_id, arguments = _project_of(caller, arguments)
        try:
            return await self._container.tool_calls.call_on(
                caller, offered.entry, offered.tool.name, arguments, project_id=project_id, on_progress=progress
            )
        except NotFound as error:
            if error.field == "tool":
                raise _unknown(name) from error
            raise

    def _schema_with_headers(self, name: str) -> Mapping[str, Any] | None:
        """The schema of a tool whose arguments clients repeat in headers; the SDK compares them."""
        offered = self._container.catalogue.known_tool(_caller.get(), name)
        return offered.tool.input_schema if offered is not None and offered.mirrors_arguments else None


@asynccontextmanager
async def _relayed(send: ProgressFn) -> AsyncIterator[ProgressFn]:
    """Progress on its way to one client: a slow reader holds nobody up and misses steps in between, never the last."""
    waiting: asyncio.Queue[tuple[float, float | None, str | None] | None] = asyncio.Queue(64)

    def put(step: tuple[float, float | None, str | None] | None) -> None:
        if waiting.full():
            waiting.get_nowait()
        waiting.put_nowait(step)

    async def tell(done: float, total: float | None = None, message: str | None = None) -> None:
        put((done, total, message))

    async def pump() -> None:
        while (step := await waiting.get()) is not None:
            await send(*step)

    pumping = asyncio.create_task(pump(), name="mcp progress")
    try:
        yield tell
        put(None)
        await pumping
    finally:
        pumping.cancel()


def _caller_of(ctx: Context) -> Caller:
    """Whoever sent this very request: a session outlives tokens."""
    caller: Caller = ctx.request.scope[_CALLER]  # type: ignore[union-attr]
    return caller


def _require(caller: Caller, scope: Scope) -> None:
    try:
        caller.require(scope)
    except Forbidden as error:
        raise MCPError(REFUSED, error.message, error.as_dict()) from error


def _unknown(name: str) -> MCPError:
    return MCPError(INVALID_PARAMS, f"Unknown tool: {name[:200]}", {"code": "not_found", "field": "name"})


def _offered(offered: OfferedTool, caller: Caller, *, legacy: bool) -> dict[str, Any]:
    """The tool as its server describes it, under its name here, and with the project where it wants one."""
    wire = offered.tool.to_wire() | {"name": offered.name}
    if legacy and wire.get("outputSchema", {}).get("type", "object") != "object":
        del wire["outputSchema"]
    if offered.entry.reads_project:
        schema = dict(wire["inputSchema"])
        schema["properties"] = {**schema.get("properties", {}), "project_id": _PROJECT_ID}
        if caller.project_id is None:
            schema["required"] = [*schema.get("required", ()), "project_id"]
        wire["inputSchema"] = schema
    return wire


def _project_of(caller: Caller, arguments: dict[str, Any]) -> tuple[UUID, dict[str, Any]]:
    """The project an argument names, else the token's own; and the arguments as the tool knows them."""
    rest = dict(arguments)
    named = rest.pop("project_id", None)
    if named is None and caller.project_id is not None:
        return caller.project_id, rest
    try:
        return UUID(named), rest
    except (ValueError, TypeError, AttributeError) as error:
        message = (
            "name a project: list_projects gives their ids" if named is None else "this is not the id of a project"
        )
        raise InvalidInput(f"arguments.project_id: {message}", field="arguments.project_id") from error


def _hostname(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


class _Endpoint:
    """Finds the application's door; a class, since the router hands requests to functions only after wrapping them."""

    async def __call__(self, scope: HttpScope, receive: Receive, send: Send) -> None:
        door: McpDoor = scope["app"].state.mcp_door
        await door.handle(scope, receive, send)


_endpoint: ASGIApp = _Endpoint()
ROUTE = Route("/mcp", endpoint=_endpoint, methods=None, include_in_schema=False)
