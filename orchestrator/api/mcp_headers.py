"""The headers of a request for the MCP door, read and judged once: clients send the same with every call.

Used by the door and the short way. A call asks for a dozen headers, several times each; the framework's own would look
through the whole list and decode at every question. Requests with the very same headers share what was found in them.
What a call says beside them is not known here.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Receive, Scope

_MOST, _MOST_BYTES = 500, 4096
_OF_ONE = frozenset({b"content-length", b"x-request-id", b"traceparent", b"tracestate"})
"""Of one request alone; read by the frame and by tracing, not here."""


class ReadHeaders(Headers):
    """The same answers, from a table; of headers that come twice the first, as in the framework's."""

    def __init__(self, raw: tuple[tuple[bytes, bytes], ...]) -> None:
        super().__init__(raw=list(raw))
        self.key = raw
        self.kept = False
        self.found: dict[Any, Any] = {}
        """What was made of requests with these headers, for who makes it to bound."""
        self._known: dict[str, str] = {}
        for name, value in raw:
            self._known.setdefault(name.decode("latin-1"), value.decode("latin-1"))

    def __getitem__(self, key: str) -> str:
        return self._known[key.lower()]

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or the default."""
        return self._known.get(key.lower(), default)

    def __contains__(self, key: Any) -> bool:
        return key.lower() in self._known

    @property
    def size(self) -> int:
        """Their bytes."""
        return sum(len(name) + len(value) for name, value in self.key)

    @cached_property
    def acceptable(self) -> bool:
        """Whether they are those of a plain request."""
        accept = self.get("accept", "")
        kind = self.get("content-type", "").partition(";")[0].strip().lower()
        return kind == "application/json" and "application/json" in accept and "text/event-stream" in accept

    @cached_property
    def bearer(self) -> str | None:
        """The token of whoever sent them."""
        scheme, _, token = self.get("authorization", "").partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None


class DoorRequest(Request):
    """A request with its headers read."""

    def __init__(self, scope: Scope, receive: Receive, headers: ReadHeaders) -> None:
        super().__init__(scope, receive)
        self._headers = self.read = headers


class KnownHeaders:
    """The ones met so far of callers who are known, a bounded number of them. ``check`` raises for unsound ones."""

    def __init__(self, check: Callable[[ReadHeaders], None]) -> None:
        self._check = check
        self._known: dict[tuple[tuple[bytes, bytes], ...], ReadHeaders] = {}

    def request(self, scope: Scope, receive: Receive) -> DoorRequest:
        """The request, its headers read and sound."""
        key = tuple([pair for pair in scope["headers"] if pair[0] not in _OF_ONE])
        headers = self._known.get(key)
        if headers is None:
            headers = ReadHeaders(key)
            self._check(headers)
        return DoorRequest(scope, receive, headers)

    def keep(self, headers: ReadHeaders) -> None:
        """Know them from now on: whoever sent them is somebody."""
        if headers.kept:
            return
        headers.kept = True
        if headers.size <= _MOST_BYTES:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[headers.key] = headers
