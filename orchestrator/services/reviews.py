"""Reviews of attempts: comments on lines, and verdicts that let a change be merged, send it back, or end it.

Used by the doors. A verdict and what follows from it are one transaction. An agent's review is noted under whoever
handed it in and approves nothing. Merging is the merge queue's work.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, IllegalTransition, InvalidInput, NotFound, TooLarge
from orchestrator.core.events import EventKind, NewEvent
from orchestrator.core.ids import new_id
from orchestrator.core.jsonsafe import check_storable
from orchestrator.core.merging import ReviewVerdict
from orchestrator.core.states import Reason, TaskState
from orchestrator.git.mirror import Mirrors
from orchestrator.models import Role
from orchestrator.models.database import Database
from orchestrator.models.transitions import Transition
from orchestrator.services.access import ProjectAccess
from orchestrator.services.agent_service import AgentService
from orchestrator.services.task_proof import ShownDiff, TaskProofs
from orchestrator.services.task_service import TaskService
from orchestrator.services.task_writer import TaskWriter

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Comment:
    """Something said of a line of the attempt's files (``new``) or of those it began with (``old``)."""

    path: str
    side: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Review:
    """What a reviewer hands in."""

    verdict: ReviewVerdict
    summary: str = ""
    comments: tuple[Comment, ...] = ()
    attempt: int | None = None
    agent_id: str | None = None


class Reviews:
    """Use cases around reviews."""

    def __init__(
        self,
        database: Database,
        writer: TaskWriter,
        tasks: TaskService,
        proofs: TaskProofs,
        access: ProjectAccess,
        agents: AgentService,
        mirrors: Mirrors,
    ) -> None:
        self._database = database
        self._writer = writer
        self._tasks = tasks
        self._proofs = proofs
        self._access = access
        self._agents = agents
        self._mirrors = mirrors

    async def page(self, caller: Caller, task_id: UUID) -> Sequence[Row]:
        """Every review of a task, first to last."""
        await self._tasks.get(caller, task_id)
        async with self._database.transaction() as connection:
            return [dict(row) for row in (await connection.execute(_PAGE, {"task": task_id})).mappings()]

    async def create(self, caller: Caller, task_id: UUID, review: Review) -> Row:
        """Note a review, and do what its verdict says. InvalidInput names a comment that is about nothing."""
        row = await self._tasks.get(caller, task_id)
        shown = await self._proofs.diff(caller, task_id, review.attempt)
        await self._access.require(caller, shown.change["project_id"], Role.MEMBER)
        said = {**asdict(review), "comments": [asdict(comment) for comment in review.comments]}
        for name in ("summary", "comments", "agent_id"):
            check_storable(said[name], name)
        if review.agent_id is not None:
            await self._agents.find(review.agent_id, caller.user_id)
        await self._check_comments(shown, review.comments)
        if review.verdict != ReviewVerdict.COMMENT:
            _check_verdict(row, shown.change, review)
        values = _values(caller, shown.change, review)

        async def store(connection: AsyncConnection) -> None:
            await _refuse_while_merging(connection, task_id, review.verdict)
            await connection.execute(_STORE, values)

        await self._follow(caller, row, review, values, store)
        return next(one for one in await self.page(caller, task_id) if one["id"] == values["id"])

    async def _follow(self, caller: Caller, row: Row, review: Review, values: Row, store: Any) -> None:
        """The step of the task that a verdict is, with the review in its transaction."""
        told = {"review_id": str(values["id"]), "by": str(caller.user_id), "agent": review.agent_id,
                "attempt": values["generation"], "verdict": review.verdict, "comments": len(review.comments),
                "summary": review.summary[:500]}  # fmt: skip
        reviewed = NewEvent(EventKind.REVIEWED, told)
        if review.verdict == ReviewVerdict.REQUEST_CHANGES:
            await self._tasks.reopen(caller, row, (reviewed,), along=store)
        elif review.verdict == ReviewVerdict.REJECT:
            await self._writer.apply_along(_rejection(row, reviewed, review), store)
        else:
            await self._writer.apply_along(Transition(row["id"], None, (reviewed,)), store)

    async def _check_comments(self, shown: ShownDiff, comments: Sequence[Comment]) -> None:
        files = [file for file, _ in shown.files]
        sides = {
            "new": {file.path for file in files if file.status != "deleted"},
            "old": {file.old_path or file.path for file in files if file.status != "added"},
        }
        for number, comment in enumerate(comments):
            place = f"comments[{number}]"
            if comment.path not in sides[comment.side]:
                raise InvalidInput(
                    f"the attempt changed no such file on the {comment.side} side", field=f"{place}.path"
                )
            lines = await self._lines(shown.change, comment)
            if lines is not None and comment.line > lines:
                raise InvalidInput(f"the file has {lines} lines there", field=f"{place}.line")

    async def _lines(self, change: Row, comment: Comment) -> int | None:
        """How many lines the file has; None where it is too large to count."""
        commit = change["commit"] if comment.side == "new" else change["base_commit"]
        try:
            content = await self._mirrors.read_file(change["project_id"], commit, comment.path)
        except (InvalidInput, NotFound, TooLarge):
            return None  # a link, a submodule, a huge file: it may be spoken of all the same
        return content.count(b"\n") + (not content.endswith(b"\n"))


