"""The doors between agents and people: open questions, words to a running agent, and the rules that answer.

Answering is the task's own door, ``POST /tasks/{id}/input``.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.dependencies import ContainerDep, Limit, Offset, require
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.policy import Effect, Level

router = APIRouter(tags=["agents"])

Reader = Annotated[Caller, require(Scope.TASKS_READ)]
Writer = Annotated[Caller, require(Scope.TASKS_WRITE)]
RuleReader = Annotated[Caller, require(Scope.AGENTS_READ)]
RuleWriter = Annotated[Caller, require(Scope.AGENTS_WRITE)]
Pattern = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")]


class ChoiceOut(BaseModel):
    """One answer that may be given."""

    id: str = Field(description="What to send as `choice`.")
    name: str = Field(description="Its name for people.")
    kind: str = Field("", description="allow_once, allow_always, reject_once, reject_always, or empty.")


class AgentQuestionOut(BaseModel):
    """A question of an agent."""

    question_id: UUID = Field(description="The question.")
    task_id: UUID = Field(description="The task whose agent asks.")
    title: str = Field(description="The task's title.")
    project_id: UUID | None = Field(description="The task's project.")
    agent: str = Field(description="Who asks.")
    about: Literal["", "budget", "choice"] = Field(
        description="Why its task rests: a `budget` is used up, or a `choice` among tries; empty while it runs."
    )
    question: str = Field(description="What it asks.")
    choices: list[ChoiceOut] = Field(description="The answers it takes; empty: words of one's own.")
    action: dict[str, Any] = Field(description="What it wants leave for: tool, paths, command; empty for a question.")
    asked_at: datetime = Field(description="When it asked.")
    deadline: datetime = Field(description="Until when it waits.")
    default: str | None = Field(description="The choice that counts when nobody answers in time.")
    outcome: str | None = Field(description="answered, deadline or gone; null while it is open.")
    answer: str | None = Field(description="The answer.")

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "AgentQuestionOut":
        """From a stored row."""
        same = ("task_id", "title", "project_id", "agent", "question", "choices", "action", "asked_at", "deadline")
        return cls(
            question_id=row["id"], about=row["about"].partition(":")[0], default=row["default_choice"],
            outcome=row["outcome"], answer=row["answer"],
            **{name: row[name] for name in same},
        )  # fmt: skip


class AgentQuestionPage(BaseModel):
    """A page of questions."""

    items: list[AgentQuestionOut] = Field(description="Those with the nearest deadline first.")
    total: int = Field(description="How many there are in all.")
    limit: int = Field(description="Page size asked for.")
    offset: int = Field(description="Items skipped.")


class SteerIn(BaseModel):
    """Words for a running agent."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=20_000, description="What it is to hear when it ends its turn.")


class SteerOut(BaseModel):
    """Words that wait for the agent."""

    message_id: UUID = Field(description="The message.")
    told_at: datetime = Field(description="When it was handed in.")


class AgentRuleIn(BaseModel):
    """A rule about what agents do. What it does not name matches everything; patterns hold `*` and `?`."""

    model_config = ConfigDict(extra="forbid")

    effect: Effect = Field(description="allow, ask or deny.")
    level: Level = Field(Level.USER, description="Whose rule it is: service, project or user.")
    agent: Pattern = Field("*", description="Agent id, such as `agent:codex`.")
    tool: Pattern = Field("*", description="Kind of work: read, edit, delete, move, search, execute, fetch, other.")
    path: Pattern = Field("", description="Path in the worktree; allowing needs all paths to fit, forbidding one.")
    command: Pattern = Field("", description="Command line; one that holds several commands is allowed only verbatim.")
    cost_above: float | None = Field(None, ge=0, description="Speaks only once the run has cost more than this.")
    project_id: UUID | None = Field(None, description="The project it speaks in; null: all.")
    reason: Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")] = Field("", description="For who is asked.")


class AgentRuleOut(AgentRuleIn):
    """A stored rule."""

    model_config = ConfigDict(extra="ignore")

    rule_id: UUID = Field(description="The rule.")
    created_at: datetime = Field(description="When it was made.")

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "AgentRuleOut":
        """From a stored row."""
        return cls(**{**row, "rule_id": row["id"]})


class AgentRulePage(BaseModel):
    """A page of rules."""

    items: list[AgentRuleOut] = Field(description="Oldest first.")
    total: int = Field(description="How many there are in all.")
    limit: int = Field(description="Page size asked for.")
    offset: int = Field(description="Items skipped.")


@router.get("/questions", summary="Open questions of agents")
async def list_questions(
    caller: Reader, container: ContainerDep, limit: Limit = 50, offset: Offset = 0
) -> AgentQuestionPage:
    """What agents wait for, running or at rest, of the caller's tasks and those of their projects."""
    rows, total = await container.questions_asked.page(caller, limit=limit, offset=offset)
    return AgentQuestionPage(items=[AgentQuestionOut.of(row) for row in rows], total=total, limit=limit, offset=offset)


@router.get("/tasks/{task_id}/questions", summary="Questions of a task's agent")
async def task_questions(
    task_id: UUID, caller: Reader, container: ContainerDep, limit: Limit = 50, offset: Offset = 0
) -> AgentQuestionPage:
    """Every question of the task, with how it ended."""
    await container.tasks.get(caller, task_id)
    rows, total = await container.questions_asked.page(
        caller, task_id=task_id, only_open=False, limit=limit, offset=offset
    )
    return AgentQuestionPage(items=[AgentQuestionOut.of(row) for row in rows], total=total, limit=limit, offset=offset)


@router.post("/tasks/{task_id}/steer", status_code=202, summary="Tell a running agent something")
async def steer_task(task_id: UUID, body: SteerIn, caller: Writer, container: ContainerDep) -> SteerOut:
    """The text is the agent's next prompt, once it ends its turn; what it did so far stays. Only while it runs."""
    row = await container.questions_asked.tell(caller, await container.tasks.get(caller, task_id), body.text)
    return SteerOut(message_id=row["id"], told_at=row["told_at"])


@router.get("/agent-rules", summary="List rules for agents")
async def list_agent_rules(
    caller: RuleReader, container: ContainerDep, limit: Limit = 50, offset: Offset = 0
) -> AgentRulePage:
    """The rules that may speak of the caller's agents: everybody's, their projects' and their own."""
    rows, total = await container.agent_rules.page(caller, limit=limit, offset=offset)
    return AgentRulePage(items=[AgentRuleOut.of(row) for row in rows], total=total, limit=limit, offset=offset)


@router.post("/agent-rules", status_code=201, summary="Make a rule for agents")
async def create_agent_rule(body: AgentRuleIn, caller: RuleWriter, container: ContainerDep) -> AgentRuleOut:
    """A rule of one's own, of a project (its admins) or of the service (its admins)."""
    values = body.model_dump(exclude={"level"})
    return AgentRuleOut.of(await container.agent_rules.create(caller, body.level, values))


@router.delete("/agent-rules/{rule_id}", status_code=204, summary="Delete a rule", response_class=Response)
async def delete_agent_rule(rule_id: UUID, caller: RuleWriter, container: ContainerDep) -> Response:
    """Take a rule away."""
    await container.agent_rules.delete(caller, rule_id)
    return Response(status_code=204)
