"""The answer to one request of the short way: JSON in one piece, or events from the first thing on that is told.

Used by the short way. It is what the SDK calls a dispatch context, so that handlers can tell and ask their client; and
what goes on beside a call that is not quickly done.
"""

import asyncio
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import anyio
from mcp.shared.dispatcher import CallOptions
from mcp.shared.exceptions import NoBackChannelError
from mcp.shared.inbound import ERROR_CODE_HTTP_STATUS
from mcp.shared.jsonrpc_dispatcher import progress_token_from_params
from mcp.shared.message import ServerMessageMetadata
from mcp.shared.transport_context import TransportContext
from starlette.requests import Request
from starlette.types import Receive, Send

from orchestrator.api.mcp_message import as_json, parts_of
from orchestrator.api.mcp_relay import SHORT
from orchestrator.api.mcp_session import Session
from orchestrator.api.whole_answer import is_offered, whole

_PING_SECONDS = 15.0
_WATCH_SECONDS = 0.1
_CANCELLED = -32800
_JSON = (b"content-type", b"application/json")
_JSON_LINES = b"content-type: application/json\r\ncontent-length: "
_EVENTS = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"connection", b"keep-alive"),
    (b"x-accel-buffering", b"no"),
)


class Reply:
    """The answer to one request, and what the SDK calls its dispatch context: JSON, or events from the first one on."""

    def __init__(self, request: Request, message: Mapping[str, Any], send: Send, session: "Session | None") -> None:
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


class Beside:
    """What goes on beside the work, once that is not quickly done: signs of life, and a look at whether anybody waits.

    A class of its own, since a generator would cost several times as much.
    """

    __slots__ = ("_receive", "_reply", "_tasks", "_timer", "_work")

    def __init__(self, receive: Receive, work: asyncio.Task[Any], reply: Reply) -> None:
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


async def _cancel_when_gone(receive: Receive, work: asyncio.Task[Any], reply: Reply) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    if not reply.done:
        reply.gone = True
        work.cancel()
