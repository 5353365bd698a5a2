"""The merge queue of each project: what was approved is merged in the order it was asked for, one at a time.

Used by the doors, the monitor, and whoever carries an entry out (``run_merge``). The rows are the truth: the entry
whose turn it is gets a task of its own, and so a lease and somebody who takes back what a dead worker left. It merges
nothing itself.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import orjson
import structlog
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, Forbidden, InvalidInput, NotConfigured, NotFound
from orchestrator.core.events import EventKind, NewEvent
from orchestrator.core.ids import new_id
from orchestrator.core.jsonsafe import check_storable
from orchestrator.core.merging import MergeAction, MergeMethod, MergeState, ReviewVerdict
from orchestrator.core.states import TaskState
from orchestrator.models import Project, Role
from orchestrator.models.database import Database
from orchestrator.models.task_store import insert_tasks
from orchestrator.models.transitions import Transition
from orchestrator.services.access import ProjectAccess
from orchestrator.services.project_view import ProjectViews
from orchestrator.services.reviews import approval
from orchestrator.services.task_proof import find_change
from orchestrator.services.task_service import TaskRequest, TaskService
from orchestrator.services.task_writer import TaskWriter

log = structlog.get_logger(__name__)

Row = Mapping[str, Any]

_MOST_AT_ONCE = 20
_AS_JSON: dict[str, Any] = {"conflicts": [], "pull_request": None}


class MergeQueue:
    """Use cases around merging."""

    def __init__(
        self,
        database: Database,
        writer: TaskWriter,
        tasks: TaskService,
        access: ProjectAccess,
        views: ProjectViews,
        *,
        github_url: str,
        github_token: Callable[[UUID], Awaitable[str | None]],
    ) -> None:
        self._database = database
        self._writer = writer
        self._tasks = tasks
        self._access = access
        self._views = views
        self._github_host = urlsplit(github_url).netloc
        self._github_token = github_token

    async def of_task(self, caller: Caller, task_id: UUID) -> Sequence[Row]:
        """A task's entries, first to last, each with its place in line."""
        await self._tasks.get(caller, task_id)
        return await self._read("m.task_id = :id", task_id)

    async def of_project(self, caller: Caller, project_id: UUID) -> Sequence[Row]:
        """A project's entries that are not finished, in line, and then the latest finished ones."""
        await self._access.require(caller, project_id, Role.VIEWER)
        rows = await self._read("m.project_id = :id", project_id)
        line = [row for row in rows if row["finished_at"] is None]
        return [*line, *[row for row in reversed(rows) if row["finished_at"] is not None][:50]]

    async def merge(self, caller: Caller, task_id: UUID, method: MergeMethod) -> Row:
        """Put the latest attempt's change in line; Conflict unless a person approved it."""
        row = await self._tasks.get(caller, task_id)
        if row["state"] != TaskState.COMPLETED:
            raise Conflict(f"the task is {row['state']}: only what was completed is merged")
        async with self._database.transaction() as connection:
            change = await find_change(connection, task_id)
            verdict = await approval(connection, task_id, change["generation"]) if change else None
        if change is None or change["generation"] != row["generation"]:
            raise Conflict("the latest attempt at this task changed no code")
        await self._access.require(caller, change["project_id"], Role.MEMBER)
        if verdict != ReviewVerdict.APPROVE:
            hint = f"POST /tasks/{task_id}/reviews with the verdict approve"
            raise Conflict(f"nobody has approved attempt {change['generation']}", hint=hint)
        await self._check_method(caller, await self._views.stored(change["project_id"]), method)
        return await self._enter(caller, change, MergeAction.MERGE, method, change["commit"])

    async def undo(self, caller: Caller, task_id: UUID, override_reason: str = "") -> Row:
        """Put the revert of a merged task in line. With a reason it is done though its criteria were found to fail."""
        await self._tasks.get(caller, task_id)
        entries = await self._read("m.task_id = :id", task_id)
        merged = [one for one in entries if one["state"] == MergeState.MERGED]
        if not merged or merged[-1]["action"] == MergeAction.UNDO:
            raise Conflict("nothing of this task is merged here", hint="a pull request is undone where it was opened")
        await self._access.require(caller, merged[-1]["project_id"], Role.ADMIN if override_reason else Role.MEMBER)
        if override_reason:
            _check_override(caller, entries[-1], override_reason)
        commit = str(merged[-1]["merged_commit"])
        return await self._enter(caller, merged[-1], MergeAction.UNDO, MergeMethod.LOCAL, commit, override_reason)

    async def sweep(self) -> int:
        """Close what its task left unfinished, and give the next in each line its turn; for the monitor."""
        async with self._database.transaction() as connection:
            left = [dict(row) for row in (await connection.execute(_LEFT)).mappings()]
            waiting = list((await connection.execute(_LINES, {"most": _MOST_AT_ONCE})).scalars())
        for row in left:
            said = (row["error"] or {}).get("message") or f"its task {row['work_state']}"
            try:
                await self.close(row, MergeState.FAILED, message=str(said), guard="TRUE")
            except (Conflict, NotFound) as error:  # finished or deleted since we looked
                log.info("merge_not_closed", merge_id=str(row["id"]), why=error.message)
        for project_id in waiting:
            await self.admit(project_id)
        return len(left) + len(waiting)

    async def admit(self, project_id: UUID) -> UUID | None:
        """Give the first in a project's line a task, unless another one is under way; its task's id."""
        async with self._database.transaction() as connection:
            found = (await connection.execute(_FIRST, {"project": project_id})).mappings().first()
        if found is None:
            return None
        first = dict(found)
        words = "Undo a merge" if first["action"] == MergeAction.UNDO else "Merge a change"
        request = TaskRequest("merge", {"merge_id": str(first["id"])}, project_id=project_id, title=words)
        try:
            task = await self._tasks.prepare(Caller(first["user_id"]), request)
        except (Forbidden, NotFound) as error:  # whoever asked is no member any more
            await self.close(first, MergeState.FAILED, message=error.message, guard="TRUE")
            return None
        try:
            async with self._database.transaction() as connection:
                if not (await connection.execute(_ADMIT, {"id": first["id"], "work": task.id})).rowcount:
                    return None
                await insert_tasks(connection, [task])
        except IntegrityError:
            return None  # two looked at once: the other one's is under way
        self._writer.announce(task)
        return task.id

    async def close(self, row: Row, state: MergeState, *, guard: str, values: Row | None = None, **told: Any) -> None:
        """Write how an entry ended, and tell its task. ``guard`` is SQL that must hold, with its ``values``."""
        sets = {"message": "", "base_commit": None, "merged_commit": None} | told
        sets |= {name: orjson.dumps(told.get(name, usual)).decode() for name, usual in _AS_JSON.items()}
        about = {"merge_id": str(row["id"]), "action": row["action"], "method": row["method"], "state": state}
        event = NewEvent(EventKind.MERGE_ENDED, about | {name: value for name, value in told.items() if value})

        async def write(connection: AsyncConnection) -> None:
            done = await connection.execute(_close(guard), {**(values or {}), **sets, "id": row["id"], "state": state})
            if not done.rowcount:
                raise Conflict("this entry of the merge queue is finished, or another worker has it")

        await self._writer.apply_along(Transition(row["task_id"], None, (event,)), write)
        await self.admit(row["project_id"])

    async def _enter(
        self, caller: Caller, about: Row, action: MergeAction, method: MergeMethod, commit: str, override: str = ""
    ) -> Row:
        values = {"id": new_id(), "project": about["project_id"], "task": about["task_id"], "user": caller.user_id,
                  "generation": about["generation"], "action": action, "method": method, "commit": commit,
                  "override": override}  # fmt: skip

        async def store(connection: AsyncConnection) -> None:
            try:
                entered = (await connection.execute(_ENTER, values)).rowcount
            except IntegrityError:  # two asked at once
                entered = 0
            if not entered:
                raise Conflict(f"there is nothing to {action}: the task is in the merge queue, or past it")

        told = {"merge_id": str(values["id"]), "action": action, "method": method, "by": str(caller.user_id)}
        told |= {"override_reason": override} if override else {}
        queued = NewEvent(EventKind.MERGE_QUEUED, told)
        await self._writer.apply_along(Transition(about["task_id"], None, (queued,)), store)
        await self.admit(about["project_id"])
        return next(one for one in await self._read("m.task_id = :id", about["task_id"]) if one["id"] == values["id"])

    async def _check_method(self, caller: Caller, project: Project, method: MergeMethod) -> None:
        on_github = project.repository_url and urlsplit(project.repository_url).netloc == self._github_host
        if method == MergeMethod.LOCAL and project.repository_url:
            hint = "use pull_request" if on_github else "fetch the branch of GET /tasks/{id}/diff from there"
            raise InvalidInput(f"the project's branch lives at {project.repository_url}", field="method", hint=hint)
        if method == MergeMethod.PULL_REQUEST:
            if not on_github:
                raise InvalidInput("the project's repository is not on GitHub", field="method", hint="use local")
            if await self._github_token(caller.user_id) is None:
                raise NotConfigured("no usable GitHub account is linked", hint="link GitHub in the settings")
        if method == MergeMethod.LOCAL and (project.default_branch or "HEAD") == "HEAD":
            raise Conflict("the repository stands on no branch that could be merged into")

    async def _read(self, condition: str, about: UUID) -> list[Row]:
        statement = text(f"{_SELECT} WHERE {condition} ORDER BY m.created_at, m.id")
        async with self._database.transaction() as connection:
            return [dict(row) for row in (await connection.execute(statement, {"id": about})).mappings()]


