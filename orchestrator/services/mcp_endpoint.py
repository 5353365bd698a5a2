"""One face of the gateway: which servers and tools it shows, under which names. A pure value with its rules.

The endpoint ``/mcp`` shows everything a caller may use, prefixed; others are made by users. Used by the catalogue and
the MCP door; where endpoints are stored is the business of ``mcp_endpoints``.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
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

    ``renames`` are by the name before; ``tools``, ``annotations`` and ``listed`` by that or the new one, so that no
    rename takes a tool out of them. With ``search`` a list shows only what fits ``listed``; the rest is searched for.
    ``project_id``: it is a project's and works on that. ``revision`` changes with any part.
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

    def plain(self, label: str, original: str) -> str:
        """The name of something of a server before any rename."""
        return prefixed_name(label, original) if self.prefix else original

    def names(self, things: Sequence[tuple[str, ServerEntry, str]]) -> list[str]:
        """A name for each label, entry and own name of it; none is given twice.

        What keeps its name gets it before anything is renamed, so that no rename takes over the name of another.
        """
        plain = [self.plain(label, original) for label, _, original in things]
        found, taken = [""] * len(things), set[str]()
        for number in sorted(range(len(things)), key=lambda one: plain[one] in self.renames):
            found[number] = self._named(*things[number], taken)
            taken.add(found[number])
        return found

    def _named(self, label: str, entry: ServerEntry, original: str, taken: Container[str]) -> str:
        """The name under which something of a server is offered; never one that is taken."""
        name = self.plain(label, original)
        name = self.renames.get(name, name)
        if name in taken and not self.prefix:
            name = prefixed_name(label, original)
        if name in taken:
            # Two servers can spell the same name: a__b + c and a + b__c.
            name = f"{name[: MAX_NAME - 9]}-{sha256(entry.id.bytes + original.encode()).hexdigest()[:8]}"
        return name

    def offers(self, tool: ToolInfo, *names: str) -> bool:
        """Whether a tool with these names, the one before renames and the new one, is offered."""
        if self.read_only and not (tool.annotations or {}).get("readOnlyHint"):
            return False
        return not self.tools or fits(self.tools, *names)

    def lists(self, *names: str) -> bool:
        """Whether a tool that is offered stands in the list, too."""
        return not self.search or fits(self.listed, *names)

    def annotated(self, wire: dict[str, Any], *names: str) -> dict[str, Any]:
        """A tool in wire form with the annotations, title and description this face gives it; the last name wins."""
        more = {key: value for name in names for key, value in self.annotations.get(name, {}).items()}
        if not more:
            return wire
        hints = {key: value for key, value in more.items() if key not in ("title", "description")}
        texts = {key: more[key] for key in ("title", "description") if key in more}
        return wire | texts | ({"annotations": {**wire.get("annotations", {}), **hints}} if hints else {})


def fits(patterns: Iterable[str], *names: str) -> bool:
    """Whether one of the names is that of a pattern."""
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)


def labelled(entries: Iterable[ServerEntry]) -> dict[str, ServerEntry]:
    """Name → entry. Built-in servers keep their names, then everybody's, so that nobody's own takes one over."""
    labels: dict[str, ServerEntry] = {}
    for entry in sorted(entries, key=lambda entry: (entry.transport != "builtin", entry.owner_id is not None)):
        taken = entry.name in labels
        labels[f"{entry.name}-{sha256(entry.id.bytes).hexdigest()[:6]}" if taken else entry.name] = entry
    return labels


EVERYTHING = Endpoint()
"""The face at ``/mcp``."""
