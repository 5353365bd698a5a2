"""Shapes of the task doors: what comes in, what goes out, each field described for the API reference."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, WithJsonSchema

from orchestrator.api.proof_models import CriterionIn
from orchestrator.core.capabilities import Requirement, parse_requirement
from orchestrator.core.states import Reason, TaskState
from orchestrator.services.task_service import TaskRequest

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.:/-]+$")]


Criterion = Annotated[dict[str, Any], WithJsonSchema(CriterionIn.model_json_schema())]
"""Checked by ``core.acceptance``, which knows what belongs to which kind and names the field as its caller wrote it."""


class RequirementIn(BaseModel):
    """A capability a task needs."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field(description="Capability name, e.g. `code_search`.")
    min_version: Annotated[str, Field(max_length=32, pattern=r"^[0-9.]*$")] = Field("", description="Lowest version.")
    parameters: dict[str, Any] = Field(default_factory=dict, max_length=32, description="Parameter values needed.")


class ConsentIn(BaseModel):
    """What the user agrees to."""

    model_config = ConfigDict(extra="forbid")

    user_space: bool = Field(False, description="Run heavy work on my own Hugging Face Space.")
    fallback: bool = Field(True, description="Run heavy work on the orchestrator's servers where no Space fits.")
    overlap: bool = Field(
        False, description="Start beside tasks that work on the same code; all are told of it, none waits."
    )


class TriesIn(BaseModel):
    """Several tries at the same task, among which one is chosen."""

    model_config = ConfigDict(extra="forbid")

    agents: list[Name] = Field(
        default_factory=list, max_length=16, description="Who tries; default: whoever would get the task."
    )
    count: int = Field(0, ge=0, le=16, description="How many tries; 0: one for each agent, two for one alone.")
    choose: Literal["person", "proof"] = Field(
        "person", description="Who chooses: a person, or the proof (of the proved ones the smallest change)."
    )


class TaskIn(BaseModel):
    """A task to carry out."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    type: Name = Field(description="Kind of task, e.g. `file_search`; GET /tasks/types lists the known ones.")
    input: dict[str, Any] = Field(default_factory=dict, description="Input of the task; its shape depends on the type.")
    required_capabilities: list[Name | RequirementIn] = Field(
        default_factory=list,
        max_length=32,
        validation_alias=AliasChoices("required_capabilities", "capabilities"),
        description="Capabilities the target must have: names (`grep`, `grep>=2`) or objects. Default: the type's own.",
    )
    project_id: UUID | None = Field(None, description="The project the task is about.")
    title: str = Field("", max_length=300, description="A line for people; default: the type's title.")
    priority: int = Field(0, ge=-100, le=100, description="Above 0 goes before, below 0 after the others.")
    is_heavy: bool | None = Field(None, description="Whether the work is heavy; default: what the type says.")
    preferred_target: str | None = Field(None, max_length=200, description="Target id or name to prefer where it fits.")
    consent: ConsentIn | None = Field(None, description="What the user agrees to beforehand.")
    budget: dict[str, Any] = Field(
        default_factory=dict,
        max_length=16,
        description="Limits over all attempts: `money` in US dollars, `tokens`, `tool_calls`; the task pauses there "
        "and asks. `requests` to a model, for each attempt, ends it.",
    )
    acceptance: list[Criterion] = Field(
        default_factory=list, description="What must hold of the result before the task counts as completed."
    )
    timeout_seconds: float | None = Field(None, gt=0, le=86_400, description="Time limit of one attempt, in seconds.")
    max_attempts: int | None = Field(None, ge=1, le=10, description="Attempts before the task fails for good.")
    tries: TriesIn | None = Field(
        None, description="Have it tried several times side by side, each in a tree of its own, and one result chosen."
    )

    def as_request(self, idempotency_key: str | None = None) -> TaskRequest:
        """The same as services know it."""
        return TaskRequest(
            type=self.type,
            input=self.input,
            required_capabilities=tuple(_requirement(raw) for raw in self.required_capabilities),
            project_id=self.project_id,
            title=self.title,
            priority=self.priority,
            is_heavy=self.is_heavy,
            preferred_target=self.preferred_target,
            consent=self.consent.model_dump() if self.consent else {},
            budget=self.budget,
            acceptance=self.acceptance,
            timeout_seconds=self.timeout_seconds,
            max_attempts=self.max_attempts,
            idempotency_key=idempotency_key,
        )


def _requirement(raw: str | RequirementIn) -> Requirement:
    return parse_requirement(raw if isinstance(raw, str) else raw.model_dump())


class RejectionOut(BaseModel):
    """One reason against a candidate."""

    obstacle: str = Field(description="Kind: access, capability, health, capacity, consent, …")
    reason: str = Field(description="The reason in words.")


class CandidateOut(BaseModel):
    """A target's account: a score by parts, or the reasons it was rejected for."""

    target_id: str = Field(description="The target.")
    name: str = Field(description="Its name.")
    type: str = Field(description="oracle, user_space or agent.")
    score: float = Field(description="Weighted mean of the parts, 0 to 1; 0 when rejected.")
    parts: dict[str, float] = Field(description="Score parts, each 0 to 1.")
    learned: dict[str, dict[str, float]] = Field(
        default_factory=dict,
        description="Behind the part `learned`, per kind of work: attempts for it and against it, weighted by age "
        "(`good`, `bad`), the expected share that goes well (`mean`) and its uncertainty (`deviation`).",
    )
    rejections: list[RejectionOut] = Field(description="Why it was rejected; empty when fit.")


