"""Keeps what an attempt had done when it was stopped in the middle, and hands it to the attempt that goes on.

Used by ``run_agent``. The same agent goes on where it was: its conversation or session, its changes. Another one gets
the changes and is told who began, why that one stopped, what it changed and what it said last. Stopping and starting
are others' work.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.core.errors import BudgetReached, QuotaReached
from orchestrator.core.events import EventKind
from orchestrator.core.jsonsafe import storable
from orchestrator.git.diff import commit_all, diff_worktree
from orchestrator.git.worktree import Worktree
from orchestrator.models.database import Database
from orchestrator.services.feedback import Before
from orchestrator.services.run_task import Work

_EMAIL = "agents@orchestrator.invalid"
_DIFF_BYTES = 24_000
_CONVERSATION_BYTES = 8 * 1024 * 1024
_WORDS_CHARS = 4_000
_GO_ON = "You were stopped in the middle of your task and may go on now. Go on where you were; nothing is lost."


@dataclass(frozen=True, slots=True)
class _Left:
    """What is in the work tree."""

    base_commit: str | None = None
    commit: str | None = None
    diff: str = ""


class Parking:
    """Work that waits."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, work: Work, stop: QuotaReached | BudgetReached, worktree: Worktree | None) -> None:
        """Keep changes and conversation of a stopped attempt, under its lease."""
        left = await _committed(work, worktree) if worktree is not None else _Left()
        conversation = orjson.dumps(storable(list(stop.conversation)))
        values = {
            "task": work.id, "generation": work.generation, "target": work.task["target_id"],
            "why": storable(stop.message), "base": left.base_commit, "commit": left.commit, "diff": storable(left.diff),
            "conversation": conversation.decode() if len(conversation) <= _CONVERSATION_BYTES else "[]",
        }  # fmt: skip
        async with self._database.transaction() as connection:
            await connection.execute(_KEEP, values)

    async def before(self, work: Work, known: Before) -> Before:
        """What the attempt goes on from: ``known``, or what was parked since."""
        if work.generation <= 1:
            return known
        async with self._database.transaction() as connection:
            values = {"task": work.id, "generation": work.generation}
            found = (await connection.execute(_PARKED, values)).mappings().first()
            if found is None:
                return known
            row = dict(found)
            if row["target_id"] == work.task["target_id"]:
                return _taken_up(row, known, history=row["conversation"], go_on=_GO_ON)
            told = _handed_over(row, await _last_words(connection, work))
        return _taken_up(row, known, text="\n\n".join(part for part in (told, known.text) if part))


def _taken_up(row: Mapping[str, Any], known: Before, **more: Any) -> Before:
    if row["commit"] is None:
        return replace(known, **more)
    return replace(known, base_commit=row["base_commit"], start=row["commit"], **more)


async def _committed(work: Work, worktree: Worktree) -> _Left:
    diff = await diff_worktree(worktree, max_bytes=_DIFF_BYTES)
    if not diff.files:
        return _Left()
    message = f"Work in progress\n\nTask: {work.id}\n"
    commit = await commit_all(worktree, message, f"{work.task['target_id']} (agent)", _EMAIL)
    return _Left(worktree.base_commit, commit, diff.text + ("\n(cut)" if diff.truncated else ""))


def _handed_over(row: Mapping[str, Any], words: Sequence[str]) -> str:
    """The state of things, for an agent that did not begin them."""
    parts = [f"Another agent ({row['target_id']}) began this task and was stopped: {row['why']} Go on from its work."]
    if row["diff"]:
        parts.append(f"What it changed is in your work tree already:\n{row['diff']}")
    else:
        parts.append("It changed no files.")
    return "\n\n".join([*parts, *words])


async def _last_words(connection: AsyncConnection, work: Work) -> list[str]:
    """What the agent said and planned before it was stopped."""
    rows = list(await connection.execute(_WORDS, {"task": work.id}))
    said = "".join(row.text for row in reversed(rows) if row.kind == EventKind.MESSAGE)
    plan = next((row.plan for row in rows if row.plan), None)
    parts = [f"The end of what it said:\n{said[-_WORDS_CHARS:]}"] if said.strip() else []
    if plan:
        lines = [f"- {step.get('step', '')} ({step.get('status', '')})" for step in plan[:50] if isinstance(step, dict)]
        parts.append("Its plan:\n" + "\n".join(lines))
    return parts


_KEEP = text(
    """
    INSERT INTO parked_work (task_id, generation, target_id, why, base_commit, commit, diff, conversation)
    SELECT id, :generation, :target, :why, :base, :commit, :diff, CAST(:conversation AS jsonb)
    FROM tasks WHERE id = :task AND generation = :generation AND state = 'running'
    ON CONFLICT (task_id) DO UPDATE SET generation = excluded.generation, target_id = excluded.target_id,
        why = excluded.why, base_commit = coalesce(excluded.base_commit, parked_work.base_commit),
        commit = coalesce(excluded.commit, parked_work.commit), at = clock_timestamp(),
        diff = CASE WHEN excluded.commit IS NULL THEN parked_work.diff ELSE excluded.diff END,
        conversation = CASE WHEN excluded.conversation = '[]' AND excluded.target_id = parked_work.target_id
            THEN parked_work.conversation ELSE excluded.conversation END
    """
)
"""An attempt that is stopped before it did anything leaves what was parked before it."""

_PARKED = text(
    """
    SELECT p.* FROM parked_work p WHERE p.task_id = :task AND p.generation < :generation AND NOT EXISTS (
        SELECT FROM changes c WHERE c.task_id = p.task_id AND c.generation >= p.generation)
    """
)

_WORDS = text(
    f"""
    SELECT kind, coalesce(data ->> 'text', '') AS text, data -> 'plan' AS plan FROM task_events
    WHERE task_id = :task AND ((kind = '{EventKind.MESSAGE}' AND data ->> 'role' = 'assistant')
        OR (kind = '{EventKind.PROGRESS}' AND data ? 'plan'))
    ORDER BY seq DESC LIMIT 200
    """
)
