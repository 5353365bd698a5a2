"""What wraps every request, as plain ASGI: request id, body limit, security headers, one log line.

Plain ASGI because it costs microseconds and lets streams through untouched. Authentication is a dependency, not here.
"""

import asyncio
import time
from contextlib import suppress
from typing import Any

import orjson
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.api.metrics import observe
from orchestrator.api.whole_answer import WHOLE
from orchestrator.core.ids import new_id

log = structlog.get_logger(__name__)

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_LINES = b"".join(b"%b: %b\r\n" % pair for pair in _HEADERS) + b"x-request-id: "

ANSWERED = "answered"
"""In the state of a request whose answer has begun."""

_SWALLOWED_BYTES = 64 * 1024 * 1024
_SWALLOW_SECONDS = 5.0


class _BodyTooLarge(Exception):
    """Raised out of ``receive`` when a body without a length passes the limit."""


class RequestFrame:
    """The outermost layer around the application."""

    def __init__(self, app: ASGIApp, *, max_body_bytes: int) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Frame one request; anything that is not HTTP passes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given, declared = _told(scope)
        request_id = given or str(new_id())
        scope.setdefault("state", {})["request_id"] = request_id
        # Never unbound: each request is a task, whose context ends with it.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        if declared is not None and declared > self._max_body_bytes:
            await self._refuse(request_id, receive, send)
            return
        await self._serve(scope, receive, send, request_id, counts=declared is None)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, request_id: str, *, counts: bool) -> None:
        """``counts``: nobody told how long the body is, so its bytes are counted; the server keeps others to theirs."""
        started = time.perf_counter()
        status = 0
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_body_bytes:
                raise _BodyTooLarge
            return message

        async def framed(message: Message) -> None:
            nonlocal status
            if status == 0 and received > self._max_body_bytes:
                return  # the application answers that it could not read the body; why is told below
            if message["type"] == "http.response.start":
                status = message["status"]
                scope["state"][ANSWERED] = True
                message = {**message, "headers": _with_ours(message, request_id)}
            elif message["type"] == WHOLE:
                status = message["status"]
                scope["state"][ANSWERED] = True
                message["lines"] += b"%b%b\r\n" % (_LINES, request_id.encode())
            await send(message)

        try:
            with suppress(_BodyTooLarge):
                await self._app(scope, counted if counts else receive, framed)
            if status == 0 and received > self._max_body_bytes:
                status = 413
                await self._refuse(request_id, receive, send)
        finally:
            seconds = time.perf_counter() - started
            observe(scope["method"], status, seconds)
            log.debug("request", method=scope["method"], path=scope["path"], status=status, ms=round(seconds * 1000, 1))

    async def _refuse(self, request_id: str, receive: Receive, send: Send) -> None:
        await _swallow(receive)
        problem = {
            "type": "urn:orchestrator:problem:too_large",
            "title": "Too large",
            "status": 413,
            "code": "too_large",
            "detail": f"the request body is over {self._max_body_bytes} bytes",
            "field": "body",
            "request_id": request_id,
        }
        headers: list[Any] = [(b"content-type", b"application/problem+json"), (b"connection", b"close"), *_HEADERS]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": orjson.dumps(problem)})


def _with_ours(message: Message, request_id: str) -> list[tuple[bytes, bytes]]:
    headers = list(message.get("headers", ()))
    present = {name.lower() for name, _ in headers}
    headers += [pair for pair in _HEADERS if pair[0] not in present]
    return [*headers, (b"x-request-id", request_id.encode())]


async def _swallow(receive: Receive) -> None:
    """Read on for a while: a client that is cut off while it still sends never sees the answer."""
    left = _SWALLOWED_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(_SWALLOW_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return


def _told(scope: Scope) -> tuple[str | None, int | None]:
    """What the request says of itself: its id, where that is a sound one, and how long its body is."""
    given = declared = None
    for name, value in scope["headers"]:
        if name == b"content-length" and declared is None:
            declared = int(value) if value.isdigit() else 0
        elif name == b"x-request-id" and given is None:
            given = value.decode("ascii", "ignore")
    sound = given is not None and 1 <= len(given) <= 64 and given.replace("-", "").isalnum()
    return given if sound else None, declared
