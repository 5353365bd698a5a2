"""The doors of pausing: have an agent's work rest, go on with it, and fork a new task from an event of another."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.dependencies import ContainerDep, require
from orchestrator.api.task_models import TaskOut
from orchestrator.core.caller import Caller, Scope
from orchestrator.services.task_forks import Fork

router = APIRouter(tags=["tasks"])

Writer = Annotated[Caller, require(Scope.TASKS_WRITE)]
Words = Annotated[str, Field(max_length=20_000, pattern=r"^[^\x00]*$")]


class ResumeIn(BaseModel):
    """How to go on."""

    model_config = ConfigDict(extra="forbid")

    text: Words = Field("", description="What the agent is told when it goes on.")


class ForkIn(BaseModel):
    """From where a new task goes on, and what is different about it."""

    model_config = ConfigDict(extra="forbid")

    event: int = Field(ge=1, le=2**31 - 1, description="Number of the event whose state it begins with.")
    text: Words = Field("", description="What its agent is told.")
    title: str = Field("", max_length=300, description="A line for people; default: that of the task, with (fork).")
    agent_id: str | None = Field(None, max_length=200, description="Who carries it out; default: the same agent.")
    input: dict[str, Any] | None = Field(None, description="Its input; default: that of the task.")


@router.post("/tasks/{task_id}/pause", summary="Pause an agent's work")
async def pause_task(task_id: UUID, caller: Writer, container: ContainerDep) -> TaskOut:
    """Have it rest at its next safe point, with its files, conversation and session kept; `awaiting_input` from then
    on. Only a task of an agent that is running or has not begun."""
    return TaskOut.of(await container.pauses.pause(caller, task_id))


@router.post("/tasks/{task_id}/resume", summary="Go on with a paused task")
async def resume_task(task_id: UUID, body: ResumeIn, caller: Writer, container: ContainerDep) -> TaskOut:
    """A new attempt goes on where the last one rested, also after a restart of the service."""
    return TaskOut.of(await container.pauses.resume(caller, task_id, body.text))


@router.post("/tasks/{task_id}/fork", status_code=201, summary="Fork a task from an event")
async def fork_task(task_id: UUID, body: ForkIn, caller: Writer, container: ContainerDep) -> TaskOut:
    """A new task whose work tree and conversation begin as they were at that event; `forked_from.lost` says what of
    that moment could not be restored."""
    wish = Fork(body.event, body.text, body.title, body.agent_id, body.input)
    return TaskOut.of(await container.forks.fork(caller, task_id, wish))
