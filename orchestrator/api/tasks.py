"""The task doors: create, preview, read, cancel, retry, consent, input. The event stream is in ``stream``."""

import json
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response

from orchestrator.api.dependencies import ContainerDep, Limit, Offset, get_container, require
from orchestrator.api.task_models import (
    ConsentAnswer,
    EventOut,
    EventPage,
    InputAnswer,
    RouteOut,
    States,
    TaskAccepted,
    TaskIn,
    TaskOut,
    TaskPage,
    TaskTypeOut,
    TaskTypes,
)
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import Conflict
from orchestrator.core.task_types import TASK_TYPES
from orchestrator.services.task_service import TaskRequest

router = APIRouter(tags=["tasks"])

Reader = Annotated[Caller, require(Scope.TASKS_READ)]
Writer = Annotated[Caller, require(Scope.TASKS_WRITE)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200, description="Same key, same task.")]


# Routes are tried in turn: reading one task, which everybody does all the time, comes as early as it can.


@router.get("/tasks/history", summary="Finished tasks")
async def task_history(caller: Reader, container: ContainerDep, limit: Limit = 50, offset: Offset = 0) -> TaskPage:
    """Tasks that have ended, newest first."""
    ended = ("completed", "failed", "cancelled")
    rows, total = await container.tasks.page(caller, states=ended, limit=limit, offset=offset)
    return TaskPage(items=[TaskOut.of(row) for row in rows], total=total, limit=limit, offset=offset)


@router.get("/tasks/types", summary="Known task types")
async def task_types(_: Reader) -> TaskTypes:
    """The catalogue of task types. Other types are welcome when they name their required capabilities."""
    return TaskTypes(
        items=[
            TaskTypeOut(
                name=kind.name,
                title=kind.title,
                description=kind.description,
                capabilities=list(kind.capabilities),
                tool=kind.tool,
                heavy=kind.heavy,
                needs_project=kind.needs_project,
                changes_code=kind.changes_code,
                example=json.loads(kind.example),
            )
            for kind in TASK_TYPES.values()
        ]
    )


@router.get("/tasks/{task_id}", summary="Read a task", response_model=TaskOut)
async def get_task(task_id: UUID, caller: Reader, request: Request) -> Response:
    """Where the task stands, and its result or error."""
    # The most asked question: each dependency costs what a small route does, and the row is our own.
    row = await get_container(request).tasks.get(caller, task_id)
    return Response(TaskOut.json_of(row), media_type="application/json")


@router.post("/tasks", status_code=202, summary="Hand in a task")
async def create_task(body: TaskIn, caller: Writer, container: ContainerDep, key: Key = None) -> TaskAccepted:
    """Route the task and store it. It is queued, waits with what for, or has failed at once with what would help."""
    return TaskAccepted.of(await container.tasks.create(caller, await _asked(container, caller, body, key)))


@router.post("/tasks/route", summary="Preview a route")
async def preview_route(body: TaskIn, caller: Reader, container: ContainerDep) -> RouteOut:
    """How this task would be routed right now, with every candidate; nothing is stored."""
    route = await container.tasks.preview(caller, await _asked(container, caller, body))
    return RouteOut.model_validate(route.as_dict())


@router.get("/tasks", summary="List tasks")
async def list_tasks(
    caller: Reader,
    container: ContainerDep,
    project_id: UUID | None = None,
    state: Annotated[States | None, Query(description="Only these states.")] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> TaskPage:
    """The caller's tasks and those of their projects, newest first."""
    rows, total = await container.tasks.page(
        caller, project_id=project_id, states=state or (), limit=limit, offset=offset
    )
    return TaskPage(items=[TaskOut.of(row) for row in rows], total=total, limit=limit, offset=offset)


@router.get("/tasks/{task_id}/route", summary="Why this target")
async def task_route(task_id: UUID, caller: Reader, container: ContainerDep) -> RouteOut:
    """The stored routing decision in force, with every candidate."""
    return RouteOut.model_validate(await container.tasks.route_of(caller, task_id))


@router.get("/tasks/{task_id}/log", summary="Stored events")
async def task_events(
    task_id: UUID, caller: Reader, container: ContainerDep, after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0
) -> EventPage:
    """Up to 500 events numbered above `after`; the live stream is at /events."""
    events = await container.tasks.events_of(caller, task_id, after)
    return EventPage(items=[EventOut(seq=e.seq, at=e.at, kind=e.kind, data=e.data) for e in events])


@router.get("/tasks/{task_id}/result", summary="The whole result", response_class=Response)
async def task_result(task_id: UUID, caller: Reader, container: ContainerDep) -> Response:
    """The result as JSON, also when it is too large to be shown with the task."""
    result = await container.tasks.result_of(caller, task_id)
    body = result if isinstance(result, bytes) else json.dumps(result).encode()
    return Response(body, media_type="application/json")


@router.post("/tasks/{task_id}/cancel", summary="Stop a task")
async def cancel_task(task_id: UUID, caller: Writer, container: ContainerDep) -> TaskOut:
    """Stop it: at once when nothing runs it, else its worker is asked and stops the running tool or process."""
    return TaskOut.of(await container.tasks.cancel(caller, task_id))


@router.post("/tasks/{task_id}/retry", summary="Try a failed task again")
async def retry_task(task_id: UUID, caller: Writer, container: ContainerDep) -> TaskOut:
    """Route a failed or cancelled task again and queue it."""
    return TaskOut.of(await container.tasks.retry(caller, task_id))


@router.post("/tasks/{task_id}/consent", summary="Grant or refuse consent")
async def consent_task(task_id: UUID, body: ConsentAnswer, caller: Writer, container: ContainerDep) -> TaskOut:
    """Answer a task that awaits consent; a refusal ends it with reason consent_denied."""
    asked = {"user_space": body.user_space, "fallback": body.fallback}
    patch = {name: value for name, value in asked.items() if value is not None}
    if body.grant and not patch:
        patch = {"user_space": True, "fallback": True}
    return TaskOut.of(await container.tasks.consent(caller, task_id, grant=body.grant, patch=patch, always=body.always))


@router.post("/tasks/{task_id}/input", summary="Answer a task that asks")
async def answer_task(task_id: UUID, body: InputAnswer, caller: Writer, container: ContainerDep) -> TaskOut:
    """Answer a task that awaits input, or the question of a running agent; it goes on with the answer."""
    await container.tasks.get(caller, task_id)
    question = await container.questions_asked.open_of(task_id)
    if question is None:
        return TaskOut.of(await container.tasks.answer(caller, task_id, body.text or body.choice or ""))
    if body.question_id not in (None, question["id"]):
        raise Conflict("this question is not open any more", field="question_id")
    if question["about"]:
        await container.decisions.answered(caller, question, body.choice or body.text or "")
        return TaskOut.of(await container.tasks.get(caller, task_id))
    await container.questions_asked.answer(caller, question, choice=body.choice, text=body.text, remember=body.remember)
    return TaskOut.of(await container.tasks.get(caller, task_id))


async def _asked(container: Container, caller: Caller, body: TaskIn, key: str | None = None) -> TaskRequest:
    """What the body asks for: the task, or several tries at it."""
    request = body.as_request(key)
    return await container.tries.ask_for(caller, request, body.tries.model_dump()) if body.tries else request
