"""What a task's row, attempts and events say of the work that was done, as records for the graph. Pure; no I/O.

Used by ``work_graphs``. Events are numbered and in order, so a tool call belongs to the attempt that began last.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestrator.core.events import EventKind
from orchestrator.kg.work.records import ApprovalRecord, AttemptRecord, Outcome, TaskRecord, ToolCallRecord

Row = Mapping[str, Any]

_RUNS_TESTS = re.compile(r"(?:.*__)?(?:run_tests?|pytest)")
_FAILED = re.compile(r"^(?:FAILED|ERROR)\s+(\S+?\.py)::([\w:]+)", re.MULTILINE)
_MOST_CALLS = 500
_MOST_FAILING = 200

NEEDED = (EventKind.STARTED, EventKind.TOOL_CALLED, EventKind.TOOL_RETURNED, EventKind.ANSWERED, EventKind.DIFF)


@dataclass(frozen=True, slots=True)
class Change:
    """The diff a task ended with, as its last ``diff.ready`` event tells it."""

    base_commit: str = ""
    commit: str = ""
    branch: str = ""
    paths: tuple[str, ...] = ()


@dataclass(slots=True)
class _Call:
    number: int
    attempt: int
    tool: str
    server: str
    at: datetime
    call_id: str | None
    ended_at: datetime | None = None
    outcome: Outcome = "unfinished"
    text: str = ""


@dataclass(slots=True)
class TaskStory:
    """What the events of one task tell."""

    calls: list[_Call] = field(default_factory=list)
    approvals: list[ApprovalRecord] = field(default_factory=list)
    change: Change = Change()

    def failing(self) -> set[tuple[str, str]]:
        """Path and dotted name of every test that a run of tests named as failed."""
        return {one for call in self.calls if _RUNS_TESTS.fullmatch(call.tool) for one in _failing(call.text)}


def read_events(events: Sequence[Row]) -> TaskStory:
    """The story of a task; ``events`` are those of the kinds in ``NEEDED``, in order."""
    story, attempt = TaskStory(), 0
    for event in events:
        kind, data = event["kind"], event["data"]
        if kind == EventKind.STARTED:
            attempt = int(data.get("attempt", attempt + 1))
        elif kind == EventKind.TOOL_CALLED and len(story.calls) < _MOST_CALLS:
            server, _, _ = str(data.get("tool", "")).rpartition("__")
            made = _Call(
                event["seq"], attempt, str(data.get("tool", "")), str(data.get("server") or server), event["at"],
                data.get("call_id"),
            )  # fmt: skip
            story.calls.append(made)
        elif kind == EventKind.TOOL_RETURNED:
            _end(story.calls, event)
        elif kind == EventKind.ANSWERED and "granted" in data:
            story.approvals.append(ApprovalRecord(event["seq"], event["at"], granted=bool(data["granted"])))
        elif kind == EventKind.DIFF:
            story.change = _change(data)
    return story


def record_of(
    task: Row, attempts: Sequence[Row], story: TaskStory, *, agent_name: str, modified: Sequence[str],
    tests: Mapping[tuple[str, str], str],
) -> TaskRecord:  # fmt: skip
    """The record. ``modified`` are IRIs of definitions; ``tests`` the IRIs of failing tests that the graph knows."""
    return TaskRecord(
        id=str(task["id"]),
        title=task["title"],
        type=task["type"],
        state=task["state"],
        reason=task["reason"] or "",
        user_id=str(task["user_id"]),
        target=task["target_id"] or "",
        agent_name=agent_name,
        created_at=task["created_at"],
        started_at=task["started_at"],
        ended_at=task["finished_at"],
        branch=story.change.branch,
        commit=story.change.commit,
        changed=story.change.paths,
        modified=tuple(modified),
        attempts=tuple(_attempt(row, story.calls, tests) for row in attempts),
        approvals=tuple(story.approvals),
    )


def _attempt(row: Row, calls: Sequence[_Call], tests: Mapping[tuple[str, str], str]) -> AttemptRecord:
    number = row["generation"]
    made = tuple(_tool_call(call, tests) for call in calls if call.attempt == number)
    return AttemptRecord(number, row["target_id"] or "", row["started_at"], row["ended_at"], row["reason"] or "", made)


def _tool_call(call: _Call, tests: Mapping[tuple[str, str], str]) -> ToolCallRecord:
    ran_tests = _RUNS_TESTS.fullmatch(call.tool) is not None
    failing = [tests[one] for one in _failing(call.text) if one in tests] if ran_tests else []
    return ToolCallRecord(
        call.number, call.tool, call.server, call.at, call.ended_at, call.outcome, ran_tests, tuple(failing)
    )


def _end(calls: Sequence[_Call], event: Row) -> None:
    """The call that came back: the one with its id, else the oldest open one of its tool."""
    data = event["data"]
    for call in calls:
        if call.outcome == "unfinished" and call.tool == data.get("tool") and call.call_id == data.get("call_id"):
            call.ended_at, call.text = event["at"], str(data.get("text", ""))
            call.outcome = "failed" if data.get("is_error") else "passed"
            return


def _failing(text: str) -> Iterator[tuple[str, str]]:
    """Tests in the short summary that pytest prints, as path and dotted name."""
    for number, match in enumerate(_FAILED.finditer(text)):
        if number < _MOST_FAILING:
            yield match[1], match[2].replace("::", ".")


def _change(data: Mapping[str, Any]) -> Change:
    files = data.get("files") or []
    paths = tuple(str(file["path"]) for file in files if isinstance(file, dict) and "path" in file)
    return Change(
        str(data.get("base_commit") or ""), str(data.get("commit") or ""), str(data.get("branch") or ""), paths
    )
