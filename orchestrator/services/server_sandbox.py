"""How a registry entry is enclosed: from its fields to the wish of a sandbox and back, and what is made of it here.

Used by the MCP registry. The sandbox itself is ``orchestrator.sandbox``.
"""

from collections.abc import Mapping
from typing import Any

from orchestrator.sandbox.starter import Starter
from orchestrator.sandbox.wish import OPEN, Wish
from orchestrator.services.server_entry import ServerEntry

FIELDS = ("sandbox", "network", "folders", "limits")


def wish_of(values: Mapping[str, Any]) -> Wish:
    """The wish of an entry's values, those that are absent as usual; InvalidInput names the field."""
    given = {name: values[name] for name in FIELDS if values.get(name) is not None}
    return Wish.of(**given, command=values.get("command"))


def stored_wish(entry: ServerEntry) -> Wish:
    """The wish of a stored entry; what is no process of ours has none."""
    return wish_of({name: getattr(entry, name) for name in FIELDS}) if entry.transport == "stdio" else OPEN


def columns_of(wish: Wish) -> dict[str, Any]:
    """The wish as a row keeps it."""
    return {
        "sandbox": wish.mode, "network": wish.network, "folders": wish.folder_values(), "limits": wish.limit_values(),
    }  # fmt: skip


async def sandboxing(entry: ServerEntry, starter: Starter) -> tuple[bool | None, str | None]:
    """Whether an entry's server runs in a sandbox here, None where there is no process of ours; and why it does not."""
    if entry.transport != "stdio":
        return None, None
    if entry.sandbox == "off":
        return False, "its entry says so"
    verdict = await starter.verdict()
    return verdict.possible, verdict.reason
