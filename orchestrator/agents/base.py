"""What an agent is: its description, what it is given, what it gives back. Every kind of agent implements ``Agent``.

Services and the catalogue use these words; tests make contexts of their own. Worktrees, tools and graphs come in
through the context, so an agent knows neither git nor MCP nor RDF. Nothing here runs anything.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol

from orchestrator.core.capabilities import Capability
from orchestrator.core.errors import NotFound
from orchestrator.core.events import EventKind
from orchestrator.core.spending import Usage


class AgentKind(StrEnum):
    """How an agent works: as a program, by code, by the graph, by a model with tools, by a script, by other agents."""

    ACP = "acp"
    CODEMOD = "codemod"
    GRAPH_ANALYST = "graph-analyst"
    LLM = "llm"
    SCRIPTED = "scripted"
    TEAM = "team"


TakesUp = Literal["files", "conversation", "session"]


@dataclass(frozen=True, slots=True)
class AgentInfo:
    """What people and routing see of an agent. ``unavailable`` says what to set before it can work, or is empty."""

    id: str
    name: str
    kind: AgentKind
    description: str
    capabilities: tuple[Capability, ...]
    task_types: frozenset[str] = frozenset()
    changes_code: bool = False
    unavailable: str = ""
    account: str = ""
    """The provider's account that pays for its work; agents of one account stop and go on together."""
    model: str = ""
    """The language model it uses, as prices name it."""
    address: str = ""
    """Where that model is asked, if its agent asks by itself."""
    takes_up: TakesUp = "files"
    """What of an interrupted run it goes on with: its conversation or its program's session, beside the files."""
    example: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AgentLimits:
    """What one run may use. ``seconds`` of wall time; ``tokens`` in and out together, over all requests."""

    seconds: float = 1800.0
    requests: int = 50
    tool_calls: int = 200
    tokens: int = 1_000_000


@dataclass(frozen=True, slots=True)
class AgentTool:
    """A tool an agent may call, by a name unique among all it may call; server and capabilities help to choose."""

    name: str
    description: str
    input_schema: Mapping[str, Any]
    server: str = ""
    capabilities: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """What a tool said; ``is_error`` when the tool itself reports a failure."""

    text: str
    structured: Any | None = None
    is_error: bool = False


class Tell(Protocol):
    """Notes an event of the attempt; never blocks."""

    def __call__(self, kind: EventKind, **data: Any) -> None:
        """Tell one event."""
        ...


class Tools(Protocol):
    """The tools of the registered MCP servers that this run may use."""

    async def available(self) -> Sequence[AgentTool]:
        """Every tool that can be called now; a dead server's are simply absent."""
        ...

    async def call(self, name: str, arguments: dict[str, Any]) -> ToolAnswer:
        """Call a tool. Raises an OrchestratorError when it cannot be called at all."""
        ...