class RouteOut(BaseModel):
    """A routing decision with every candidate."""

    task_type: str = Field(description="The task's type.")
    type: str | None = Field(description="Type of the chosen target; null when none fits.")
    target_id: str | None = Field(description="The chosen target.")
    target_name: str | None = Field(description="Its name.")
    score: float | None = Field(description="Its score.")
    candidates: list[CandidateOut] = Field(description="Every target, best first.")
    would_help: list[str] = Field(description="What would make the task runnable; empty when it is.")
    waits_for: str | None = Field(description="What the task would wait for, e.g. capacity.")
    needs_consent: str | None = Field(description="The question a person would have to answer.")


class ForkedFrom(BaseModel):
    """From where a forked task goes on."""

    task_id: UUID = Field(description="The task it was forked from.")
    event: int = Field(description="The event whose state it begins with.")
    attempt: int | None = Field(description="The attempt that event is of; null before the first.")
    base_commit: str | None = Field(description="The commit its change is counted from; null: the present one.")
    commit: str | None = Field(description="The checkpoint its files are of; null: none was noted by then.")
    lost: list[str] = Field(description="What of that moment it does not have, in words.")


class TaskOut(BaseModel):
    """A task and where it stands."""

    task_id: UUID = Field(description="The task.")
    type: str = Field(description="Kind of task.")
    title: str = Field(description="A line for people.")
    state: TaskState = Field(description="Where it stands.")
    reason: Reason | None = Field(description="Why it ended; set in every terminal state.")
    waiting_for: str | None = Field(description="What it waits for, when it waits.")
    project_id: UUID | None = Field(description="Its project.")
    parent_id: UUID | None = Field(description="The task it is a part of, when an agent made it.")
    user_id: UUID = Field(description="Who asked for it.")
    input: dict[str, Any] = Field(description="Its input.")
    required_capabilities: list[Any] = Field(description="What the target must be able to do.")
    priority: int = Field(description="Above 0 goes before the others.")
    is_heavy: bool = Field(description="Whether the work is heavy.")
    quota_account: str | None = Field(description="The provider's account whose quota it waits for.")
    wakes_at: datetime | None = Field(description="When it is looked at again, while it waits for a quota.")
    target_id: str | None = Field(description="Who carries it out.")
    target_type: str | None = Field(description="oracle, user_space or agent.")
    attempt: int = Field(description="Number of the latest attempt; 0 before the first.")
    max_attempts: int = Field(description="Attempts before it fails for good.")
    timeout_seconds: float = Field(description="Time limit of one attempt.")
    last_event: int = Field(description="Number of the newest event.")
    result: dict[str, Any] | None = Field(description="The result, or a preview of a large one.")
    result_pointer: dict[str, Any] | None = Field(description="Where the whole of a large result is.")
    error: dict[str, Any] | None = Field(description="What went wrong: code, message and more.")
    cancel_requested: bool = Field(description="Whether somebody asked it to stop.")
    pause_requested: bool = Field(description="Whether a person wants it to rest; with awaiting_input, it does.")
    forked_from: ForkedFrom | None = Field(description="Where it goes on from, when it is a fork.")
    created_at: datetime | None = Field(description="When it was made.")
    started_at: datetime | None = Field(description="When its first attempt began.")
    finished_at: datetime | None = Field(description="When it ended.")

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "TaskOut":
        """From a stored row; the row is ours and checked, so it is not validated again."""
        known = _fields(row)
        if known["forked_from"] is not None:
            known["forked_from"] = ForkedFrom(**known["forked_from"])
        return cls.model_construct(**known)

    @classmethod
    def json_of(cls, row: Mapping[str, Any]) -> bytes:
        """The same as JSON without the way through a model: reading one task is what everybody does all the time."""
        try:
            return orjson.dumps(_fields(row), option=orjson.OPT_UTC_Z)
        except TypeError:  # a number in somebody's input is too large for it
            return cls.of(row).model_dump_json().encode()


