"""The short way of a request through the MCP endpoint: read, handled and answered in the task that received it.

Used by the MCP door. The SDK carries every request through streams and tasks of its own, which costs several times what
the call does. Here only plain requests are taken, of both eras; what is refused, opens, listens or ends a session goes
to the SDK as it came, so that every refusal is the SDK's. An answer is JSON, unless there is something to tell before.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from secrets import token_hex
from typing import Any, cast

import anyio
from mcp import MCPError
from mcp.server import Server
from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.runner import ServerRunner, modern_error_data
from mcp.server.session import ServerSession
from mcp.server.streamable_http import StreamableHTTPServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.dispatcher import CallOptions
from mcp.shared.exceptions import NoBackChannelError
from mcp.shared.inbound import (
    ERROR_CODE_HTTP_STATUS,
    InboundModernRoute,
    classify_inbound_request,
    find_duplicated_routing_header,
    validate_mcp_param_headers,
)
from mcp.shared.jsonrpc_dispatcher import progress_token_from_params
from mcp.shared.message import ServerMessageMetadata
from mcp.shared.transport_context import TransportContext
from mcp_types import RequestParamsMeta
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from starlette.requests import Request
from starlette.types import Receive, Send

from orchestrator.api.mcp_clients import Client, Clients, is_plain_call
from orchestrator.api.mcp_headers import DoorRequest, ReadHeaders
from orchestrator.api.mcp_message import as_json, is_request, parts_of, read_message
from orchestrator.api.mcp_relay import SHORT
from orchestrator.api.whole_answer import is_offered, whole

IDLE_SECONDS = 1800.0
_PING_SECONDS = 15.0
_WATCH_SECONDS = 0.1
_CANCELLED = -32800
_QUESTION = "orchestrator-"
_MOST_FOUND = 4
_NOTHING: Mapping[str, Any] = {}
_JSON = (b"content-type", b"application/json")
_JSON_LINES = b"content-type: application/json\r\ncontent-length: "
_EVENTS = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"connection", b"keep-alive"),
    (b"x-accel-buffering", b"no"),
)

SchemaOf = Callable[[Request, str], Mapping[str, Any] | None]
"""The schema of a tool for who sent the request, if arguments of it are repeated in headers."""
PlainCall = Callable[[ServerRequestContext[Any, Any]], Awaitable[dict[str, Any]]]
"""Answers a tool call that is known to be a right request."""


class _Reply:
    """The answer to one request, and what the SDK calls its dispatch context: JSON, or events from the first one on."""

    def __init__(self, request: Request, message: Mapping[str, Any], send: Send, session: "_Session | None") -> None:
        request.scope[SHORT] = True
        self.request_id: str | int = message["id"]
        self.can_send_request = session is not None
        self._request = request
        self._params = message.get("params")
        self._send = send
        self._session = session
        self.done = self.gone = False
        self._begun = False

    # What few calls need.

    @cached_property
    def message_metadata(self) -> ServerMessageMetadata:
        """The request, for the SDK."""
        return ServerMessageMetadata(request_context=self._request)

    @cached_property
    def transport(self) -> TransportContext:
        """How it came, for the SDK."""
        return TransportContext(
            kind="streamable-http", can_send_request=self.can_send_request, headers=self._request.headers
        )

    @cached_property
    def _writing(self) -> asyncio.Lock:
        return asyncio.Lock()

    @cached_property
    def cancel_requested(self) -> anyio.Event:
        """What the SDK wants there; nobody sets it, since a call that is given up is cancelled."""
        return anyio.Event()

    @property
    def _headers(self) -> list[tuple[bytes, bytes]]:
        return [] if self._session is None else [(b"mcp-session-id", self._session.id.encode())]

    async def notify(self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None) -> None:
        """Tell the client something before its answer."""
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        await self._event(message if params is None else {**message, "params": dict(params)})

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Tell how far the work is, where the client wants to know."""
        token = progress_token_from_params(self._params)
        if token is None:
            return
        told = {"total": total, "message": message}
        known = {key: value for key, value in told.items() if value is not None}
        await self.notify("notifications/progress", {"progressToken": token, "progress": progress, **known})

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        """Ask the client on the stream of its own request; it answers by a request of its own."""
        if self._session is None:
            raise NoBackChannelError(method)
        with self._session.question() as (key, answer):
            message: dict[str, Any] = {"jsonrpc": "2.0", "id": key, "method": method}
            await self._event(message if params is None else {**message, "params": dict(params)})
            try:
                return await answer
            except asyncio.CancelledError:
                await self.notify("notifications/cancelled", {"requestId": key})
                raise

    async def result(self, result: Mapping[str, Any]) -> None:
        """Answer."""
        await self._end({"jsonrpc": "2.0", "id": self.request_id, "result": result}, 200)

    async def error(self, code: int, message: str, data: object = None) -> None:
        """Answer with an error; in the newer era its kind shows in the status, too."""
        error = {"code": code, "message": message} | ({} if data is None else {"data": data})
        status = ERROR_CODE_HTTP_STATUS.get(code, 200) if self._session is None else 200
        await self._end({"jsonrpc": "2.0", "id": self.request_id, "error": error}, status)

    async def cancelled(self) -> None:
        """Answer who has given the request up: as an event, since clients that leave trip over a JSON answer."""
        error = {"code": _CANCELLED, "message": "Request cancelled"}
        await self._event({"jsonrpc": "2.0", "id": self.request_id, "error": error}, last=True)

    async def keep_alive(self) -> None:
        """From time to time, so that nobody in between takes a long call for a dead one."""
        while True:
            await asyncio.sleep(_PING_SECONDS)
            await self._write(b": ping\r\n\r\n")

    async def _event(self, message: Mapping[str, Any], *, last: bool = False) -> None:
        await self._write(b"event: message\r\ndata: " + as_json(message) + b"\r\n\r\n", last=last)

    async def _write(self, event: bytes, *, last: bool = False) -> None:
        async with self._writing:
            if self.done:
                return  # a call that waits for answers may have something to say between two requests
            self.done = last
            if not self._begun:
                self._begun = True
                headers = [*_EVENTS, *self._headers]
                await self._send({"type": "http.response.start", "status": 200, "headers": headers})
            await self._send({"type": "http.response.body", "body": event, "more_body": not last})

    async def _end(self, message: Mapping[str, Any], status: int) -> None:
        if self._begun:
            await self._event(message, last=True)
            return
        self.done = self._begun = True
        parts = parts_of(message)
        length = sum(map(len, parts))
        if is_offered(self._request.scope):
            session = b"" if self._session is None else b"mcp-session-id: %b\r\n" % self._session.id.encode()
            await self._send(whole(status, b"%b%d\r\n%b" % (_JSON_LINES, length, session), parts))
            return
        headers = [_JSON, (b"content-length", str(length).encode()), *self._headers]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        for number, part in enumerate(parts, 1):
            await self._send({"type": "http.response.body", "body": part, "more_body": number < len(parts)})


