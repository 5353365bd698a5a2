"""One face of the gateway: which servers and tools it shows, under which names. A pure value with its rules.

The endpoint ``/mcp`` shows everything a caller may use, prefixed; others are made by users. Used by the catalogue and
the MCP door; where endpoints are stored is the business of ``mcp_endpoints``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Any
from uuid import UUID

from orchestrator.mcp.naming import MAX_NAME, prefixed_name
from orchestrator.mcp.result import ToolInfo
from orchestrator.services.server_entry import ServerEntry


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``servers`` None means all that the caller may use. ``tools`` are patterns of offered names; none means all.

    ``renames`` and ``annotations`` are by the name that the rules before them gave. With ``search`` a list shows only
    what fits the patterns of ``listed``; the rest is found by searching. ``project_id``: it is a project's and works on
    that. ``revision`` changes with any part.
    """

    name: str = ""
    servers: frozenset[UUID] | None = None
    prefix: bool = True
    own_tools: bool = True
    tools: tuple[str, ...] = ()
    renames: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    read_only: bool = False
    search: bool = False
    listed: tuple[str, ...] = ()
    project_id: UUID | None = None
    revision: str = ""

    def shows(self, entry: ServerEntry) -> bool:
        """Whether a server is behind this face."""
        return entry.enabled and (self.servers is None or entry.id in self.servers)

    def named(self, label: str, entry: ServerEntry, original: str, taken: Iterable[str]) -> str:
        """The name under which something of a server is offered; never one that is taken."""
        name = prefixed_name(label, original) if self.prefix else original
        name = self.renames.get(name, name)
        if name in taken and not self.prefix:
            name = prefixed_name(label, original)
        if name in taken:
            # Two servers can spell the same name: a__b + c and a + b__c.
            name = f"{name[: MAX_NAME - 9]}-{sha256(entry.id.bytes + original.encode()).hexdigest()[:8]}"
        return name

    def offers(self, name: str, tool: ToolInfo) -> bool:
        """Whether a tool is offered under a name."""
        if self.read_only and not (tool.annotations or {}).get("readOnlyHint"):
            return False
        return not self.tools or any(fnmatchcase(name, pattern) for pattern in self.tools)

    def lists(self, name: str) -> bool:
        """Whether a tool that is offered stands in the list, too."""
        return not self.search or any(fnmatchcase(name, pattern) for pattern in self.listed)

    def annotated(self, name: str, wire: dict[str, Any]) -> dict[str, Any]:
        """A tool in wire form with the annotations, title and description this face gives it."""
        more = self.annotations.get(name)
        if not more:
            return wire
        hints = {key: value for key, value in more.items() if key not in ("title", "description")}
        texts = {key: more[key] for key in ("title", "description") if key in more}
        return wire | texts | ({"annotations": {**wire.get("annotations", {}), **hints}} if hints else {})


EVERYTHING = Endpoint()
"""The face at ``/mcp``."""
