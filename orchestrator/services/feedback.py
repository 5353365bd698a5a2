"""What an attempt learns from the one before it: where to go on from, and what was found wanting.

Used by ``run_agent``. It reads what the verifier proved, what reviewers said, and what an interrupted attempt left; a
fork's first attempt learns what it was forked from, any other first one nothing, at no cost. It decides no verdict and
stores nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import text

from orchestrator.core.acceptance import CriterionKind, Verdict
from orchestrator.core.events import EventKind
from orchestrator.core.merging import ReviewVerdict
from orchestrator.core.states import Reason
from orchestrator.models.database import Database
from orchestrator.services.run_task import Work

Row = Mapping[str, Any]

_MOST_CHARACTERS = 24_000
_OUTPUT_CHARACTERS = 4_000
_INTERRUPTED = "The attempt before was interrupted; the files are as it left them. Go on where it stopped."


@dataclass(frozen=True, slots=True)
class Before:
    """``start``: the commit to go on from, whose change is counted from ``base_commit``; None: begin anew.

    ``is_checkpoint``: nothing of ``start`` was committed yet. ``interrupted``: the attempt before was paused or lost;
    ``worktree`` is the name of the tree it worked in, ``conversation`` the pointer to what had been said.
    """

    text: str = ""
    base_commit: str | None = None
    start: str | None = None
    history: Sequence[Any] = ()
    """The conversation of an attempt that was stopped in the middle, for the agent that led it."""
    go_on: str = ""
    """What that agent is told when it takes up its session."""
    is_checkpoint: bool = False
    interrupted: bool = False
    worktree: str = ""
    conversation: dict[str, Any] | None = None
    transcript: str = ""
    """What had been said, for agents that cannot take up the conversation itself."""


class Feedback:
    """Reads what an earlier attempt left to be done."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def before(self, work: Work, *, continues: bool) -> Before:
        """For the attempt of ``work``. ``continues``: its agent can go on from an earlier change that fell short."""
        if work.generation <= 1:
            return _forked(work.task["origin"])
        values = {"task": work.id, "before": work.generation}
        async with self._database.transaction() as connection:
            first = int((await connection.execute(_FIRST, values)).scalar_one())
            left = dict((await connection.execute(_LEFT, values | {"first": first})).mappings().one())
            proofs = [dict(row) for row in (await connection.execute(_PROOFS, values)).mappings()]
            reviews = [dict(row) for row in (await connection.execute(_REVIEWS, values)).mappings()]
            found = (await connection.execute(_CHANGE, values)).mappings().first()
        change = dict(found) if found else None
        said = _clip("\n\n".join((*_asked(reviews), *_unmet(proofs))))
        begun = _forked(work.task["origin"]) if first == 1 else Before(said)
        if first < work.generation:
            return _interrupted(begun, left, said)
        if change is None or not _goes_on(change, proofs, reviews, continues=continues):
            return Before(said)
        return Before(said, change["base_commit"], change["commit"])


def _forked(origin: dict[str, Any] | None) -> Before:
    """Where a fork begins; nowhere in particular for a task that is none."""
    if origin is None:
        return Before()
    return Before(
        origin["words"], origin["base_commit"], origin["commit"], is_checkpoint=origin["commit"] is not None,
        conversation=origin["conversation"], transcript=origin["transcript"],
    )  # fmt: skip


def _interrupted(begun: Before, left: Row, said: str) -> Before:
    """Where an attempt goes on whose predecessor was paused or lost: in its tree, else from its last checkpoint."""
    commit, base = left["commit"], left["base_commit"]
    text = _clip("\n\n".join(part for part in (_INTERRUPTED, said or begun.text) if part))
    found = replace(
        begun, text=text, go_on=text, interrupted=True, worktree=left["worktree"] or "",
        conversation=left["conversation"] or begun.conversation,
    )  # fmt: skip
    return replace(found, base_commit=base, start=commit, is_checkpoint=True) if commit and base else found


