"""A team drawn: its steps as nodes, what each needs as edges, and where each stands in a run.

Used by the doors that show teams. A step's state is read from the parts that were made of it; nothing is stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select

from orchestrator.agents.team import TeamAgent
from orchestrator.agents.team_config import Step, TeamConfig, read_team
from orchestrator.core.caller import Caller
from orchestrator.core.errors import NotFound
from orchestrator.core.states import TERMINAL, TaskState
from orchestrator.models import TeamRun
from orchestrator.models.database import Database
from orchestrator.services.agent_service import AgentService
from orchestrator.services.families import Families
from orchestrator.services.task_service import TaskService

Row = Mapping[str, Any]


_GOES_ON = (TaskState.RUNNING, TaskState.AWAITING_INPUT, TaskState.COMPLETED)


@dataclass(frozen=True, slots=True)
class Node:
    """A step. ``state``: waiting, running, completed or failed; empty for a team that is not at work."""

    id: str
    agent: str
    does: str
    state: str = ""
    column: int = 0
    parts: Sequence[Row] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Drawn:
    """Nodes, and edges as pairs of steps with what the later one wants of the earlier."""

    nodes: Sequence[Node]
    edges: Sequence[tuple[str, str, str]]
    result: str


class TeamGraphs:
    """Draws teams."""

    def __init__(self, database: Database, tasks: TaskService, families: Families, agents: AgentService) -> None:
        self._database = database
        self._tasks = tasks
        self._families = families
        self._agents = agents

    async def of_agent(self, caller: Caller, agent_id: str) -> Drawn:
        """A team that may be at work anywhere."""
        agent = (await self._agents.get(agent_id, caller)).agent
        if not isinstance(agent, TeamAgent):
            raise NotFound("this agent is no team", field="agent_id")
        return draw(agent.config, [], "")

    async def of_task(self, caller: Caller, task_id: UUID) -> Drawn:
        """A team's run, with where each step stands."""
        task = await self._tasks.get(caller, task_id)
        table = TeamRun.__table__
        async with self._database.transaction() as connection:
            found = (await connection.execute(select(table.c.document).where(table.c.task_id == task_id))).scalar()
        if found is None:
            raise NotFound("no team has begun this task", field="task_id")
        parts = [row for row in await self._families.below(task_id) if row["parent_id"] == task_id and row["part"]]
        return draw(read_team(found), parts, str(task["state"]))


def draw(team: TeamConfig, parts: Sequence[Row], state: str) -> Drawn:
    """The team with its parts; ``state`` is that of its task, empty when there is none."""
    before = team.before()
    columns = _columns(before)
    nodes = []
    for step in team.steps:
        mine = [row for row in parts if _step_of(row["part"]) == step.id]
        standing = _chosen(step, parts, state) if step.choose else _standing(mine, state)
        who = step.agent or ", ".join(step.agents)
        nodes.append(Node(step.id, who, _does(step), standing, columns[step.id], tuple(mine)))
    edges = [(name, step.id, _why(step, name)) for step in team.steps for name in sorted(before[step.id])]
    return Drawn(nodes, edges, team.outcome)


def _columns(before: Mapping[str, set[str]]) -> dict[str, int]:
    """How many steps come before each, along its longest way: where it is drawn."""
    columns: dict[str, int] = {}

    def column(name: str) -> int:
        if name not in columns:
            columns[name] = 1 + max((column(earlier) for earlier in before[name]), default=-1)
        return columns[name]

    for name in before:
        column(name)
    return columns


def _step_of(part: str) -> str:
    return part.partition(".")[0].partition("[")[0]


def _chosen(step: Step, parts: Sequence[Row], state: str) -> str:
    """Of a choice: what it chooses from is what runs or fails, and a person may take their time."""
    source = _standing([row for row in parts if _step_of(row["part"]) == step.choose], state)
    return source if source == "completed" and state != TaskState.AWAITING_INPUT else _standing([], state)


def _standing(parts: Sequence[Row], state: str) -> str:
    """Of a step by its parts: a later round counts more than an earlier one."""
    if not state:
        return ""
    if not parts:
        return "waiting" if state not in TERMINAL else "skipped"
    if any(row["state"] not in TERMINAL for row in parts):
        return "running"
    latest: dict[str, Row] = {}
    for row in sorted((row for row in parts if ".review." not in row["part"]), key=lambda row: row["created_at"]):
        latest[row["part"].partition(".")[0]] = row
    done = [row["state"] == TaskState.COMPLETED for row in latest.values()]
    if all(done) or (any(done) and state in _GOES_ON):
        return "completed"
    return "failed" if not any(done) or state in TERMINAL else "running"


def _does(step: Step) -> str:
    """The step in a few words."""
    if step.choose:
        return f"a person chooses of {step.choose}" if step.by == "person" else f"the best of {step.choose}"
    who = step.agent or " and ".join(step.agents)
    times = f" × {step.copies}" if step.copies > 1 else f" for each of {step.for_each}" if step.for_each else ""
    looked = f", reviewed by {step.review.agent}" if step.review else ""
    mended = f", mended {step.repair.rounds}× at most" if step.repair else ""
    return f"{who}{times}{looked}{mended}"


def _why(step: Step, earlier: str) -> str:
    return "chooses from" if step.choose == earlier else "goes on from" if step.start == earlier else "needs"
