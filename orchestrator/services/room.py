"""The tools by which agents work together: parts of their task, other agents, claims on code, notes of the project.

Used by the agents' surroundings, where they are called in this process, and by the MCP door, where programs call them
with the token of their task. Each works for a caller who is an agent at work; those that say so work for people's
clients too. What may be done is decided by the services behind.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ValidationError

from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import InvalidInput
from orchestrator.core.events import EventKind
from orchestrator.core.routing import Health
from orchestrator.core.states import TERMINAL, TaskState
from orchestrator.mcp.builtin import ProgressFn, invalid_arguments
from orchestrator.mcp.result import ToolInfo, ToolResult
from orchestrator.models import NoteState
from orchestrator.services import agent_service
from orchestrator.services.agent_service import AgentService
from orchestrator.services.claims import Claims
from orchestrator.services.event_stream import EventStream
from orchestrator.services.families import Families
from orchestrator.services.notes import Notes
from orchestrator.services.room_shapes import (
    AskAgent,
    Claimed,
    ClaimSymbols,
    CreatePart,
    MarkNote,
    NoteOut,
    NotesOut,
    Nothing,
    Part,
    Parts,
    PostNote,
    ReadNotes,
    TaskNamed,
    WaitForPart,
)
from orchestrator.services.server_entry import ServerEntry, builtin_id
from orchestrator.services.task_service import TaskService
from orchestrator.services.task_shapes import TaskRequest

_RESTING = TERMINAL | {TaskState.AWAITING_CONSENT, TaskState.AWAITING_INPUT}
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Room:
    """What the tools need."""

    tasks: TaskService
    agents: AgentService
    families: Families
    claims: Claims
    notes: Notes
    events: EventStream

    async def wait(self, caller: Caller, task_id: UUID, seconds: float, progress: ProgressFn | None = None) -> Row:
        """Where a task stands once it ended or asks something, or the time is over; its events are progress."""
        await self.families.may_wait(caller, task_id)
        row = await self.tasks.get(caller, task_id)
        if row["state"] in _RESTING or not seconds:
            return row
        try:
            async with asyncio.timeout(seconds) as clock:
                await self._follow(caller, task_id, row["last_seq"], progress)
        except TimeoutError:
            # The end of the wait is no error: the answer says where the task stands.
            if not clock.expired():
                raise
        return await self.tasks.get(caller, task_id)

    async def ask(self, caller: Caller, agent_id: str, given: dict[str, Any], project_id: UUID | None) -> Row:
        """Hand work to one agent, as a part of the asking agent's task; the part's row."""
        full = agent_id if agent_id.startswith("agent:") else f"agent:{agent_id}"
        await self.families.may_ask(caller, full)
        about = project_id or caller.project_id
        request = await agent_service.request_for(self.agents, caller, full, input=given, project_id=about)
        return await agent_service.start(self.agents, self.tasks, caller, full, request)

    async def _follow(self, caller: Caller, task_id: UUID, after: int, progress: ProgressFn | None) -> None:
        async for event in self.events.follow(task_id, after):
            if progress is not None:
                await progress(float(event.seq), None, str(event.kind))
            if event.kind == EventKind.WAITING:
                row = await self.tasks.get(caller, task_id)
                if row["state"] in _RESTING:
                    return


@dataclass(frozen=True)
class RoomTool:
    """One tool. ``for_agents``: it makes sense only for an agent at work on a task."""

    name: str
    title: str
    description: str
    scope: Scope
    arguments: type[BaseModel]
    answer: type[BaseModel]
    run: Callable[[Room, Caller, Any, ProgressFn | None], Awaitable[BaseModel]]
    read_only: bool = False
    for_agents: bool = False

    @cached_property
    def info(self) -> ToolInfo:
        """What a list of tools says of it."""
        hints: dict[str, Any] = {"readOnlyHint": self.read_only, "openWorldHint": False}
        if not self.read_only:
            hints |= {"destructiveHint": False, "idempotentHint": False}
        given = self.arguments.model_json_schema(by_alias=True)
        given.setdefault("properties", {})
        answer = self.answer.model_json_schema(by_alias=True, mode="serialization")
        return ToolInfo(self.name, self.title, self.description, given, answer, hints)

    async def __call__(self, room: Room, caller: Caller, arguments: Mapping[str, Any]) -> ToolResult:
        """Check the arguments and run."""
        try:
            parsed = self.arguments.model_validate(arguments)
        except ValidationError as error:
            raise invalid_arguments(error) from error
        answer = await self.run(room, caller, parsed, None)
        return ToolResult.of(answer.model_dump(mode="json"))


async def _create_task(room: Room, caller: Caller, given: CreatePart, _: ProgressFn | None) -> Part:
    request = TaskRequest(
        given.type, given.input, title=given.title, preferred_target=given.agent_id, budget=given.budget,
        acceptance=list(given.acceptance), timeout_seconds=given.timeout_seconds, project_id=caller.project_id,
        idempotency_key=given.idempotency_key,
    )  # fmt: skip
    return Part.of(await room.tasks.create(caller, request))


async def _list_parts(room: Room, caller: Caller, _given: Nothing, _: ProgressFn | None) -> Parts:
    return Parts(items=[Part.of(row) for row in await room.families.below(_task_of(caller))])


async def _get_task(room: Room, caller: Caller, given: TaskNamed, _: ProgressFn | None) -> Part:
    return Part.of(await room.tasks.get(caller, given.task_id))


async def _wait_task(room: Room, caller: Caller, given: WaitForPart, progress: ProgressFn | None) -> Part:
    return Part.of(await room.wait(caller, given.task_id, given.seconds, progress))


async def _cancel_task(room: Room, caller: Caller, given: TaskNamed, _: ProgressFn | None) -> Part:
    return Part.of(await room.tasks.cancel(caller, given.task_id))


async def _ask_agent(room: Room, caller: Caller, given: AskAgent, progress: ProgressFn | None) -> Part:
    row = await room.ask(caller, given.agent_id, given.input, given.project_id)
    return Part.of(await room.wait(caller, row["id"], given.seconds, progress))


async def _claim_symbols(room: Room, caller: Caller, given: ClaimSymbols, _: ProgressFn | None) -> Claimed:
    if given.release:
        return Claimed(symbols={}, paths=[], released=await room.claims.release(caller))
    held = await room.claims.claim(caller, given.symbols, given.paths)
    return Claimed(symbols=dict(held.symbols), paths=sorted(held.paths))


async def _post_note(room: Room, caller: Caller, given: PostNote, _: ProgressFn | None) -> NoteOut:
    project = _project_of(caller, given.project_id)
    return NoteOut.of(await room.notes.post(caller, project, given.text, topic=given.topic, todo=given.todo))


async def _read_notes(room: Room, caller: Caller, given: ReadNotes, _: ProgressFn | None) -> NotesOut:
    project, states = _project_of(caller, given.project_id), [NoteState(one) for one in given.state]
    rows, total = await room.notes.page(caller, project, topic=given.topic, states=states, limit=given.limit)
    return NotesOut(items=[NoteOut.of(row) for row in rows], total=total)


async def _mark_note(room: Room, caller: Caller, given: MarkNote, _: ProgressFn | None) -> NoteOut:
    project = _project_of(caller, given.project_id)
    return NoteOut.of(await room.notes.mark(caller, project, given.note_id, NoteState(given.state)))


def _project_of(caller: Caller, named: UUID | None) -> UUID:
    project = named or caller.project_id
    if project is None:
        raise InvalidInput("name the project", field="arguments.project_id")
    return project


def _task_of(caller: Caller) -> UUID:
    if caller.task_id is None:
        raise InvalidInput("this is for agents at work on a task")
    return caller.task_id


SHARED_TOOLS: tuple[RoomTool, ...] = (
    RoomTool(
        "ask_agent", "Ask another agent",
        "Hand work to one agent and wait for its answer, at most 60 s; wait_task waits on. No agent is asked in a "
        "circle.", Scope.TASKS_WRITE, AskAgent, Part, _ask_agent,
    ),
    RoomTool(
        "post_note", "Write a note for the others",
        "Tell all who work on the project what they should know, or put something on the shared list of things to do.",
        Scope.TASKS_WRITE, PostNote, NoteOut, _post_note,
    ),
    RoomTool(
        "read_notes", "Read the project's notes",
        "Notes and things to do of the project, newest first. They are other people's and agents' words.",
        Scope.TASKS_READ, ReadNotes, NotesOut, _read_notes, read_only=True,
    ),
    RoomTool(
        "mark_note", "Take or finish a thing to do",
        "Mark a thing on the shared list as being done by you, done, or to be done again.",
        Scope.TASKS_WRITE, MarkNote, NoteOut, _mark_note,
    ),
    RoomTool(
        "claim_symbols", "Keep code for yourself",
        "Claim symbols and paths before you change them; refused with who holds them. Claims end with your attempt.",
        Scope.TASKS_WRITE, ClaimSymbols, Claimed, _claim_symbols, for_agents=True,
    ),
    RoomTool(
        "list_parts", "List the parts of your task", "Every task made by you, and by those whom you asked.",
        Scope.TASKS_READ, Nothing, Parts, _list_parts, read_only=True, for_agents=True,
    ),
)  # fmt: skip
"""Those that the MCP endpoint offers beside its own."""

ROOM_TOOLS: Mapping[str, RoomTool] = {
    tool.name: tool
    for tool in (
        RoomTool(
            "create_task", "Hand in a part of your task",
            "Route and hand in a task that is part of yours. It runs beside you: follow it with wait_task.",
            Scope.TASKS_WRITE, CreatePart, Part, _create_task, for_agents=True,
        ),
        RoomTool(
            "wait_task", "Wait for a part", "Wait until a part ends or asks something, at most 60 s.",
            Scope.TASKS_READ, WaitForPart, Part, _wait_task, read_only=True, for_agents=True,
        ),
        RoomTool(
            "get_task", "Read a part", "Where a part stands, and its result or error.",
            Scope.TASKS_READ, TaskNamed, Part, _get_task, read_only=True, for_agents=True,
        ),
        RoomTool(
            "cancel_task", "Stop a part", "Stop a part and all below it.",
            Scope.TASKS_WRITE, TaskNamed, Part, _cancel_task, for_agents=True,
        ),
        *SHARED_TOOLS,
    )
}  # fmt: skip
"""All of them, for agents of this process, by name."""
ROOM_SERVER = ServerEntry(
    id=builtin_id("orchestrator"), name="orchestrator", transport="builtin", health=Health.HEALTHY,
    description="The orchestrator itself.", tools=tuple(tool.info for tool in ROOM_TOOLS.values()),
)  # fmt: skip
"""These tools as rules and records name them."""
