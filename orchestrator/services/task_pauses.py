"""Pausing an agent's work and going on with it: at a safe point, with its files and conversation kept.

Used by the doors. What waits for a worker rests at once; what runs is asked to, by its worker. A paused task awaits a
person's word, also after a restart. What a new attempt goes on from is read by ``feedback``.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, IllegalTransition
from orchestrator.core.events import EventKind, NewEvent
from orchestrator.core.ids import new_id
from orchestrator.core.jsonsafe import check_storable
from orchestrator.core.states import RESUMED_BY_PERSON, TaskState
from orchestrator.eventlog.wake import Wake
from orchestrator.models import AgentMessage
from orchestrator.models.transitions import Transition
from orchestrator.services.task_service import TaskService
from orchestrator.services.task_writer import TaskWriter

Row = Mapping[str, Any]

_PAUSABLE = (TaskState.RUNNING, TaskState.QUEUED, TaskState.PENDING)


class TaskPauses:
    """Use cases around pauses."""

    def __init__(self, writer: TaskWriter, tasks: TaskService, wake: Wake) -> None:
        self._writer = writer
        self._tasks = tasks
        self._wake = wake

    async def pause(self, caller: Caller, task_id: UUID) -> Row:
        """Have a task of an agent rest: at once when nothing runs it, else at its next safe point."""
        caller.require_person()
        row = await self._tasks.writable(caller, task_id)
        if not str(row["target_id"]).startswith("agent:"):
            raise Conflict("only the work of an agent can be paused", hint="cancel it, and retry it later")
        while (state := TaskState(row["state"])) in _PAUSABLE:
            try:
                await self._rest(caller, task_id, state)
            except IllegalTransition:
                # It moved between our look and our step; what it is now decides.
                row = await self._tasks.get(caller, task_id)
            else:
                return await self._tasks.get(caller, task_id)
        told = "paused already" if is_paused(row) else row["state"]
        raise IllegalTransition(f"the task is {told}", details={"state": row["state"]})

    async def resume(self, caller: Caller, task_id: UUID, text: str = "") -> Row:
        """Go on with a paused task; ``text`` is what the agent hears with it."""
        caller.require_person()
        row = await self._tasks.writable(caller, task_id)
        check_storable(text, "text")
        if not is_paused(row):
            hint = "it is still on its way to a safe point" if row["pause_requested_at"] else None
            raise IllegalTransition(f"the task is {row['state']}, not paused", hint=hint)

        async def tell(connection: AsyncConnection) -> None:
            if text.strip():
                values = {"id": new_id(), "task_id": task_id, "user_id": caller.user_id, "text": text}
                await connection.execute(insert(AgentMessage).values(**values))

        resumed = NewEvent(EventKind.RESUMED, {"by": str(caller.user_id), "text": text[:2000]})
        return await self._tasks.reopen(caller, row, (resumed,), tell)

    async def _rest(self, caller: Caller, task_id: UUID, state: TaskState) -> None:
        asked = NewEvent(EventKind.PAUSE_REQUESTED, {"by": str(caller.user_id)})
        expect = frozenset({state})
        if state == TaskState.RUNNING:
            await self._writer.apply(Transition(task_id, None, (asked,), expect=expect, request_pause=True))
            self._wake.pause([task_id])
            return
        events = (asked, NewEvent(EventKind.WAITING, {"for": RESUMED_BY_PERSON}))
        rests = Transition(task_id, TaskState.AWAITING_INPUT, events, expect=expect, request_pause=True)
        await self._writer.apply(replace(rests, waiting_for=RESUMED_BY_PERSON))


def is_paused(row: Row) -> bool:
    """Whether the task rests because a person wants it to."""
    return row["state"] == TaskState.AWAITING_INPUT and row["pause_requested_at"] is not None
