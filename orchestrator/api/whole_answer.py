"""An answer in one piece: an extension of ASGI, one message in place of a head and its body.

Spoken by the MCP door to the server that offers it (``cli/http_protocol``), through the frame, which adds its lines. It
saves a tool call the second way through all of them, and checks of headers that are ours. Any other server gets the
two messages of ASGI.
"""

from collections.abc import Sequence
from typing import Any

from starlette.types import Message, Scope

WHOLE = "orchestrator.whole"
EXTENSIONS: dict[str, Any] = {WHOLE: {}}
"""What a server that takes such messages says in the scope of a request."""


def is_offered(scope: Scope) -> bool:
    """Whether the server takes them."""
    return WHOLE in scope.get("extensions", ())


def whole(status: int, lines: bytes, body: Sequence[bytes]) -> Message:
    """The message. ``lines`` are header lines, each with its line break, of values that we made ourselves."""
    return {"type": WHOLE, "status": status, "lines": lines, "body": body}
