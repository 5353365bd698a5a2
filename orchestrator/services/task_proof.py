"""What people read of a task's attempts: their proofs with output, their diffs with hunks, all side by side.

Used by the doors. Whoever may see the task may see these. It verifies nothing and changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.core.caller import Caller
from orchestrator.core.errors import NotFound
from orchestrator.git.diff import FileChange, diff_commits
from orchestrator.git.hunks import ShownHunk, hunks_by_file
from orchestrator.git.mirror import Mirrors
from orchestrator.models.database import Database
from orchestrator.services.blobs import BlobStore
from orchestrator.services.task_service import TaskService

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ShownDiff:
    """An attempt's diff. Files that the cut took the text of have no hunks."""

    change: Row
    files: tuple[tuple[FileChange, tuple[ShownHunk, ...]], ...]
    truncated: bool


class TaskProofs:
    """Reads proofs, changes and diffs."""

    def __init__(self, database: Database, tasks: TaskService, mirrors: Mirrors, blobs: BlobStore) -> None:
        self._database = database
        self._tasks = tasks
        self._mirrors = mirrors
        self._blobs = blobs

    async def proof(self, caller: Caller, task_id: UUID, attempt: int | None = None) -> Sequence[Row]:
        """Every proof of a task, or of one attempt, in the order they were made."""
        await self._tasks.get(caller, task_id)
        async with self._database.transaction() as connection:
            rows = await connection.execute(_PROOFS, {"task": task_id, "generation": attempt})
            return [dict(row) for row in rows.mappings()]

    async def output(self, caller: Caller, task_id: UUID, proof_id: UUID) -> bytes:
        """All that was kept of what a criterion wrote."""
        await self._tasks.get(caller, task_id)
        async with self._database.transaction() as connection:
            values = {"task": task_id, "id": proof_id}
            row = (await connection.execute(_OUTPUT, values)).mappings().first()
        if row is None:
            raise NotFound("the task has no such proof")
        return await self._blobs.read(row["output_pointer"]) if row["output_pointer"] else str(row["output"]).encode()

    async def attempts(self, caller: Caller, task_id: UUID) -> Sequence[Row]:
        """Every attempt, first to last, with its change and its verdicts."""
        await self._tasks.get(caller, task_id)
        async with self._database.transaction() as connection:
            return [dict(row) for row in (await connection.execute(_ATTEMPTS, {"task": task_id})).mappings()]

    async def change(self, caller: Caller, task_id: UUID, attempt: int | None = None) -> Row:
        """What an attempt changed, by default the latest that changed anything; NotFound when none did."""
        await self._tasks.get(caller, task_id)
        async with self._database.transaction() as connection:
            found = await find_change(connection, task_id, attempt)
        if found is None:
            raise NotFound("this attempt changed no code" if attempt else "no attempt at this task changed code")
        return found

    async def diff(self, caller: Caller, task_id: UUID, attempt: int | None = None) -> ShownDiff:
        """The diff of an attempt's branch against the commit it began with."""
        change = await self.change(caller, task_id, attempt)
        mirror = self._mirrors.require(change["project_id"])
        diff = await diff_commits(mirror, change["base_commit"], change["commit"])
        hunks = hunks_by_file(diff.text)
        hunks += [()] * (len(diff.files) - len(hunks))
        return ShownDiff(change, tuple(zip(diff.files, hunks, strict=False)), diff.truncated)


async def find_change(connection: AsyncConnection, task_id: UUID, attempt: int | None = None) -> Row | None:
    """The change of an attempt, or the latest one of a task."""
    row = (await connection.execute(_CHANGE, {"task": task_id, "generation": attempt})).mappings().first()
    return dict(row) if row else None


_PROOFS = text(
    """
    SELECT * FROM proofs WHERE task_id = :task AND generation = coalesce(CAST(:generation AS int), generation)
    ORDER BY generation, at, number
    """
)

_OUTPUT = text("SELECT output, output_pointer FROM proofs WHERE task_id = :task AND id = :id")

_CHANGE = text(
    """
    SELECT * FROM changes WHERE task_id = :task AND generation = coalesce(CAST(:generation AS int), generation)
    ORDER BY generation DESC LIMIT 1
    """
)

_ATTEMPTS = text(
    """
    SELECT a.*, extract(epoch FROM coalesce(a.ended_at, clock_timestamp()) - a.started_at)::float8 AS seconds,
        CASE WHEN c.task_id IS NOT NULL THEN jsonb_build_object('base_commit', c.base_commit, 'branch', c.branch,
            'commit', c.commit, 'files', c.files, 'added', c.added, 'removed', c.removed) END AS change,
        (SELECT to_jsonb(u) FROM attempt_usage u WHERE u.task_id = a.task_id AND u.generation = a.generation) AS usage,
        coalesce((SELECT jsonb_agg(jsonb_build_object('name', p.name, 'kind', p.kind, 'verdict', p.verdict,
            'why', p.why, 'seconds', p.seconds) ORDER BY p.number) FROM proofs p
            WHERE p.task_id = a.task_id AND p.generation = a.generation AND p.merge_id IS NULL), '[]') AS proof
    FROM attempts a LEFT JOIN changes c ON c.task_id = a.task_id AND c.generation = a.generation
    WHERE a.task_id = :task ORDER BY a.generation
    """
)
