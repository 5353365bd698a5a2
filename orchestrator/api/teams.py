"""The doors that show teams: as graphs, by themselves and at work, and the tries among which one is chosen.

Used by the console and the command line. Making and running teams is like making and running any agent; choosing is
answering the task: ``POST /tasks/{id}/input``.
"""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from orchestrator.agents.team_words import NONE_OF_THEM
from orchestrator.api.agents import AgentId
from orchestrator.api.dependencies import ContainerDep, require
from orchestrator.api.proof_models import VerdictOut
from orchestrator.api.together import PartOut
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.states import TaskState
from orchestrator.services.team_graphs import Drawn

router = APIRouter(tags=["working together"])

AgentReader = Annotated[Caller, require(Scope.AGENTS_READ)]
Reader = Annotated[Caller, require(Scope.TASKS_READ)]


class TeamNode(BaseModel):
    """A step of a team."""

    id: str = Field(description="The step.")
    agent: str = Field(description="Who does it; empty for a choice.")
    does: str = Field(description="The step in a few words.")
    state: str = Field(description="waiting, running, completed, failed or skipped; empty when no task is meant.")
    column: int = Field(description="How many steps come before it on its longest way.")
    parts: list[PartOut] = Field(description="The tasks that were made of it, reviews and repairs included.")


class TeamEdge(BaseModel):
    """What a step wants of an earlier one."""

    earlier: str = Field(description="The earlier step.")
    later: str = Field(description="The step that needs it.")
    why: str = Field(description="needs, goes on from, or chooses from.")


class TeamGraphOut(BaseModel):
    """A team as a graph."""

    nodes: list[TeamNode] = Field(description="The steps.")
    edges: list[TeamEdge] = Field(description="What each needs.")
    result: str = Field(description="The step whose outcome is the team's.")

    @classmethod
    def of(cls, drawn: Drawn) -> "TeamGraphOut":
        """From what the service drew."""
        nodes = [
            TeamNode(
                id=node.id,
                agent=node.agent,
                does=node.does,
                state=node.state,
                column=node.column,
                parts=[PartOut.of(part) for part in node.parts],
            )
            for node in drawn.nodes
        ]
        edges = [TeamEdge(earlier=earlier, later=later, why=why) for earlier, later, why in drawn.edges]
        return cls(nodes=nodes, edges=edges, result=drawn.result)


class TryOut(BaseModel):
    """One try, as it stands beside the others. Its diff is that of its task: `GET /tasks/{task_id}/diff`."""

    choice: str = Field(description="What to send as `choice` to `POST /tasks/{id}/input` of the whole task.")
    task_id: UUID = Field(description="The task it is.")
    agent: str | None = Field(description="Who made it.")
    state: TaskState = Field(description="Where it stands.")
    reason: str | None = Field(description="Why it ended so.")
    can_be_chosen: bool = Field(description="Whether it ended well, with its criteria met.")
    is_chosen: bool = Field(description="Whether it was chosen.")
    summary: str | None = Field(description="What its agent says of it.")
    error: str | None = Field(description="What went wrong.")
    base_commit: str | None = Field(description="Where it began.")
    commit: str | None = Field(description="What it ended in; null when it changed nothing.")
    branch: str | None = Field(description="The branch that keeps it.")
    files: int = Field(description="Files changed.")
    added: int = Field(description="Lines added.")
    removed: int = Field(description="Lines removed.")
    proof: list[VerdictOut] = Field(description="How its criteria came out.")
    money: float | None = Field(description="US dollars it cost, mending and reviews included; null: unknown.")
    tokens: int | None = Field(description="Tokens it used; null: unknown.")
    tool_calls: int | None = Field(description="Tool calls it made; null: unknown.")
    seconds: float | None = Field(description="How long its attempts ran.")

    @classmethod
    def of(cls, row: Mapping[str, Any], chosen: str | None) -> "TryOut":
        """From what the service read."""
        same = ("state", "reason", "summary", "error", "base_commit", "commit", "branch", "money", "tokens",
                "tool_calls", "seconds")  # fmt: skip
        return cls(
            choice=row["part"], task_id=row["id"], agent=row["target_id"], is_chosen=row["part"] == chosen,
            can_be_chosen=row["state"] == TaskState.COMPLETED, files=row["files"] or 0, added=row["added"] or 0,
            removed=row["removed"] or 0, proof=[VerdictOut(**one) for one in row["proof"]],
            **{name: row[name] for name in same},
        )  # fmt: skip


class ChoiceAmongOut(BaseModel):
    """A choice, and what there is to choose from."""

    step: str = Field(description="The step of the team that chooses.")
    by: str = Field(description="person or proof.")
    is_open: bool = Field(description="Whether a person is waited for now.")
    none: str = Field(description="What to send as `choice` when none is wanted; the task then ends as rejected.")
    tries: list[TryOut] = Field(description="The tries, side by side.")


class ChoicesOut(BaseModel):
    """What a task chooses among."""

    items: list[ChoiceAmongOut] = Field(description="Its choices, in the order of its steps.")


@router.get("/agents/{agent_id}/graph", summary="A team as a graph")
async def agent_graph(agent_id: AgentId, caller: AgentReader, container: ContainerDep) -> TeamGraphOut:
    """The steps of a team and what each needs."""
    return TeamGraphOut.of(await container.team_graphs.of_agent(caller, agent_id))


@router.get("/tasks/{task_id}/graph", summary="A team at work as a graph")
async def task_graph(task_id: UUID, caller: Reader, container: ContainerDep) -> TeamGraphOut:
    """The team as it was when the task began, with where each step stands and the tasks made of it."""
    return TeamGraphOut.of(await container.team_graphs.of_task(caller, task_id))


@router.get("/tasks/{task_id}/tries", summary="Tries side by side")
async def task_tries(task_id: UUID, caller: Reader, container: ContainerDep) -> ChoicesOut:
    """The tries among which one is, or was, chosen: what each changed, how it was proved, what it cost."""
    choices = await container.tries.of_task(caller, task_id)
    return ChoicesOut(
        items=[
            ChoiceAmongOut(
                step=choice.step,
                by=choice.by,
                is_open=choice.is_open,
                none=NONE_OF_THEM,
                tries=[TryOut.of(row, choice.chosen) for row in choice.tries],
            )
            for choice in choices
        ]
    )
