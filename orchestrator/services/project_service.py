"""Projects: create from a URL, a local path or a template, read, change, delete with all their data, and members.

Used by the doors. Creating one stores it together with the task that fetches its repository; the fetching itself is
``sync_project``'s work, so that it has states, events and a reason like any other task.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, InvalidInput, NotFound
from orchestrator.core.ids import new_id
from orchestrator.git.local import resolve_local_path
from orchestrator.git.mirror import Mirrors
from orchestrator.git.templates import TEMPLATES
from orchestrator.git.url import parse_repository_url
from orchestrator.git.worktree import Worktrees
from orchestrator.kg.query.client import GraphQueries
from orchestrator.models import Graph, Membership, Project, Role, User
from orchestrator.models.database import Database
from orchestrator.models.task_store import insert_tasks
from orchestrator.services.access import ProjectAccess
from orchestrator.services.project_view import ProjectViews
from orchestrator.services.task_service import TaskRequest, TaskService
from orchestrator.services.task_writer import TaskWriter

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NewProject:
    """What a caller asks for; exactly one of the three sources."""

    name: str
    description: str = ""
    repository_url: str | None = None
    path: str | None = None
    template: str | None = None
    build_graph: bool = True


class ProjectService:
    """Use cases around projects."""

    def __init__(
        self,
        database: Database,
        access: ProjectAccess,
        tasks: TaskService,
        writer: TaskWriter,
        mirrors: Mirrors,
        worktrees: Worktrees,
        views: ProjectViews,
        queries: GraphQueries,
        roots: Sequence[Path],
    ) -> None:
        self._database = database
        self._access = access
        self._tasks = tasks
        self._writer = writer
        self._mirrors = mirrors
        self._worktrees = worktrees
        self._views = views
        self._queries = queries
        self._roots = roots

    async def create(self, caller: Caller, wanted: NewProject) -> tuple[Row, UUID]:
        """Store a project and the task that fetches it; returns the row and the task's id."""
        caller.require_project(None)
        source = self._source(wanted)
        project_id = new_id()
        project = Project(
            id=project_id, owner_id=caller.user_id, name=wanted.name, description=wanted.description, **source
        )
        request = TaskRequest("project_sync", {"build_graph": wanted.build_graph}, title=f"Fetch {wanted.name}")
        task = await self._tasks.prepare(caller, request)
        async with self._database.session() as session:
            session.add(project)
            await session.flush()
            session.add(Membership(project_id=project_id, user_id=caller.user_id, role=Role.ADMIN))
            await session.flush()
            await insert_tasks(await session.connection(), [replace(task, project_id=project_id)])
        self._writer.announce(task)
        return await self.get(caller, project_id), task.id

    async def get(self, caller: Caller, project_id: UUID) -> Row:
        """One project with the caller's role in it and its graph's state."""
        role = await self._access.require(caller, project_id, Role.VIEWER)
        async with self._database.transaction() as connection:
            row = (await connection.execute(_ONE, {"id": project_id})).mappings().first()
        if row is None:
            raise NotFound("no such project")
        return dict(row) | {"role": role}

    async def page(self, caller: Caller, *, limit: int = 50, offset: int = 0) -> tuple[list[Row], int]:
        """A page of the caller's projects, newest first, and the total."""
        values = {"user": caller.user_id, "only": caller.project_id, "limit": limit, "offset": offset}
        async with self._database.transaction() as connection:
            total = (await connection.execute(_COUNT, values)).scalar_one()
            rows = [dict(row) for row in (await connection.execute(_PAGE, values)).mappings()]
        return list(rows), int(total)

    async def update(self, caller: Caller, project_id: UUID, changes: Mapping[str, Any]) -> Row:
        """Change name, description or settings."""
        await self._access.require(caller, project_id, Role.ADMIN)
        async with self._database.session() as session:
            project = await session.get(Project, project_id)
            if project is None:
                raise NotFound("no such project")
            for name, value in changes.items():
                setattr(project, name, value)
        return await self.get(caller, project_id)

    async def delete(self, caller: Caller, project_id: UUID) -> None:
        """Delete a project with everything of it: tasks, graph, mirror, worktrees. Running tasks are stopped first."""
        await self._access.require(caller, project_id, Role.ADMIN)
        async with self._database.transaction() as connection:
            running = list((await connection.execute(_RUNNING, {"id": project_id})).scalars())
            await connection.execute(text("DELETE FROM projects WHERE id = :id"), {"id": project_id})
        self._writer.stop_workers(running)
        self._access.forget()
        await self._queries.forget(self._views.graph_folder(project_id))
        await self._worktrees.delete(project_id)
        await self._mirrors.delete(project_id)
        await self._views.delete_graph(project_id)

    async def sync(self, caller: Caller, project_id: UUID, *, build_graph: bool = True) -> Row:
        """Fetch the repository again; returns the task."""
        request = TaskRequest("project_sync", {"build_graph": build_graph}, project_id=project_id)
        return await self._tasks.create(caller, request)

    async def members(self, caller: Caller, project_id: UUID) -> list[Row]:
        """Everybody in a project, with names and roles."""
        await self._access.require(caller, project_id, Role.VIEWER)
        statement = (
            select(User.id.label("user_id"), User.email, User.display_name, Membership.role, Membership.created_at)
            .join(Membership, Membership.user_id == User.id)
            .where(Membership.project_id == project_id)
            .order_by(Membership.created_at)
        )
        async with self._database.transaction() as connection:
            return [dict(row) for row in (await connection.execute(statement)).mappings()]

    async def set_member(self, caller: Caller, project_id: UUID, email: str, role: Role) -> list[Row]:
        """Add somebody who has an account, or change their role."""
        await self._access.require(caller, project_id, Role.ADMIN)
        async with self._database.session() as session:
            user = await session.scalar(select(User).where(func.lower(User.email) == email.lower()))
            if user is None:
                raise NotFound("nobody with this e-mail has an account here", field="email")
            statement = upsert(Membership).values(project_id=project_id, user_id=user.id, role=role)
            await session.execute(
                statement.on_conflict_do_update(index_elements=["project_id", "user_id"], set_={"role": role})
            )
            await self._keep_an_admin(session, project_id)
        self._access.forget()
        return await self.members(caller, project_id)

    async def remove_member(self, caller: Caller, project_id: UUID, user_id: UUID) -> None:
        """Take somebody out; people may always leave by themselves."""
        needed = Role.VIEWER if user_id == caller.user_id else Role.ADMIN
        await self._access.require(caller, project_id, needed)
        async with self._database.session() as session:
            membership = await session.get(Membership, (project_id, user_id))
            if membership is None:
                raise NotFound("that user is not a member")
            await session.delete(membership)
            await session.flush()
            await self._keep_an_admin(session, project_id)
        self._access.forget()

    @staticmethod
    async def _keep_an_admin(session: Any, project_id: UUID) -> None:
        left = select(func.count()).where(Membership.project_id == project_id, Membership.role == Role.ADMIN)
        if await session.scalar(left) == 0:
            raise Conflict("a project keeps at least one admin", field="role")

    def _source(self, wanted: NewProject) -> dict[str, str]:
        """The checked source columns; InvalidInput names the field."""
        given = {"repository_url": wanted.repository_url, "path": wanted.path, "template": wanted.template}
        named = [name for name, value in given.items() if value]
        if len(named) != 1:
            raise InvalidInput("give exactly one of repository_url, path and template", field="repository_url")
        if wanted.repository_url:
            return {"repository_url": parse_repository_url(wanted.repository_url).text}
        if wanted.path:
            return {"local_path": str(resolve_local_path(wanted.path, self._roots))}
        if wanted.template not in TEMPLATES:
            raise InvalidInput(f"there is no template {wanted.template!r}", field="template",
                               hint=f"one of {', '.join(sorted(TEMPLATES))}")  # fmt: skip
        return {"template": str(wanted.template)}


_GRAPH = f"LEFT JOIN {Graph.__tablename__} g ON g.project_id = p.id"
_COLUMNS = "p.*, g.id AS kg_id, g.triples AS kg_triples, g.built_at AS kg_built_at, g.commit AS kg_commit"
_ONE = text(f"SELECT {_COLUMNS} FROM projects p {_GRAPH} WHERE p.id = :id")
_MINE = "JOIN memberships m ON m.project_id = p.id AND m.user_id = :user"
_ONLY = "WHERE (CAST(:only AS uuid) IS NULL OR p.id = :only)"
_COUNT = text(f"SELECT count(*) FROM projects p {_MINE} {_ONLY}")
_PAGE = text(
    f"SELECT {_COLUMNS}, m.role FROM projects p {_GRAPH} {_MINE} {_ONLY} "
    "ORDER BY p.created_at DESC LIMIT :limit OFFSET :offset"
)
_RUNNING = text("SELECT id FROM tasks WHERE project_id = :id AND state = 'running'")
