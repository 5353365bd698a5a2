"""Where people look at the tool definitions of an MCP server and approve or reject them.

Used by the REST doors. What follows from an approval is decided by ``Pins`` of the calling side: here is only who said
yes to what. Whoever may change the entry may approve; everybody who sees the entry may look.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, InvalidInput, NotFound, OrchestratorError
from orchestrator.core.jsonsafe import storable
from orchestrator.core.policy import Effect
from orchestrator.mcp.definition_diff import FieldChange, changes, hidden_characters
from orchestrator.mcp.pins import is_approved
from orchestrator.mcp.pool import ServerPool
from orchestrator.mcp.result import ToolInfo
from orchestrator.models.database import Database
from orchestrator.services import shown_tools, tool_pins
from orchestrator.services.mcp_registry import McpRegistry
from orchestrator.services.server_entry import ServerEntry
from orchestrator.services.tool_policy import ToolPolicy

Row = Mapping[str, Any]


class DefinitionState(StrEnum):
    """How a tool's definition stands to what was approved."""

    APPROVED = "approved"
    CHANGED = "changed"
    NEW = "new"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Definition:
    """One tool: what was approved of it, what its server shows now, and the difference."""

    name: str
    state: DefinitionState
    rejected: bool
    approved_hash: str | None
    live_hash: str | None
    decided_by: UUID | None
    decided_at: Any
    changes: list[FieldChange]
    hidden: list[str]
    shown_to: str = ""
    """The capabilities a client must declare to be shown it; empty: everybody is."""


@dataclass(frozen=True, slots=True)
class Definitions:
    """All of a server's. ``live``: it was asked just now; else as last seen, and ``error`` says why."""

    entry: ServerEntry
    items: list[Definition]
    seen: str
    live: bool
    error: Mapping[str, Any] | None

    @property
    def quarantined(self) -> int:
        """How many tools are held back."""
        return sum(one.state in (DefinitionState.CHANGED, DefinitionState.NEW) for one in self.items)


class ToolTrust:
    """Use cases around pinned definitions."""

    def __init__(self, database: Database, registry: McpRegistry, pool: ServerPool, policy: ToolPolicy) -> None:
        self._database = database
        self._registry = registry
        self._pool = pool
        self._policy = policy

    async def definitions(self, caller: Caller, server_id: UUID) -> Definitions:
        """Every tool the server has or had, beside what was approved; the server is asked now where it answers."""
        entry = await self._entry(caller, server_id)
        tools, error, apart = await self._now(caller, entry)
        async with self._database.transaction() as connection:
            pins = await tool_pins.pins_of(connection, server_id)
        if entry.personal:
            # Tools that only other users have are not told of.
            pins = {name: row for name, row in pins.items() if name in tools}
        items = await asyncio.to_thread(_compared, tools, pins)
        items = [replace(one, shown_to=apart[one.name]) if one.name in apart else one for one in items]
        if not self._registry.may_write(caller, entry):
            items = [one for one in items if not await self._is_denied(caller, entry, one.name, tools.get(one.name))]
        return Definitions(entry, items, _seen(tools.values()), error is None, error)

    async def apart(self, entry: ServerEntry) -> dict[str, tuple[ToolInfo, str]]:
        """Approved tools that stand in no list, since the server shows them only to clients that declare something:
        by name, with what that is."""
        async with self._database.transaction() as connection:
            found = await shown_tools.of_server(connection, entry.id, entry.viewer, [tool.name for tool in entry.seen])
        pins = entry.pins or {}
        return {name: (tool, declared) for name, (tool, declared) in found.items() if is_approved(tool, pins)}

    async def _is_denied(self, caller: Caller, entry: ServerEntry, name: str, info: ToolInfo | None) -> bool:
        """Whether a rule keeps the tool from the caller, who is then not told of it: that is for who may decide."""
        return (await self._policy.decide(caller, entry, name, caller.project_id, info)).effect == Effect.DENY

    async def approve(
        self, caller: Caller, server_id: UUID, tools: Mapping[str, str] | None, seen: str | None
    ) -> Definitions:
        """Approve the definitions of these hashes, or all of a whole list as it was seen."""
        entry = await self._entry(caller, server_id)
        self._registry.require_writer(caller, entry)
        now, _, _ = await self._now(caller, entry)
        chosen = _chosen(now, tools, seen)
        async with self._database.transaction() as connection:
            await tool_pins.pin(connection, server_id, chosen, decided_by=caller.user_id)
        return await self._decided(caller, server_id)

    async def reject(self, caller: Caller, server_id: UUID, tools: Mapping[str, str]) -> Definitions:
        """Reject these definitions: they stay held back, and an approval of one is withdrawn. A tool that is gone is
        forgotten."""
        entry = await self._entry(caller, server_id)
        self._registry.require_writer(caller, entry)
        now, _, _ = await self._now(caller, entry)
        async with self._database.transaction() as connection:
            pins = await tool_pins.pins_of(connection, server_id)
            gone = [name for name, seen in tools.items() if name not in now and _hash(pins.get(name)) == seen]
            present = {name: seen for name, seen in tools.items() if name not in gone}
            _chosen(now, present, None)
            await tool_pins.unpin(connection, server_id, gone)
            await tool_pins.refuse(connection, server_id, present, caller.user_id)
        return await self._decided(caller, server_id)

    async def _decided(self, caller: Caller, server_id: UUID) -> Definitions:
        """What stands after a decision. The registry learns what the server shows, so that lists follow at once."""
        self._registry.refresh()
        await self._registry.probe(await self._registry.get(caller, server_id), caller.user_id)
        return await self.definitions(caller, server_id)

    async def _entry(self, caller: Caller, server_id: UUID) -> ServerEntry:
        entry = await self._registry.get(caller, server_id)
        if entry.transport == "builtin":
            raise Conflict("a built-in server is part of this service: its tools need no approval")
        return entry

    async def _now(
        self, caller: Caller, entry: ServerEntry
    ) -> tuple[dict[str, ToolInfo], Mapping[str, Any] | None, dict[str, str]]:
        """What the server shows now, else what it was last seen to show, and why that; and which of it to whom only."""
        error = None
        try:
            found = await self._pool.sorted_tools(await self._registry.definition(entry, caller.user_id), refresh=True)
            tools = {tool.name: tool for tool in (*found.trusted, *found.held)}
        except OrchestratorError as failed:
            tools, error = {tool.name: tool for tool in entry.seen}, failed.as_dict()
        async with self._database.transaction() as connection:
            apart = await shown_tools.of_server(connection, entry.id, entry.viewer, tools)
        tools |= {name: tool for name, (tool, _) in apart.items()}
        return tools, error, {name: capabilities for name, (_, capabilities) in apart.items()}


