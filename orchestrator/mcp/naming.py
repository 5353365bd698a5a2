"""Names of tools where the tools of many servers stand in one list: ``server__tool``, deterministic.

Used by the ``/mcp`` door and by agents. It lists nothing itself.
"""

import re
from collections.abc import Iterable
from hashlib import sha256

from orchestrator.mcp.result import ToolInfo

SEPARATOR = "__"
MAX_NAME = 128
_FORBIDDEN = re.compile(r"[^A-Za-z0-9_.-]+")


def prefixed_name(server: str, tool: str) -> str:
    """``server__tool`` in the 128 characters the protocol allows; a hash tells apart what had to be cut or replaced."""
    plain = f"{server}{SEPARATOR}{tool}"
    name = _FORBIDDEN.sub("_", plain)
    if name == plain and len(name) <= MAX_NAME:
        return name
    mark = sha256(plain.encode()).hexdigest()[:8]
    return f"{name[: MAX_NAME - 9]}-{mark}"


def prefixed_tools(servers: Iterable[tuple[str, Iterable[ToolInfo]]]) -> dict[str, tuple[str, ToolInfo]]:
    """Offered name → (server name, tool), in the order given; of two that would be named alike the first stays."""
    table: dict[str, tuple[str, ToolInfo]] = {}
    for server, tools in servers:
        for tool in tools:
            table.setdefault(prefixed_name(server, tool.name), (server, tool))
    return table
