"""Calls of MCP tools that take long, kept as tasks: same table, same states, same events as every other task.

Used by the MCP door for clients that take a task for an answer. The call goes on where it runs, in this process; the
lease it holds ends the task when the process dies. It is never made a second time: nobody knows what the first did.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Unavailable
from orchestrator.core.events import EventKind, NewEvent
from orchestrator.core.ids import new_id
from orchestrator.core.jsonsafe import storable
from orchestrator.core.routing import Route
from orchestrator.core.states import TaskState
from orchestrator.eventlog.wake import Wake
from orchestrator.jobqueue.queues import queue_for
from orchestrator.models.database import Database
from orchestrator.models.task_store import NewTask
from orchestrator.models.transitions import Delivery
from orchestrator.services.blobs import BlobStore
from orchestrator.services.leases import Leases
from orchestrator.services.run_task import Outcome, TaskRunner, Work
from orchestrator.services.task_writer import TaskWriter

_MOST = 1000
_CLOSE_SECONDS = 5.0
_UNCLAIMED_SECONDS = 60.0
"""A process that dies before it claims the task leaves it to a worker, which ends it with a reason."""
_DAY = 86_400.0
"""The call keeps its own time limit, whose clock stands still while a person thinks; the task only needs an end."""


@dataclass(frozen=True, slots=True)
class LongCall:
    """What is under way. ``outcome`` is its answer in wire form; ``give_up`` stops it and what it started."""

    server: str
    target_id: str
    tool: str
    arguments: dict[str, Any]
    outcome: Callable[[], Awaitable[dict[str, Any]]]
    give_up: Callable[[], object]


@dataclass(frozen=True, slots=True)
class _Adopted:
    """Carries such a task out, by waiting for the call."""

    call: LongCall

    async def execute(self, work: Work) -> Outcome:
        """Its answer; being stopped stops the call."""
        work.report.tell(EventKind.TOOL_CALLED, server=self.call.server, tool=self.call.tool)
        wire = await self.call.outcome()
        work.report.tell(EventKind.TOOL_RETURNED, server=self.call.server, tool=self.call.tool)
        return Outcome({"server": self.call.server, "tool": self.call.tool, **wire})


class LongCalls:
    """The calls of one process that became tasks."""

    def __init__(
        self,
        database: Database,
        writer: TaskWriter,
        wake: Wake,
        blobs: BlobStore,
        *,
        lease_seconds: float,
        heartbeat_seconds: float,
        inline_bytes: int,
    ) -> None:
        self._writer = writer
        self._wake = wake
        self._blobs = blobs
        self._inline_bytes = inline_bytes
        name = f"mcp@{socket.gethostname()}:{os.getpid()}"
        self._leases = Leases(database, name, seconds=lease_seconds, every=heartbeat_seconds)
        self._running: dict[asyncio.Task[None], LongCall] = {}
        self._listening = False

    async def adopt(self, caller: Caller, call: LongCall) -> UUID:
        """Keep a call as a task; its id, once that is stored. Raises Unavailable when there are too many."""
        if len(self._running) >= _MOST:
            raise Unavailable("too many calls are kept as tasks already")
        if not self._listening:
            self._listening = True
            self._wake.on_stop(self._leases.stop)
        task = _as_task(caller, call)
        await self._writer.create(task)
        running = asyncio.create_task(self._run(task.id, call), name="mcp call as task")
        self._running[running] = call
        running.add_done_callback(self._running.pop)
        return task.id

    async def _run(self, task_id: UUID, call: LongCall) -> None:
        runner = TaskRunner(
            self._writer, self._leases, self._blobs, lambda _: _Adopted(call), inline_bytes=self._inline_bytes
        )
        try:
            await runner.run(task_id, 1)
        finally:
            call.give_up()

    async def close(self) -> None:
        """Give up every call; each ends with a reason."""
        for call in self._running.values():
            call.give_up()
        if self._running:
            await asyncio.wait(set(self._running), timeout=_CLOSE_SECONDS)
        for running in self._running:
            running.cancel()
        await self._leases.close()


def _as_task(caller: Caller, call: LongCall) -> NewTask:
    route = Route("tool_call", ()).as_dict() | {
        "type": "oracle",
        "target_id": call.target_id,
        "target_name": call.server,
    }
    told = {"type": "tool_call", "priority": 0, "is_heavy": False, "via": "mcp"}
    queue = queue_for(is_heavy=False, priority=0, target_id=None)
    return NewTask(
        id=new_id(),
        user_id=caller.user_id,
        type="tool_call",
        state=TaskState.QUEUED,
        timeout_seconds=_DAY,
        events=(NewEvent(EventKind.CREATED, told),),
        route=route,
        title=f"{call.server}: {call.tool}"[:200],
        input=storable({"tool": call.tool, "arguments": call.arguments}),
        preferred_target=call.target_id,
        parent_id=caller.task_id,
        project_id=caller.project_id if caller.task_id is not None else None,
        max_attempts=1,
        delivery=Delivery(queue, _UNCLAIMED_SECONDS),
    )
