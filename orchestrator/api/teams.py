"""The doors that show teams as graphs: a team by itself, and one at work with where each step stands.

Used by the console and the command line. Making and running teams is like making and running any agent.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from orchestrator.api.agents import AgentId
from orchestrator.api.dependencies import ContainerDep, require
from orchestrator.api.together import PartOut
from orchestrator.core.caller import Caller, Scope
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


@router.get("/agents/{agent_id}/graph", summary="A team as a graph")
async def agent_graph(agent_id: AgentId, caller: AgentReader, container: ContainerDep) -> TeamGraphOut:
    """The steps of a team and what each needs."""
    return TeamGraphOut.of(await container.team_graphs.of_agent(caller, agent_id))


@router.get("/tasks/{task_id}/graph", summary="A team at work as a graph")
async def task_graph(task_id: UUID, caller: Reader, container: ContainerDep) -> TeamGraphOut:
    """The team as it was when the task began, with where each step stands and the tasks made of it."""
    return TeamGraphOut.of(await container.team_graphs.of_task(caller, task_id))
