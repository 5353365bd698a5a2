"""What work a tool call is, for programs that do not say so: known by the tool's name, as their entry tells.

Used by the client and the updates of a session. Goose asks for leave to do "write · a.py", of kind other and at no
place; rules and people's answers are about edits of files, so that it is understood as one.
"""

from collections.abc import Mapping
from typing import TypeVar, cast

from acp.schema import ToolCallLocation, ToolCallStart, ToolCallUpdate

Told = TypeVar("Told", bound=ToolCallUpdate | ToolCallStart)
_AT_A_PATH = frozenset({"edit", "read"})


def understood(call: Told, kinds: Mapping[str, str]) -> Told:
    """The call with the kind and place that its tool's name and arguments tell; unchanged where it says a kind."""
    kind = kinds.get((call.title or "").split(" ", 1)[0])
    if kind is None or call.kind not in (None, "other"):
        return call
    given = call.raw_input.get("path") if isinstance(call.raw_input, dict) else None
    places = [ToolCallLocation(path=given)] if kind in _AT_A_PATH and isinstance(given, str) and given else None
    return cast("Told", call.model_copy(update={"kind": kind, "locations": call.locations or places}))