def _compared(tools: Mapping[str, ToolInfo], pins: Mapping[str, Row]) -> list[Definition]:
    names = sorted(tools.keys() | {name for name, row in pins.items() if row["hash"] or row["rejected_hash"]})
    found = [_definition(name, tools.get(name), pins.get(name)) for name in names]
    return [one for one in found if one is not None]


def _definition(name: str, live: ToolInfo | None, row: Row | None) -> Definition | None:
    approved = _hash(row)
    if live is None:
        state = DefinitionState.GONE
        if approved is None:
            return None
    elif approved is None:
        state = DefinitionState.NEW
    else:
        state = DefinitionState.APPROVED if live.fingerprint == approved else DefinitionState.CHANGED
    wire = storable(live.to_wire()) if live else None
    before = row["definition"] if row and approved else None
    return Definition(
        name=name,
        state=state,
        rejected=bool(live and row and live.fingerprint == row["rejected_hash"]),
        approved_hash=approved,
        live_hash=live.fingerprint if live else None,
        decided_by=row["decided_by"] if row else None,
        decided_at=row["decided_at"] if row else None,
        changes=[] if state in (DefinitionState.APPROVED, DefinitionState.GONE) else changes(before, wire),
        hidden=hidden_characters(live.to_wire() if live else before),
    )


def _chosen(now: Mapping[str, ToolInfo], tools: Mapping[str, str] | None, seen: str | None) -> list[ToolInfo]:
    """The tools meant, each as it was seen. Raises Conflict where a server shows something else by now."""
    if tools is None:
        if seen is None:
            raise InvalidInput("name tools with the hashes you saw, or all of them by 'seen'", field="tools")
        if seen != _seen(now.values()):
            raise Conflict("the definitions changed since you looked", field="seen", hint="look again")
        return list(now.values())
    missing = [name for name in tools if name not in now]
    if missing:
        raise NotFound(f"the server has no tool {missing[0][:100]!r}", field=f"tools.{missing[0][:100]}")
    other = sorted(name for name, looked in tools.items() if now[name].fingerprint != looked)
    if other:
        raise Conflict(
            f"the definition of {other[0][:100]!r} changed since you looked", field=f"tools.{other[0][:100]}",
            hint="look again", details={"changed": other[:50]},
        )  # fmt: skip
    return [now[name] for name in tools]


def _hash(row: Row | None) -> str | None:
    return row["hash"] if row else None


def _seen(tools: Iterable[ToolInfo]) -> str:
    """One hash for a whole list as somebody saw it."""
    parts: Callable[[ToolInfo], str] = lambda tool: f"{len(tool.name)} {tool.name} {tool.fingerprint}"  # noqa: E731
    return sha256("\n".join(sorted(map(parts, tools))).encode("utf-8", "surrogatepass")).hexdigest()
