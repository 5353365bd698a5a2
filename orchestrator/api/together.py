"""The doors to what agents do together: the parts of a task, and a project's notes and claims on code.

People read and write the same notes as agents do. How agents themselves come here is ``mcp_tools``.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.dependencies import ContainerDep, Limit, Offset, require
from orchestrator.core.acceptance import Verdict
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.states import TaskState
from orchestrator.models import NoteState
from orchestrator.services.notes import MOST_CHARACTERS
from orchestrator.services.room_shapes import NoteOut

router = APIRouter(tags=["working together"])

Reader = Annotated[Caller, require(Scope.TASKS_READ)]
Writer = Annotated[Caller, require(Scope.TASKS_WRITE)]
# PostgreSQL stores no NUL.
NO_NUL = r"^[^\x00]*$"
Topic = Annotated[str, Query(max_length=100, pattern=NO_NUL, description="Only notes of this topic.")]
States = Annotated[
    list[Literal["note", "todo", "doing", "done"]] | None, Query(description="Only notes, or things to do, so far.")
]


class PartOut(BaseModel):
    """A part of a task."""

    task_id: UUID = Field(description="The part, a task like others.")
    parent_id: UUID = Field(description="The task it is a part of.")
    depth: int = Field(description="How many tasks it is below one that a person handed in.")
    part: str | None = Field(description="Which part it is, for those of a team.")
    type: str = Field(description="Its type.")
    title: str = Field(description="A line for people.")
    state: TaskState = Field(description="Where it stands.")
    reason: str | None = Field(description="Why it ended so.")
    waiting_for: str | None = Field(description="What it waits for.")
    target_id: str | None = Field(description="Who carries it out.")
    attempt: int = Field(description="Number of the present or last attempt.")
    proof: Verdict | None = Field(description="How its acceptance criteria came out; null: none was checked.")
    budget: dict[str, Any] = Field(description="Its share of the task's budget.")
    created_at: datetime = Field(description="When it was made.")
    started_at: datetime | None = Field(description="When its first attempt began.")
    finished_at: datetime | None = Field(description="When it ended.")

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "PartOut":
        """From a stored row."""
        names = cls.model_fields.keys() - {"task_id", "attempt"}
        return cls(task_id=row["id"], attempt=row["generation"], **{name: row[name] for name in names})


class PartsOut(BaseModel):
    """Everything below a task."""

    items: list[PartOut] = Field(description="A task before its parts, elder ones first.")


class NoteIn(BaseModel):
    """A note for all who work on the project, people and agents."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=MOST_CHARACTERS, pattern=NO_NUL, description="What to tell them.")
    topic: str = Field("", max_length=100, pattern=NO_NUL, description="What it is about.")
    todo: bool = Field(False, description="Put it on the shared list of things to do.")


class NoteChange(BaseModel):
    """Where a thing to do stands now."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["todo", "doing", "done"] = Field(description="to do, being done, or done.")


class NotePage(BaseModel):
    """A page of notes."""

    items: list[NoteOut] = Field(description="Newest first.")
    total: int = Field(description="How many there are in all.")
    limit: int = Field(description="Page size asked for.")
    offset: int = Field(description="Items skipped.")


class ClaimOut(BaseModel):
    """Code that a running agent keeps for itself."""

    name: str = Field(description="The symbol's full name, or a file or folder.")
    path: str | None = Field(description="Where the symbol stands; null for a path.")
    task_id: UUID = Field(description="The task that holds it.")
    title: str = Field(description="What that task is, for people.")
    target_id: str | None = Field(description="The agent.")
    claimed_at: datetime = Field(description="Since when.")


class ClaimsOut(BaseModel):
    """Every claim in force in a project."""

    items: list[ClaimOut] = Field(description="First claimed first.")


@router.get("/tasks/{task_id}/parts", summary="The parts of a task")
async def list_parts(task_id: UUID, caller: Reader, container: ContainerDep) -> PartsOut:
    """Every task that agents made of this one, at any depth."""
    row = await container.tasks.get(caller, task_id)
    return PartsOut(items=[PartOut.of(part) for part in await container.families.below(row["id"])])


@router.get("/projects/{project_id}/notes", summary="Notes of a project")
async def list_notes(
    project_id: UUID,
    caller: Reader,
    container: ContainerDep,
    topic: Topic = "",
    state: States = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> NotePage:
    """What agents and people wrote for each other, newest first."""
    states = [NoteState(one) for one in state or ()]
    rows, total = await container.notes.page(caller, project_id, topic=topic, states=states, limit=limit, offset=offset)
    return NotePage(items=[NoteOut.of(row) for row in rows], total=total, limit=limit, offset=offset)


@router.post("/projects/{project_id}/notes", status_code=201, summary="Write a note")
async def post_note(project_id: UUID, body: NoteIn, caller: Writer, container: ContainerDep) -> NoteOut:
    """Tell everybody who works on the project something, or put it on the list of things to do."""
    return NoteOut.of(await container.notes.post(caller, project_id, body.text, topic=body.topic, todo=body.todo))


@router.patch("/projects/{project_id}/notes/{note_id}", summary="Take or finish a thing to do")
async def mark_note(
    project_id: UUID, note_id: UUID, body: NoteChange, caller: Writer, container: ContainerDep
) -> NoteOut:
    """Mark a thing on the list as being done, done, or to do again. A person may take it from an agent."""
    return NoteOut.of(await container.notes.mark(caller, project_id, note_id, NoteState(body.state)))


@router.delete(
    "/projects/{project_id}/notes/{note_id}", status_code=204, summary="Delete a note", response_class=Response
)
async def delete_note(project_id: UUID, note_id: UUID, caller: Writer, container: ContainerDep) -> Response:
    """Delete a note of one's own; an admin of the project deletes any."""
    await container.notes.remove(caller, project_id, note_id)
    return Response(status_code=204)


@router.get("/projects/{project_id}/claims", summary="Claims on a project's code")
async def list_claims(project_id: UUID, caller: Reader, container: ContainerDep) -> ClaimsOut:
    """Which running agents keep which code for themselves."""
    rows = await container.claims.standing(caller, project_id)
    names = tuple(ClaimOut.model_fields)
    return ClaimsOut(items=[ClaimOut(**{name: row[name] for name in names}) for row in rows])
