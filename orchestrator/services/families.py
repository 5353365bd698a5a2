"""Tasks that agents made of their own task: born within limits, seen and stopped with the task they are part of.

Used by the task service for every caller that is an agent at work, and for tasks with a parent. An agent sees its own
task and the parts below it, nothing else. A task that fails or is stopped takes its open parts along; the monitor looks
too, for those nobody was told of. The rules themselves are ``core.families``.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import structlog

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, NotFound, Unavailable
from orchestrator.core.families import (
    FamilyLimits,
    check_ask,
    check_depth,
    check_from_agent,
    check_numbers,
    check_same_project,
    check_wait,
    given_away,
    share,
)
from orchestrator.core.states import TERMINAL, TaskState
from orchestrator.models.database import Database
from orchestrator.models.families import chain, find_part, hold, left_behind, open_parts, parts_below, used_by
from orchestrator.models.task_store import NewTask, find_by_key, insert_tasks
from orchestrator.services.stopping import Stopper
from orchestrator.services.task_shapes import TaskRequest
from orchestrator.services.task_writer import TaskWriter

log = structlog.get_logger(__name__)

Row = Mapping[str, Any]


class Families:
    """Parts of tasks."""

    def __init__(self, database: Database, writer: TaskWriter, stopper: Stopper, limits: FamilyLimits) -> None:
        self._database = database
        self._writer = writer
        self._stopper = stopper
        self.limits = limits
        self._ended: set[UUID] = set()
        self._running: asyncio.Task[None] | None = None
        writer.on_ended(self.ended)

    async def as_part(self, caller: Caller, request: TaskRequest) -> TaskRequest:
        """What an agent asks for, as a part of its own task; Conflict names the limit that is in the way."""
        mine = await self._chain(caller)
        check_same_project(mine[0], request.project_id)
        if request.part is None:  # a step of a team: its consent and criteria are those of who wrote the team
            check_from_agent(request.consent, request.acceptance)
        key = f"{caller.task_id}:{request.idempotency_key}" if request.idempotency_key else None
        return replace(
            request, parent_id=caller.task_id, project_id=mine[0]["project_id"],
            depth=check_depth(self.limits, mine[0]), idempotency_key=key,
        )  # fmt: skip

    async def store(self, task: NewTask, among: int = 1) -> bool:
        """Store a part under its family's lock; False when this very part, or its key, was there before."""
        assert task.parent_id is not None
        async with self._database.transaction() as connection:
            above = await chain(connection, task.parent_id)
            parent = await hold(connection, above[-1]["id"], task.parent_id) if above else None
            if parent is None:
                raise NotFound("the task of which this would be a part is gone")
            if parent["state"] != TaskState.RUNNING or parent["cancel_requested_at"] is not None:
                raise Conflict(f"task {task.parent_id} is not at work: it gets no more parts")
            if task.part and await find_part(connection, task.parent_id, task.part):
                return False
            if task.idempotency_key and await find_by_key(connection, task.user_id, task.idempotency_key):
                return False
            below = await parts_below(connection, above[-1]["id"], self.limits.total + 1)
            sisters = [row for row in below if row["parent_id"] == task.parent_id]
            still_open = sum(1 for row in sisters if row["state"] not in TERMINAL)
            check_numbers(self.limits, still_open=still_open, in_all=len(below))
            used = await used_by(connection, task.parent_id) if parent["budget"] and sisters else {}
            spent = [
                given_away(row["budget"], used.get(row["id"], {}), has_ended=row["state"] in TERMINAL)
                for row in sisters
            ]
            budget = share(parent["budget"], task.budget, spent, _to_come(task, sisters, among))
            await insert_tasks(connection, [replace(task, budget=budget)])
        self._writer.announce(task)
        return True

    async def require(self, caller: Caller, task_id: UUID) -> None:
        """NotFound unless the task is the agent's own, or a part below it."""
        async with self._database.transaction() as connection:
            above = await chain(connection, task_id)
        if all(row["id"] != caller.task_id for row in above):
            raise NotFound("no such task among the parts of this one")

    async def may_wait(self, caller: Caller, task_id: UUID) -> None:
        """Conflict when an agent would wait in a circle; NotFound for a task that is none of its parts."""
        if caller.task_id is not None:
            check_wait(task_id, await self._chain(caller))
            await self.require(caller, task_id)

    async def may_ask(self, caller: Caller, agent_id: str) -> None:
        """Conflict when an agent asks one that waits for it already."""
        if caller.task_id is not None:
            check_ask(agent_id, await self._chain(caller))

    async def may_go_on(self, parent_id: UUID) -> None:
        """Conflict for a part whose task failed or was stopped: it would be stopped at once."""
        async with self._database.transaction() as connection:
            above = await chain(connection, parent_id)
        if above and above[0]["state"] in (TaskState.FAILED, TaskState.CANCELLED):
            raise Conflict(f"task {parent_id}, of which it is a part, is {above[0]['state']}: retry that one")

    async def part_of(self, parent_id: UUID, part: str) -> UUID | None:
        """The part of this name, if it was made already."""
        async with self._database.transaction() as connection:
            return await find_part(connection, parent_id, part)

    async def below(self, task_id: UUID) -> Sequence[Row]:
        """Every part below a task, a parent before its parts. Who may see the task was checked."""
        async with self._database.transaction() as connection:
            return await parts_below(connection, task_id)

    def ended(self, task_ids: Sequence[UUID]) -> None:
        """Stop the open parts of tasks that failed or were told to stop, in the background."""
        self._ended.update(task_ids)
        if self._ended and (self._running is None or self._running.done()):
            self._running = asyncio.create_task(self._drain(), name="families")

    async def settle(self) -> None:
        """Wait until the parts of every task that was told of are stopped, or asked to."""
        while self._running is not None and not self._running.done():
            await asyncio.wait([self._running])

    async def sweep(self) -> None:
        """Stop parts that nobody was told of."""
        async with self._database.transaction() as connection:
            rows = await left_behind(connection)
        await self._stop(rows)

    async def _drain(self) -> None:
        while self._ended:
            ended, self._ended = self._ended, set()
            try:
                async with self._database.transaction() as connection:
                    rows = await open_parts(connection, list(ended))
                await self._stop(rows)
            except Unavailable as error:
                log.warning("parts_not_stopped", why=error.message)  # the monitor looks when the database is back

    async def _stop(self, rows: Sequence[Row]) -> None:
        for row in rows:
            told = {"by": str(row["user_id"]), "message": f"task {row['parent_id']}, of which it is a part, has ended"}
            try:
                await self._stopper.stop(row["id"], TaskState(row["state"]), **told)
            except (Conflict, NotFound) as error:
                # It moved since we looked; the monitor's next look knows.
                log.debug("part_not_stopped", task_id=str(row["id"]), why=error.message)

    async def _chain(self, caller: Caller) -> list[Row]:
        assert caller.task_id is not None
        async with self._database.transaction() as connection:
            found = await chain(connection, caller.task_id)
        if not found:
            raise NotFound("the task that this token is lent to is gone")
        return found


def _to_come(task: NewTask, sisters: Sequence[Row], among: int) -> int:
    """How many parts of the same step are still to be made, this one included."""
    step = str(task.part or "").partition("[")[0]
    made = sum(1 for row in sisters if str(row["part"] or "").startswith(f"{step}[") and "." not in row["part"])
    return max(1, among - made)
