"""The short way of a request to a server over streamable HTTP: one POST, its answer read here, nothing in between.

Used by ``relay`` for every request of an open session; the SDK opens it, listens and ends it. The answer is JSON or a
stream of events, whose messages belong to this very request. Whatever breaks is an ``MCPError`` with a code of
``wire_errors``, as on the SDK's way.
"""

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Protocol

import orjson
import pydantic_core
from mcp import MCPError
from mcp.shared.dispatcher import CallOptions
from mcp_types import CONNECTION_CLOSED, INTERNAL_ERROR

from orchestrator.mcp.http_wire import Answer, HttpBroken, HttpWire, NotHttp
from orchestrator.mcp.wire_errors import ANSWER_TOO_LARGE, DENIED, EXPIRED, MISBEHAVED, UNREACHABLE

_AWAY = frozenset({429, 502, 503, 504})
_FIRST_ID = 1_000_000_000
"""The SDK counts its own requests of the same session from one."""
_FIXED = (
    b"Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\nAccept-Encoding: identity\r\n"
)

_MOST_HEADS, _MOST_HEAD_BYTES = 64, 4096
_OWN = frozenset({"accept", "content-type", "accept-encoding"})


class Redirected(Exception):
    """The server wants to be asked elsewhere, and has done nothing yet."""


class Resumable(Exception):
    """The stream of an answer broke off; the server may go on with it from this event, after so many seconds."""

    def __init__(self, event_id: str, seconds: float) -> None:
        super().__init__(event_id)
        self.event_id = event_id
        self.seconds = seconds


class Listener(Protocol):
    """Who hears what a server says before it answers."""

    async def notice(self, method: str, params: Mapping[str, Any] | None) -> None:
        """What it tells."""

    async def question(self, method: str, params: Mapping[str, Any] | None) -> dict[str, Any]:
        """The answer to what it asks."""


class DirectHttp:
    """Requests of one session. ``session_id`` is told by the transport that opened it."""

    def __init__(self, wire: HttpWire, headers: Mapping[str, str], max_bytes: int) -> None:
        self.session_id: str | None = None
        self._wire = wire
        self._headers = _FIXED + _lines({name: text for name, text in headers.items() if name.lower() not in _OWN})
        self._max_bytes = max_bytes
        self._ids = itertools.count(_FIRST_ID)
        self._heads: dict[tuple[str | None, tuple[tuple[str, str], ...]], bytes] = {}

    def new_id(self) -> int:
        """An id no other request of this session has."""
        return next(self._ids)

    async def request(
        self, request_id: int, method: str, params: Mapping[str, Any] | None, options: CallOptions, listener: Listener
    ) -> dict[str, Any]:
        """The result as it came. Raises MCPError; Redirected and Resumable where the SDK has to go on."""
        on_progress = options.get("on_progress")
        if on_progress is not None:
            told = params or {}
            params = {**told, "_meta": {**(told.get("_meta") or {}), "progressToken": request_id}}
        message: dict[str, Any] = {"jsonrpc": "2.0", "id": request_id, "method": method}
        if params:
            message["params"] = params
        head = self._head(options.get("headers") or {})
        answer = await self._post(head, message)
        try:
            _refuse(answer, method, known_session=self.session_id is not None)
            if answer.kind.startswith("text/event-stream"):
                return await self._streamed(answer, request_id, head, on_progress, listener)
            body = await answer.read(self._max_bytes)
        except (HttpBroken, NotHttp) as error:
            raise _broken(error) from error
        finally:
            answer.close()
        if body is None:
            raise MCPError(ANSWER_TOO_LARGE, f"the limit is {self._max_bytes} bytes")
        return _outcome(_message(body, answer.status), request_id)

    def close(self) -> None:
        """Hang up."""
        self._wire.close()

    def _head(self, headers: Mapping[str, str]) -> bytes:
        """The header lines; those of calls of the same tool are the same."""
        key = (self.session_id, tuple(headers.items()))
        head = self._heads.get(key)
        if head is None:
            session = {"Mcp-Session-Id": self.session_id} if self.session_id else {}
            head = self._headers + _lines({**session, **headers})
            if len(self._heads) >= _MOST_HEADS or len(head) > _MOST_HEAD_BYTES:
                self._heads.clear()
            self._heads[key] = head
        return head

    async def _post(self, head: bytes, message: Mapping[str, Any]) -> Answer:
        try:
            return await self._wire.post(head, _written(message))
        except (HttpBroken, NotHttp, OSError) as error:
            raise _broken(error) from error

    async def _streamed(
        self, answer: Answer, request_id: int, head: bytes, on_progress: Any, listener: Listener
    ) -> dict[str, Any]:
        """The result at the end of a stream; what comes before it is heard on the way."""
        events = _Events(self._max_bytes)
        replies: set[asyncio.Task[None]] = set()
        try:
            async for piece in answer.chunks():
                for data in events.feed(piece):
                    message = _message(data, answer.status)
                    if "method" not in message:
                        return _outcome(message, request_id)
                    if "id" in message:
                        replies.add(asyncio.create_task(self._reply(message, head, listener), name="mcp reply"))
                    else:
                        await _hear(message, request_id, on_progress, listener)
        except HttpBroken as error:
            if events.last_id is None:
                raise _broken(error) from error
        finally:
            for reply in replies:
                reply.cancel()
        if events.last_id is not None:
            raise Resumable(events.last_id, events.retry_seconds)
        raise MCPError(CONNECTION_CLOSED, "the stream ended without an answer")

    async def _reply(self, question: Mapping[str, Any], head: bytes, listener: Listener) -> None:
        """Answer what the server asks in the middle of its own answer."""
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": question["id"]}
        try:
            reply["result"] = await listener.question(str(question["method"]), question.get("params"))
        except MCPError as error:
            reply["error"] = error.error.model_dump(by_alias=True, mode="json", exclude_none=True)
        with suppress(MCPError):  # where it cannot be told, the stream of the call ends as well
            (await self._post(head, reply)).close()


