"""Makes any JSON value storable: PostgreSQL refuses NUL characters and UTF-8 refuses lone surrogates.

Used before anything that came from a tool, an agent or a repository is stored.
What is replaced becomes U+FFFD, visibly.
"""

from typing import Any

import orjson

_MAX_DEPTH = 100


def storable(value: Any) -> Any:
    """The same value with unstorable characters replaced; unknown types become their ``str``."""
    try:
        encoded = orjson.dumps(value, default=str)
    except (TypeError, ValueError):
        return _clean(value, 0)
    return _clean(value, 0) if b"\\u0000" in encoded else orjson.loads(encoded)


def _clean(value: Any, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        return "(nested too deeply)"
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {str(_clean(str(key), 0)): _clean(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item, depth + 1) for item in value]
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if -(2**53) < value < 2**53 else str(value)
    return _clean(str(value), depth)
