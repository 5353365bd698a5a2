"""What an agent is given beside its input: the tools of the pool and the project's graph, in the agents' own words.

Made by ``run_agent`` for one run each. Access was checked when the task was made; only what its user may see is here.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.agents.base import AgentTool, ToolAnswer
from orchestrator.core.caller import Caller
from orchestrator.core.errors import CredentialsNeeded, NotFound
from orchestrator.core.graph_questions import TOKENS
from orchestrator.core.routing import Health
from orchestrator.kg.questions.overall import commit
from orchestrator.mcp.builtin import CallContext
from orchestrator.mcp.builtin_graph import GraphQuestions
from orchestrator.mcp.capabilities import capabilities_of_tool
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.naming import prefixed_tools
from orchestrator.mcp.pool import ServerPool
from orchestrator.mcp.result import ToolInfo
from orchestrator.services.call_gate import CallGate, Door, Ready, ToolCall
from orchestrator.services.mcp_registry import McpRegistry
from orchestrator.services.project_view import ProjectView, ProjectViews, fill_from_project
from orchestrator.services.room import ROOM_SERVER, ROOM_TOOLS, Room
from orchestrator.services.server_entry import ServerEntry

_LIST_SECONDS = 15.0
# People check a deployment with it; to a model its tools are only noise.
_NOT_OFFERED = frozenset({"diagnostics"})
_GRAPH = "graph"
_TEAMWORK = frozenset({"teamwork"})


Offered = Mapping[str, tuple[ServerEntry, ToolInfo]]
"""By the name a tool has for the agent: whose it is, and the tool itself."""


class PooledTools:
    """The tools that ``offered`` finds, or those of every healthy server the user may use; over the pooled sessions."""

    def __init__(
        self,
        registry: McpRegistry,
        pool: ServerPool,
        gate: CallGate,
        views: ProjectViews,
        project: ProjectView | None,
        context: CallContext,
        graph: "ProjectGraph | None" = None,
        agent: str | None = None,
        offered: Callable[[Caller], Awaitable[Offered]] | None = None,
        room: Room | None = None,
    ) -> None:
        self._room = room if offered is None else None
        self._offered = offered
        self._registry = registry
        self._pool = pool
        self._gate = gate
        self._agent = agent
        self._views = views
        self._project = project
        self._context = context
        self._graph = graph
        self._known: Offered | None = None
        assert context.user_id is not None
        self._caller = Caller(context.user_id, via="agent")
        self._at_work = Caller(
            context.user_id, via="agent", project_id=context.project_id, task_id=context.task_id
        )  # fmt: skip

    async def available(self) -> Sequence[AgentTool]:
        """Every tool that can be called now."""
        known = await self._find()
        shown = await self._gate.shown(self._at_work, ROOM_SERVER, project_id=self._context.project_id)
        own = [
            AgentTool(tool.name, tool.description or tool.name, tool.input_schema, ROOM_SERVER.name, _TEAMWORK)
            for tool in (shown if self._room is not None else ())
        ]
        return own + [
            AgentTool(
                name,
                tool.description or tool.title or tool.name,
                tool.input_schema,
                entry.name,
                frozenset(capabilities_of_tool(tool)),
            )
            for name, (entry, tool) in known.items()
        ]

    async def call(
        self, name: str, arguments: dict[str, Any], *, confirm: str | None = None, always: bool = False
    ) -> ToolAnswer:
        """Call a tool; placeholders such as ``${project.path}`` in its arguments are filled.

        ``confirm`` is the digest of the call that a person agreed to, ``always`` that they agree for good.
        """
        known = (await self._find()).get(name)
        if known is None and self._room is not None and name in ROOM_TOOLS:
            return await self._own(self._room, name, arguments, confirm=confirm, always=always)
        if known is None:
            raise NotFound(f"there is no tool {name[:100]!r}", field="tool")
        entry, tool = known
        made = ToolCall(
            self._caller, Door.AGENT, entry, tool.name, arguments, project_id=self._context.project_id,
            task_id=self._context.task_id, agent=self._agent, confirm=confirm, always=always,
        )  # fmt: skip

        async def ready() -> Ready:
            filled = await fill_from_project(arguments, self._project, self._views)
            context = self._context
            if entry.name == _GRAPH and self._graph is not None:
                context = replace(context, graph_folder=await self._graph.folder())
            return Ready(await self._registry.definition(entry, self._caller.user_id), filled, context)

        result = await self._gate.call(made, ready)
        return ToolAnswer(result.text, result.structured, result.is_error)

    async def _own(
        self, room: Room, name: str, arguments: dict[str, Any], *, confirm: str | None, always: bool
    ) -> ToolAnswer:
        """A tool of the orchestrator's own passes the gate like any other."""
        made = ToolCall(
            self._at_work, Door.AGENT, ROOM_SERVER, name, arguments, project_id=self._context.project_id,
            task_id=self._context.task_id, agent=self._agent, confirm=confirm, always=always,
        )  # fmt: skip
        result = await self._gate.through(made, lambda: ROOM_TOOLS[name](room, self._at_work, arguments))
        return ToolAnswer(result.text, result.structured, result.is_error)

    async def _find(self) -> Offered:
        if self._known is None:
            self._known = await (self._offered(self._caller) if self._offered else self._everything())
        return self._known

    async def _everything(self) -> Offered:
        projects = [self._project.id] if self._project else None
        visible = await self._registry.visible(self._caller.user_id, projects)
        entries = {entry.name: entry for entry in visible if _is_offered(entry)}
        definitions = [one for entry in entries.values() if (one := await self._definition(entry)) is not None]
        listed = await self._pool.list_all(definitions, seconds=_LIST_SECONDS)
        shown = [
            (found.definition.name, await self._shown(entries[found.definition.name], found.tools)) for found in listed
        ]
        return {name: (entries[server], tool) for name, (server, tool) in prefixed_tools(shown).items()}

    async def _shown(self, entry: ServerEntry, tools: Sequence[ToolInfo]) -> Sequence[ToolInfo]:
        return await self._gate.shown(self._caller, entry, tools, project_id=self._context.project_id)

    async def _definition(self, entry: ServerEntry) -> ServerDefinition | None:
        """None for a server that the user has given no credentials for: its tools are not theirs to use yet."""
        try:
            return await self._registry.definition(entry, self._caller.user_id)
        except CredentialsNeeded:
            return None


def _is_offered(entry: ServerEntry) -> bool:
    return entry.enabled and entry.health != Health.UNHEALTHY and entry.name not in _NOT_OFFERED


class ProjectGraph:
    """The project's graph, or that of the attempt's worktree; every question raises NotFound while there is none."""

    def __init__(self, questions: GraphQuestions, find: Callable[[], Awaitable[Path | None]]) -> None:
        self._questions = questions
        self._find = find

    async def ask(self, question: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a prepared question; as long as it is, unless ``tokens`` says otherwise."""
        return await self._questions.ask(await self.folder(), question, {"tokens": TOKENS.most, **given})

    async def sparql(self, query: str) -> dict[str, Any]:
        """The answer to a read-only SPARQL query."""
        return await self._questions.sparql(await self.folder(), query)

    async def commit(self) -> str | None:
        """The commit the graph was built from."""
        folder = await self._find()
        return await commit(folder) if folder is not None else None

    async def folder(self) -> Path:
        """The folder to ask, after a worktree's changes were taken in. Raises NotFound while there is no graph."""
        found = await self._find()
        if found is None:
            raise NotFound("this project has no knowledge graph yet", hint="generate it first")
        return found