async def _hear(message: Mapping[str, Any], request_id: int, on_progress: Any, listener: Listener) -> None:
    params = message.get("params")
    params = params if isinstance(params, Mapping) else {}
    if message["method"] != "notifications/progress":
        await listener.notice(str(message["method"]), params)
    elif on_progress is not None and params.get("progressToken") == request_id:
        done = params.get("progress")
        if isinstance(done, int | float):
            await on_progress(done, params.get("total"), params.get("message"))


def _refuse(answer: Answer, method: str, *, known_session: bool) -> None:
    """Raise for an answer that carries no message of the protocol."""
    kind, status = answer.kind, answer.status
    if answer.is_encoded:
        raise MCPError(MISBEHAVED, "the answer is compressed, though none was asked for")
    if status in (401, 403):
        raise MCPError(DENIED, f"HTTP {status}")
    if status == 404 and known_session:
        raise MCPError(EXPIRED, "the session is unknown")
    if 300 <= status < 400:
        raise Redirected
    if kind.startswith(("application/json", "text/event-stream")):
        return
    if status >= 400:
        raise _no_message(status)
    raise MCPError(MISBEHAVED, f"HTTP {status} with {kind[:100] or 'no content type'} answers no {method}")


def _written(message: Mapping[str, Any]) -> bytes:
    """In bytes, to the letter; the quick library knows no long numbers, and makes null of what is no number."""
    try:
        encoded = orjson.dumps(message)
    except orjson.JSONEncodeError:
        encoded = b"null"
    return pydantic_core.to_json(message, inf_nan_mode="constants") if b"null" in encoded else encoded


def _message(body: bytes, status: int) -> dict[str, Any]:
    try:
        message = pydantic_core.from_json(body)
    except ValueError as error:
        raise _no_message(status) from error
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise _no_message(status)
    return message


def _no_message(status: int) -> MCPError:
    if status >= 400:
        return MCPError(UNREACHABLE if status in _AWAY else INTERNAL_ERROR, f"HTTP {status}")
    return MCPError(MISBEHAVED, "the answer is no message of JSON-RPC")


def _outcome(message: Mapping[str, Any], request_id: int) -> dict[str, Any]:
    """The result, or the error raised, where it answers this request; an error may come without an id."""
    error, result = message.get("error"), message.get("result")
    if message.get("id") not in (request_id, str(request_id)) and not (error and message.get("id") is None):
        raise MCPError(MISBEHAVED, "the answer is that of another request")
    if isinstance(error, dict) and isinstance(error.get("code"), int):
        raise MCPError(error["code"], str(error.get("message", "")), error.get("data"))
    if not isinstance(result, dict):
        raise MCPError(MISBEHAVED, "the answer has neither a result nor an error")
    return result


def _broken(error: Exception) -> MCPError:
    if isinstance(error, NotHttp):
        return MCPError(MISBEHAVED, str(error))
    return MCPError(UNREACHABLE, f"{type(error).__name__}: {error}".rstrip(": "))


def _lines(headers: Mapping[str, str]) -> bytes:
    for name, value in headers.items():
        if not value.isprintable() or not name.isprintable():
            raise MCPError(INTERNAL_ERROR, f"header {name[:100]!r} cannot be sent")
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("latin-1")


class _Events:
    """Cuts a stream into the data of its events of kind ``message``, with a bound on memory."""

    def __init__(self, max_bytes: int) -> None:
        self.last_id: str | None = None
        self.retry_seconds = 0.0
        self._max_bytes = max_bytes
        self._line: list[bytes] = []
        self._block: list[bytes] = []
        self._size = 0
        self._after_return = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The events that this piece completes."""
        if self._after_return and piece.startswith(b"\n"):
            piece = piece[1:]
        self._after_return = piece.endswith(b"\r")
        *ends, rest = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for end in ends:
            self._grow(end)
            line = b"".join(self._line)
            self._line.clear()
            if line:
                self._block.append(line)
            elif (data := self._finish()) is not None:
                yield data
        self._grow(rest)

    def _grow(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._max_bytes:
            raise MCPError(ANSWER_TOO_LARGE, f"the limit is {self._max_bytes} bytes")
        if part:
            self._line.append(part)

    def _finish(self) -> bytes | None:
        kind, data = b"message", []
        for line in self._block:
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if name == b"data":
                data.append(value)
            elif name == b"event":
                kind = value
            elif name == b"id":
                self.last_id = value.decode("utf-8", "replace")
            elif name == b"retry" and value.isdigit() and len(value) <= 9:
                self.retry_seconds = int(value) / 1000
        self._block.clear()
        self._size = 0
        return b"\n".join(data) or None if kind == b"message" else None
