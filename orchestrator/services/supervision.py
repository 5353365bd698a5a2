"""An agent's run with everything around it that is no work: people, the watchdog, tools that ask, an earlier session.

Used by ``run_agent`` for every agent. The time limit is the runner's: what an agent is told is so much longer that
waiting for a person, which does not count, cannot end it from within.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any

import orjson
from sqlalchemy import exists, func, select

from orchestrator.agents.base import (
    Agent,
    AgentContext,
    AgentInfo,
    AgentKind,
    AgentResult,
    AgentTool,
    Choice,
    McpAccess,
    Tell,
    ToolAnswer,
)
from orchestrator.core.errors import ConsentDenied, ConsentNeeded
from orchestrator.core.events import EventKind
from orchestrator.eventlog.wake import Wake
from orchestrator.git.checkpoints import Snapshots
from orchestrator.git.worktree import Worktree
from orchestrator.models import Attempt, EventRow
from orchestrator.models.database import Database
from orchestrator.services.agent_people import TaskPeople
from orchestrator.services.agent_questions import AgentQuestions
from orchestrator.services.agent_rules import AgentRules
from orchestrator.services.agent_surroundings import PooledTools
from orchestrator.services.blobs import BlobStore
from orchestrator.services.feedback import Before
from orchestrator.services.metering import AttemptMeter
from orchestrator.services.run_task import Work
from orchestrator.services.safe_points import TaskSafePoints, pausable
from orchestrator.services.task_tokens import TaskTokens
from orchestrator.services.watchdog import Watchdog, WatchLimits

_WAITED_SECONDS = 7 * 86_400.0
_ONCE, _ALWAYS, _NO = "once", "always", "no"


@dataclass(frozen=True, slots=True)
class Supervision:
    """``question_seconds`` is how long a question waits for its answer."""

    database: Database
    wake: Wake
    rules: AgentRules
    questions: AgentQuestions
    limits: WatchLimits
    question_seconds: float
    tokens: TaskTokens
    blobs: BlobStore
    pause_seconds: float
    """How long an agent that is to rest may take to reach a safe point."""

    async def run(
        self,
        work: Work,
        agent: Agent,
        context: AgentContext,
        before: Before,
        worktree: Worktree | None,
        meter: AttemptMeter,
    ) -> AgentResult:
        """The agent's result; raises what it raises, Stalled, Looping, Paused and BudgetReached beside."""
        snapshots = Snapshots(worktree, before.start or worktree.base_commit) if worktree is not None else None
        points = TaskSafePoints(work, agent.info.kind, self.blobs, snapshots)
        limits = self.limits
        if agent.info.kind == AgentKind.TEAM:
            limits = replace(limits, stall_seconds=0)  # its agents are watched; waiting for them is its work
        watchdog = Watchdog(points.watched(_counting(work.report.tell, meter)), limits)
        work.report.hurry()
        people = TaskPeople(
            work, agent.info.id, self.rules, self.questions, self.wake, watchdog.person_asked,
            seconds=self.question_seconds,
        )  # fmt: skip
        tools = AskingTools(context.tools, people) if isinstance(context.tools, PooledTools) else context.tools
        history = context.history or await self._conversation(before, agent.info)
        if before.transcript and not history:
            context = replace(context, feedback=f"{before.transcript}\n\n{context.feedback}".strip())
        supervised = replace(
            context, tell=watchdog.tell, people=people, tools=tools, meter=meter,
            earlier_session=await self._earlier_session(work, context) if work.generation > 1 else "",
            limits=replace(context.limits, seconds=context.limits.seconds + _WAITED_SECONDS),
            lend_mcp=self._lender(work),
            safe_points=points,
            history=history,
        )  # fmt: skip
        async with points.following():
            if before.interrupted or history:
                await points.begin(list(history))
            running = _metered(agent, meter, watchdog.watch(agent.run(supervised)))
            return await pausable(points, running, self.pause_seconds)

    async def _conversation(self, before: Before, info: AgentInfo) -> list[Any]:
        """What was said up to the safe point that is gone on from, if an agent of this kind said it."""
        if before.conversation is None or info.takes_up != "conversation":
            return []
        kept = orjson.loads(await self.blobs.read(before.conversation))
        return list(kept["said"]) if kept["kind"] == info.kind else []

    def _lender(self, work: Work) -> Callable[[], AbstractAsyncContextManager[McpAccess]] | None:
        """How a program gets a token: narrowed to the task's project, so none without one."""
        task = work.task
        if task["project_id"] is None:
            return None
        seconds = float(task["timeout_seconds"]) + self.question_seconds
        return lambda: self.tokens.lent(task["user_id"], task["project_id"], work.id, seconds)

    async def _earlier_session(self, work: Work, context: AgentContext) -> str:
        """The session that an earlier attempt told of, where the one before this was this agent's, in this folder.

        Programs tie a session to the folder it began in: in another they lose it, or fail in the middle of it.
        """
        table = EventRow.__table__
        session, folder = (table.c.data[name].astext for name in ("session", "folder"))
        told = (table.c.task_id == work.id) & (table.c.kind == EventKind.LOG) & session.is_not(None)
        if context.workspace is not None:
            told &= func.coalesce(folder, context.workspace.name) == context.workspace.name
        last = Attempt.__table__
        mine = exists().where(
            last.c.task_id == work.id, last.c.generation == work.generation - 1,
            last.c.target_id == work.task["target_id"],
        )  # fmt: skip
        query = select(session).where(told, mine).order_by(table.c.seq.desc()).limit(1)
        async with self.database.transaction() as connection:
            return str((await connection.execute(query)).scalar() or "")


def _counting(tell: Tell, meter: AttemptMeter) -> Tell:
    """Tells, and counts tool calls."""

    def counting(kind: EventKind, **data: Any) -> None:
        if kind == EventKind.TOOL_CALLED:
            meter.tool_called()
        tell(kind, **data)

    return counting


async def _metered(agent: Agent, meter: AttemptMeter, watched: Coroutine[Any, Any, AgentResult]) -> AgentResult:
    if agent.info.kind != AgentKind.LLM:
        return await meter.watch(watched)
    try:  # it asks the meter itself, between its requests, where its conversation can be kept
        return await watched
    finally:
        await asyncio.shield(meter.flush())


class AskingTools:
    """Tools whose calls a person is asked about where a rule wants that, while the agent waits."""

    def __init__(self, tools: PooledTools, people: TaskPeople) -> None:
        self._tools = tools
        self._people = people

    async def available(self) -> list[AgentTool]:
        """Every tool that can be called now."""
        return list(await self._tools.available())

    async def call(self, name: str, arguments: dict[str, Any]) -> ToolAnswer:
        """Call a tool, once a person agreed where one must; ConsentDenied when nobody did."""
        try:
            return await self._tools.call(name, arguments)
        except ConsentNeeded as needed:
            choices = [Choice(_ONCE, "Yes, this once", "allow_once"), Choice(_NO, "No", "reject_once")]
            if needed.details["may_always"]:
                choices.insert(1, Choice(_ALWAYS, "Yes, always for this tool", "allow_always"))
            answer = await self._people.ask(str(needed.details["question"]), choices)
            if answer not in (_ONCE, _ALWAYS):
                raise ConsentDenied(f"nobody agreed to calling {name[:200]}", field="tool") from needed
            digest = str(needed.details["digest"])
            return await self._tools.call(name, arguments, confirm=digest, always=answer == _ALWAYS)
