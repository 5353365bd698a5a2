"""Registers the servers of configuration documents, and writes registered ones as such documents.

Used by the REST doors. What a document looks like is known to the calling side (``mcp_json``, ``server_json``); who may
register and who sees what, to the registry. No secret is ever written.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

from orchestrator.core.caller import Caller
from orchestrator.core.errors import InvalidInput, NotFound
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.mcp_json_export import export_mcp_json
from orchestrator.mcp.mcp_json_ignored import NOTES
from orchestrator.mcp.server_json import read_servers
from orchestrator.mcp.server_json_export import export_server_json
from orchestrator.services.mcp_registry import McpRegistry
from orchestrator.services.server_entry import ServerEntry

Form = Literal["claude", "cursor", "vscode", "server.json"]


@dataclass(frozen=True, slots=True)
class Ignored:
    """A field of a document that was not taken over."""

    server: str
    field: str
    note: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did, and what whoever did it should know."""

    entries: Sequence[ServerEntry]
    ignored: Sequence[Ignored]
    warnings: Sequence[str]


class McpDocuments:
    """Import and export."""

    def __init__(self, registry: McpRegistry) -> None:
        self._registry = registry

    async def load(
        self, caller: Caller, document: Mapping[str, Any], *, variables: Mapping[str, str], shared: bool
    ) -> Imported:
        """Register every server of a document of any known form: all of them, or none where one is refused."""
        found = await asyncio.to_thread(read_servers, document, variables)
        entries = await self._registry.create_all(caller, found, shared=shared)
        ignored = [Ignored(one.name, field, NOTES[field]) for one in found for field in one.ignored]
        enclosed = [entry for entry in entries if (await self._registry.sandboxing(entry))[0]]
        return Imported(entries, ignored, _shut_in(enclosed))

    async def export(
        self, caller: Caller, form: Form, *, servers: Sequence[UUID] = (), namespace: str | None = None
    ) -> dict[str, Any]:
        """The document of these servers; default: all the caller may use that are not built in."""
        visible = {entry.id: entry for entry in await self._registry.visible(caller.user_id)}
        unknown = [server for server in servers if server not in visible]
        if unknown:
            raise NotFound("no such MCP server", field="server")
        chosen = [visible[server] for server in servers] if servers else list(visible.values())
        chosen = [entry for entry in chosen if servers or entry.transport != "builtin"]
        if form != "server.json":
            return export_mcp_json(_told_apart([self._told(entry) for entry in chosen]), form)
        if len(chosen) != 1:
            raise InvalidInput("a server.json is one server's: name it", field="server")
        (entry,) = chosen
        version = entry.server_info.get("version")
        return export_server_json(
            self._told(entry), namespace=namespace, description=entry.description,
            version=version if isinstance(version, str) else None, origin=entry.origin,
        )  # fmt: skip

    def _told(self, entry: ServerEntry) -> ServerDefinition:
        """What an entry says; names whose values each user sets for themselves stand there without one, as secrets."""
        told = self._registry.told(entry)
        env, headers = (dict.fromkeys(names, "") for names in (entry.user_env, entry.user_headers))
        return replace(told, env={**told.env, **env}, headers={**told.headers, **headers})


def _shut_in(entries: Sequence[ServerEntry]) -> list[str]:
    """What servers in a sandbox may not do that many need, with the way to grant it."""
    named: dict[str, list[str]] = {}
    for entry in entries:
        writes = any(folder.get("access") == "rw" for folder in entry.folders)
        lacking = [
            word for word, lacks in (("network", entry.network == "none"), ("write access", not writes)) if lacks
        ]
        if lacking:
            named.setdefault(" and ".join(lacking), []).append(entry.name)
    return [
        f"{', '.join(names)}: in a sandbox without {lacking}. Grant it in the entry: `network` (loopback, full), "
        '`folders` ([{"path": "/a/folder", "access": "rw"}]); `sandbox`: "off" takes the sandbox away'
        for lacking, names in named.items()
    ]


def _told_apart(definitions: Sequence[ServerDefinition]) -> list[ServerDefinition]:
    """One name for each: somebody's own server may be named as everybody's is."""
    taken: set[str] = set()
    found = []
    for one in definitions:
        name = one.name if one.name not in taken else f"{one.name}-{one.id.hex[-6:]}"
        taken.add(name)
        found.append(replace(one, name=name))
    return found
