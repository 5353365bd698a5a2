"""What a session makes of a server's list of tools: how long it is trusted, and which tools repeat their arguments.

Used by ``session``. It keeps no list.
"""

from collections.abc import Mapping
from typing import Any

import pydantic_core

_LEAST_SECONDS, USUAL_SECONDS, _MOST_SECONDS = 5.0, 60.0, 300.0


def repeats_arguments(tool: Mapping[str, Any]) -> bool:
    """Whether a tool may want arguments repeated in headers; as JSON, which is five times as quick as text."""
    try:
        return b"x-mcp-header" in pydantic_core.to_json(tool)
    except pydantic_core.PydanticSerializationError:  # text that is no Unicode
        return "x-mcp-header" in str(tool)


def trusted_seconds(milliseconds: object) -> float:
    """Seconds to trust a list the server gave this time to live."""
    if not isinstance(milliseconds, int | float):
        return USUAL_SECONDS
    return min(max(milliseconds / 1000, _LEAST_SECONDS), _MOST_SECONDS)
