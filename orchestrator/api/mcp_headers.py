"""The headers of a request for the MCP door, read once: a tool call asks for a dozen of them, several times each.

Used by the door. The framework's own would look through the whole list and decode at every question. Nothing is known
here of what they mean.
"""

from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Receive, Scope


def read_once(scope: Scope, receive: Receive) -> Request:
    """The request, its headers read."""
    request = Request(scope, receive)
    request._headers = ReadHeaders(scope["headers"])
    return request


class ReadHeaders(Headers):
    """The same answers, from a table; of headers that come twice the first, as in the framework's."""

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        super().__init__(raw=raw)
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
