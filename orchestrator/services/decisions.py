"""What people decide while a task rests: about a used-up budget, and which of several tries is taken.

Used by ``POST /tasks/{id}/input`` and by the monitor. The question was stored with the step that let the task rest, the
answer is stored with the one that lets it go on: nothing runs in between, so no dying process loses either.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text

from orchestrator.agents.team_words import NONE_OF_THEM
from orchestrator.core.caller import Caller
from orchestrator.core.errors import InvalidInput, OrchestratorError
from orchestrator.core.events import EventKind, NewEvent
from orchestrator.core.states import Reason, TaskState
from orchestrator.models.agent_asking import ABOUT_BUDGET
from orchestrator.models.database import Database
from orchestrator.models.transitions import Transition
from orchestrator.services.budgets import Budgets, closing
from orchestrator.services.task_service import TaskService
from orchestrator.services.task_writer import TaskWriter

log = structlog.get_logger(__name__)

Row = Mapping[str, Any]

_REJECTED = {"code": Reason.REJECTED, "message": "none of the tries was wanted"}


class Decisions:
    """Answers to what is asked while tasks rest."""

    def __init__(self, database: Database, writer: TaskWriter, tasks: TaskService, budgets: Budgets) -> None:
        self._database = database
        self._writer = writer
        self._tasks = tasks
        self._budgets = budgets

    async def answered(self, caller: Caller, question: Row, choice: str) -> None:
        """A person's decision; InvalidInput where it is none of the choices."""
        caller.require_person()
        task = await self._tasks.writable(caller, question["task_id"])
        known = [str(one["id"]) for one in question["choices"]]
        if choice not in known:
            raise InvalidInput(f"one of {', '.join(known)} is expected", field="choice")
        if question["about"] == ABOUT_BUDGET:
            await self._budgets.answered(caller, task, choice)
        else:
            await self._choose(task, question, choice, "answered", caller.user_id)

    async def sweep(self) -> int:
        """Decide as usual where nobody did in time; returns how often."""
        async with self._database.transaction() as connection:
            late = [dict(row) for row in (await connection.execute(_LATE)).mappings()]
        done = 0
        for question in late:
            try:
                await self._expire(question)
                done += 1
            except OrchestratorError as error:  # answered or ended meanwhile, or there is no agent for it any more
                log.info("decision_stays_open", task_id=str(question["task_id"]), why=error.message)
        return done

    async def _expire(self, question: Row) -> None:
        task = await self._tasks.get(Caller(question["user_id"]), question["task_id"])
        if question["about"] == ABOUT_BUDGET:
            await self._budgets.expired(task)
        else:
            await self._choose(task, question, str(question["default_choice"]), "deadline", None)

    async def _choose(self, task: Row, question: Row, choice: str, outcome: str, by: UUID | None) -> None:
        data = {"question_id": str(question["id"]), "by": str(by) if by else None, "answer": choice, "outcome": outcome}
        told = NewEvent(EventKind.ANSWERED, data)
        along = closing(task["id"], outcome, choice, by)
        if choice != NONE_OF_THEM:
            await self._tasks.go_on(task, (told,), along)
            return
        failed = NewEvent(EventKind.FAILED, {"reason": Reason.REJECTED, "error": _REJECTED})
        step = Transition(
            task["id"], TaskState.FAILED, (told, failed), reason=Reason.REJECTED, error=_REJECTED,
            expect=frozenset({TaskState.AWAITING_INPUT}),
        )  # fmt: skip
        await self._writer.apply_along(step, along)


_LATE = text(
    """
    SELECT q.*, t.user_id FROM agent_questions q JOIN tasks t ON t.id = q.task_id AND t.generation = q.generation
    WHERE q.about <> '' AND q.outcome IS NULL AND q.deadline < clock_timestamp() AND t.state = 'awaiting_input'
    ORDER BY q.deadline LIMIT 100
    """
)
