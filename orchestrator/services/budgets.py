"""Budgets of projects and people, and tasks that wait for somebody to raise one.

Used by the REST doors, by ``POST /tasks/{id}/input`` and by the monitor. Counting and stopping is ``metering``'s work.
A task whose budget is used up awaits input; it goes on when somebody raises the budget, when the budget's next period
begins, and ends with ``budget_exceeded`` when somebody says so.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, Forbidden, InvalidInput, NotFound, OrchestratorError
from orchestrator.core.events import EventKind, NewEvent
from orchestrator.core.ids import new_id
from orchestrator.core.spending import CAPS, MONEY, Period, read_caps, used_up
from orchestrator.core.states import Reason, TaskState
from orchestrator.models import BudgetRow, Role
from orchestrator.models.agent_asking import close_resting
from orchestrator.models.database import Database
from orchestrator.models.task_store import find_task
from orchestrator.models.transitions import Transition
from orchestrator.services.access import ProjectAccess
from orchestrator.services.agent_service import AgentService
from orchestrator.services.metering import BUDGETS
from orchestrator.services.prices import Prices
from orchestrator.services.task_service import TaskRequest, TaskService
from orchestrator.services.task_writer import Along, TaskWriter

log = structlog.get_logger(__name__)

Row = Mapping[str, Any]

RAISE, STOP = "raise", "stop"
_B = BudgetRow.__table__


class Budgets:
    """Use cases around budgets."""

    def __init__(
        self,
        database: Database,
        writer: TaskWriter,
        tasks: TaskService,
        access: ProjectAccess,
        agents: AgentService,
        prices: Prices,
    ) -> None:
        self._database = database
        self._writer = writer
        self._tasks = tasks
        self._access = access
        self._agents = agents
        self._prices = prices

    async def check(self, request: TaskRequest, user_id: UUID, target_id: str | None) -> None:
        """Refuse a task's budget that nobody could hold; InvalidInput names the field."""
        caps = read_caps(request.budget, of_task=True)
        if MONEY not in caps or target_id is None or not target_id.startswith("agent:"):
            return
        info = (await self._agents.find(target_id, user_id)).agent.info
        if info.model:
            await self._prices.require(info.model, user_id, "budget.money", info.address)

    async def page(self, caller: Caller) -> Sequence[Row]:
        """The caller's own budgets and those of their projects, with what is used of each."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(_VISIBLE, {"user": caller.user_id, "project": caller.project_id})
            return [dict(row) for row in rows.mappings()]

    async def put(self, caller: Caller, project_id: UUID | None, period: Period, caps: Mapping[str, Any]) -> Row:
        """Set a project's budget, or one's own over all tasks, in place of the one for that period."""
        given = {name: value for name, value in caps.items() if value is not None}
        if not given:
            raise InvalidInput(f"a budget limits at least one of {', '.join(CAPS)}", field="budget")
        read_caps(given, of_task=False)
        caller.require_project(project_id)
        if project_id is not None:
            await self._access.require(caller, project_id, Role.ADMIN)
        whose = {"project_id": project_id, "user_id": None if project_id else caller.user_id}
        values = {name: given.get(name) for name in CAPS} | whose | {"id": new_id(), "period": period}
        async with self._database.transaction() as connection:
            await connection.execute(_PUT, values)
        return next(
            row for row in await self.page(caller) if row["period"] == period and row["project_id"] == project_id
        )

    async def delete(self, caller: Caller, budget_id: UUID) -> None:
        """Take a budget away."""
        row = await self._writable(caller, budget_id)
        async with self._database.transaction() as connection:
            await connection.execute(delete(BudgetRow).where(_B.c.id == row["id"]))

    async def answered(self, caller: Caller, task: Row, answer: str) -> None:
        """A person's word to a task that waits for a budget: raise it by as much again, or stop."""
        if answer not in (RAISE, STOP):
            raise InvalidInput(f"one of {RAISE}, {STOP} is expected", field="choice")
        told = NewEvent(EventKind.ANSWERED, {"by": str(caller.user_id), "answer": answer})
        along = closing(task["id"], "answered", answer, caller.user_id)
        if answer == STOP:
            await self._end(task, told, along)
            return
        details = task["error"]["details"]
        if details["level"] == "task":
            await self._raise_task(UUID(details["budget_id"]), str(details["limit"]), details["most"])
        else:
            budget = await self._writable(caller, UUID(details["budget_id"]))
            await self._raise(budget, str(details["limit"]), float(details["most"]))
        await self._tasks.go_on(task, (told,), along)

    async def expired(self, task: Row) -> None:
        """Nobody answered in time: the task is stopped, and what there is of its work is kept."""
        told = NewEvent(EventKind.ANSWERED, {"by": None, "answer": STOP, "outcome": "deadline"})
        await self._end(task, told, closing(task["id"], "deadline", STOP, None))

    async def sweep(self) -> int:
        """Let go on whose budget has room again; returns how many."""
        async with self._database.transaction() as connection:
            waiting = [dict(row) for row in (await connection.execute(_WAITING)).mappings()]
            rows = (await connection.execute(text(f"{BUDGETS} GROUP BY b.id"))).mappings() if waiting else ()
            budgets = {str(row["id"]): dict(row) for row in rows}
        gone = 0
        for task in waiting:
            budget = budgets.get(task["error"]["details"]["budget_id"])
            if budget is None or _has_room(budget):
                told = NewEvent(EventKind.ANSWERED, {"by": None, "answer": "the budget has room again"})
                try:
                    await self._tasks.go_on(task, (told,), closing(task["id"], "gone", None, None))
                    gone += 1
                except OrchestratorError as error:
                    log.info("budget_task_stays", task_id=str(task["id"]), why=error.message)
        return gone

    async def _raise_task(self, task_id: UUID, name: str, by: float) -> None:
        """The budget of a task, or of the one it is a part of; quiet when somebody raised it since."""
        async with self._database.transaction() as connection:
            row = await find_task(connection, task_id)
        if row is None:
            raise Conflict("the task whose budget is used up is gone")
        if row["budget"].get(name, 0) <= by:
            most = row["budget"].get(name, 0) + by
            # Only money has fractions: a cap of 2.0 tokens would be refused when the task goes on.
            caps = {**row["budget"], name: most if name == MONEY else int(most)}
            await self._writer.apply(Transition(task_id, None, patch={"budget": caps}))

    async def _raise(self, budget: Row, name: str, by: float) -> None:
        """By so much; quiet when somebody raised it since."""
        column = _B.c[name]
        changed = update(BudgetRow).where(_B.c.id == budget["id"], column <= by).values({name: column + by})
        async with self._database.transaction() as connection:
            await connection.execute(changed)

    async def _writable(self, caller: Caller, budget_id: UUID) -> Row:
        async with self._database.transaction() as connection:
            found = (await connection.execute(select(_B).where(_B.c.id == budget_id))).mappings().first()
        if found is None or (found["user_id"] is not None and found["user_id"] != caller.user_id):
            if found is not None:
                raise Forbidden("this budget is another person's to raise")
            raise NotFound("no such budget", field="budget_id")
        if found["project_id"] is not None:
            await self._access.require(caller, found["project_id"], Role.ADMIN)
        return dict(found)

    async def _end(self, task: Row, told: NewEvent, along: Along) -> None:
        reason = Reason.BUDGET_EXCEEDED
        failed = NewEvent(EventKind.FAILED, {"reason": reason, "error": task["error"]})
        waiting = frozenset({TaskState.AWAITING_INPUT})
        step = Transition(
            task["id"], TaskState.FAILED, (told, failed), reason=reason, error=task["error"], expect=waiting
        )
        try:
            await self._writer.apply_along(step, along)
        except NotFound as error:
            raise Conflict("the task is gone") from error


