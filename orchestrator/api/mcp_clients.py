"""What clients say of themselves in the ``_meta`` of every request: read and judged once for all that say the same.

Used by the short way. Reading it is the SDK's work and costs a tenth of a call. Nothing is kept in what is shared
here, and it has no channel to a client: that belongs to each request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import pydantic_core
from mcp.server.connection import Connection
from mcp.server.runner import _extract_meta
from mcp.shared.inbound import InboundModernRoute
from mcp_types.methods import validate_client_request
from pydantic import ValidationError

_MOST, _MOST_BYTES, _MOST_KEY_BYTES = 1000, 8192, 1024
_PLAIN = frozenset({"name", "arguments", "_meta"})
_CALL = "tools/call"


@dataclass(frozen=True, slots=True)
class Client:
    """``meta`` as the SDK reads it, where there is one.

    ``is_plain``: nothing in it is of one request alone, or what a call may not say.
    """

    connection: Connection
    meta: Mapping[str, Any] | None
    is_plain: bool = False


class Clients:
    """The ones met so far, a bounded number of them."""

    def __init__(self) -> None:
        self._known: dict[bytes, Client] = {}

    def of(self, verdict: InboundModernRoute, meta: Mapping[str, Any]) -> Client:
        """What the SDK makes of revision, name and capabilities."""
        told = (verdict.protocol_version, verdict.client_info, verdict.client_capabilities)
        if "progressToken" in meta:
            return Client(self._read(told, told).connection, None)
        return self._read(meta, told, meta)

    @staticmethod
    def key(method: str, params: Mapping[str, Any]) -> tuple[str, bytes] | None:
        """What a call says beside its arguments, to the letter; None where that is of one request alone."""
        name, meta = params.get("name"), params.get("_meta")
        if method != _CALL or type(name) is not str or type(meta) is not dict or "progressToken" in meta:
            return None
        try:
            said = orjson.dumps(meta)
        except orjson.JSONEncodeError:
            return None
        # Numbers that JSON has not would be written as null, too.
        return (name, said) if len(said) <= _MOST_KEY_BYTES and b"null" not in said else None

    def _read(self, key: object, told: tuple[str, Any, Any], meta: Mapping[str, Any] | None = None) -> Client:
        said = pydantic_core.to_json(key, inf_nan_mode="constants")
        if (known := self._known.get(said)) is not None:
            return known
        read = _judged(told[0], meta)
        found = Client(Connection.from_envelope(*told), read, is_plain=read is not None)
        if len(said) <= _MOST_BYTES:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[said] = found
        return found


def is_plain_call(message: Mapping[str, Any]) -> bool:
    """Whether this is a tool call of which nothing but its ``_meta`` is to be judged."""
    params = message.get("params")
    return (
        message.get("method") == _CALL
        and isinstance(params, dict)
        and params.keys() <= _PLAIN
        and isinstance(params.get("name"), str)
        and isinstance(params.get("arguments", {}), dict)
    )


def _judged(version: str, meta: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if meta is None:
        return None
    params = {"name": "", "arguments": {}, "_meta": dict(meta)}
    try:
        validate_client_request(_CALL, version, params)
    except ValidationError:
        return None
    read = _extract_meta(params)
    return None if read is None else dict(read)
