"""The statements about tools that a server shows only to clients that can be asked; the transaction is the caller's.

Used by ``server_definitions``, which keeps what such a session showed, by ``tool_trust``, where people look at it and
approve it, and by the registry and lists of tools, for clients that can be asked. What everybody is shown is not here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.core.ids import new_id
from orchestrator.core.jsonsafe import storable
from orchestrator.mcp.result import ToolInfo
from orchestrator.models import McpServer, McpShownTools

Apart = tuple[tuple[UUID | None, str, ToolInfo], ...]
"""Whose session was shown a tool, what its client had declared, and the tool."""

_TABLE = McpShownTools.__table__
_MOST = 500
_TOLD = ("elicitation", "roots", "sampling")


def declared(capabilities: Mapping[str, Any]) -> str:
    """The capabilities that make a client one that can be asked, as one word: ``elicitation.form sampling``."""
    found: list[str] = []
    for name in _TOLD:
        if isinstance(told := capabilities.get(name), Mapping):
            found += [f"{name}.{mode}" for mode in ("form", "url") if mode in told] or [name]
    return " ".join(found)


def may_see(needed: str, has: str) -> bool:
    """Whether a client that declared ``has`` is shown what one with ``needed`` was shown; both as one word."""
    return _modes(needed) <= _modes(has)


async def keep(
    connection: AsyncConnection,
    server_id: UUID,
    user_id: UUID | None,
    capabilities: Mapping[str, Any],
    tools: Sequence[ToolInfo],
) -> bool:
    """What a session with these capabilities shows beyond the usual, in the place of what it showed before.

    Whether that is something else; the server then counts as changed.
    """
    same = _is(server_id, user_id) & (_TABLE.c.capabilities == declared(capabilities))
    wire = storable([tool.to_wire() for tool in tools[:_MOST]])
    before = (await connection.execute(select(_TABLE.c.tools).where(same))).scalar() or []
    if before == wire:
        return False
    await connection.execute(delete(McpShownTools).where(same))
    if tools:
        row = {"id": new_id(), "server_id": server_id, "user_id": user_id, "capabilities": declared(capabilities)}
        # Two sessions of the same kind may tell the same at once.
        await connection.execute(insert(McpShownTools).values(**row, tools=wire).on_conflict_do_nothing())
    changed = update(McpServer).where(McpServer.id == server_id).values(updated_at=func.clock_timestamp())
    await connection.execute(changed)
    return True


async def of_servers(connection: AsyncConnection, servers: Sequence[UUID]) -> dict[UUID, Apart]:
    """All that is kept of these servers."""
    query = select(_TABLE).where(_TABLE.c.server_id.in_(servers)).order_by(_TABLE.c.id)
    found: dict[UUID, Apart] = dict.fromkeys(servers, ())
    for row in await connection.execute(query):
        told = tuple((row.user_id, row.capabilities, ToolInfo.from_wire(wire)) for wire in row.tools)
        found[row.server_id] = (*found[row.server_id], *told)
    return found


async def of_server(
    connection: AsyncConnection, server_id: UUID, user_id: UUID | None, usual: Iterable[str]
) -> dict[str, tuple[ToolInfo, str]]:
    """Tools by name that are not among the usual ones, and the capabilities of the client that was shown them last."""
    query = select(_TABLE.c.capabilities, _TABLE.c.tools).where(_is(server_id, user_id)).order_by(_TABLE.c.id)
    known = set(usual)
    return {
        tool.name: (tool, row.capabilities)
        for row in await connection.execute(query)
        for tool in map(ToolInfo.from_wire, row.tools)
        if tool.name not in known
    }


def _is(server_id: UUID, user_id: UUID | None) -> ColumnElement[bool]:
    whose = _TABLE.c.user_id.is_(None) if user_id is None else _TABLE.c.user_id == user_id
    return (_TABLE.c.server_id == server_id) & whose


def _modes(word: str) -> set[str]:
    """An empty elicitation is the older way to say that forms are understood."""
    return {"elicitation.form" if mode == "elicitation" else mode for mode in word.split()}