@dataclass(eq=False)
class _Session:
    """One session of the older era, as far as the short way knows it."""

    id: str
    owner: object
    connection: Connection
    transport: StreamableHTTPServerTransport
    client: Client
    plain_client: Client
    running: dict[str | int, asyncio.Task[Any]] = field(default_factory=dict)
    asked: dict[str, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)

    def hold(self) -> None:
        """As the SDK does it for its own requests: no session is idle while one is under way."""
        self.transport._requests_in_flight += 1
        if self.transport.idle_scope is not None:
            self.transport.idle_scope.deadline = math.inf

    def release(self) -> None:
        """It has ended."""
        transport, scope = self.transport, self.transport.idle_scope
        transport._requests_in_flight -= 1
        if scope is not None and not transport._requests_in_flight:
            scope.deadline = asyncio.get_running_loop().time() + IDLE_SECONDS  # the clock of its scopes here

    @contextmanager
    def question(self) -> Iterator[tuple[str, asyncio.Future[dict[str, Any]]]]:
        """A question under way: its id, and its answer to come."""
        key = _QUESTION + token_hex(8)
        answer = self.asked[key] = asyncio.get_running_loop().create_future()
        try:
            yield key, answer
        finally:
            del self.asked[key]

    def take(self, message: Mapping[str, Any]) -> bool:
        """An answer to a question of ours, or word that a request of ours is to be given up; else False."""
        if message.get("method") == "notifications/cancelled":
            params = message.get("params")
            request_id = params.get("requestId") if isinstance(params, Mapping) else None
            task = self.running.get(request_id) if isinstance(request_id, str | int) else None
            return task is not None and task.cancel()
        key = message.get("id")
        answer = self.asked.get(key) if isinstance(key, str) else None
        if answer is None or answer.done() or "method" in message:
            return False
        error = message.get("error")
        if isinstance(error, Mapping) and isinstance(error.get("code"), int):
            answer.set_exception(MCPError(error["code"], str(error.get("message", "")), error.get("data")))
        else:
            result = message.get("result")
            answer.set_result(dict(result) if isinstance(result, Mapping) else {})
        return True

    def end(self) -> None:
        """Calls of a session end with it."""
        for task in list(self.running.values()):
            task.cancel()