def _check_override(caller: Caller, latest: Row, reason: str) -> None:
    """A person overrides what was found to fail; nobody overrides what nobody has tried."""
    check_storable(reason, "override_reason")
    if caller.task_id is not None:
        raise Forbidden("an agent overrides no criteria", field="override_reason")
    if latest["action"] != MergeAction.UNDO or latest["state"] != MergeState.UNPROVEN:
        hint = "undo it without a reason first; what fails is then known"
        raise Conflict("no undo of this merge has failed its criteria", field="override_reason", hint=hint)


async def find_entry(connection: AsyncConnection, work_id: UUID) -> Row:
    """The entry that a task carries out, with what is asked of it; NotFound for a task nobody gave an entry."""
    row = (await connection.execute(_ENTRY, {"work": work_id})).mappings().first()
    if row is None:
        raise NotFound("this task carries out nothing of a merge queue", field="input.merge_id")
    return dict(row)


def _close(guard: str) -> Any:
    return text(
        f"""
        UPDATE merges SET state = :state, message = :message, conflicts = CAST(:conflicts AS jsonb),
            base_commit = coalesce(:base_commit, base_commit), merged_commit = :merged_commit,
            pull_request = nullif(CAST(:pull_request AS jsonb), 'null'), finished_at = clock_timestamp()
        WHERE id = :id AND finished_at IS NULL AND {guard}
        """
    )


