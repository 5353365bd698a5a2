"""The HTTP transports: the SDK's, over an HTTP client that bounds answers and keeps failures to one call.

Used by ``session`` only. Left alone, the SDK ends a whole session when one connection fails and reads JSON answers of
any size; the guard below answers with a JSON-RPC error of our own instead.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import httpx2
import orjson
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import INTERNAL_ERROR

from orchestrator.core.bodies import whole
from orchestrator.core.errors import CredentialsNeeded, OrchestratorError
from orchestrator.mcp.bearer import BearerTransport, Challenge
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.direct_http import DirectHttp
from orchestrator.mcp.guarded_network import allowed_addresses, guarded_http, proxy_for, tls
from orchestrator.mcp.http_wire import HttpWire
from orchestrator.mcp.wire_errors import ANSWER_TOO_LARGE, CREDENTIALS, DENIED, EXPIRED, MISBEHAVED, UNREACHABLE

_CONNECT_SECONDS = 10.0
_AWAY = frozenset({429, 502, 503, 504})


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Bounds answers; turns failed connections and refusals into JSON-RPC errors of the one request."""

    def __init__(
        self, inner: httpx2.AsyncBaseTransport, max_bytes: int, on_session: Callable[[str], None] | None = None
    ) -> None:
        self._inner = inner
        self._max_bytes = max_bytes
        self._on_session = on_session

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it; a POST is always answered by something the SDK can hand to its caller."""
        try:
            response = await self._inner.handle_async_request(request)
            if request.method != "POST":
                return response
            if self._on_session is not None and "mcp-session-id" in response.headers:
                self._on_session(response.headers["mcp-session-id"])
            return await self._checked(request, response)
        except httpx2.TransportError as error:
            return _refusal(request, UNREACHABLE, f"{type(error).__name__}: {error}".rstrip(": "))
        except CredentialsNeeded as error:
            return _refusal(request, CREDENTIALS, error.message, error.as_dict())
        except OrchestratorError as error:
            return _refusal(request, UNREACHABLE if error.retry else MISBEHAVED, error.message)

    async def _checked(self, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        kind = response.headers.get("content-type", "").lower()
        status = response.status_code
        if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            await response.aclose()
            return _refusal(request, MISBEHAVED, "the answer is compressed, though none was asked for")
        if status in (401, 403):
            await response.aclose()
            offered = " and offers a log-in by OAuth" if Challenge.of(response).resource_metadata else ""
            return _refusal(request, DENIED, f"HTTP {status}{offered}")
        if status == 404 and "mcp-session-id" in request.headers:
            await response.aclose()
            return _refusal(request, EXPIRED, "the session is unknown")
        if kind.startswith("application/json"):
            return await self._buffered(request, response)
        if status >= 400:
            await response.aclose()
            return _refusal(request, UNREACHABLE if status in _AWAY else INTERNAL_ERROR, f"HTTP {status}")
        return response

    async def _buffered(self, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        """The whole JSON answer at once, so that a break in the middle is this request's alone."""
        try:
            body = await whole(response.aiter_raw(), self._max_bytes)
        finally:
            await response.aclose()
        if body is None:
            return _refusal(request, ANSWER_TOO_LARGE, f"the limit is {self._max_bytes} bytes")
        headers = [(name, value) for name, value in response.headers.items() if name not in _FRAMING]
        return httpx2.Response(response.status_code, headers=headers, content=body, request=request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


_FRAMING = frozenset({"content-length", "transfer-encoding", "content-encoding"})


def _refusal(request: httpx2.Request, code: int, message: str, data: Any = None) -> httpx2.Response:
    """An answer the SDK takes for the server's own error to this request."""
    error = {"code": code, "message": message} | ({"data": data} if data is not None else {})
    body = orjson.dumps({"jsonrpc": "2.0", "id": None, "error": error})
    return httpx2.Response(502, headers={"content-type": "application/json"}, content=body, request=request)


class HttpTransport(AbstractAsyncContextManager[Any]):
    """The stream pair for an SDK client, and beside it the short way for single requests, where there is one."""

    def __init__(
        self, definition: ServerDefinition, *, max_message_bytes: int, allow_private_urls: bool = True
    ) -> None:
        self._definition = definition
        self._max_bytes = max_message_bytes
        self._allow_private = allow_private_urls
        self._stack = AsyncExitStack()
        self.direct: DirectHttp | None = None

    async def __aenter__(self) -> Any:
        """Open both; one HTTP client for the life of the session."""
        url = str(self._definition.url or "")
        parsed = httpx2.URL(url)
        # With OAuth a token may have to be renewed in the middle of a request: that is the long way's.
        if proxy_for(parsed) is None and self._definition.bearer is None:
            wire = _wire(parsed, allow_private=self._allow_private)
            self.direct = DirectHttp(wire, self._definition.headers, self._max_bytes)
        client = await self._stack.enter_async_context(
            _client(self._definition, self._max_bytes, self._allow_private, self._note_session)
        )
        sdk = streamable_http_client(url, http_client=client, max_sse_event_size=self._max_bytes)
        return await self._stack.enter_async_context(sdk)

    async def __aexit__(self, *error: Any) -> bool | None:
        """Close both."""
        if self.direct is not None:
            self.direct.close()
        return await self._stack.__aexit__(*error)

    def _note_session(self, session_id: str) -> None:
        if self.direct is not None:
            self.direct.session_id = session_id


def _wire(url: httpx2.URL, *, allow_private: bool) -> HttpWire:
    secure = url.scheme == "https"
    host = url.raw_host
    named = b"[%b]" % host if b":" in host else host
    return HttpWire(
        host.decode("ascii"), url.port or (443 if secure else 80), url.raw_path,
        authority=named if url.port is None else b"%b:%d" % (named, url.port),
        tls=tls() if secure else None, connect_seconds=_CONNECT_SECONDS,
        look_up=partial(allowed_addresses, allow_private=allow_private),
    )  # fmt: skip


@asynccontextmanager
async def sse_transport(
    definition: ServerDefinition, *, max_message_bytes: int, allow_private_urls: bool = True
) -> AsyncIterator[object]:
    """The same for servers of the oldest kind, which answer every request on one stream of events."""

    def factory(
        headers: dict[str, str] | None = None, timeout: httpx2.Timeout | None = None, auth: httpx2.Auth | None = None
    ) -> httpx2.AsyncClient:
        return _client(definition, max_message_bytes, allow_private_urls, guarded=False)

    silence = timedelta(hours=24).total_seconds()  # answers are bounded by the time limit of each call
    async with sse_client(str(definition.url), sse_read_timeout=silence, httpx_client_factory=factory) as io:
        yield io


def _client(
    definition: ServerDefinition,
    max_bytes: int,
    allow_private_urls: bool,
    on_session: Callable[[str], None] | None = None,
    *,
    guarded: bool = True,
) -> httpx2.AsyncClient:
    limits = httpx2.Limits(max_connections=definition.max_concurrency + 8, max_keepalive_connections=64)
    url = definition.url or ""
    inner: httpx2.AsyncBaseTransport = guarded_http(url, limits=limits, allow_private=allow_private_urls)
    if definition.bearer is not None:
        inner = BearerTransport(inner, url, definition.bearer)
    return httpx2.AsyncClient(
        transport=GuardedTransport(inner, max_bytes, on_session) if guarded else inner,
        headers={"accept-encoding": "identity", **definition.headers},
        # Reading is bounded by the time limit of each call, which the pool keeps.
        timeout=httpx2.Timeout(_CONNECT_SECONDS, read=None, pool=None),
        trust_env=False,
    )
