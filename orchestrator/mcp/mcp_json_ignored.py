"""Fields of other clients in an ``mcp.json`` that are read and not taken over, and what that means for whoever imports.

Used by ``mcp_json``, which notes them of each entry, and by the import, which tells them. What only decorates an entry
is not told.
"""

from collections.abc import Mapping
from typing import Any

_CHOSEN = (
    "NOT RESTRICTED: all tools of the server are offered here. Choose them in an MCP endpoint (`tools`), or deny the "
    "others by a rule"
)
_ASKED = "whether somebody is asked before a call is said here by rules: allow, ask or deny"
_LOGIN = "log-ins are not taken over: set `oauth` of the entry to shared or per_user, then connect"
_SANDBOX = "its sandbox goes by `sandbox`, `network`, `folders` and `limits` of the entry as they are written here"

NOTES: Mapping[str, str] = {
    "tools": _CHOSEN,
    "disabledTools": _CHOSEN,
    "autoApprove": _ASKED,
    "alwaysAllow": _ASKED,
    "trust": _ASKED,
    "auth": _LOGIN,
    "oauth": _LOGIN,
    "headersHelper": "no program is run for headers: set `headers`, or `oauth` of the entry",
    "cwd": "the server does not start in that folder: give full paths in `args`",
    "sandboxEnabled": _SANDBOX,
    "sandbox": _SANDBOX,
    "network": _SANDBOX,
}
"""Field → what it means that it is not taken over."""

DECORATION = frozenset({"gallery", "version", "dev", "name", "icon", "tags", "metadata", "$schema", "alwaysLoad"})
OF_OTHERS = frozenset(NOTES.keys() - {"sandbox", "network"}) | DECORATION
"""All that is known of other clients and means nothing here."""


def passed_over(raw: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields of an entry that say something and are not taken over."""
    return tuple(name for name, value in raw.items() if name in NOTES and _says(name, value))


def _says(name: str, value: object) -> bool:
    if name in ("sandbox", "network"):  # VS Code's own are objects; ours are words
        return isinstance(value, Mapping)
    if name == "tools" and value in (["*"], "*"):
        return False
    return value not in (None, [], {}, "") and (value is not False or name == "sandboxEnabled")