def _goes_on(change: Row, proofs: Sequence[Row], reviews: Sequence[Row], *, continues: bool) -> bool:
    """Whether the next attempt starts from this change: it was sent back, or fell short without a conflict."""
    if any(row["verdict"] == ReviewVerdict.REQUEST_CHANGES for row in reviews):
        return True
    of_it = [row for row in proofs if row["generation"] == change["generation"]]
    return continues and bool(of_it) and all(row["kind"] != CriterionKind.MERGE for row in of_it)


def _asked(reviews: Sequence[Row]) -> Iterator[str]:
    if any(row["verdict"] == ReviewVerdict.REQUEST_CHANGES for row in reviews):
        yield "Reviewers ask for changes of what is there already."
    for row in reviews:
        if row["summary"].strip():
            yield row["summary"].strip()
        for one in row["comments"]:
            side = "" if one["side"] == "new" else " as it was before"
            yield f"{one['path']}:{one['line']}{side}: {one['text']}"


def _unmet(proofs: Sequence[Row]) -> Iterator[str]:
    if proofs:
        yield "An earlier attempt did not meet the acceptance criteria."
    for row in proofs:
        why = f" ({row['why']})" if row["why"] else ""
        output = row["output"].strip()[-_OUTPUT_CHARACTERS:]
        yield f"{row['name']}: {row['verdict']}{why}" + (f"\n{output}" if output else "")


def _clip(said: str) -> str:
    return said if len(said) <= _MOST_CHARACTERS else f"{said[:_MOST_CHARACTERS]}\n…"


_PROOFS = text(
    f"""
    SELECT * FROM proofs WHERE task_id = :task AND merge_id IS NULL AND verdict <> '{Verdict.PASSED}'
    AND generation = (SELECT max(generation) FROM proofs
        WHERE task_id = :task AND merge_id IS NULL AND generation < :before)
    ORDER BY number
    """
)

_REVIEWS = text(
    """
    SELECT * FROM reviews WHERE task_id = :task AND generation < :before
    AND EXISTS (SELECT 1 FROM reviews sent WHERE sent.task_id = :task AND sent.verdict = 'request_changes')
    ORDER BY created_at DESC, id LIMIT 50
    """
)

_CHANGE = text("SELECT * FROM changes WHERE task_id = :task AND generation < :before ORDER BY generation DESC LIMIT 1")

_FIRST = text(
    f"""
    SELECT coalesce(max(generation), 0) + 1 FROM attempts WHERE task_id = :task AND generation < :before
    AND reason IS DISTINCT FROM '{Reason.PAUSED}' AND reason IS DISTINCT FROM '{Reason.LOST_WORKER}'
    """
)
"""The first of the attempts in a row that were interrupted; the present one when the last was not."""

_LEFT = text(
    f"""
    WITH told AS (SELECT seq, kind, data FROM task_events WHERE task_id = :task
        AND kind IN ('{EventKind.LOG}', '{EventKind.CHECKPOINT}') AND seq > (
            SELECT coalesce(min(seq), 0) FROM task_events WHERE task_id = :task AND kind = '{EventKind.STARTED}'
            AND (data ->> 'attempt')::int = :first))
    SELECT
        (SELECT data ->> 'worktree' FROM told WHERE data ? 'base_commit' ORDER BY seq DESC LIMIT 1) AS worktree,
        (SELECT data ->> 'base_commit' FROM told WHERE data ? 'base_commit' ORDER BY seq DESC LIMIT 1) AS base_commit,
        (SELECT data ->> 'commit' FROM told WHERE kind = '{EventKind.CHECKPOINT}' AND data ? 'commit'
            ORDER BY seq DESC LIMIT 1) AS commit,
        (SELECT data -> 'conversation' FROM told WHERE data ? 'conversation' ORDER BY seq DESC LIMIT 1) AS conversation
    """
)
"""What the interrupted attempts told of their tree, the last checkpoint of it and of what was said."""
