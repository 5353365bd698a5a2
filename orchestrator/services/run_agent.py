"""Carries out tasks on agents: surroundings, a worktree of its own where code changes, the run, then diff and commit.

The executor for targets ``agent:<id>``. What an agent changed ends on a branch of its own at a recorded base commit.
What becomes of its worktree is ``attempt_trees``' matter. Merging is nobody's work here.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from orchestrator.agents.base import Agent, AgentContext, AgentKind, AgentLimits, AgentResult
from orchestrator.agents.team import TeamAgent
from orchestrator.core.caller import Caller
from orchestrator.core.errors import BudgetReached, Conflict, NotFound, QuotaReached
from orchestrator.core.events import EventKind
from orchestrator.core.spending import REQUESTS, read_caps
from orchestrator.git.diff import Diff, commit_all, diff_worktree
from orchestrator.git.worktree import Worktree
from orchestrator.mcp.builtin import CallContext
from orchestrator.mcp.builtin_graph import GraphQuestions
from orchestrator.mcp.pool import ServerPool
from orchestrator.models.database import Database
from orchestrator.services.agent_face import AgentFaces
from orchestrator.services.agent_homes import AgentHomes
from orchestrator.services.agent_service import AgentEntry, AgentService
from orchestrator.services.agent_surroundings import Offered, PooledTools, ProjectGraph
from orchestrator.services.attempt_trees import AttemptTrees
from orchestrator.services.briefings import Briefings
from orchestrator.services.call_gate import CallGate
from orchestrator.services.disk_watch import DiskWatch
from orchestrator.services.feedback import Before, Feedback
from orchestrator.services.machine_leases import Leased, MachineLeases
from orchestrator.services.mcp_registry import McpRegistry
from orchestrator.services.metering import Meters
from orchestrator.services.parking import Parking
from orchestrator.services.project_view import ProjectView, ProjectViews
from orchestrator.services.quota import Quota
from orchestrator.services.room import Room
from orchestrator.services.run_task import Change, Outcome, Work
from orchestrator.services.supervision import Supervision
from orchestrator.services.team_parts import Begun, TaskParts, begin
from orchestrator.services.worktree_graphs import WorktreeGraphs

_EMAIL = "agents@orchestrator.invalid"
_TOLD_FILES = 200
_READERS = (AgentKind.LLM, AgentKind.ACP)
_TOLD_DIFF_CHARS = 32 * 1024
_NOTHING = Leased()
_NOTES = (
    "You work for the project {name} at commit {commit}. Where a tool wants a path on disk, pass the placeholder "
    "${{project.path}} for the project's files or ${{project.repository}} for its git repository."
)


class AgentExecutor:
    """Runs agents."""

    def __init__(
        self,
        agents: AgentService,
        views: ProjectViews,
        trees: AttemptTrees,
        graphs: WorktreeGraphs,
        registry: McpRegistry,
        pool: ServerPool,
        gate: CallGate,
        faces: AgentFaces,
        questions: GraphQuestions,
        supervision: Supervision,
        feedback: Feedback,
        parking: Parking,
        quota: Quota,
        room: Room,
        meters: Meters,
        briefings: Briefings,
        homes: AgentHomes,
        database: Database,
        disk: DiskWatch,
        leases: MachineLeases,
    ) -> None:
        self._database = database
        self._agents = agents
        self._views = views
        self._trees = trees
        self._graphs = graphs
        self._registry = registry
        self._pool = pool
        self._gate = gate
        self._faces = faces
        self._questions = questions
        self._supervision = supervision
        self._feedback = feedback
        self._parking = parking
        self._quota = quota
        self._room = room
        self._meters = meters
        self._briefings = briefings
        self._homes = homes
        self._disk = disk
        self._leases = leases

    async def execute(self, work: Work) -> Outcome:
        """Run the agent the task was routed to; its answer, and its diff when it changed code."""
        task = work.task
        entry = await self._agents.find(str(task["target_id"]), task["user_id"])
        if not entry.enabled:
            raise Conflict("this agent is disabled")
        agent = entry.agent
        agent.check(_input(task))
        project = await self._views.view(task["project_id"]) if task["project_id"] is not None else None
        before = await self._feedback.before(work, continues=agent.info.kind != AgentKind.CODEMOD)
        if not before.interrupted:
            before = await self._parking.before(work, before)
        begun = None
        if isinstance(agent, TeamAgent):
            begun = await begin(self._database, work, agent, project.commit if project else None)
            before = replace(before, base_commit=begun.base_commit, start=None)
        elif before.base_commit is None and task["base_commit"]:
            before = replace(before, base_commit=task["base_commit"], start=task["start_commit"])
        if not agent.info.changes_code:
            return Outcome(_told(agent, await self._run(work, entry, project, before, begun)))
        if project is None:
            raise NotFound("this agent changes code: name a project", field="project_id")
        return await self._in_worktree(work, entry, project, before, begun)

    async def _in_worktree(
        self, work: Work, entry: AgentEntry, project: ProjectView, before: Before, begun: Begun | None
    ) -> Outcome:
        agent = entry.agent
        change = None
        async with self._leases.leased(project.id) as leased, self._trees.tree(work, project, before) as worktree:
            result = await self._run(work, entry, project, before, begun, worktree, leased)
            diff = await diff_worktree(worktree)
            changed: dict[str, Any] = {"base_commit": worktree.base_commit, "branch": None, "commit": None}
            if diff.files:
                message = _message(work, agent, result)
                commit = await commit_all(worktree, message, f"{agent.info.name} (agent)", _EMAIL)
                changed |= {"branch": worktree.branch, "commit": commit}
                size = (len(diff.files), diff.added, diff.removed)
                change = Change(worktree.base_commit, worktree.branch, commit, *size)
        await self._homes.leave(work.id)
        if diff.files:
            work.report.tell(EventKind.DIFF, **changed, **_shown(diff))
        return Outcome(_told(agent, result) | changed | _whole(diff), change)

    async def _run(
        self,
        work: Work,
        entry: AgentEntry,
        project: ProjectView | None,
        before: Before,
        begun: Begun | None,
        worktree: Worktree | None = None,
        leased: Leased = _NOTHING,
    ) -> AgentResult:
        """The agent's own work, with people and a watchdog around it. What a provider stops is kept."""
        account = entry.agent.info.account
        if account:
            await self._quota.check(account)
        try:
            meter = await self._meters.begin(work, entry.agent.info.model, entry.agent.info.address)
            context = await self._briefed(work, entry, self._context(work, entry, project, before, worktree, leased))
            if begun is not None:
                context = replace(context, parts=TaskParts(self._database, work, self._room, begun, worktree))
            running = self._supervision.run(work, entry.agent, context, before, worktree, meter)
            written = [folder for folder in (worktree and worktree.path, context.home, *context.writable) if folder]
            result = await self._disk.within(running, written)
        except (QuotaReached, BudgetReached) as stop:
            if isinstance(stop, QuotaReached):
                await self._quota.stopped(account or entry.id, stop)
            await self._parking.keep(work, stop, worktree)
            raise
        if account:
            await self._quota.answered(account)
        return result

    async def _briefed(self, work: Work, entry: AgentEntry, context: AgentContext) -> AgentContext:
        """The surroundings with what the graph knows of what the task names, for agents that read words."""
        info = entry.agent.info
        if info.kind not in _READERS or "graph_translation" in info.task_types or work.task["project_id"] is None:
            return context
        told = await self._briefings.make(work, self._views.graph_folder(work.task["project_id"]))
        return replace(context, notes=f"{context.notes}\n\n{told}".strip()) if told else context

    def _context(
        self,
        work: Work,
        entry: AgentEntry,
        project: ProjectView | None,
        before: Before,
        worktree: Worktree | None = None,
        leased: Leased = _NOTHING,
    ) -> AgentContext:
        """The surroundings; in a worktree of its own, the agent's questions to the graph are about that tree."""
        task = work.task
        call = CallContext(
            project_id=project.id if project else None,
            project_root=project.root if project else None,
            graph_folder=project.graph_folder if project else None,
            user_id=task["user_id"],
            task_id=work.id,
        )

        async def find_graph() -> Path | None:
            if worktree is not None and call.graph_folder is not None:
                return await self._graphs.fresh(worktree)
            return call.graph_folder

        graph = ProjectGraph(self._questions, find_graph) if project else None
        return AgentContext(
            task_type=str(task["type"]),
            input=_input(task),
            tell=work.report.tell,
            workspace=worktree.path if worktree else project.root if project else None,
            base_commit=worktree.base_commit if worktree else project.commit if project else None,
            tools=PooledTools(
                self._registry, self._pool, self._gate, self._views, project, call, graph, str(task["target_id"]),
                self._offered(entry, call.project_id), self._room,
            ),
            graph=graph,
            readable=(worktree.git_dir.parents[1],) if worktree else (),
            environment=leased.environment,
            writable=leased.paths,
            notes=_NOTES.format(name=project.name, commit=project.commit) if project else "",
            feedback=before.text,
            history=before.history,
            go_on=before.go_on,
            home=self._homes.of(work.id) if worktree else None,
            hear_stop=partial(self._quota.heard, account) if (account := entry.agent.info.account) else None,
            limits=_limits(task),
        )  # fmt: skip

    def _offered(self, entry: AgentEntry, project_id: UUID | None) -> Callable[[Caller], Awaitable[Offered]] | None:
        """How to find the tools of an agent with an MCP endpoint of its own."""
        name = str((entry.config or {}).get("mcp_endpoint") or "")
        return (lambda caller: self._faces.tools(caller, name, project_id)) if name else None