_SELECT = """
    SELECT m.*, (SELECT count(*) FROM merges o WHERE o.project_id = m.project_id AND o.finished_at IS NULL
        AND m.finished_at IS NULL AND (o.created_at, o.id) < (m.created_at, m.id)) AS before
    FROM merges m
"""

_LEFT = text(
    """
    SELECT m.*, t.state AS work_state, t.error FROM merges m LEFT JOIN tasks t ON t.id = m.work_id
    WHERE m.work_id IS NOT NULL AND m.finished_at IS NULL
    AND (t.id IS NULL OR t.state IN ('completed', 'failed', 'cancelled'))
    """
)

_LINES = text(
    """
    SELECT DISTINCT project_id FROM merges m WHERE m.finished_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM merges o WHERE o.project_id = m.project_id AND o.work_id IS NOT NULL AND o.finished_at IS NULL)
    LIMIT :most
    """
)

_FIRST = text(
    """
    SELECT * FROM merges m WHERE project_id = :project AND finished_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM merges o WHERE o.project_id = m.project_id AND o.work_id IS NOT NULL AND o.finished_at IS NULL)
    ORDER BY created_at, id LIMIT 1
    """
)

_ADMIT = text("UPDATE merges SET work_id = :work WHERE id = :id AND work_id IS NULL AND finished_at IS NULL")

_ENTER = text(
    """
    INSERT INTO merges (id, project_id, task_id, generation, user_id, action, method, commit, override_reason)
    SELECT CAST(:id AS uuid), CAST(:project AS uuid), CAST(:task AS uuid), CAST(:generation AS int),
        CAST(:user AS uuid), CAST(:action AS text), CAST(:method AS text), CAST(:commit AS text),
        CAST(:override AS text)
    WHERE NOT EXISTS (SELECT 1 FROM merges m WHERE m.task_id = :task AND (m.finished_at IS NULL OR m.state = 'opened'
        OR (m.action = :action AND m.state = 'merged' AND NOT EXISTS (
            SELECT 1 FROM merges u WHERE u.task_id = m.task_id AND u.action <> m.action AND u.state = 'merged'
            AND u.created_at > m.created_at))))
    """
)

_ENTRY = text(
    """
    SELECT m.*, t.acceptance, t.title, t.type, c.branch, c.base_commit AS change_base
    FROM merges m JOIN tasks t ON t.id = m.task_id
    LEFT JOIN changes c ON c.task_id = m.task_id AND c.generation = m.generation WHERE m.work_id = :work
    """
)
