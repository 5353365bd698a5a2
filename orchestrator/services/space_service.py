"""A user's own Hugging Face Spaces as places for heavy work: connect one, consent, probe, and reach its MCP server.

Used by the doors, routing and the executor for targets ``space:<id>``. The Space itself is the user's: nothing is
deployed here, and its MCP server is called with the user's own Hugging Face token and nobody else's.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urljoin
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, NotFound
from orchestrator.core.ids import new_id
from orchestrator.core.jsonsafe import storable
from orchestrator.core.routing import Health
from orchestrator.mcp.capabilities import derive_capabilities
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.pool import Probe, ServerPool
from orchestrator.mcp.result import ToolInfo
from orchestrator.models import UserSpace
from orchestrator.models.database import Database
from orchestrator.services.hf_service import HFService
from orchestrator.services.server_entry import ServerEntry

Row = Mapping[str, Any]
TokenOf = Callable[[UUID], Awaitable[str | None]]

GRADIO_MCP_PATH = "/gradio_api/mcp/"
"""Where a Gradio Space answers MCP when its author launched it with ``mcp_server=True``."""


class SpaceService:
    """Use cases around users' Spaces."""

    def __init__(self, database: Database, pool: ServerPool, huggingface: HFService, token_of: TokenOf) -> None:
        self._database = database
        self._pool = pool
        self._huggingface = huggingface
        self._token_of = token_of

    async def list(self, caller: Caller) -> list[Row]:
        """The caller's Spaces."""
        mine = select(UserSpace.__table__).where(UserSpace.user_id == caller.user_id).order_by(UserSpace.space_id)
        async with self._database.transaction() as connection:
            return [dict(row) for row in (await connection.execute(mine)).mappings()]

    async def connect(self, caller: Caller, space_id: str, *, mcp_path: str, consent: bool) -> Row:
        """Connect a Space of the caller: found on Hugging Face, probed, and only then stored."""
        token = await self._token_of(caller.user_id)
        space = await self._huggingface.for_token(token or "").space_info(space_id)
        if not space.host:
            raise Conflict(f"the Space {space.id} has no running application: it is {space.stage}", field="space_id")
        values = {
            "url": urljoin(space.host, mcp_path),
            "consented_at": func.now() if consent else None,
        }
        statement = insert(UserSpace).values(id=new_id(), user_id=caller.user_id, space_id=space.id, **values)
        statement = statement.on_conflict_do_update(index_elements=["user_id", "space_id"], set_=values)
        async with self._database.transaction() as connection:
            row_id = (await connection.execute(statement.returning(UserSpace.id))).scalar_one()
        await self.probe(caller, row_id)
        return await self.get(caller, row_id)

    async def get(self, caller: Caller, row_id: UUID) -> Row:
        """One Space of the caller."""
        for row in await self.list(caller):
            if row["id"] == row_id:
                return row
        raise NotFound("no such Space")

    async def consent(self, caller: Caller, row_id: UUID, *, granted: bool) -> Row:
        """Give or take back the standing consent to run heavy work there."""
        await self.get(caller, row_id)
        value = func.now() if granted else None
        async with self._database.transaction() as connection:
            await connection.execute(update(UserSpace).where(UserSpace.id == row_id).values(consented_at=value))
        return await self.get(caller, row_id)

    async def remove(self, caller: Caller, row_id: UUID) -> None:
        """Disconnect a Space; the Space itself stays as it is."""
        await self.get(caller, row_id)
        async with self._database.transaction() as connection:
            await connection.execute(delete(UserSpace).where(UserSpace.id == row_id))
        await self._pool.forget(row_id)

    async def probe(self, caller: Caller, row_id: UUID) -> Probe:
        """Ask the Space's MCP server what it can do, and store it."""
        entry = _entry(await self.get(caller, row_id))
        probe = await self._pool.probe(await self.definition(entry, caller.user_id))
        values: dict[str, Any] = {"health": Health.HEALTHY if probe.healthy else Health.UNHEALTHY}
        if probe.healthy:
            values["tools"] = storable([tool.to_wire() for tool in probe.tools])
            values["capabilities"] = list(derive_capabilities(probe.tools))
        async with self._database.transaction() as connection:
            await connection.execute(update(UserSpace).where(UserSpace.id == row_id).values(**values))
        return probe

    async def find(self, row_id: UUID, user_id: UUID) -> ServerEntry:
        """A Space as a server, for work that was already routed to it."""
        async with self._database.transaction() as connection:
            found = await connection.execute(select(UserSpace.__table__).where(UserSpace.id == row_id))
            row = found.mappings().first()
        if row is None:
            raise NotFound("the Space was disconnected")
        return _entry(dict(row))

    async def definition(self, entry: ServerEntry, user_id: UUID) -> ServerDefinition:
        """What the pool needs to reach it, with its owner's token."""
        token = await self._token_of(entry.owner_id) if entry.owner_id else None
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return ServerDefinition.build(
            id=entry.id, name=entry.name.replace("/", "."), transport="streamable_http", url=entry.url, headers=headers,
            timeout_seconds=entry.timeout_seconds,
        )  # fmt: skip


def _entry(row: Row) -> ServerEntry:
    return ServerEntry(
        id=row["id"],
        name=row["space_id"],
        transport="streamable_http",
        owner_id=row["user_id"],
        url=row["url"],
        tools=tuple(ToolInfo.from_wire(tool) for tool in row["tools"]),
        timeout_seconds=3600.0,
        health=Health(row["health"]),
    )
