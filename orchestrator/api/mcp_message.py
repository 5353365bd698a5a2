"""Messages of the protocol as bytes: whether a request is one the short way may take, and answers as JSON.

Used by the short way. What is refused here is no error: it goes to the SDK, which says what is wrong with it.
"""

from collections.abc import Mapping
from secrets import token_hex
from typing import Any

import orjson
import pydantic_core

from orchestrator.api.mcp_relay import Written

_MOST_ID = 2**63
_NOT_HERE = frozenset({"initialize", "subscriptions/listen"})


def read_message(body: bytes) -> dict[str, Any] | None:
    """The message; None where this is none."""
    try:
        message = pydantic_core.from_json(body)
    except ValueError:
        return None
    return message if isinstance(message, dict) and message.get("jsonrpc") == "2.0" else None


def is_request(message: Mapping[str, Any]) -> bool:
    """A whole request that this way may take."""
    key = message.get("id")
    named = isinstance(key, str) or (type(key) is int and abs(key) < _MOST_ID)
    return (
        named
        and type(message.get("method")) is str
        and message["method"] not in _NOT_HERE
        and isinstance(message.get("params", {}), dict)
    )


def parts_of(message: Mapping[str, Any]) -> list[bytes]:
    """The message as JSON; megabytes that are JSON already are a part of their own, and not copied."""
    result = message.get("result")
    large = [(name, value) for name, value in result.items() if type(value) is Written] if result else []
    if len(large) != 1:
        return [as_json(message)]
    ((name, value),) = large
    mark = token_hex(16)
    before, after = as_json({**message, "result": {**result, name: mark}}).split(b'"%b"' % mark.encode())  # type: ignore[dict-item]
    return [before, value.json, after]


def as_json(message: Mapping[str, Any]) -> bytes:
    """The message in bytes."""
    try:
        return orjson.dumps(message, default=Written.fragment)
    except orjson.JSONEncodeError:  # numbers of more than 64 bits, which it does not know
        return pydantic_core.to_json(message, inf_nan_mode="constants")
