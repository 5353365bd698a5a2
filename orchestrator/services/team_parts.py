"""The parts of a team's task: each a task of its own, found again by its name, and what becomes of their changes.

Made by ``run_agent`` for one attempt of a team. The document and the commit it began at are kept with the task, so that
an attempt after a restart, or after somebody changed the team, goes on with the same. Which parts there are to be is
the team's decision (``agents.team``).
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from orchestrator.agents.base import PartDone, PartOrder
from orchestrator.agents.team import TeamAgent
from orchestrator.agents.team_words import NONE_OF_THEM
from orchestrator.core.caller import Caller
from orchestrator.core.errors import AgentFailed
from orchestrator.core.events import EventKind
from orchestrator.core.states import TERMINAL, Reason, TaskState
from orchestrator.git.merging import merged_or_same
from orchestrator.git.taking import take_files
from orchestrator.git.templates import Author
from orchestrator.git.worktree import Worktree
from orchestrator.models import TeamRun
from orchestrator.models.agent_asking import ABOUT_CHOICE
from orchestrator.models.database import Database
from orchestrator.services import agent_service
from orchestrator.services.room import Room
from orchestrator.services.run_task import Work
from orchestrator.services.team_reviews import asked_of, send_back

Row = Mapping[str, Any]
_AUTHOR = Author("Team (agent)", "agents@orchestrator.invalid")
_ADOPTED = frozenset({Reason.LOST_WORKER, Reason.PAUSED, Reason.OK, None})
"""How an attempt before this one ended, where its failed parts stay failed: it was interrupted, not over."""

_WORKERS_LOST = 2
"""How often a part is begun again whose worker died: that is no failure of its agent."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A team as it was when its task began, and the commit from which it works."""

    document: Mapping[str, Any]
    base_commit: str | None


async def begin(database: Database, work: Work, agent: TeamAgent, base_commit: str | None) -> Begun:
    """The team's document and base, kept at the first attempt."""
    steps = agent.document({name: value for name, value in work.task["input"].items() if name != "answers"})
    document = steps.model_dump(mode="json", exclude_defaults=True)
    made = insert(TeamRun).values(task_id=work.id, document=document, base_commit=base_commit)
    async with database.transaction() as connection:
        await connection.execute(made.on_conflict_do_nothing())
        table = TeamRun.__table__
        row = (await connection.execute(select(table).where(table.c.task_id == work.id))).mappings().one()
    return Begun(row["document"], row["base_commit"])


