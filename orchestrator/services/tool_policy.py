"""The rules about tool calls as they are stored, and what they say of a call, from memory.

Used by ``tool_consent``, the guard that hangs in the gate, and by the REST doors. What was read is kept a second, like
the registry; a decision costs no trip to the database. Which rule wins is ``core.policy``'s to say; writing is
``tool_rules``'s work.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.core.caller import Caller
from orchestrator.core.fresh import Fresh
from orchestrator.core.policy import ALLOWED, SERVICE_ADMIN, Asked, Decision, Effect, Level, Rule, decide
from orchestrator.mcp.result import ToolInfo
from orchestrator.models import ToolApproval, ToolRule, User
from orchestrator.models.database import Database
from orchestrator.services.access import ProjectAccess
from orchestrator.services.server_entry import ServerEntry

_FRESH_SECONDS = 1.0
_MOST_DECIDED = 20_000
_MOST_APPROVALS = 100_000

Approval = tuple[UUID, UUID, UUID, str, UUID | None]
"""User, rule, server, tool, project."""
_Key = tuple[UUID, UUID, str, frozenset[str], UUID | None]


@dataclass(slots=True)
class _Snapshot:
    """The rules as they were read, and what they were found to say."""

    rules: tuple[Rule, ...] = ()
    approvals: frozenset[Approval] = frozenset()
    admins: frozenset[UUID] = frozenset()
    by_project_role: bool = False
    revision: int = 0
    decided: dict[_Key, tuple[ToolInfo | None, Decision]] = field(default_factory=dict)

    def same_as(self, other: "_Snapshot") -> bool:
        return (self.rules, self.approvals, self.admins) == (other.rules, other.approvals, other.admins)


class ToolPolicy:
    """What the rules say."""

    def __init__(self, database: Database, access: ProjectAccess) -> None:
        self._database = database
        self._access = access
        self._last = _Snapshot()
        self._kept: Fresh[_Snapshot] = Fresh(self._read, _FRESH_SECONDS)

    async def decide(
        self, caller: Caller, entry: ServerEntry, tool: str, project_id: UUID | None, info: ToolInfo | None = None
    ) -> Decision:
        """What the rules say of a call. ``info``: the tool as its server describes it; default: the registry's."""
        snapshot = await self._kept.get()
        if not snapshot.rules:
            return ALLOWED
        roles = await self._roles(snapshot, caller, project_id)
        key = (caller.user_id, entry.id, tool, roles, project_id)
        known = snapshot.decided.get(key)
        info = info or _described(entry, tool)
        if known is not None and known[0] is info:
            return known[1]
        annotations = info.annotations if info is not None else None
        asked = Asked(caller.user_id, entry.id, tool, roles, project_id, annotations)
        decision = decide(snapshot.rules, asked)
        if len(snapshot.decided) >= _MOST_DECIDED:
            snapshot.decided.clear()
        snapshot.decided[key] = (info, decision)
        return decision

    async def shown(
        self, caller: Caller, project_id: UUID | None, entry: ServerEntry, tools: Sequence[ToolInfo]
    ) -> Sequence[ToolInfo]:
        """The tools that are not denied; the very same sequence when that is all of them."""
        if not (await self._kept.get()).rules:
            return tools
        left = [
            tool
            for tool in tools
            if (await self.decide(caller, entry, tool.name, project_id, tool)).effect != Effect.DENY
        ]
        return tools if len(left) == len(tools) else left

    async def is_approved(
        self, caller: Caller, rule: Rule, server_id: UUID, tool: str, project_id: UUID | None
    ) -> bool:
        """Whether this person always allows the call that the rule would ask about."""
        approvals = (await self._kept.get()).approvals
        return rule.remember and (caller.user_id, rule.id, server_id, tool, project_id) in approvals

    async def asked(self, caller: Caller, entry: ServerEntry, tool: str, project_id: UUID | None) -> Asked:
        """A call as the rules see it, for explaining."""
        roles = await self._roles(await self._kept.get(), caller, project_id, need_all=True)
        info = _described(entry, tool)
        return Asked(caller.user_id, entry.id, tool, roles, project_id, info.annotations if info else None)

    async def rules(self) -> tuple[Rule, ...]:
        """Every rule; the very same tuple while nothing has changed."""
        return (await self._kept.get()).rules

    async def revision(self) -> int:
        """Another number whenever rules or approvals have changed."""
        return (await self._kept.get()).revision

    def forget(self) -> None:
        """Read again at the next question: a rule or an approval has changed."""
        self._kept.forget()

    async def _roles(
        self, snapshot: _Snapshot, caller: Caller, project_id: UUID | None, *, need_all: bool = False
    ) -> frozenset[str]:
        # Tasks and agents come without the rights of a log-in; a narrowed token gives them up.
        has_rights = caller.via in ("task", "agent") and caller.user_id in snapshot.admins
        is_admin = caller.is_admin or has_rights
        roles = {SERVICE_ADMIN} if is_admin else set()
        if project_id is not None and (snapshot.by_project_role or need_all):
            role = await self._access.role(caller.user_id, project_id)
            roles |= {str(role)} if role is not None else set()
        return frozenset(roles)

    async def _read(self) -> _Snapshot:
        async with self._database.single() as connection:
            found = await _read_all(connection)
        if not found.same_as(self._last):
            found.revision = self._last.revision + 1
            self._last = found
        return self._last


async def _read_all(connection: AsyncConnection) -> _Snapshot:
    rows = (await connection.execute(select(ToolRule.__table__).order_by(ToolRule.id))).mappings().all()
    if not rows:
        return _Snapshot()
    rules = tuple(rule_of(dict(row)) for row in rows)
    approved = select(
        ToolApproval.user_id, ToolApproval.rule_id, ToolApproval.server_id, ToolApproval.tool, ToolApproval.project_id
    ).limit(_MOST_APPROVALS)
    approvals = frozenset((a, b, c, d, e) for a, b, c, d, e in await connection.execute(approved))
    admins = frozenset((await connection.execute(select(User.id).where(User.is_admin))).scalars())
    by_project_role = any(rule.roles - {SERVICE_ADMIN} for rule in rules)
    return _Snapshot(rules, approvals, admins, by_project_role)


def rule_of(row: Mapping[str, Any]) -> Rule:
    """The rule of a table row."""
    return Rule(
        id=row["id"],
        level=Level(row["level"]),
        effect=Effect(row["effect"]),
        tool=row["tool"],
        server_id=row["server_id"],
        hints=dict(row["hints"]),
        roles=frozenset(row["roles"]),
        project_id=row["project_id"],
        user_id=row["user_id"],
        remember=row["remember"],
        reason=row["reason"],
    )


def _described(entry: ServerEntry, name: str) -> ToolInfo | None:
    return next((tool for tool in entry.tools if tool.name == name), None)