def _input(task: Mapping[str, Any]) -> dict[str, Any]:
    """The task's input without what a person answered meanwhile, which is no option of the agent."""
    return {name: value for name, value in task["input"].items() if name != "answers"}


def _limits(task: Mapping[str, Any]) -> AgentLimits:
    """The limits of one attempt. What a budget limits beside requests is over all attempts, and the meter's."""
    limits = AgentLimits(seconds=float(task["timeout_seconds"]))
    caps = read_caps(task["budget"], of_task=True)
    return replace(limits, requests=int(caps[REQUESTS])) if REQUESTS in caps else limits


def _message(work: Work, agent: Agent, result: AgentResult) -> str:
    subject = result.summary.strip().partition("\n")[0][:72] or agent.info.name
    return f"{subject}\n\nTask: {work.id}\nAgent: {agent.info.id}\n"


def _told(agent: Agent, result: AgentResult) -> dict[str, Any]:
    told: dict[str, Any] = {"agent": agent.info.id, "summary": result.summary, "data": result.data}
    return told | ({"messages": result.messages} if result.messages else {})


def _whole(diff: Diff) -> dict[str, Any]:
    counts = {"added": diff.added, "removed": diff.removed, "truncated": diff.truncated}
    return {"files": [asdict(file) for file in diff.files], "diff": {"text": diff.text, **counts}}


def _shown(diff: Diff) -> dict[str, Any]:
    """The diff as an event: small enough to be streamed; the whole is in the result."""
    whole = _whole(diff)
    text = diff.text
    if len(text) > _TOLD_DIFF_CHARS:
        text = text[: text.rfind("\n", 0, _TOLD_DIFF_CHARS) + 1]
    cut = diff.truncated or len(text) < len(diff.text)
    shown = {"diff": {"text": text, "truncated": cut}, "files": whole["files"][:_TOLD_FILES]}
    return shown | {"changed_files": len(diff.files), "added": diff.added, "removed": diff.removed}