async def approval(connection: AsyncConnection, task_id: UUID, generation: int) -> ReviewVerdict | None:
    """The newest verdict of a person on an attempt, comments aside."""
    found = (await connection.execute(_VERDICT, {"task": task_id, "generation": generation})).scalar()
    return ReviewVerdict(found) if found else None


def _check_verdict(row: Row, change: Row, review: Review) -> None:
    state = TaskState(row["state"])
    if change["generation"] != row["generation"]:
        raise Conflict("only the latest attempt can be judged; an earlier one takes comments", field="attempt")
    sent_back = review.verdict == ReviewVerdict.REQUEST_CHANGES and row["reason"] == Reason.CRITERIA_UNMET
    if state != TaskState.COMPLETED and not sent_back:
        raise IllegalTransition(f"the task is {state}: it takes comments only", details={"state": state})
    if review.verdict == ReviewVerdict.REQUEST_CHANGES and not (review.summary.strip() or review.comments):
        raise InvalidInput("say what is to be changed: a summary or comments", field="summary")


async def _refuse_while_merging(connection: AsyncConnection, task_id: UUID, verdict: ReviewVerdict) -> None:
    if verdict not in (ReviewVerdict.REQUEST_CHANGES, ReviewVerdict.REJECT):
        return
    standing = (await connection.execute(_STANDING, {"task": task_id})).scalar()
    if standing is not None:
        raise Conflict(f"the change is {standing} in the merge queue", hint="undo the merge first")


def _rejection(row: Row, reviewed: NewEvent, review: Review) -> Transition:
    reason = Reason.REJECTED
    said = f": {review.summary.strip()[:500]}" if review.summary.strip() else ""
    error = {"code": reason, "message": f"a reviewer rejected the change{said}"}
    told = NewEvent(EventKind.FAILED, {"reason": reason, "error": error})
    return Transition(
        row["id"], TaskState.FAILED, (reviewed, told), reason=reason, error=error, result=row["result"],
        result_pointer=row["result_pointer"], expect=frozenset({TaskState.COMPLETED}),
    )  # fmt: skip


def _values(caller: Caller, change: Row, review: Review) -> dict[str, Any]:
    return {
        "id": new_id(), "task": change["task_id"], "generation": change["generation"], "commit": change["commit"],
        "user": caller.user_id, "agent": review.agent_id, "verdict": review.verdict, "summary": review.summary,
        "comments": orjson.dumps([asdict(comment) for comment in review.comments]).decode(),
    }  # fmt: skip


_PAGE = text(
    """
    SELECT r.*, u.display_name AS user_name FROM reviews r JOIN users u ON u.id = r.user_id
    WHERE r.task_id = :task ORDER BY r.created_at, r.id
    """
)

_STORE = text(
    """
    INSERT INTO reviews (id, task_id, generation, commit, user_id, agent_id, verdict, summary, comments)
    VALUES (:id, :task, :generation, :commit, :user, :agent, :verdict, :summary, CAST(:comments AS jsonb))
    """
)

_VERDICT = text(
    """
    SELECT verdict FROM reviews WHERE task_id = :task AND generation = :generation AND agent_id IS NULL
    AND verdict <> 'comment' ORDER BY created_at DESC, id DESC LIMIT 1
    """
)

_STANDING = text(
    """
    SELECT m.state FROM merges m WHERE m.task_id = :task AND (m.finished_at IS NULL OR m.state = 'opened'
        OR (m.action = 'merge' AND m.state = 'merged' AND NOT EXISTS (
            SELECT 1 FROM merges u WHERE u.task_id = m.task_id AND u.action = 'undo' AND u.state = 'merged'
            AND u.created_at > m.created_at)))
    LIMIT 1
    """
)
