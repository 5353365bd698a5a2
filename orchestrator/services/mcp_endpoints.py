"""The stored endpoints of the MCP gateway: who may use and change one, and its face as a value for the door.

Used by the MCP door and its REST doors. What an endpoint shows is decided by ``mcp_endpoint``; whether the caller may
use a server behind it, by the registry as everywhere.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, Forbidden, NotFound
from orchestrator.core.fresh import Fresh
from orchestrator.core.ids import new_id
from orchestrator.models import McpEndpoint
from orchestrator.models.database import Database
from orchestrator.services.mcp_endpoint import EVERYTHING, Endpoint
from orchestrator.services.mcp_registry import McpRegistry

Row = Mapping[str, Any]

_FRESH_SECONDS = 1.0
_TABLE = McpEndpoint.__table__


class McpEndpoints:
    """Endpoints by name."""

    def __init__(self, database: Database, registry: McpRegistry) -> None:
        self._database = database
        self._registry = registry
        self._all: Fresh[dict[str, tuple[UUID | None, Endpoint]]] = Fresh(self._read, _FRESH_SECONDS)

    async def find(self, caller: Caller, name: str) -> Endpoint:
        """The face of that name; the empty name is everything. Raises NotFound."""
        if not name:
            return EVERYTHING
        owner_id, endpoint = (await self._all.get()).get(name, (None, None))
        if endpoint is None or owner_id not in (None, caller.user_id):
            raise NotFound(f"there is no MCP endpoint {name[:100]!r}", field="name")
        return endpoint

    async def visible(self, caller: Caller) -> list[Row]:
        """The endpoints a caller may use, by name."""
        query = select(_TABLE).where(or_(_TABLE.c.owner_id.is_(None), _TABLE.c.owner_id == caller.user_id))
        async with self._database.transaction() as connection:
            return [dict(row) for row in (await connection.execute(query.order_by(_TABLE.c.name))).mappings()]

    async def create(self, caller: Caller, values: Mapping[str, Any], *, shared: bool = False) -> Row:
        """Make one: the caller's own, or everybody's when an admin says so."""
        if shared and not caller.is_admin:
            raise Forbidden("only admins of the service make endpoints for everybody", field="shared")
        await self._check(caller, values)
        row = {**values, "id": new_id(), "owner_id": None if shared else caller.user_id}
        return await self._write(insert(McpEndpoint).values(**row).returning(_TABLE), str(values["name"]))

    async def change(self, caller: Caller, name: str, values: Mapping[str, Any]) -> Row:
        """Change what is given."""
        row = await self._own(caller, name)
        if not values:
            return row
        await self._check(caller, values)
        statement = update(McpEndpoint).where(_TABLE.c.name == name).values(**values).returning(_TABLE)
        return await self._write(statement, str(values.get("name", name)))

    async def delete(self, caller: Caller, name: str) -> None:
        """Take it away; who is connected to it is refused from then on."""
        await self._own(caller, name)
        async with self._database.transaction() as connection:
            await connection.execute(delete(McpEndpoint).where(_TABLE.c.name == name))
        self._all.forget()

    async def _own(self, caller: Caller, name: str) -> Row:
        for row in await self.visible(caller):
            if row["name"] == name:
                if row["owner_id"] is None and not caller.is_admin:
                    raise Forbidden("only admins of the service change what is everybody's")
                return row
        raise NotFound(f"there is no MCP endpoint {name[:100]!r}", field="name")

    async def _check(self, caller: Caller, values: Mapping[str, Any]) -> None:
        """Every server named is one the caller may use."""
        for server in values.get("servers", ()):
            await self._registry.get(caller, UUID(str(server)))

    async def _write(self, statement: Any, name: str) -> Row:
        try:
            async with self._database.transaction() as connection:
                row = dict((await connection.execute(statement)).mappings().one())
        except IntegrityError as error:
            raise Conflict(f"there is already an MCP endpoint named {name}", field="name") from error
        self._all.forget()
        return row

    async def _read(self) -> dict[str, tuple[UUID | None, Endpoint]]:
        async with self._database.transaction() as connection:
            rows = (await connection.execute(select(_TABLE))).mappings().all()
        return {row["name"]: (row["owner_id"], face_of(dict(row))) for row in rows}


def face_of(row: Row) -> Endpoint:
    """The value of a row. No server named means all."""
    return Endpoint(
        name=row["name"],
        servers=frozenset(UUID(server) for server in row["servers"]) or None,
        prefix=row["prefix"],
        own_tools=row["own_tools"],
        tools=tuple(row["tools"]),
        renames=dict(row["renames"]),
        annotations=dict(row["annotations"]),
        read_only=row["read_only"],
        revision=str(row["updated_at"]),
    )