def closing(task_id: UUID, outcome: str, answer: str | None, by: UUID | None) -> Along:
    """Close a resting task's question in the transaction of the step that ends its rest."""

    async def close(connection: AsyncConnection) -> None:
        await close_resting(connection, task_id, outcome, answer, by)

    return close


def _has_room(budget: Row) -> bool:
    caps = {name: budget[name] for name in CAPS}
    return used_up(caps, {name: float(budget[f"used_{name}"]) for name in CAPS}) is None


_VISIBLE = text(
    f"""
    {BUDGETS}
    WHERE (b.user_id = :user OR b.project_id IN (SELECT project_id FROM memberships WHERE user_id = :user))
    AND (CAST(:project AS uuid) IS NULL OR b.project_id = :project)
    GROUP BY b.id ORDER BY b.project_id NULLS FIRST, b.period
    """
)

_WAITING = text(
    """
    SELECT * FROM tasks WHERE state = 'awaiting_input' AND error ->> 'code' = 'budget_reached'
    AND error -> 'details' ->> 'level' <> 'task' ORDER BY priority DESC, created_at LIMIT 200
    """
)

_PUT = text(
    """
    INSERT INTO budgets (id, project_id, user_id, period, money, tokens, tool_calls)
    VALUES (:id, :project_id, :user_id, :period, :money, :tokens, :tool_calls)
    ON CONFLICT (coalesce(project_id, '00000000-0000-0000-0000-000000000000'),
        coalesce(user_id, '00000000-0000-0000-0000-000000000000'), period) DO UPDATE SET
        money = excluded.money, tokens = excluded.tokens, tool_calls = excluded.tool_calls, updated_at = now()
    """
)