class ShortWay:
    """One per door. ``serve`` says whether it has answered; where not, nothing was sent."""

    def __init__(
        self,
        server: Server[Any],
        manager: StreamableHTTPSessionManager,
        schema_of: SchemaOf,
        plain_call: PlainCall | None,
    ) -> None:
        """Without ``plain_call`` every call is handed to the SDK."""
        self._plain_call = plain_call
        self._server = server
        self._manager = manager
        self._schema_of = schema_of
        self._sessions: dict[str, _Session] = {}
        self._clients = Clients()

    def join(self, session_id: str, owner: object, connection: Connection) -> None:
        """A session of the older era is open."""
        transport = self._manager._server_instances.get(session_id)
        if transport is None or session_id in self._sessions:
            return
        client, plain = Client(connection, None), Client(connection, None, is_plain=True)
        session = self._sessions[session_id] = _Session(session_id, owner, connection, transport, client, plain)
        connection.exit_stack.callback(session.end)
        connection.exit_stack.callback(self._sessions.pop, session_id, None)

    async def serve(self, request: DoorRequest, body: bytes, owner: object, receive: Receive, send: Send) -> bool:
        """Answer a POST, if it is a plain request that nothing is wrong with."""
        headers = request.read
        message = read_message(body)
        if message is None or not headers.acceptable:
            return False
        version = headers.get("mcp-protocol-version")
        if version in MODERN_PROTOCOL_VERSIONS:
            return await self._modern(request, message, receive, send)
        session = self._sessions.get(headers.get("mcp-session-id", ""))
        known = session is not None and session.owner == owner and not session.transport.is_terminated
        if session is None or not known or (version is not None and version not in HANDSHAKE_PROTOCOL_VERSIONS):
            return False
        if is_request(message):
            await self._legacy(request, message, session, receive, send)
            return True
        if not session.take(message):
            return False
        session_id = (b"mcp-session-id", session.id.encode())
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0"), session_id]})
        await send({"type": "http.response.body", "body": b""})
        return True

    async def _modern(self, request: DoorRequest, message: dict[str, Any], receive: Receive, send: Send) -> bool:
        who = self._client(request.read, message) if is_request(message) else None
        if who is None or not self._repeats_arguments(request, message):
            return False
        reply = _Reply(request, message, send, None)
        work = asyncio.current_task()
        assert work is not None
        try:
            await _answered(reply, self._handled(reply, request, message, who), _Beside(receive, work, reply))
        except asyncio.CancelledError:
            # The client has hung up, which cancels in this era, and nobody waits for an answer; else it is not ours.
            if not reply.gone or work.uncancel():
                raise
        return True

    def _client(self, headers: ReadHeaders, message: Mapping[str, Any]) -> Client | None:
        """Who sends the request, if nothing is wrong with it. For the same headers and words that is found out once."""
        params = message.get("params") or {}
        said = self._clients.key(message["method"], params)
        if said is not None and (known := headers.found.get(said)) is not None:
            return known  # type: ignore[no-any-return]
        if find_duplicated_routing_header(headers.items()) is not None:
            return None
        verdict = classify_inbound_request(message, headers=headers)
        if not isinstance(verdict, InboundModernRoute):
            return None
        who = self._clients.of(verdict, params["_meta"])
        if said is not None and len(headers.found) < _MOST_FOUND:
            headers.found[said] = who
        return who

    async def _legacy(
        self, request: Request, message: dict[str, Any], session: _Session, receive: Receive, send: Send
    ) -> None:
        """A client that hangs up cancels here, too: the protocol keeps calls for those who come back; here none can."""
        reply = _Reply(request, message, send, session)
        work = asyncio.current_task()
        assert work is not None
        session.running[reply.request_id] = work
        session.hold()
        try:
            who = session.client if "_meta" in message.get("params", _NOTHING) else session.plain_client
            await _answered(reply, self._handled(reply, request, message, who), _Beside(receive, work, reply))
        except asyncio.CancelledError:
            if not work.uncancel():
                await reply.cancelled()
        finally:
            session.release()
            if session.running.get(reply.request_id) is work:
                del session.running[reply.request_id]

    def _handled(
        self, reply: _Reply, request: Request, message: Mapping[str, Any], who: Client
    ) -> Awaitable[dict[str, Any]]:
        """By the SDK, which judges the request first; a plain call, whose ``_meta`` is known, needs no judging."""
        method, params, connection = message["method"], message.get("params"), who.connection
        if self._plain_call is None or not who.is_plain or not is_plain_call(message):
            return ServerRunner(self._server, connection, {}).on_request(reply, method, params)
        meta = cast("RequestParamsMeta | None", None if who.meta is None else dict(who.meta))
        session = ServerSession(reply, connection, request_meta=meta)
        return self._plain_call(
            ServerRequestContext(
                session=session, lifespan_context={}, protocol_version=connection.protocol_version, method=method,
                params=params, request_id=reply.request_id, meta=meta, request=request,
            )
        )  # fmt: skip

    def _repeats_arguments(self, request: Request, message: Mapping[str, Any]) -> bool:
        """Whether arguments that are to be repeated in headers are there as they are in the body."""
        params = message.get("params") or {}
        if message["method"] != "tools/call" or not isinstance(params.get("name"), str):
            return True
        schema = self._schema_of(request, params["name"])
        arguments = params.get("arguments") or {}
        if schema is None or not isinstance(arguments, Mapping):
            return True
        return validate_mcp_param_headers(schema, arguments, request.headers) is None


