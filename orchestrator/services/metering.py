"""Counts what one attempt uses, keeps it, and stops the attempt once a budget is used up.

Made by ``run_agent`` for each attempt. What was noted is written with the next check and at the end, so a killed worker
loses a moment of it. Asking whether a budget is raised, and going on then, is ``services.budgets``' work.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import text

from orchestrator.core.errors import BudgetReached
from orchestrator.core.spending import CAPS, MONEY, Price, Usage, amount, cost, read_caps, used_up
from orchestrator.models.database import Database
from orchestrator.services.prices import Prices, no_price
from orchestrator.services.run_task import Work

Result = TypeVar("Result")
Row = Mapping[str, Any]

_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Meters:
    """Makes meters."""

    database: Database
    prices: Prices

    async def begin(self, work: Work, model: str, address: str = "") -> "AttemptMeter":
        """A meter for an attempt. Raises BudgetReached where nothing is left, InvalidInput where money has no price."""
        task = work.task
        price = await self.prices.of(model, task["user_id"], address) if model else None
        meter = AttemptMeter(self.database, work, model, price)
        if task.get("has_budget", True):  # read with the row: most tasks count against nobody's budget
            await meter.check()
        return meter


class AttemptMeter:
    """What one attempt uses."""

    def __init__(self, database: Database, work: Work, model: str, price: Price | None) -> None:
        self._database = database
        self._work = work
        self._model = model
        self._price = price
        self._usage = Usage()
        self._tool_calls = 0
        self._told: tuple[Usage, int] | None = None

    def note(self, usage: Usage) -> None:
        """What the attempt used so far."""
        self._usage = usage

    def tool_called(self) -> None:
        """It called a tool."""
        self._tool_calls += 1

    async def check(self) -> None:
        """Write what was noted. Raises BudgetReached, and InvalidInput for a limit on money without a price."""
        task = self._work.task
        values = {"task": self._work.id, "project": task["project_id"], "user": task["user_id"]}
        await self.flush()
        async with self._database.single() as connection:
            rows = [dict(row) for row in (await connection.execute(_BUDGETS, values)).mappings()]
            families = [dict(row) for row in (await connection.execute(_FAMILY, values)).mappings()]
        for row in families:
            self._hold("task", row, read_caps(row["budget"], of_task=True), row)
        for row in rows:
            level = "project" if row["project_id"] is not None else "user"
            self._hold(level, row, {name: row[name] for name in CAPS}, {name: row[f"used_{name}"] for name in CAPS})

    async def flush(self) -> None:
        """Write what was noted since the last time."""
        now = (self._usage, self._tool_calls)
        if now in (self._told, (Usage(), 0)):
            return
        task, usage = self._work.task, self._usage
        values = {
            "task": self._work.id, "generation": self._work.generation, "user": task["user_id"],
            "project": task["project_id"], "target": task["target_id"], "model": self._model.replace("\0", ""),
            "input": usage.input_tokens, "cached": usage.cached_tokens, "output": usage.output_tokens,
            "requests": usage.requests, "tool_calls": self._tool_calls, "money": cost(usage, self._price),
        }  # fmt: skip
        async with self._database.transaction() as connection:
            await connection.execute(_KEEP, values)
        self._told = now

    async def watch(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The work's result, unless a budget is used up meanwhile: then the work is ended, and all it started."""
        working = asyncio.create_task(work, name="metered")
        looking = asyncio.create_task(self._look(), name="meter")
        try:
            await asyncio.wait({working, looking}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                looking.result()
            return await working
        finally:
            for task in (working, looking):
                task.cancel()
            await asyncio.wait({working, looking})
            for task in (working, looking):
                if not task.cancelled():
                    task.exception()  # heard of, also when something else is raised
            await asyncio.shield(self.flush())

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if (self._usage, self._tool_calls) != (self._told or (Usage(), 0)):
                await self.check()

    def _hold(self, level: str, budget: Row, caps: Mapping[str, Any], used: Mapping[str, Any]) -> None:
        unpriced = self._model and self._price is None and self._usage.money is None
        if caps.get(MONEY) is not None and unpriced:
            raise no_price(self._model, "budget.money" if level == "task" else f"budgets.{budget['id']}.money")
        name = used_up(caps, {key: float(used[key] or 0) for key in CAPS})
        if name is not None:
            raise _reached(level, budget, name, float(used[name] or 0), float(caps[name]))


def _reached(level: str, budget: Row, name: str, used: float, most: float) -> BudgetReached:
    per = "in all" if budget.get("period") == "total" else f"per {budget.get('period')}"
    own = "this task" if not budget.get("depth") else f"task {budget['id']}, of which this is a part,"
    whose = {"task": own, "project": f"this project {per}", "user": f"its user {per}"}[level]
    message = f"the budget of {whose} is used up: {amount(name, used)} of {amount(name, most)}"
    details = {"level": level, "budget_id": str(budget["id"]), "limit": name, "used": used, "most": most}
    details |= {"period": budget["period"]} if budget.get("period") else {}
    return BudgetReached(message, details=details)


_KEEP = text(
    """
    INSERT INTO attempt_usage (task_id, generation, user_id, project_id, target_id, model, input_tokens, cached_tokens,
        output_tokens, requests, tool_calls, money)
    VALUES (:task, :generation, :user, :project, :target, :model, :input, :cached, :output, :requests, :tool_calls,
        :money)
    ON CONFLICT (task_id, generation) DO UPDATE SET input_tokens = excluded.input_tokens,
        cached_tokens = excluded.cached_tokens, output_tokens = excluded.output_tokens, requests = excluded.requests,
        tool_calls = excluded.tool_calls, money = excluded.money
    """
)

_FAMILY = text(
    """
    WITH RECURSIVE up AS (
        SELECT id, parent_id, budget, 0 AS depth FROM tasks WHERE id = :task
        UNION ALL
        SELECT t.id, t.parent_id, t.budget, up.depth + 1 FROM up JOIN tasks t ON t.id = up.parent_id WHERE up.depth < 32
    ), down AS (
        SELECT id AS top, id, 0 AS depth FROM up WHERE budget <> '{}'
        UNION ALL
        SELECT down.top, t.id, down.depth + 1 FROM down JOIN tasks t ON t.parent_id = down.id WHERE down.depth < 32
    )
    SELECT up.id, up.budget, up.depth, coalesce(sum(u.money), 0)::float8 AS money,
        coalesce(sum(u.input_tokens + u.output_tokens), 0)::float8 AS tokens,
        coalesce(sum(u.tool_calls), 0)::float8 AS tool_calls
    FROM up JOIN down ON down.top = up.id LEFT JOIN attempt_usage u ON u.task_id = down.id
    GROUP BY up.id, up.budget, up.depth ORDER BY up.depth
    """
)
"""The budgets of a task and of those it is a part of, each with what it and all its parts used."""

BUDGETS = """
    SELECT b.*, coalesce(sum(u.money), 0)::float8 AS used_money,
        coalesce(sum(u.input_tokens + u.output_tokens), 0)::float8 AS used_tokens,
        coalesce(sum(u.tool_calls), 0)::float8 AS used_tool_calls
    FROM budgets b LEFT JOIN attempt_usage u
        ON CASE WHEN b.project_id IS NOT NULL THEN u.project_id = b.project_id ELSE u.user_id = b.user_id END
        AND (b.period = 'total' OR u.at >= date_trunc(
            CASE b.period WHEN 'total' THEN 'month' ELSE b.period END, clock_timestamp() AT TIME ZONE 'UTC')
            AT TIME ZONE 'UTC')
"""
"""SQL: budgets with what is used of each in its present period; a WHERE over ``b`` and GROUP BY b.id go behind it."""

_BUDGETS = text(f"{BUDGETS} WHERE b.project_id = :project OR b.user_id = :user GROUP BY b.id ORDER BY b.id")