class Graph(Protocol):
    """Questions to the project's knowledge graph; every answer is a JSON object."""

    async def ask(self, question: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a prepared question of ``core.graph_questions``."""
        ...

    async def sparql(self, query: str) -> dict[str, Any]:
        """The answer to a read-only SPARQL query."""
        ...

    async def commit(self) -> str | None:
        """The commit the graph was built from, when that is known."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer a person may give. ``kind``: ``allow_once``, ``allow_always``, ``reject_once``, ``reject_always``."""

    id: str
    name: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """What an agent wants to do and may need leave for. ``tool`` is its kind of work: ``edit``, ``execute``, …

    ``paths`` are relative to the workspace where they lie in it; ``command`` is what would be run.
    """

    tool: str
    title: str
    paths: tuple[str, ...] = ()
    command: str = ""
    details: Any = None
    cost: float | None = None
    """What the run has cost so far, where the agent tells."""


def pick(choices: Sequence[Choice], *, allow: bool) -> Choice | None:
    """The mildest choice that allows, or refuses, if the agent offers one."""
    wanted = ("allow_once", "allow_always") if allow else ("reject_once", "reject_always")
    return next((one for kind in wanted for one in choices if one.kind == kind), None)


class People(Protocol):
    """The people behind a run: rules speak for them first, then they are asked; what they say meanwhile is heard."""

    async def permit(self, action: Action, choices: Sequence[Choice], unruled: str = "ask") -> Choice | None:
        """The choice that a rule or a person made; ``unruled`` (ask, allow, deny) counts where no rule speaks."""
        ...

    async def forbids(self, action: Action) -> str | None:
        """Why a rule forbids this, or None; nobody is asked."""
        ...

    async def ask(self, question: str, choices: Sequence[Choice] = ()) -> str | None:
        """A person's answer, the id of a choice where there are some; None when nobody answered in time."""
        ...

    async def said(self) -> Sequence[str]:
        """What people told the running agent since this was last asked."""
        ...


class Meter(Protocol):
    """Counts what a run uses. Tool calls are counted where they are told."""

    def note(self, usage: Usage) -> None:
        """What the run used so far, all together."""
        ...

    async def check(self) -> None:
        """Raise BudgetReached when a person must be asked before the run may use more."""
        ...


class SafePoints(Protocol):
    """Where a run can be taken up again. An agent that has such points says so; the others are just stopped."""

    async def reached(self, conversation: list[Any] | None = None) -> None:
        """Note the files and the conversation (JSON) as they are. Raises Paused when a person asked for a pause."""
        ...

    async def asked(self) -> None:
        """Return once a person asked for a pause: end the turn, then say that a point is reached."""
        ...


@dataclass(frozen=True, slots=True)
class PartOrder:
    """A part of a team's task. ``name`` finds it again; ``beside``: it may work on what its sisters work on.

    ``among``: how many are made by the same step, which share a budget evenly.
    """

    name: str
    agent: str
    input: Mapping[str, Any]
    acceptance: Sequence[Mapping[str, Any]] = ()
    attempts: int = 1
    start: str | None = None
    """The commit from which its agent goes on."""
    beside: bool = False
    among: int = 1


@dataclass(frozen=True, slots=True)
class PartDone:
    """How a part ended. ``fell_short``: with a result that did not meet its criteria; ``lines`` that it changed."""

    name: str
    task_id: str
    agent: str
    ended_well: bool
    fell_short: bool = False
    summary: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    diff: str = ""
    commit: str | None = None
    lines: int = 0
    revised: bool = False
    """Reviewers of the team's change had it sent back once."""
    error: str = ""

    def told(self) -> dict[str, Any]:
        """What the team's result says of it."""
        return {
            "part": self.name, "task_id": self.task_id, "agent": self.agent, "commit": self.commit,
            "lines": self.lines, "summary": self.summary[:1000],
        }  # fmt: skip


class Parts(Protocol):
    """The parts of a team's task, carried out by other agents, and what becomes of their changes."""

    @property
    def document(self) -> Mapping[str, Any]:
        """The team as it was when its task began."""
        ...

    @property
    def acceptance(self) -> Sequence[Mapping[str, Any]]:
        """The criteria of the team's own task."""
        ...

    async def carry_out(self, order: PartOrder) -> PartDone:
        """The part's end, when it was begun before too. Raises an OrchestratorError when it cannot be begun."""
        ...

    async def picked(self, step: str) -> str | None:
        """Which try a person chose at a step, or None as long as nobody did."""
        ...

    async def asked_about(self) -> Sequence[str] | None:
        """The files that reviewers spoke of who sent the team's change back; None when nobody did."""
        ...

    async def send_back(self, done: PartDone) -> PartDone:
        """The part's end with what these reviewers asked for; as it was when it has done so already."""
        ...

    async def unite(self, commits: Sequence[str]) -> str:
        """One commit with all these changes; AgentFailed names the files where they do not fit together."""
        ...

    async def take(self, commit: str) -> None:
        """Make the team's own tree hold the files of this commit."""
        ...


@dataclass(frozen=True, slots=True)
class McpAccess:
    """An MCP server that a program of an agent may use over HTTP, with a token of its own."""

    name: str
    url: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AgentContext:
    """All an agent is given for one run. ``workspace``: its own worktree, or a checkout to read."""

    task_type: str
    input: Mapping[str, Any]
    tell: Tell
    workspace: Path | None = None
    base_commit: str | None = None
    tools: Tools | None = None
    graph: Graph | None = None
    notes: str = ""
    """What a model should know of its surroundings, such as placeholders that tools understand."""
    feedback: str = ""
    """What an earlier attempt at the task left to be done: criteria it did not meet, comments of its reviewers."""
    limits: AgentLimits = AgentLimits()
    people: People | None = None
    meter: Meter | None = None
    readable: tuple[Path, ...] = ()
    """Folders beside the workspace that a program of its own may read: where the worktree's git data is."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that a program of its own gets: the ports and folders it has to itself."""
    writable: tuple[Path, ...] = ()
    """Folders beside the workspace that such a program may write to."""
    lend_mcp: Callable[[], AbstractAsyncContextManager[McpAccess]] | None = None
    """Access to our MCP endpoint while the block runs, for programs that make calls of their own."""
    parts: Parts | None = None
    """For a team: how other agents carry out parts of its task."""
    earlier_session: str = ""
    """The session of an earlier attempt, for agents that can take one up again."""
    history: Sequence[Any] = ()
    """The conversation of an earlier attempt that was stopped in the middle, for agents that can go on with it."""
    go_on: str = ""
    """What to say, instead of the task once more, to an agent that took up an earlier attempt's session."""
    safe_points: SafePoints | None = None
    hear_stop: Callable[[float], Awaitable[None]] | None = None
    """Told the moment a provider says stop for so many seconds: the run ends a little later, and others would start."""
    home: Path | None = None
    """A home for a program in a sandbox, the same for all attempts at the task: there it may keep its sessions."""

    def require_workspace(self) -> Path:
        """The files to work on, or NotFound when the task has no project."""
        if self.workspace is None:
            raise NotFound("This agent works on a project's files: name a project.", field="project_id")
        return self.workspace

    def require_graph(self) -> Graph:
        """The graph, or NotFound when the task has no project."""
        if self.graph is None:
            raise NotFound("This agent asks a project's graph: name a project.", field="project_id")
        return self.graph


@dataclass(frozen=True, slots=True)
class AgentResult:
    """How a run ended well: a summary for people, JSON for programs, and the messages of a conversation, if any."""

    summary: str
    data: dict[str, Any] = field(default_factory=dict)
    messages: list[Any] = field(default_factory=list)


class Agent(Protocol):
    """Somebody who can carry out a task."""

    @property
    def info(self) -> AgentInfo:
        """Who it is and what it can do."""
        ...

    def check(self, given: Mapping[str, Any]) -> None:
        """Raise InvalidInput naming the field when this input cannot be worked on; costs nothing."""
        ...

    async def run(self, context: AgentContext) -> AgentResult:
        """Do the work. Raises an OrchestratorError; cancellation reaches everything it started."""
        ...
