"""Notes of a project: a scratchpad and a list of things to do that its agents and people share.

Used by the agents' own tools and the doors for people. Each note has an author; the project keeps a bounded number, of
which the oldest that nobody has to do any more go first, and one run may write only so many. Texts are kept as written:
whoever reads them must treat them as somebody else's words.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select, text, update

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from orchestrator.core.ids import new_id
from orchestrator.core.jsonsafe import check_storable
from orchestrator.models import NoteState, ProjectNote, Role, TaskRow
from orchestrator.models.database import Database
from orchestrator.services.access import ProjectAccess

Row = Mapping[str, Any]

MOST_CHARACTERS = 4000
MOST_OF_A_RUN = 50
_TABLE = ProjectNote.__table__


class Notes:
    """Use cases around notes. ``most`` is how many a project keeps."""

    def __init__(self, database: Database, access: ProjectAccess, *, most: int) -> None:
        self._database = database
        self._access = access
        self._most = most

    async def post(self, caller: Caller, project_id: UUID, said: str, *, topic: str = "", todo: bool = False) -> Row:
        """Write a note, or put something on the list of things to do."""
        await self._access.require(caller, project_id, Role.MEMBER)
        for value, field, most in ((said, "text", MOST_CHARACTERS), (topic, "topic", 100)):
            check_storable(value, field)
            if len(value) > most:
                raise InvalidInput(f"at most {most} characters", field=field)
        values = {
            "id": new_id(), "project_id": project_id, "topic": topic.strip(), "text": said, "user_id": caller.user_id,
            "state": NoteState.TODO if todo else NoteState.NOTE, "task_id": caller.task_id,
        }  # fmt: skip
        async with self._database.transaction() as connection:
            await connection.execute(_LOCK, {"project": str(project_id)})
            if caller.task_id is not None:
                values["agent"] = await self._may_write(connection, caller.task_id)
            row = (await connection.execute(insert(ProjectNote).values(**values).returning(_TABLE))).mappings().one()
            await connection.execute(_LET_GO, {"project": project_id, "most": self._most})
        return dict(row)

    async def page(
        self,
        caller: Caller,
        project_id: UUID,
        *,
        topic: str = "",
        states: Sequence[NoteState] = (),
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[list[Row], int]:
        """Notes, newest first, and how many there are."""
        await self._access.require(caller, project_id)
        wanted = select(_TABLE).where(_TABLE.c.project_id == project_id)
        if topic:
            wanted = wanted.where(_TABLE.c.topic == topic)
        if states:
            wanted = wanted.where(_TABLE.c.state.in_(states))
        async with self._database.transaction() as connection:
            total = (await connection.execute(select(func.count()).select_from(wanted.subquery()))).scalar_one()
            ordered = wanted.order_by(_TABLE.c.id.desc()).limit(limit).offset(offset)
            return [dict(row) for row in (await connection.execute(ordered)).mappings()], int(total)

    async def mark(self, caller: Caller, project_id: UUID, note_id: UUID, state: NoteState) -> Row:
        """Take a thing to do, finish it, or put it back. Conflict while another agent that still runs is at it."""
        await self._access.require(caller, project_id, Role.MEMBER)
        if state == NoteState.NOTE:
            raise InvalidInput("one of todo, doing, done", field="state")
        async with self._database.transaction() as connection:
            found = select(_TABLE).where(_TABLE.c.id == note_id, _TABLE.c.project_id == project_id).with_for_update()
            row = (await connection.execute(found)).mappings().first()
            if row is None:
                raise NotFound("no such note", field="note_id")
            if row["state"] == NoteState.NOTE:
                raise Conflict("this is a note, nothing to do", field="note_id")
            if row["taken_by"] not in (None, caller.task_id) and caller.task_id is not None:
                await self._refuse_taken(connection, dict(row))
            taken_by = caller.task_id if state == NoteState.DOING else None
            changed = update(ProjectNote).where(_TABLE.c.id == note_id)
            changed = changed.values(state=state, taken_by=taken_by, updated_at=func.clock_timestamp())
            return dict((await connection.execute(changed.returning(_TABLE))).mappings().one())

    async def remove(self, caller: Caller, project_id: UUID, note_id: UUID) -> None:
        """Delete a note: its author's right, and that of the project's admins. Agents delete none."""
        caller.require_person()
        role = await self._access.require(caller, project_id, Role.MEMBER)
        async with self._database.transaction() as connection:
            here = (_TABLE.c.id == note_id) & (_TABLE.c.project_id == project_id)
            author = (await connection.execute(select(_TABLE.c.user_id).where(here))).first()
            if author is None:
                raise NotFound("no such note", field="note_id")
            if author.user_id != caller.user_id and role != Role.ADMIN:
                raise Forbidden("only its author and admins of the project delete a note")
            await connection.execute(delete(ProjectNote).where(here))

    async def _may_write(self, connection: Any, task_id: UUID) -> str | None:
        """The agent at work on the task; Conflict when it has written enough."""
        written = select(func.count()).select_from(_TABLE).where(_TABLE.c.task_id == task_id)
        if (await connection.execute(written)).scalar_one() >= MOST_OF_A_RUN:
            raise Conflict(
                f"one task writes at most {MOST_OF_A_RUN} notes", details={"limit": "notes", "value": MOST_OF_A_RUN}
            )
        agent = select(TaskRow.target_id).where(TaskRow.id == task_id)
        found: str | None = (await connection.execute(agent)).scalar_one_or_none()
        return found

    async def _refuse_taken(self, connection: Any, row: Row) -> None:
        at_it = select(TaskRow.target_id).where(TaskRow.id == row["taken_by"], TaskRow.state == "running")
        agent = (await connection.execute(at_it)).scalar_one_or_none()
        if agent is not None:
            held = {"task_id": str(row["taken_by"]), "agent": agent}
            raise Conflict(f"{agent} is at it for task {row['taken_by']}", field="note_id", details={"held": [held]})


_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('notes:' || CAST(:project AS text), 0))")

_LET_GO = text(
    """
    DELETE FROM project_notes WHERE id IN (
        SELECT id FROM project_notes WHERE project_id = :project
        ORDER BY CASE WHEN state IN ('todo', 'doing') THEN 0 ELSE 1 END, id DESC OFFSET :most)
    """
)
"""What is still to do goes last, and the newest of the rest."""
