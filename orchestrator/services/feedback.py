"""What an attempt learns from the one before it: where to go on from, and what was found wanting.

Used by ``run_agent``. It reads what the verifier proved and what reviewers said; the first attempt learns nothing and
costs nothing. It decides no verdict and stores nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from orchestrator.core.acceptance import CriterionKind, Verdict
from orchestrator.core.merging import ReviewVerdict
from orchestrator.models.database import Database
from orchestrator.services.run_task import Work

Row = Mapping[str, Any]

_MOST_CHARACTERS = 24_000
_OUTPUT_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Before:
    """``start``: the commit to go on from, whose change is counted from ``base_commit``; None: begin anew."""

    text: str = ""
    base_commit: str | None = None
    start: str | None = None
    history: Sequence[Any] = ()
    """The conversation of an attempt that was stopped in the middle, for the agent that led it."""
    go_on: str = ""
    """What that agent is told when it takes up its session."""


class Feedback:
    """Reads what an earlier attempt left to be done."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def before(self, work: Work, *, continues: bool) -> Before:
        """For the attempt of ``work``. ``continues``: its agent can go on from an earlier change that fell short."""
        if work.generation <= 1:
            return Before()
        values = {"task": work.id, "before": work.generation}
        async with self._database.transaction() as connection:
            proofs = [dict(row) for row in (await connection.execute(_PROOFS, values)).mappings()]
            reviews = [dict(row) for row in (await connection.execute(_REVIEWS, values)).mappings()]
            found = (await connection.execute(_CHANGE, values)).mappings().first()
        change = dict(found) if found else None
        said = _clip("\n\n".join((*_asked(reviews), *_unmet(proofs))))
        if change is None or not _goes_on(change, proofs, reviews, continues=continues):
            return Before(said)
        return Before(said, change["base_commit"], change["commit"])


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
