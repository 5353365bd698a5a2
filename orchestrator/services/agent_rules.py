"""Rules for agents: who may see and write them, and what they say of a thing an agent wants to do.

Used by the REST doors and by ``agent_people``. A person's "remember" is a rule of their own. Kept for a second.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, insert, or_, select

from orchestrator.core.agent_rules import AgentRule, Wanted, decide
from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from orchestrator.core.fresh import Fresh
from orchestrator.core.ids import new_id
from orchestrator.core.jsonsafe import check_storable
from orchestrator.core.policy import Effect, Level
from orchestrator.models import AgentRuleRow, Membership, Role
from orchestrator.models.database import Database
from orchestrator.services.access import ProjectAccess

Row = Mapping[str, Any]

_RULES = AgentRuleRow.__table__
_MOST_OF_ONE = 1000
_FRESH_SECONDS = 1.0
_FIELDS = ("effect", "agent", "tool", "path", "command", "cost_above", "project_id", "reason")


class AgentRules:
    """The rules about what agents do."""

    def __init__(self, database: Database, access: ProjectAccess) -> None:
        self._database = database
        self._access = access
        self._kept: Fresh[tuple[AgentRule, ...]] = Fresh(self._read, _FRESH_SECONDS)

    async def decide(self, wanted: Wanted) -> AgentRule | None:
        """The rule that decides, or None."""
        return decide(await self._kept.get(), wanted)

    async def page(self, caller: Caller, *, limit: int, offset: int) -> tuple[list[Row], int]:
        """The rules that may speak of the caller's agents, oldest first."""
        query = select(_RULES).where(_visible_to(caller)).order_by(_RULES.c.id)
        async with self._database.transaction() as connection:
            rows: list[Row] = [dict(row) for row in (await connection.execute(query)).mappings()]
        return rows[offset : offset + limit], len(rows)

    async def create(self, caller: Caller, level: Level, values: Mapping[str, Any]) -> Row:
        """Make a rule of a level the caller may write."""
        for name in ("agent", "tool", "path", "command", "reason"):
            check_storable(values.get(name, ""), name)
        project_id = values.get("project_id")
        await self._may_write(caller, level, project_id, caller.user_id)
        own = caller.user_id if level == Level.USER else None
        row = {name: values[name] for name in _FIELDS if name in values}
        row |= {"id": new_id(), "level": level, "user_id": own, "created_by": caller.user_id}
        async with self._database.transaction() as connection:
            same = and_(_RULES.c.level == level, _RULES.c.user_id == own)
            count = select(_RULES.c.id).where(same).limit(_MOST_OF_ONE)
            if own is not None and len((await connection.execute(count)).all()) >= _MOST_OF_ONE:
                raise Conflict(f"one person has at most {_MOST_OF_ONE} rules")
            made = (await connection.execute(insert(AgentRuleRow).values(**row).returning(_RULES))).mappings().one()
        self._kept.forget()
        return dict(made)

    async def delete(self, caller: Caller, rule_id: UUID) -> None:
        """Take a rule away."""
        query = select(_RULES).where(_RULES.c.id == rule_id, _visible_to(caller))
        async with self._database.transaction() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise NotFound("no such rule")
        await self._may_write(caller, Level(row["level"]), row["project_id"], row["user_id"])
        async with self._database.transaction() as connection:
            await connection.execute(delete(AgentRuleRow).where(_RULES.c.id == rule_id))
        self._kept.forget()

    async def remember(self, caller: Caller, question: Row, *, allow: bool) -> Row:
        """A rule of the caller's own from an answer: this agent, this kind of work, this command or these paths."""
        action = question["action"]
        paths = action.get("paths") or []
        command, path = str(action.get("command") or ""), str(paths[0]) if len(paths) == 1 else ""
        if any(letter in command + path for letter in "*?") or not (command or path or action.get("tool")):
            raise InvalidInput("this cannot be made a rule: write one by hand", field="remember")
        if not command and len(paths) > 1:
            raise InvalidInput("several paths are no rule: write one by hand", field="remember")
        effect = Effect.ALLOW if allow else Effect.DENY
        values = {
            "effect": effect, "agent": question["agent"], "tool": action["tool"], "command": command, "path": path,
            "project_id": question["project_id"], "reason": "remembered from an answer",
        }  # fmt: skip
        return await self.create(caller, Level.USER, values)

    async def _may_write(self, caller: Caller, level: Level, project_id: UUID | None, user_id: UUID | None) -> None:
        if level == Level.SERVICE and not caller.is_admin:
            raise Forbidden("only admins of the service write rules for everybody", field="level")
        if level == Level.PROJECT and project_id is None:
            raise InvalidInput("a project's rule names its project", field="project_id")
        if level == Level.USER and user_id != caller.user_id:
            raise Forbidden("this is another person's rule")
        caller.require_project(project_id)
        if project_id is not None and level != Level.SERVICE:
            role = Role.ADMIN if level == Level.PROJECT else Role.VIEWER
            await self._access.require(caller, project_id, role)

    async def _read(self) -> tuple[AgentRule, ...]:
        async with self._database.transaction() as connection:
            rows = (await connection.execute(select(_RULES))).mappings().all()
        return tuple(_rule(dict(row)) for row in rows)


def _rule(row: Row) -> AgentRule:
    return AgentRule(
        row["id"], Level(row["level"]), Effect(row["effect"]), row["agent"], row["tool"], row["path"], row["command"],
        row["cost_above"], row["project_id"], row["user_id"], row["reason"],
    )  # fmt: skip


def _visible_to(caller: Caller) -> ColumnElement[bool]:
    mine = select(Membership.project_id).where(Membership.user_id == caller.user_id)
    in_project = _RULES.c.project_id.is_(None) | _RULES.c.project_id.in_(mine)
    everybodys = (_RULES.c.level == Level.SERVICE) & in_project
    return or_(everybodys, (_RULES.c.level == Level.PROJECT) & in_project, _RULES.c.user_id == caller.user_id)
