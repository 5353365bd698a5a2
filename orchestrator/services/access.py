"""Whether a caller may do something with a project. Asked by every service and door that touches one.

A project is hidden from who is no member of it: to them it does not exist. Answers are remembered for one second, so
a changed role is effective within that, and at once in this process after ``forget``.
"""

import time
from uuid import UUID

from sqlalchemy import select

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Forbidden, NotFound
from orchestrator.models.database import Database
from orchestrator.models.projects import Membership, Role

_REMEMBER_SECONDS = 1.0
_MOST_REMEMBERED = 10_000
_RANK = {Role.VIEWER: 0, Role.MEMBER: 1, Role.ADMIN: 2}


class ProjectAccess:
    """Roles of users on projects: viewer < member < admin."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[tuple[UUID, UUID], tuple[Role | None, float]] = {}
        self._epoch = 0

    async def require(self, caller: Caller, project_id: UUID, role: Role = Role.VIEWER) -> Role:
        """The caller's role; NotFound when the project is hidden from them, Forbidden when the role is too low."""
        caller.require_project(project_id)
        has = await self.role(caller.user_id, project_id)
        if has is None:
            raise NotFound(f"there is no project {project_id}")
        if _RANK[has] < _RANK[role]:
            raise Forbidden(f"this needs the role {role} on the project; yours is {has}", details={"role": role})
        return has

    async def role(self, user_id: UUID, project_id: UUID) -> Role | None:
        """A user's role on a project; None for no member."""
        key = (user_id, project_id)
        now = time.monotonic()
        known = self._known.get(key)
        if known is not None and known[1] > now:
            return known[0]
        epoch = self._epoch
        query = select(Membership.role).where(Membership.user_id == user_id, Membership.project_id == project_id)
        async with self._database.transaction() as connection:
            role = (await connection.execute(query)).scalar_one_or_none()
        if epoch == self._epoch:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[key] = (role, now + _REMEMBER_SECONDS)
        return role

    def forget(self) -> None:
        """Remember nothing: memberships have changed. Call it after the change is committed."""
        self._epoch += 1
        self._known.clear()
