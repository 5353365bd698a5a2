"""The hash of a tool's definition in canonical wire form: equal exactly when a server says the same of the tool.

Used by ``ToolInfo`` and, through it, wherever definitions are pinned and compared. Everything a server says of a tool
counts, unknown fields and ``_meta`` too, since all of it reaches clients; the order of members does not.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any

_EXPONENT = re.compile(r"\de[+-]?\d")


def fingerprint(wire: Mapping[str, Any]) -> str:
    """64 hexadecimal digits; empty, which equals no hash, for what cannot be written down."""
    try:
        text = _written(wire)
        if _EXPONENT.search(text):
            # The database gives whole numbers of that size back without an exponent.
            text = _written(_whole(wire))
    except (RecursionError, TypeError, ValueError):
        return ""
    return sha256(text.encode()).hexdigest()


def _written(wire: Any) -> str:
    return json.dumps(wire, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(Decimal(repr(value)))
    if isinstance(value, Mapping):
        return {key: _whole(item) for key, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list | tuple) else value
