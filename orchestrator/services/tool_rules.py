"""Writing and reading the rules about tool calls, and what people always allow: who may, and what a rule may say.

Used by the REST doors and, for what a person always allows, by ``tool_consent``. What the rules say of a call is
``tool_policy``'s answer.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from orchestrator.core.ids import new_id
from orchestrator.core.policy import HINTS, ROLES, Level, Rule
from orchestrator.models import Membership, Role, ToolApproval, ToolRule
from orchestrator.models.database import Database
from orchestrator.services.access import ProjectAccess
from orchestrator.services.tool_policy import ToolPolicy

Row = Mapping[str, Any]

_RULES = ToolRule.__table__
_APPROVALS = ToolApproval.__table__
_MOST_OF_ONE = 1000


class ToolRules:
    """Rules, by whoever may see and write them."""

    def __init__(self, database: Database, access: ProjectAccess, policy: ToolPolicy) -> None:
        self._database = database
        self._access = access
        self._policy = policy

    async def page(
        self, caller: Caller, *, level: Level | None = None, project_id: UUID | None = None, limit: int, offset: int
    ) -> tuple[list[Row], int]:
        """The rules that may speak of the caller's calls: everybody's, their projects' and their own."""
        wanted = [_visible_to(caller)]
        if level is not None:
            wanted.append(_RULES.c.level == level)
        if project_id is not None:
            await self._access.require(caller, project_id, Role.VIEWER)
            wanted.append(_RULES.c.project_id == project_id)
        query = select(_RULES).where(and_(*wanted)).order_by(_RULES.c.id)
        async with self._database.transaction() as connection:
            rows: list[Row] = [dict(row) for row in (await connection.execute(query)).mappings()]
        return rows[offset : offset + limit], len(rows)

    async def get(self, caller: Caller, rule_id: UUID) -> Row:
        """One visible rule."""
        query = select(_RULES).where(_RULES.c.id == rule_id, _visible_to(caller))
        async with self._database.transaction() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise NotFound("no such rule")
        return dict(row)

    async def create(self, caller: Caller, level: Level, values: Mapping[str, Any]) -> Row:
        """Make a rule of a level the caller may write."""
        project_id = values.get("project_id")
        await self._may_write(caller, level, project_id, caller.user_id)
        _check(values)
        own = caller.user_id if level == Level.USER else None
        row = {**values, "id": new_id(), "level": level, "user_id": own, "created_by": caller.user_id}
        async with self._database.transaction() as connection:
            count = select(_RULES.c.id).where(_RULES.c.level == level, _RULES.c.user_id == own).limit(_MOST_OF_ONE)
            if level == Level.USER and len((await connection.execute(count)).all()) >= _MOST_OF_ONE:
                raise Conflict(f"one person has at most {_MOST_OF_ONE} rules")
            made = (await connection.execute(insert(ToolRule).values(**row).returning(_RULES))).mappings().one()
        self._policy.forget()
        return dict(made)

    async def change(self, caller: Caller, rule_id: UUID, values: Mapping[str, Any]) -> Row:
        """Change what is given. What people always allowed under the rule as it was is forgotten."""
        row = await self.get(caller, rule_id)
        await self._may_write(caller, Level(row["level"]), row["project_id"], row["user_id"])
        _check(values)
        if not values:
            return row
        statement = update(ToolRule).where(_RULES.c.id == rule_id).values(**values).returning(_RULES)
        async with self._database.transaction() as connection:
            changed = (await connection.execute(statement)).mappings().one()
            await connection.execute(delete(ToolApproval).where(_APPROVALS.c.rule_id == rule_id))
        self._policy.forget()
        return dict(changed)

    async def delete(self, caller: Caller, rule_id: UUID) -> None:
        """Take a rule away, and with it what people always allowed under it."""
        row = await self.get(caller, rule_id)
        await self._may_write(caller, Level(row["level"]), row["project_id"], row["user_id"])
        async with self._database.transaction() as connection:
            await connection.execute(delete(ToolRule).where(_RULES.c.id == rule_id))
        self._policy.forget()

    async def approve(self, caller: Caller, rule: Rule, server_id: UUID, tool: str, project_id: UUID | None) -> None:
        """Remember that this person always allows it, as long as the rule stays as it is."""
        if not rule.remember:
            raise Conflict("this rule wants to be asked about each call", field="tool")
        values = {"id": new_id(), "user_id": caller.user_id, "rule_id": rule.id, "server_id": server_id,
                  "tool": tool, "project_id": project_id}  # fmt: skip
        async with self._database.transaction() as connection:
            await connection.execute(upsert(ToolApproval).values(**values).on_conflict_do_nothing())
        self._policy.forget()

    async def approvals(self, caller: Caller) -> Sequence[Row]:
        """What the caller always allows, newest first."""
        query = select(_APPROVALS).where(_APPROVALS.c.user_id == caller.user_id).order_by(_APPROVALS.c.id.desc())
        async with self._database.transaction() as connection:
            return [dict(row) for row in (await connection.execute(query.limit(_MOST_OF_ONE))).mappings()]

    async def revoke(self, caller: Caller, approval_id: UUID) -> None:
        """Ask again from now on."""
        mine = and_(_APPROVALS.c.id == approval_id, _APPROVALS.c.user_id == caller.user_id)
        async with self._database.transaction() as connection:
            gone = await connection.execute(delete(ToolApproval).where(mine))
        if gone.rowcount == 0:
            raise NotFound("no such approval")
        self._policy.forget()

    async def _may_write(self, caller: Caller, level: Level, project_id: UUID | None, user_id: UUID | None) -> None:
        if level == Level.SERVICE and not caller.is_admin:
            raise Forbidden("only admins of the service write rules for everybody", field="level")
        if level == Level.PROJECT:
            if project_id is None:
                raise InvalidInput("a project's rule names its project", field="project_id")
            await self._access.require(caller, project_id, Role.ADMIN)
        if level == Level.USER:
            caller.require_project(project_id)
            if user_id != caller.user_id:
                raise Forbidden("this is another person's rule")
            if project_id is not None:
                await self._access.require(caller, project_id, Role.VIEWER)


def _visible_to(caller: Caller) -> ColumnElement[bool]:
    mine = select(Membership.project_id).where(Membership.user_id == caller.user_id)
    in_project = _RULES.c.project_id.is_(None) | _RULES.c.project_id.in_(mine)
    everybodys = (_RULES.c.level == Level.SERVICE) & (in_project if not caller.is_admin else True)
    return or_(everybodys, (_RULES.c.level == Level.PROJECT) & in_project, _RULES.c.user_id == caller.user_id)


def _check(values: Mapping[str, Any]) -> None:
    for name in values.get("roles", ()):
        if name not in ROLES:
            raise InvalidInput(f"there is no role {name[:50]!r}; there are {', '.join(sorted(ROLES))}", field="roles")
    for name in values.get("hints", {}):
        if name not in HINTS:
            known = ", ".join(sorted(HINTS))
            raise InvalidInput(f"there is no annotation {name[:50]!r}; there are {known}", field="annotations")