async def _answered(reply: _Reply, work: Awaitable[dict[str, Any]], beside: "_Beside") -> None:
    """Do the work and answer with what comes of it."""
    with beside:
        try:
            result = await work
        except Exception as error:  # noqa: BLE001 - the edge of a request: the SDK tells what of it may be shown
            told = modern_error_data(error)
            await reply.error(told.code, told.message, told.data)
        else:
            await reply.result(result)


class _Beside:
    """What goes on beside the work, once that is not quickly done: signs of life, and a look at whether anybody waits.

    A class of its own, since a generator would cost several times as much.
    """

    __slots__ = ("_receive", "_reply", "_tasks", "_timer", "_work")

    def __init__(self, receive: Receive, work: asyncio.Task[Any], reply: _Reply) -> None:
        self._receive, self._work, self._reply = receive, work, reply
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    def __enter__(self) -> None:
        self._timer = self._work.get_loop().call_later(_WATCH_SECONDS, self._begin)

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        for task in self._tasks:
            task.cancel()

    def _begin(self) -> None:
        watching = _cancel_when_gone(self._receive, self._work, self._reply)
        self._tasks = (
            asyncio.create_task(watching, name="mcp watch"),
            asyncio.create_task(self._reply.keep_alive(), name="mcp signs of life"),
        )


async def _cancel_when_gone(receive: Receive, work: asyncio.Task[Any], reply: _Reply) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    if not reply.done:
        reply.gone = True
        work.cancel()
