"""The short way of a request through the MCP endpoint: read, handled and answered in the task that received it.

Used by the MCP door. The SDK carries every request through streams and tasks of its own, which costs several times what
the call does. Here only plain requests are taken, of both eras; what is refused, opens, listens or ends a session goes
to the SDK as it came, so that every refusal is the SDK's. An answer is JSON, unless there is something to tell before.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from mcp.server import Server
from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.runner import ServerRunner, modern_error_data
from mcp.server.session import ServerSession
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.inbound import (
    InboundModernRoute,
    classify_inbound_request,
    find_duplicated_routing_header,
    validate_mcp_param_headers,
)
from mcp_types import RequestParamsMeta
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from starlette.requests import Request
from starlette.types import Receive, Send

from orchestrator.api.mcp_clients import Client, Clients, is_plain_call
from orchestrator.api.mcp_headers import DoorRequest, ReadHeaders
from orchestrator.api.mcp_message import is_request, read_message
from orchestrator.api.mcp_reply import Beside, Reply
from orchestrator.api.mcp_session import Session

_MOST_FOUND = 4
_NOTHING: Mapping[str, Any] = {}

SchemaOf = Callable[[Request, str], Mapping[str, Any] | None]
"""The schema of a tool for who sent the request, if arguments of it are repeated in headers."""
PlainCall = Callable[[ServerRequestContext[Any, Any]], Awaitable[dict[str, Any]]]
"""Answers a tool call that is known to be a right request."""


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
        self._sessions: dict[str, Session] = {}
        self._clients = Clients()

    def join(self, session_id: str, owner: object, connection: Connection) -> None:
        """A session of the older era is open."""
        transport = self._manager._server_instances.get(session_id)
        if transport is None or session_id in self._sessions:
            return
        client, plain = Client(connection, None), Client(connection, None, is_plain=True)
        session = self._sessions[session_id] = Session(session_id, owner, connection, transport, client, plain)
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
        reply = Reply(request, message, send, None)
        work = asyncio.current_task()
        assert work is not None
        try:
            await _answered(reply, self._handled(reply, request, message, who), Beside(receive, work, reply))
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
        self, request: Request, message: dict[str, Any], session: Session, receive: Receive, send: Send
    ) -> None:
        """A client that hangs up cancels here, too: the protocol keeps calls for those who come back; here none can."""
        reply = Reply(request, message, send, session)
        work = asyncio.current_task()
        assert work is not None
        session.running[reply.request_id] = work
        session.hold()
        try:
            who = session.client if "_meta" in message.get("params", _NOTHING) else session.plain_client
            await _answered(reply, self._handled(reply, request, message, who), Beside(receive, work, reply))
        except asyncio.CancelledError:
            if not work.uncancel():
                await reply.cancelled()
        finally:
            session.release()
            if session.running.get(reply.request_id) is work:
                del session.running[reply.request_id]

    def _handled(
        self, reply: Reply, request: Request, message: Mapping[str, Any], who: Client
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


async def _answered(reply: Reply, work: Awaitable[dict[str, Any]], beside: "Beside") -> None:
    """Do the work and answer with what comes of it."""
    with beside:
        try:
            result = await work
        except Exception as error:  # noqa: BLE001 - the edge of a request: the SDK tells what of it may be shown
            told = modern_error_data(error)
            await reply.error(told.code, told.message, told.data)
        else:
            await reply.result(result)
