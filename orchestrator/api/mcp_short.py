"""The short way of a request through the MCP endpoint: read, handled and answered in the task that received it.

Used by the MCP door. The SDK carries every request through streams and tasks of its own, which costs several times what
the call does. Here only plain requests are taken, of both eras; what is refused, opens, listens or ends a session goes
to the SDK as it came, so that every refusal is the SDK's. An answer is JSON, unless there is something to tell before.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from secrets import token_hex
from typing import Any

import anyio
from mcp import MCPError
from mcp.server import Server
from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.runner import ServerRunner, modern_error_data
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
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from starlette.requests import Request
from starlette.types import Receive, Send

from orchestrator.api.mcp_clients import Client, Clients, is_plain_call
from orchestrator.api.mcp_message import as_json, is_acceptable, is_request, parts_of, read_message
from orchestrator.api.mcp_relay import SHORT

IDLE_SECONDS = 1800.0
_PING_SECONDS = 15.0
_WATCH_SECONDS = 0.1
_CANCELLED = -32800
_QUESTION = "orchestrator-"
_JSON = (b"content-type", b"application/json")
_EVENTS = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"connection", b"keep-alive"),
    (b"x-accel-buffering", b"no"),
)

SchemaOf = Callable[[str], Mapping[str, Any] | None]
PlainCall = Callable[[ServerRequestContext[Any, Any]], Awaitable[dict[str, Any]]]
"""Answers a tool call that is known to be a right request."""


class _Reply:
    """The answer to one request, and what the SDK calls its dispatch context: JSON, or events from the first one on."""

    def __init__(self, request: Request, message: Mapping[str, Any], send: Send, session: "_Session | None") -> None:
        request.scope[SHORT] = True
        self.request_id: str | int = message["id"]
        self.message_metadata = ServerMessageMetadata(request_context=request)
        self.can_send_request = session is not None
        self.transport = TransportContext(
            kind="streamable-http", can_send_request=self.can_send_request, headers=request.headers
        )
        self._token = progress_token_from_params(message.get("params"))
        self._send = send
        self._session = session
        self.done = self.gone = False
        self._begun = False
        self._writing = asyncio.Lock()

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
        if self._token is None:
            return
        told = {"total": total, "message": message}
        known = {key: value for key, value in told.items() if value is not None}
        await self.notify("notifications/progress", {"progressToken": self._token, "progress": progress, **known})

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
            await self._write(b": ping\r\n\r\n")
            await asyncio.sleep(_PING_SECONDS)

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
        *parts, last = parts_of(message)
        length = sum(map(len, parts)) + len(last)
        headers = [_JSON, (b"content-length", str(length).encode()), *self._headers]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        for part in parts:
            await self._send({"type": "http.response.body", "body": part, "more_body": True})
        await self._send({"type": "http.response.body", "body": last})


@dataclass(eq=False)
class _Session:
    """One session of the older era, as far as the short way knows it."""

    id: str
    owner: object
    connection: Connection
    transport: StreamableHTTPServerTransport
    running: dict[str | int, asyncio.Task[Any]] = field(default_factory=dict)
    asked: dict[str, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)

    @contextmanager
    def held(self) -> Iterator[None]:
        """As the SDK does it for its own requests: no session is idle while one is under way."""
        transport, scope = self.transport, self.transport.idle_scope
        transport._requests_in_flight += 1
        if scope is not None:
            scope.deadline = math.inf
        try:
            yield
        finally:
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
        self, server: Server[Any], manager: StreamableHTTPSessionManager, schema_of: SchemaOf, plain_call: PlainCall
    ) -> None:
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
        session = self._sessions[session_id] = _Session(session_id, owner, connection, transport)
        connection.exit_stack.callback(session.end)
        connection.exit_stack.callback(self._sessions.pop, session_id, None)

    async def serve(self, request: Request, body: bytes, owner: object, receive: Receive, send: Send) -> bool:
        """Answer a POST, if it is a plain request that nothing is wrong with."""
        headers = request.headers
        message = read_message(body)
        if message is None or not is_acceptable(request):
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

    async def _modern(self, request: Request, message: dict[str, Any], receive: Receive, send: Send) -> bool:
        headers = request.headers
        if not is_request(message) or find_duplicated_routing_header(headers.items()) is not None:
            return False
        verdict = classify_inbound_request(message, headers=headers)
        if not isinstance(verdict, InboundModernRoute) or not self._repeats_arguments(request, message):
            return False
        who = self._clients.of(verdict, message["params"]["_meta"])
        reply = _Reply(request, message, send, None)
        work = asyncio.current_task()
        assert work is not None
        try:
            with _later(_WATCH_SECONDS, partial(_cancel_when_gone, receive, work, reply)):
                await _answered(reply, self._handled(reply, message, who, plain=who.meta is not None))
        except asyncio.CancelledError:
            # The client has hung up, which cancels in this era, and nobody waits for an answer; else it is not ours.
            if not reply.gone or work.uncancel():
                raise
        return True

    async def _legacy(
        self, request: Request, message: dict[str, Any], session: _Session, receive: Receive, send: Send
    ) -> None:
        """A client that hangs up cancels here, too: the protocol keeps calls for those who come back; here none can."""
        reply = _Reply(request, message, send, session)
        who = Client(session.connection, None)
        plain = "_meta" not in message.get("params", {})
        work = asyncio.current_task()
        assert work is not None
        session.running[reply.request_id] = work
        try:
            with session.held(), _later(_WATCH_SECONDS, partial(_cancel_when_gone, receive, work, reply)):
                await _answered(reply, self._handled(reply, message, who, plain=plain))
        except asyncio.CancelledError:
            if not work.uncancel():
                await reply.cancelled()
        finally:
            if session.running.get(reply.request_id) is work:
                del session.running[reply.request_id]

    def _handled(
        self, reply: _Reply, message: Mapping[str, Any], who: Client, *, plain: bool
    ) -> Awaitable[dict[str, Any]]:
        """By the SDK, which judges the request first; a plain call, whose ``_meta`` is known, needs no judging."""
        runner, params = ServerRunner(self._server, who.connection, {}), message.get("params")
        if not plain or not is_plain_call(message):
            return runner.on_request(reply, message["method"], params)
        meta = None if who.meta is None else dict(who.meta)
        version = who.connection.protocol_version
        return self._plain_call(runner._make_context(reply, message["method"], params, meta, version))  # type: ignore[arg-type]

    def _repeats_arguments(self, request: Request, message: Mapping[str, Any]) -> bool:
        """Whether arguments that are to be repeated in headers are there as they are in the body."""
        params = message.get("params") or {}
        if message["method"] != "tools/call" or not isinstance(params.get("name"), str):
            return True
        schema = self._schema_of(params["name"])
        arguments = params.get("arguments") or {}
        if schema is None or not isinstance(arguments, Mapping):
            return True
        return validate_mcp_param_headers(schema, arguments, request.headers) is None


async def _answered(reply: _Reply, work: Awaitable[dict[str, Any]]) -> None:
    """Do the work and answer with what comes of it."""
    with _later(_PING_SECONDS, reply.keep_alive):
        try:
            result = await work
        except Exception as error:  # noqa: BLE001 - the edge of a request: the SDK tells what of it may be shown
            told = modern_error_data(error)
            await reply.error(told.code, told.message, told.data)
        else:
            await reply.result(result)


class _later:  # noqa: N801 - read as a word; a generator would cost several times as much
    """Something beside the work, once that is not quickly done, and for as long as it lasts."""

    __slots__ = ("_seconds", "_start", "_task", "_timer")

    def __init__(self, seconds: float, start: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._seconds, self._start = seconds, start
        self._task: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._begin)

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._start(), name="mcp beside")


async def _cancel_when_gone(receive: Receive, work: asyncio.Task[Any], reply: _Reply) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    if not reply.done:
        reply.gone = True
        work.cancel()
