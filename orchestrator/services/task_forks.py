"""Forks: a new task that goes on from an event of another, with its files and conversation as they were there.

Used by the doors. It looks for the checkpoints that the attempt told of and hands them to the new task as its
``origin``; what a checkpoint does not hold is said in words. The task it comes from stays as it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from orchestrator.agents.base import AgentInfo
from orchestrator.core.caller import Caller
from orchestrator.core.capabilities import parse_requirement
from orchestrator.core.errors import Conflict, InvalidInput
from orchestrator.core.events import EventKind
from orchestrator.models.database import Database
from orchestrator.services.agent_service import AgentService
from orchestrator.services.task_service import TaskRequest, TaskService

Row = Mapping[str, Any]

_TRANSCRIPT_CHARACTERS = 16_000
_LINE_CHARACTERS = 2_000
_CONSENT = ("user_space", "fallback", "overlap")
_ALWAYS_LOST = (
    "files that git ignores, as they were then",
    "whatever was done outside the work tree: on the network, in databases, by other tasks",
)


@dataclass(frozen=True, slots=True)
class Fork:
    """What is asked for. ``agent`` carries it out in place of the first one; ``text`` is told to it."""

    event: int
    text: str = ""
    title: str = ""
    agent: str | None = None
    given: dict[str, Any] | None = None


class TaskForks:
    """Use cases around forks."""

    def __init__(self, database: Database, tasks: TaskService, agents: AgentService) -> None:
        self._database = database
        self._tasks = tasks
        self._agents = agents

    async def fork(self, caller: Caller, task_id: UUID, wish: Fork) -> Row:
        """The new task. InvalidInput when the task has no such event."""
        caller.require_person()
        row = await self._tasks.get(caller, task_id)
        if not str(row["target_id"]).startswith("agent:"):
            raise Conflict("only the work of an agent can be forked")
        if wish.event > row["last_seq"]:
            raise InvalidInput(f"the task has {row['last_seq']} events", field="event")
        async with self._database.transaction() as connection:
            found = await connection.execute(_TOLD, {"task": task_id, "event": wish.event})
            events = [dict(event) for event in found.mappings()]
        agent = wish.agent or str(row["target_id"])
        was, now = [(await self._agents.find(one, caller.user_id)).agent.info for one in (row["target_id"], agent)]
        origin = _origin(row, wish, events, (was, now))
        return await self._tasks.create(caller, _request(row, wish, agent, origin))


def _request(row: Row, wish: Fork, agent: str, origin: dict[str, Any]) -> TaskRequest:
    given = wish.given if wish.given is not None else row["input"]
    return TaskRequest(
        type=row["type"],
        input={name: value for name, value in given.items() if name != "answers"},
        required_capabilities=[parse_requirement(dict(raw)) for raw in row["required_capabilities"]],
        project_id=row["project_id"],
        title=wish.title or f"{row['title']} (fork)"[:300],
        priority=row["priority"],
        is_heavy=row["is_heavy"],
        preferred_target=agent,
        consent={name: row["consent"][name] for name in _CONSENT if name in row["consent"]},
        budget=dict(row["budget"]),
        acceptance=list(row["acceptance"]),
        timeout_seconds=row["timeout_seconds"],
        origin=origin,
    )


def _origin(row: Row, wish: Fork, events: Sequence[Row], agents: tuple[AgentInfo, AgentInfo]) -> dict[str, Any]:
    """From where the new task goes on, and what of that moment it does not have."""
    until = [event for event in events if event["seq"] <= wish.event]
    started = max((event["seq"] for event in until if event["kind"] == EventKind.STARTED), default=None)
    held = [event for event in until if started is not None and event["seq"] >= started]
    tree = _last(held, "base_commit")
    files = _last(held, "commit")
    said = _last(held, "conversation")
    was, now = agents
    talk = said is not None and was.kind == now.kind and was.takes_up == now.takes_up == "conversation"
    return {
        "task_id": str(row["id"]),
        "event": wish.event,
        "attempt": held[0]["data"].get("attempt") if held else None,
        "base_commit": tree["data"]["base_commit"] if tree else None,
        "commit": files["data"]["commit"] if tree and files else None,
        "conversation": said["data"]["conversation"] if talk and said else None,
        "transcript": "" if talk else _transcript(held, wish.event),
        "words": wish.text,
        "lost": [*_files_lost(row, wish, events, held), *(() if talk or not held else _talk_lost(now)), *_ALWAYS_LOST],
    }


def _files_lost(row: Row, wish: Fork, events: Sequence[Row], held: Sequence[Row]) -> Iterator[str]:
    """What of the files of that moment the new task does not have, in words."""
    if not held:
        yield "the commit of that time: no attempt had begun, so it begins with the present one"
        return
    before = _last(held, "commit")
    later = next((event for event in events if event["seq"] > wish.event and "commit" in event["data"]), None)
    if before is not None and later is not None:
        yield f"files that changed between event {before['seq']}, whose files it has, and event {later['seq']}"


def _talk_lost(now: AgentInfo) -> Iterator[str]:
    if now.takes_up == "session":
        yield "the program's own session: a new one begins, and is told what had been said"
    elif now.takes_up == "conversation":
        yield "the conversation itself: the agent is told what had been said"
    else:
        yield "where the agent stood: it begins again on these files"


def _last(events: Sequence[Row], name: str) -> Row | None:
    return next((event for event in reversed(events) if event["data"].get(name)), None)


def _transcript(held: Sequence[Row], event: int) -> str:
    """What the agent and people said up to the event, as text; its end when it is long."""
    lines = []
    for one in held:
        if one["kind"] == EventKind.MESSAGE and one["data"].get("role") != "thought":
            lines.append(
                f"{one['data'].get('role', 'assistant')}: {str(one['data'].get('text', ''))[:_LINE_CHARACTERS]}"
            )
        elif one["kind"] == EventKind.TOOL_CALLED:
            lines.append(f"[{str(one['data'].get('title') or one['data'].get('tool', ''))[:200]}]")
    if not lines:
        return ""
    told = "\n".join(lines)[-_TRANSCRIPT_CHARACTERS:]
    return f"This goes on from earlier work, as it stood at its event {event}. What had been said:\n\n{told}"


_TOLD = text(
    f"""
    SELECT seq, kind, data FROM task_events WHERE task_id = :task
    AND (kind IN ('{EventKind.STARTED}', '{EventKind.CHECKPOINT}', '{EventKind.DIFF}')
        OR (kind = '{EventKind.LOG}' AND data ? 'base_commit')
        OR (kind IN ('{EventKind.MESSAGE}', '{EventKind.TOOL_CALLED}') AND seq <= :event AND seq > :event - 2000))
    AND seq < coalesce((SELECT min(seq) FROM task_events WHERE task_id = :task AND seq > :event
        AND kind = '{EventKind.STARTED}'), 2147483647)
    ORDER BY seq
    """
)
"""What was told up to the end of the attempt that the event is of."""
