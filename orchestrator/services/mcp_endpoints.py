"""The stored endpoints of the MCP gateway: who may use and change one, and its face as a value for the door.

Used by the MCP door and its REST doors. One belongs to a user, to a project (members use it, its admins change it), or
to everybody. What an endpoint shows is decided by ``mcp_endpoint``; whether the caller may use a server behind it, by
the registry as everywhere.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from orchestrator.core.fresh import Fresh
from orchestrator.core.ids import new_id
from orchestrator.models import McpEndpoint, Membership, Role
from orchestrator.models.database import Database
from orchestrator.services.access import ProjectAccess
from orchestrator.services.mcp_endpoint import EVERYTHING, Endpoint
from orchestrator.services.mcp_endpoint_check import check_renames, servers_named, warnings
from orchestrator.services.mcp_registry import McpRegistry

Row = Mapping[str, Any]

_FRESH_SECONDS = 1.0
_TABLE = McpEndpoint.__table__
_NEW: Row = {
    "name": "", "servers": (), "prefix": True, "own_tools": False, "tools": (), "renames": {}, "annotations": {},
    "read_only": False, "search": False, "listed": (), "project_id": None, "updated_at": "",
}  # fmt: skip
"""A face of which nothing is said."""


class McpEndpoints:
    """Endpoints by name."""

    def __init__(self, database: Database, registry: McpRegistry, access: ProjectAccess) -> None:
        self._database = database
        self._registry = registry
        self._access = access
        self._all: Fresh[dict[str, tuple[UUID | None, Endpoint]]] = Fresh(self._read, _FRESH_SECONDS)

    async def find(self, caller: Caller, name: str) -> Endpoint:
        """The face of that name; the empty name is everything. Raises NotFound."""
        if not name:
            return EVERYTHING
        owner_id, endpoint = (await self._all.get()).get(name, (None, None))
        if endpoint is None or not await self._may_use(caller, owner_id, endpoint.project_id):
            raise NotFound(f"there is no MCP endpoint {name[:100]!r}", field="name")
        return endpoint

    async def _may_use(self, caller: Caller, owner_id: UUID | None, project_id: UUID | None) -> bool:
        """A project's endpoint is there for its members, through tokens that are not narrowed to another project."""
        if project_id is None:
            return owner_id in (None, caller.user_id)
        narrowed = caller.project_id not in (None, project_id)
        return not narrowed and await self._access.role(caller.user_id, project_id) is not None

    async def visible(self, caller: Caller) -> list[Row]:
        """The endpoints a caller may use, by name."""
        theirs = select(Membership.project_id).where(Membership.user_id == caller.user_id)
        of_projects = and_(_TABLE.c.project_id.is_not(None), _TABLE.c.project_id.in_(theirs))
        of_nobody = and_(_TABLE.c.project_id.is_(None), _TABLE.c.owner_id.is_(None))
        query = select(_TABLE).where(or_(of_projects, of_nobody, _TABLE.c.owner_id == caller.user_id))
        async with self._database.transaction() as connection:
            rows = [dict(row) for row in (await connection.execute(query.order_by(_TABLE.c.name))).mappings()]
        return [row for row in rows if caller.project_id is None or row["project_id"] in (None, caller.project_id)]

    async def create(
        self, caller: Caller, values: Mapping[str, Any], *, shared: bool = False, project_id: UUID | None = None
    ) -> Row:
        """Make one: the caller's own, a project's when its admin says so, or everybody's when the service's does."""
        if shared and project_id is not None:
            raise InvalidInput("an endpoint is a project's or everybody's", field="shared")
        if shared and not caller.is_admin:
            raise Forbidden("only admins of the service make endpoints for everybody", field="shared")
        if project_id is not None:
            await self._access.require(caller, project_id, Role.ADMIN)
        values, told = await self._checked(caller, values, project_id)
        owner_id = None if shared or project_id is not None else caller.user_id
        row = {**values, "id": new_id(), "owner_id": owner_id, "project_id": project_id}
        made = await self._write(insert(McpEndpoint).values(**row).returning(_TABLE), str(values["name"]))
        return {**made, "warnings": told}

    async def change(self, caller: Caller, name: str, values: Mapping[str, Any]) -> Row:
        """Change what is given."""
        row = await self._own(caller, name)
        if not values:
            return row
        values, told = await self._checked(caller, values, row["project_id"], row)
        statement = update(McpEndpoint).where(_TABLE.c.name == name).values(**values).returning(_TABLE)
        return {**await self._write(statement, str(values.get("name", name))), "warnings": told}

    async def delete(self, caller: Caller, name: str) -> None:
        """Take it away; who is connected to it is refused from then on."""
        await self._own(caller, name)
        async with self._database.transaction() as connection:
            await connection.execute(delete(McpEndpoint).where(_TABLE.c.name == name))
        self._all.forget()

    async def _own(self, caller: Caller, name: str) -> Row:
        for row in await self.visible(caller):
            if row["name"] == name:
                if row["project_id"] is not None:
                    await self._access.require(caller, row["project_id"], Role.ADMIN)
                elif row["owner_id"] is None and not caller.is_admin:
                    raise Forbidden("only admins of the service change what is everybody's")
                return row
        raise NotFound(f"there is no MCP endpoint {name[:100]!r}", field="name")

    async def _checked(
        self, caller: Caller, values: Mapping[str, Any], project_id: UUID | None, before: Row = _NEW
    ) -> tuple[Row, list[str]]:
        """The values with servers by their ids, each one the caller may use, there; and what has no effect."""
        projects: Sequence[UUID] = (project_id,) if project_id is not None else ()
        entries = await self._registry.visible(caller.user_id, projects)
        if "servers" in values:
            values = {**values, "servers": servers_named(values["servers"], entries)}
        face = face_of({**before, **values})
        check_renames(face, entries)
        return values, warnings(face, entries)

    async def _write(self, statement: Any, name: str) -> Row:
        try:
            async with self._database.transaction() as connection:
                row = dict((await connection.execute(statement)).mappings().one())
        except IntegrityError as error:
            raise Conflict(f"there is already an MCP endpoint named {name}", field="name") from error
        self._all.forget()
        return row

    async def _read(self) -> dict[str, tuple[UUID | None, Endpoint]]:
        async with self._database.single() as connection:
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
        search=row["search"],
        listed=tuple(row["listed"]),
        project_id=row["project_id"],
        revision=str(row["updated_at"]),
    )
