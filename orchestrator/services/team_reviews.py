"""What reviewers ask of a team's change, handed on to the parts that it was made of.

Used by ``team_parts``. A part is sent back with the reviewers' own words, as if they had looked at it, and once: a copy
of a review keeps the time of its original. Which parts are meant is the team's decision.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.core.caller import Caller
from orchestrator.core.events import EventKind, NewEvent
from orchestrator.core.ids import new_id
from orchestrator.models.database import Database
from orchestrator.services.task_service import TaskService

Row = Mapping[str, Any]


async def asked_of(database: Database, task_id: UUID, generation: int) -> Sequence[Row]:
    """The reviews of the attempt before ``generation`` that was sent back last; none where none was."""
    values = {"task": task_id, "generation": generation}
    async with database.transaction() as connection:
        return [dict(row) for row in (await connection.execute(_ASKED, values)).mappings()]


async def send_back(
    database: Database, tasks: TaskService, caller: Caller, part: Row, reviews: Sequence[Row]
) -> Row | None:
    """The part, reopened with those reviews that it has not had; None when it has had them all."""
    async with database.transaction() as connection:
        had = set((await connection.execute(_HAD, {"part": part["id"]})).scalars())
        change = dict((await connection.execute(_CHANGE, {"part": part["id"]})).mappings().one())
    copies = [_copy(review, part, change) for review in reviews if review["created_at"] not in had]
    if not copies:
        return None

    async def store(connection: AsyncConnection) -> None:
        await connection.execute(_STORE, copies)

    return await tasks.reopen(caller, part, tuple(_told(copy) for copy in copies), along=store)


def _copy(review: Row, part: Row, change: Row) -> dict[str, Any]:
    return {
        "id": new_id(), "part": part["id"], "generation": change["generation"], "commit": change["commit"],
        "user": review["user_id"], "agent": review["agent_id"], "verdict": review["verdict"],
        "summary": review["summary"], "comments": orjson.dumps(review["comments"]).decode(),
        "created_at": review["created_at"],
    }  # fmt: skip


def _told(copy: Row) -> NewEvent:
    said = {
        "review_id": str(copy["id"]), "by": str(copy["user"]), "agent": copy["agent"], "attempt": copy["generation"],
        "verdict": copy["verdict"], "comments": len(orjson.loads(copy["comments"])), "summary": copy["summary"][:500],
    }  # fmt: skip
    return NewEvent(EventKind.REVIEWED, said)


_ASKED = text(
    """
    SELECT * FROM reviews WHERE task_id = :task AND generation = (
        SELECT max(generation) FROM reviews
        WHERE task_id = :task AND verdict = 'request_changes' AND generation < :generation)
    ORDER BY created_at, id
    """
)

_HAD = text("SELECT created_at FROM reviews WHERE task_id = :part")

_CHANGE = text("SELECT generation, commit FROM changes WHERE task_id = :part ORDER BY generation DESC LIMIT 1")

_STORE = text(
    """
    INSERT INTO reviews (id, task_id, generation, commit, user_id, agent_id, verdict, summary, comments, created_at)
    VALUES (:id, :part, :generation, :commit, :user, :agent, :verdict, :summary, CAST(:comments AS jsonb), :created_at)
    """
)
