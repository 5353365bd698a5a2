"""A task's events as Server-Sent Events, resumable by ``Last-Event-ID`` without loss or repetition.

No transaction is open while the stream waits; what is read and when is ``services.event_stream``'s work.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Header, Query
from sse_starlette import EventSourceResponse, ServerSentEvent

from orchestrator.api.dependencies import ContainerDep, require
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import InvalidInput
from orchestrator.core.events import Event

router = APIRouter(tags=["tasks"])

_MOST = 2**31 - 1


@router.get("/tasks/{task_id}/events", summary="Stream a task's events", response_class=EventSourceResponse)
async def stream_events(
    task_id: UUID,
    caller: Annotated[Caller, require(Scope.TASKS_READ)],
    container: ContainerDep,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", max_length=20)] = None,
    after: Annotated[int | None, Query(ge=0, le=_MOST, description="Same as Last-Event-ID.")] = None,
) -> EventSourceResponse:
    """Every event after `Last-Event-ID`, numbered without gaps; the stream ends after the task's last one."""
    await container.tasks.get(caller, task_id)
    start = after if after is not None else _number(last_event_id)
    return EventSourceResponse(_framed(container.events.follow(task_id, start)), ping=15)


async def _framed(events: AsyncIterator[Event]) -> AsyncIterator[ServerSentEvent]:
    async for event in events:
        data: dict[str, Any] = {"seq": event.seq, "at": event.at, "kind": event.kind, "data": event.data}
        yield ServerSentEvent(orjson.dumps(data).decode(), event=str(event.kind), id=str(event.seq))


def _number(last_event_id: str | None) -> int:
    if not last_event_id:
        return 0
    if not (last_event_id.isascii() and last_event_id.isdigit()) or int(last_event_id) > _MOST:
        raise InvalidInput("Last-Event-ID must be the number of an event", field="Last-Event-ID")
    return int(last_event_id)