_SAME = (
    "type", "title", "waiting_for", "project_id", "parent_id", "user_id", "input", "required_capabilities",
    "priority", "is_heavy", "target_id", "target_type", "max_attempts", "timeout_seconds", "result", "result_pointer",
    "error", "created_at", "started_at", "finished_at", "quota_account", "wakes_at",
)  # fmt: skip


def _fields(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "task_id": row["id"],
        "attempt": row["generation"],
        "last_event": row["last_seq"],
        "cancel_requested": row["cancel_requested_at"] is not None,
        "pause_requested": row["pause_requested_at"] is not None,
        "forked_from": {name: row["origin"][name] for name in ForkedFrom.model_fields} if row["origin"] else None,
        "state": TaskState(row["state"]),
        "reason": Reason(row["reason"]) if row["reason"] else None,
        **{name: row[name] for name in _SAME},
    }


class TaskAccepted(BaseModel):
    """A task was stored."""

    task_id: UUID = Field(description="The task.")
    state: TaskState = Field(description="Where it stands already.")
    reason: Reason | None = Field(None, description="Why it ended at once, if it did.")
    waiting_for: str | None = Field(None, description="What it waits for, if it does.")
    target_id: str | None = Field(None, description="Who will carry it out.")
    target_type: str | None = Field(None, description="oracle, user_space or agent.")
    would_help: list[str] = Field(default_factory=list, description="What would make it runnable, when no target fits.")
    links: dict[str, str] = Field(description="Where to read on: the task, its events, its route.")

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "TaskAccepted":
        """From a stored row."""
        base = f"/api/v1/tasks/{row['id']}"
        error = row["error"] or {}
        return cls(
            task_id=row["id"],
            state=row["state"],
            reason=row["reason"],
            waiting_for=row["waiting_for"],
            target_id=row["target_id"],
            target_type=row["target_type"],
            would_help=(error.get("details") or {}).get("would_help", []),
            links={"self": base, "events": f"{base}/events", "route": f"{base}/route"},
        )


class TaskPage(BaseModel):
    """A page of tasks."""

    items: list[TaskOut] = Field(description="Newest first.")
    total: int = Field(description="How many there are in all.")
    limit: int = Field(description="Page size asked for.")
    offset: int = Field(description="Items skipped.")


class EventOut(BaseModel):
    """Something that happened to a task."""

    seq: int = Field(description="Number within the task, from 1, without gaps.")
    at: datetime = Field(description="When.")
    kind: str = Field(description="What happened.")
    data: dict[str, Any] = Field(description="What is known about it.")


class EventPage(BaseModel):
    """Stored events."""

    items: list[EventOut] = Field(description="In order.")


class ConsentAnswer(BaseModel):
    """The answer to a task that awaits consent."""

    model_config = ConfigDict(extra="forbid")

    grant: bool = Field(description="Whether the task may go on.")
    user_space: bool | None = Field(None, description="Agree to the user's Space.")
    fallback: bool | None = Field(None, description="Agree to the orchestrator's servers.")
    always: bool = Field(False, description="A tool call: agree for good, if it is your own task.")


class InputAnswer(BaseModel):
    """The answer to a task that awaits input."""

    model_config = ConfigDict(extra="forbid")

    text: str | None = Field(None, min_length=1, max_length=20_000, description="The answer in words.")
    choice: str | None = Field(None, min_length=1, max_length=200, description="The id of one of its choices.")
    question_id: UUID | None = Field(None, description="Which question; default: the oldest open one.")
    remember: bool = Field(False, description="Make a rule of one's own of it, so that it is not asked again.")


class TaskTypeOut(BaseModel):
    """A kind of task the catalogue knows."""

    name: str = Field(description="Its name.")
    title: str = Field(description="Its name for people.")
    description: str = Field(description="What it does.")
    capabilities: list[str] = Field(description="What it needs.")
    tool: str | None = Field(description="The tool that carries it out by default.")
    heavy: bool = Field(description="Whether it is heavy by default.")
    needs_project: bool = Field(description="Whether it is about a project.")
    changes_code: bool = Field(description="Whether its result is a diff.")
    example: dict[str, Any] = Field(description="An input that works.")


class TaskTypes(BaseModel):
    """The catalogue of task types."""

    items: list[TaskTypeOut] = Field(description="All known types.")


States = list[
    Literal["pending", "awaiting_consent", "queued", "running", "awaiting_input", "completed", "failed", "cancelled"]
]