class TaskParts:
    """Carries out parts for one attempt."""

    def __init__(self, database: Database, work: Work, room: Room, begun: Begun, worktree: Worktree | None) -> None:
        task = work.task
        self._database = database
        self._work = work
        self._room = room
        self._begun = begun
        self._worktree = worktree
        self._caller = Caller(task["user_id"], via="agent", project_id=task["project_id"], task_id=work.id)
        self._places = asyncio.Semaphore(room.families.limits.fanout)
        self._uniting = asyncio.Lock()

    @property
    def document(self) -> Mapping[str, Any]:
        """The team as it was when its task began."""
        return self._begun.document

    @property
    def acceptance(self) -> Sequence[Mapping[str, Any]]:
        """The criteria of the team's own task."""
        return list(self._work.task["acceptance"])

    async def carry_out(self, order: PartOrder) -> PartDone:
        """The part's end; one that an earlier attempt made is gone on with."""
        there = await self._room.families.part_of(self._work.id, order.name)
        async with self._places:
            row = await (self._go_on(there) if there is not None else self._make(order))
            self._tell(order, row)
            row = await self._ended(row)
            for _ in range(_WORKERS_LOST):
                if row["reason"] != Reason.LOST_WORKER:
                    break
                row = await self._ended(await self._again(row["id"]))
            self._tell(order, row)
        return await self._done(order, row)

    async def picked(self, step: str) -> str | None:
        """Which try a person chose, or nobody in time; asked anew once an attempt with it came to nothing."""
        values = {"task": self._work.id, "about": f"{ABOUT_CHOICE}:{step}", "none": NONE_OF_THEM}
        async with self._database.transaction() as connection:
            return (await connection.execute(_PICKED, values)).scalar()

    async def asked_about(self) -> Sequence[str] | None:
        """The files that reviewers spoke of who sent the team's change back; None when nobody did."""
        reviews = await asked_of(self._database, self._work.id, self._work.generation)
        return sorted({one["path"] for review in reviews for one in review["comments"]}) if reviews else None

    async def send_back(self, done: PartDone) -> PartDone:
        """The part's end with what the reviewers asked for."""
        reviews = await asked_of(self._database, self._work.id, self._work.generation)
        row = await self._room.tasks.get(self._caller, UUID(done.task_id))
        person = Caller(self._work.task["user_id"])
        order = PartOrder(done.name, done.agent, {})
        async with self._places:
            again = await send_back(self._database, self._room.tasks, person, row, reviews)
            if again is not None:
                self._tell(order, again)
                row = await self._ended(again)
                self._tell(order, row)
        return await self._done(order, row)

    async def unite(self, commits: Sequence[str]) -> str:
        """One commit with all these changes."""
        assert self._worktree is not None
        git_dir = self._worktree.git_dir.parents[1]
        async with self._uniting:
            whole = commits[0]
            for commit in commits[1:]:
                merged = await merged_or_same(git_dir, whole, commit, "Unite the parts of a team's work", _AUTHOR)
                if merged.commit is None:
                    files = ", ".join(merged.conflicts[:20])
                    raise AgentFailed(
                        f"the parts' changes do not fit together in {files}", details={"files": list(merged.conflicts)}
                    )
                whole = merged.commit
        return whole

    async def take(self, commit: str) -> None:
        """Make the team's own tree hold the files of this commit."""
        assert self._worktree is not None
        await take_files(self._worktree, commit)

    async def _make(self, order: PartOrder) -> Row:
        full = order.agent if order.agent.startswith("agent:") else f"agent:{order.agent}"
        await self._room.families.may_ask(self._caller, full)
        request = await agent_service.request_for(
            self._room.agents, self._caller, full, input=dict(order.input), project_id=self._caller.project_id,
            title=order.name,
        )  # fmt: skip
        request = replace(
            request, part=order.name, acceptance=[dict(one) for one in order.acceptance], start_commit=order.start,
            base_commit=self._begun.base_commit, max_attempts=order.attempts,
            consent={"overlap": True} if order.beside else {}, among=order.among,
        )  # fmt: skip
        return await agent_service.start(self._room.agents, self._room.tasks, self._caller, full, request)

    async def _go_on(self, task_id: UUID) -> Row:
        """A part that was made before; one that failed is tried again when the team's task was retried."""
        row = await self._room.tasks.get(self._caller, task_id)
        if row["state"] not in (TaskState.FAILED, TaskState.CANCELLED) or await self._was_interrupted():
            return row
        return await self._again(task_id)

    async def _again(self, task_id: UUID) -> Row:
        return await self._room.tasks.retry(Caller(self._work.task["user_id"]), task_id)

    async def _was_interrupted(self) -> bool:
        values = {"task": self._work.id, "generation": self._work.generation - 1}
        async with self._database.transaction() as connection:
            reason = (await connection.execute(_LAST, values)).scalar()
        return reason in _ADOPTED

    async def _ended(self, row: Row) -> Row:
        if row["state"] not in TERMINAL:
            async for _ in self._room.events.follow(row["id"], row["last_seq"]):
                pass
        return await self._room.tasks.get(self._caller, row["id"])

    async def _done(self, order: PartOrder, row: Row) -> PartDone:
        async with self._database.transaction() as connection:
            found = (await connection.execute(_CHANGE, {"task": row["id"]})).mappings().first()
        change: dict[str, Any] = dict(found) if found else {"commit": None, "lines": 0, "revised": False}
        if row["state"] != TaskState.COMPLETED:
            error = row["error"] or {}
            return PartDone(
                order.name, str(row["id"]), order.agent, False, row["reason"] == Reason.CRITERIA_UNMET,
                commit=change["commit"], lines=change["lines"], revised=change["revised"],
                error=str(error.get("message") or row["reason"]),
            )  # fmt: skip
        whole = await self._room.tasks.result_of(self._caller, row["id"])
        result: Mapping[str, Any] = orjson.loads(whole) if isinstance(whole, bytes) else whole
        data = result.get("data")
        return PartDone(
            order.name, str(row["id"]), order.agent, True, summary=str(result.get("summary") or ""),
            data=data if isinstance(data, Mapping) else {}, diff=str((result.get("diff") or {}).get("text") or ""),
            commit=change["commit"], lines=change["lines"], revised=change["revised"],
        )  # fmt: skip

    def _tell(self, order: PartOrder, row: Row) -> None:
        message = f"{order.name} ({order.agent}): {row['state']}"
        self._work.report.tell(EventKind.PROGRESS, message=message, part=str(row["id"]), state=row["state"])


_LAST = text("SELECT reason FROM attempts WHERE task_id = :task AND generation = :generation")

_CHANGE = text(
    """
    SELECT commit, added + removed AS lines,
        EXISTS (SELECT FROM reviews r WHERE r.task_id = :task AND r.verdict = 'request_changes') AS revised
    FROM changes WHERE task_id = :task ORDER BY generation DESC LIMIT 1
    """
)

_PICKED = text(
    """
    SELECT q.answer FROM agent_questions q
    WHERE q.task_id = :task AND q.about = :about AND q.answer IS NOT NULL AND q.answer <> :none AND NOT EXISTS (
        SELECT FROM attempts a WHERE a.task_id = q.task_id AND a.generation > q.generation
        AND a.reason NOT IN ('lost_worker', 'paused', 'ok'))
    ORDER BY q.asked_at DESC LIMIT 1
    """
)
