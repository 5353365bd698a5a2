"""The statements that write and read pinned tool definitions; the transaction is the caller's.

Used by the registry, which pins what it sees first, and by ``tool_trust``, where people approve and reject.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.core.jsonsafe import storable
from orchestrator.mcp.pins import sort_tools
from orchestrator.mcp.result import ToolInfo
from orchestrator.models import McpServer, McpToolPin

log = structlog.get_logger(__name__)

Row = Mapping[str, Any]

_TABLE = McpToolPin.__table__


async def pin_first(connection: AsyncConnection, server_id: UUID, tools: Iterable[ToolInfo]) -> bool:
    """Approve what a server shows for the first time; False, and nothing done, when it was seen before."""
    first = (McpServer.id == server_id) & McpServer.pinned_at.is_(None)
    marked = await connection.execute(update(McpServer).where(first).values(pinned_at=func.now()))
    if marked.rowcount:
        await pin(connection, server_id, tools, decided_by=None)
    return bool(marked.rowcount)


async def pin(
    connection: AsyncConnection, server_id: UUID, tools: Iterable[ToolInfo], *, decided_by: UUID | None
) -> None:
    """Approve these definitions, and have every process read the entry again."""
    rows = [
        {"server_id": server_id, "tool": tool.name, "hash": tool.fingerprint, "definition": storable(tool.to_wire()),
         "rejected_hash": None, "decided_by": decided_by}
        for tool in tools
        if tool.fingerprint and storable(tool.name) == tool.name
    ]  # fmt: skip
    if rows:
        statement = insert(McpToolPin).values(rows)
        same = ("hash", "definition", "rejected_hash", "decided_by")
        replaced = {name: statement.excluded[name] for name in same} | {"decided_at": func.now()}
        await connection.execute(statement.on_conflict_do_update(index_elements=["server_id", "tool"], set_=replaced))
    await touch(connection, server_id)


async def pin_unknown(connection: AsyncConnection, server_id: UUID, tools: Sequence[ToolInfo]) -> None:
    """Approve those that nobody decided of yet: one user's session may have tools that no other one has."""
    known = await pins_of(connection, server_id)
    await pin(connection, server_id, [tool for tool in tools if tool.name not in known], decided_by=None)


async def refuse(connection: AsyncConnection, server_id: UUID, tools: Mapping[str, str], decided_by: UUID) -> None:
    """Note that these definitions were rejected; an approval of the very same one is withdrawn."""
    for tool, seen in tools.items():
        values = {"rejected_hash": seen, "decided_by": decided_by}
        statement = insert(McpToolPin).values(server_id=server_id, tool=tool, **values)
        await connection.execute(
            statement.on_conflict_do_update(index_elements=["server_id", "tool"], set_={
                **values, "decided_at": func.now(), "hash": func.nullif(_TABLE.c.hash, seen),
            })
        )  # fmt: skip
    await touch(connection, server_id)


async def unpin(connection: AsyncConnection, server_id: UUID, tools: Sequence[str]) -> None:
    """Forget what was decided of these tools."""
    await connection.execute(delete(McpToolPin).where(_TABLE.c.server_id == server_id, _TABLE.c.tool.in_(tools)))
    await touch(connection, server_id)


async def touch(connection: AsyncConnection, server_id: UUID) -> None:
    """A server whose pins changed counts as seen, and as changed."""
    values = {"pinned_at": func.coalesce(McpServer.pinned_at, func.now()), "updated_at": func.clock_timestamp()}
    await connection.execute(update(McpServer).where(McpServer.id == server_id).values(**values))


async def hashes_of(connection: AsyncConnection, servers: Sequence[UUID]) -> dict[UUID, dict[str, str]]:
    """Approved hashes by server and tool."""
    query = select(_TABLE.c.server_id, _TABLE.c.tool, _TABLE.c.hash)
    found: dict[UUID, dict[str, str]] = {server: {} for server in servers}
    for row in await connection.execute(query.where(_TABLE.c.server_id.in_(servers), _TABLE.c.hash.is_not(None))):
        found[row.server_id][row.tool] = row.hash
    return found


async def pins_of(connection: AsyncConnection, server_id: UUID) -> dict[str, Row]:
    """All that is known of one server's pins, by tool."""
    rows = (await connection.execute(select(_TABLE).where(_TABLE.c.server_id == server_id))).mappings()
    return {row["tool"]: dict(row) for row in rows}


def tell_of_held(server: str, seen: Sequence[ToolInfo], before: Sequence[ToolInfo], hashes: Mapping[str, str]) -> None:
    """Log tools that are held back since this look at the server."""
    known = {tool.fingerprint for tool in sort_tools(before, hashes).held}
    fresh = [tool.name[:100] for tool in sort_tools(seen, hashes).held if tool.fingerprint not in known]
    if fresh:
        log.warning("mcp_tools_quarantined", server=server, tools=fresh[:50], count=len(fresh))
