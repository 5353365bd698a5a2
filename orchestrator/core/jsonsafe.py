"""Makes any JSON value storable: PostgreSQL refuses NUL characters and UTF-8 refuses lone surrogates.

Used before anything that came from a tool, an agent or a repository is stored: there, what is replaced becomes U+FFFD,
visibly. What a caller asks for is refused instead, naming the field: nobody's words are changed in silence.
"""

import math
from typing import Any

import orjson

from orchestrator.core.errors import InvalidInput

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


def check_storable(value: Any, field: str) -> None:
    """InvalidInput naming the first part of a JSON value that cannot be stored as it is."""
    try:
        encoded = orjson.dumps(value)
    except (TypeError, ValueError):
        encoded = b"\\u0000"
    if b"\\u0000" in encoded:
        _check(value, field, 0)


def check_finite(value: Any, field: str) -> None:
    """InvalidInput naming the first NaN or infinity: JSON has none, and most writers make null of it in silence."""
    try:
        encoded = orjson.dumps(value)
    except (TypeError, ValueError):
        encoded = b"null"
    if b"null" in encoded:
        _check_finite(value, field)


def _check_finite(value: Any, field: str) -> None:
    """As deep as it goes without recursion, since nobody has bounded it yet."""
    waiting = [(field, value)]
    while waiting:
        place, one = waiting.pop()
        if isinstance(one, float) and not math.isfinite(one):
            raise InvalidInput(f"{place}: JSON has no number {one}", field=place)
        parts = one.items() if isinstance(one, dict) else enumerate(one) if isinstance(one, list | tuple) else ()
        waiting += [(f"{place}.{name}"[:200], part) for name, part in parts]


def _check(value: Any, field: str, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise InvalidInput(f"nested more than {_MAX_DEPTH} deep", field=field[:200])
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise InvalidInput("has a character that cannot be stored: NUL or half of a surrogate pair", field=field)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check(str(key), field, depth)
            _check(item, f"{field}.{key}"[:200], depth + 1)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            _check(item, f"{field}.{number}"[:200], depth + 1)
    elif isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise InvalidInput("has a whole number of more than 64 bits", field=field)
