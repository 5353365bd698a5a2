"""The agent doors: who there is, templates, agents of one's own, and handing a task to one. Keys go in, never out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from orchestrator.agents.team_config import TeamConfig
from orchestrator.api.dependencies import ContainerDep, Limit, Offset, require
from orchestrator.api.task_models import TaskAccepted
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import InvalidInput
from orchestrator.core.states import TERMINAL
from orchestrator.services.agent_service import AgentEntry, request_for, start

router = APIRouter(tags=["agents"])

Reader = Annotated[Caller, require(Scope.AGENTS_READ)]
Writer = Annotated[Caller, require(Scope.AGENTS_WRITE)]
Runner = Annotated[Caller, require(Scope.AGENTS_READ, Scope.TASKS_WRITE)]
AgentId = Annotated[
    str, Path(max_length=100, pattern=r"^[A-Za-z0-9:-]+$", description="`agent:lint-fix`, or `agent:` and a UUID.")
]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Tag = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]+$")]
# PostgreSQL stores no NUL.
NO_NUL = r"^[^\x00]*$"


class _ShownAsTeam:
    """Shows plain data as the model it is checked by, whose parts become components of the API's document."""

    @classmethod
    def __get_pydantic_json_schema__(cls, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(TeamConfig.__pydantic_core_schema__)


TeamDocument = Annotated[dict[str, Any], _ShownAsTeam]
"""Checked by ``agents.team_config`` as a whole, which names the field as its caller wrote it, below ``config``."""


class LlmConfigIn(BaseModel):
    """How a language model agent works."""

    model_config = ConfigDict(extra="forbid")

    instructions: str = Field(
        "", max_length=50_000, pattern=NO_NUL, description="What the model is told before every task."
    )
    model: str = Field("", max_length=200, pattern=NO_NUL, description="Model name; empty takes LLM_MODEL.")
    base_url: str = Field(
        "", max_length=2000, pattern=NO_NUL, description="OpenAI-compatible endpoint; empty takes LLM_BASE_URL."
    )
    tools: list[Tag] = Field(
        default_factory=list,
        max_length=100,
        description="Names, servers or capabilities of the MCP tools it may use; empty: all; `none`: none.",
    )
    mcp_endpoint: str = Field(
        "",
        max_length=64,
        pattern=r"^[a-z0-9-]*$",
        description="Name of an MCP endpoint: its tools, as it shows them, instead of all there are.",
    )
    temperature: float | None = Field(None, ge=0, le=2, description="Sampling temperature; null takes the model's own.")
    max_requests: int = Field(50, ge=1, le=500, description="Requests to the model per run.")
    max_tool_calls: int = Field(200, ge=0, le=5000, description="Tool calls per run.")
    max_tokens: int = Field(1_000_000, ge=1, le=1_000_000_000, description="Tokens in and out per run.")


class ProgramIn(BaseModel):
    """How an agent that is a program of its own is started. Only an admin of the service may say so."""

    model_config = ConfigDict(extra="forbid")

    command: str = Field(min_length=1, max_length=1000, pattern=NO_NUL, description="The program, by name or path.")
    args: list[Annotated[str, Field(max_length=4000, pattern=NO_NUL)]] = Field(
        default_factory=list, max_length=100, description="Its arguments."
    )
    env: dict[Tag, Annotated[str, Field(max_length=10_000, pattern=NO_NUL)]] = Field(
        default_factory=dict, max_length=100, description="Variables it gets; a secret belongs into `api_key`."
    )
    key_env: str = Field("", max_length=100, pattern=NO_NUL, description="The variable in which it gets `api_key`.")
    sandbox: Literal["preferred", "required", "off"] | None = Field(None, description="Default: preferred.")
    network: Literal["none", "loopback", "full"] | None = Field(None, description="Default: none.")
    folders: list[dict[str, Any]] = Field(
        default_factory=list, max_length=64, description="Folders it may see: `path`, and `access` ro or rw."
    )
    limits: dict[str, Any] = Field(default_factory=dict, max_length=16, description="Limits, as MCP servers have them.")
    unruled: Literal["ask", "allow", "deny"] = Field(
        "ask", description="What becomes of a permission request that no rule speaks of."
    )
    files: bool = Field(True, description="Whether it may read and write files of its worktree through us.")
    terminals: bool = Field(True, description="Whether it may have us run commands in its worktree.")
    tools: bool = Field(True, description="Whether it gets our MCP endpoint, where its network reaches it.")
    mode: str = Field("", max_length=100, pattern=NO_NUL, description="Session mode to choose, where it has it.")


class AgentIn(BaseModel):
    """An agent of one's own. What is left out comes from the template, if one is named."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field(description="Its name.")
    template: str | None = Field(
        None, max_length=100, pattern=NO_NUL, description="Template to start from; GET /agents/templates."
    )
    description: str | None = Field(None, max_length=2000, pattern=NO_NUL, description="What it is for.")
    kind: Literal["llm", "acp", "team"] | None = Field(
        None, description="How it works; default: as `program` or `team` says, else the template's, else llm."
    )
    config: LlmConfigIn | None = Field(None, description="How a language model agent works in detail.")
    program: ProgramIn | None = Field(None, description="How an acp agent is started.")
    team: TeamDocument | None = Field(None, description="The steps of a team.")
    capabilities: list[Tag] | None = Field(None, max_length=50, description="What it can do, beside language_model.")
    project_id: UUID | None = Field(None, description="Only for tasks of this project.")
    enabled: bool | None = Field(None, description="Whether tasks may go to it; default true.")
    api_key: str | None = Field(None, max_length=1000, description="Key for its own endpoint; stored encrypted.")


class AgentChange(BaseModel):
    """What to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field("", description="Its name.", validate_default=False)
    description: str = Field("", max_length=2000, pattern=NO_NUL, description="What it is for.")
    config: LlmConfigIn = Field(default_factory=LlmConfigIn, description="Fields named here replace the stored ones.")
    program: ProgramIn | None = Field(None, description="How an acp agent is started; these replace the stored ones.")
    team: TeamDocument | None = Field(
        None, description="The steps of a team; fields named here replace the stored ones."
    )
    capabilities: list[Tag] = Field(default_factory=list, max_length=50, description="What it can do.")
    project_id: UUID | None = Field(None, description="Only for tasks of this project; null: any.")
    enabled: bool = Field(True, description="Whether tasks may go to it.")
    api_key: str = Field("", max_length=1000, description="Key for its own endpoint; empty forgets it.")


class AgentOut(BaseModel):
    """An agent."""

    id: str = Field(description="Its id; as a task's preferred_target it asks for this agent.")
    name: str = Field(description="Its name.")
    kind: str = Field(description="acp, codemod, graph-analyst, llm, scripted or team.")
    description: str = Field(description="What it is for.")
    capabilities: list[dict[str, Any]] = Field(description="What it can do: name, version, parameters.")
    task_types: list[str] = Field(description="Task types it takes; empty: any that its capabilities fit.")
    changes_code: bool = Field(description="Whether it works in a worktree of its own and ends in a diff.")
    available: bool = Field(description="Whether it can work now.")
    unavailable_reason: str | None = Field(description="What to set before it can.")
    example: dict[str, Any] = Field(description="An input it understands.")
    built_in: bool = Field(description="Whether it is everybody's; the others are the caller's own.")
    enabled: bool = Field(description="Whether tasks may go to it.")
    template: str | None = Field(description="The template it started from.")
    project_id: UUID | None = Field(description="Only for tasks of this project.")
    config: dict[str, Any] | None = Field(description="How it works in detail; null for a built-in one.")
    has_api_key: bool = Field(description="Whether it has a key of its own.")
    created_at: datetime | None = Field(description="When it was made; null for a built-in one.")

    @classmethod
    def of(cls, entry: AgentEntry) -> "AgentOut":
        """From what the service knows."""
        info = entry.agent.info
        return cls(
            id=info.id,
            name=info.name,
            kind=info.kind,
            description=info.description,
            capabilities=[
                {"name": c.name, "version": c.version, "parameters": dict(c.parameters)} for c in info.capabilities
            ],
            task_types=sorted(info.task_types),
            changes_code=info.changes_code,
            available=entry.enabled and not info.unavailable,
            unavailable_reason=info.unavailable or (None if entry.enabled else "it is disabled"),
            example=dict(info.example),
            built_in=not entry.custom,
            enabled=entry.enabled,
            template=entry.template,
            project_id=entry.project_id,
            config=dict(entry.config) if entry.config is not None else None,
            has_api_key=entry.has_api_key,
            created_at=entry.created_at,
        )


class AgentPage(BaseModel):
    """A page of agents."""

    items: list[AgentOut] = Field(description="Built-in ones first, then the caller's own by name.")
    total: int = Field(description="How many there are in all.")
    limit: int = Field(description="Page size asked for.")
    offset: int = Field(description="Items skipped.")


class AgentTemplateOut(BaseModel):
    """A starting point for an agent of one's own."""

    name: str = Field(description="Its name, to be given as `template`.")
    title: str = Field(description="Its title.")
    description: str = Field(description="What such an agent does.")
    kind: str = Field(description="How it works.")
    instructions: str = Field(description="What the model is told before every task.")
    tools: list[str] = Field(description="Capabilities of the tools that suit the work.")
    capabilities: list[str] = Field(description="What such an agent can do.")
    team: dict[str, Any] = Field(description="Of a team: its document.")


class AgentTemplateList(BaseModel):
    """All templates."""

    items: list[AgentTemplateOut] = Field(description="The templates.")


class RunAgentIn(BaseModel):
    """Work for one agent."""

    model_config = ConfigDict(extra="forbid")

    agent_id: str = Field(max_length=100, pattern=r"^[A-Za-z0-9:-]+$", description="Who shall do it.")
    input: dict[str, Any] = Field(default_factory=dict, description="What to do; the agent's example shows the shape.")
    project_id: UUID | None = Field(None, description="The project it is about.")
    title: str = Field("", max_length=300, pattern=NO_NUL, description="A line for people.")
    priority: int = Field(0, ge=-100, le=100, description="Above 0 goes before, below 0 after the others.")
    timeout_seconds: float | None = Field(None, gt=0, le=86_400, description="Time limit, in seconds.")
    budget: dict[Tag, Annotated[int | float, Field(gt=0, le=1_000_000_000)]] = Field(
        default_factory=dict, max_length=16, description="Limits on money, tokens, tool_calls and requests."
    )
    wait: float = Field(10.0, ge=0, le=60, description="Seconds to wait for the result; 0: answer with the task.")


class RunAgentOut(TaskAccepted):
    """The task of an agent, with its result once there is one."""

    result: dict[str, Any] | None = Field(None, description="The result, or a preview of a large one.")
    result_pointer: dict[str, Any] | None = Field(None, description="Where the whole of a large result is.")
    error: dict[str, Any] | None = Field(None, description="What went wrong: code, message and more.")

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "RunAgentOut":
        """From a stored row."""
        ended = {name: row.get(name) for name in ("result", "result_pointer", "error")}
        return cls(**TaskAccepted.of(row).model_dump(), **ended)


def _values(body: AgentIn | AgentChange) -> dict[str, Any]:
    """What was given, with a program or a team where the service has the configuration of every kind."""
    values = body.model_dump(exclude_unset=True)
    for name, kind in (("program", "acp"), ("team", "team")):
        given = values.pop(name, None)
        if given is not None and "config" in values:
            raise InvalidInput("an agent has one of config, program and team", field=name)
        if given is not None:
            made = {"kind": kind} if isinstance(body, AgentIn) else {}
            values = {**made, **values, "config": given}
    return values


@router.get("/agents", summary="List agents")
@router.get("/agents/list", summary="List agents (the seed's path)", operation_id="list_agents_seed")
async def list_agents(caller: Reader, container: ContainerDep, limit: Limit = 50, offset: Offset = 0) -> AgentPage:
    """The built-in agents and the caller's own; one that lacks a setting says which."""
    entries = await container.agents.list(caller)
    page = [AgentOut.of(entry) for entry in entries[offset : offset + limit]]
    return AgentPage(items=page, total=len(entries), limit=limit, offset=offset)


@router.get("/agents/templates", summary="Templates for agents")
async def list_templates(_: Reader, container: ContainerDep) -> AgentTemplateList:
    """Starting points for agents of one's own."""
    fields = ("name", "title", "description", "kind", "instructions")
    return AgentTemplateList(
        items=[
            AgentTemplateOut(
                **{name: getattr(template, name) for name in fields},
                tools=list(template.tools),
                capabilities=list(template.capabilities),
                team=dict(template.team),
            )
            for template in container.agents.templates()
        ]
    )


@router.post("/agents", status_code=201, summary="Make an agent")
async def create_agent(body: AgentIn, caller: Writer, container: ContainerDep) -> AgentOut:
    """Make an agent of one's own, from a template or from scratch."""
    entry = await container.agents.create(caller, _values(body))
    container.targets.refresh()
    return AgentOut.of(entry)


@router.post(
    "/agents/execute",
    summary="Hand work to an agent",
    responses={202: {"model": RunAgentOut, "description": "It has not ended yet, or asks a person: follow the task."}},
)
async def execute_agent(body: RunAgentIn, caller: Runner, container: ContainerDep, response: Response) -> RunAgentOut:
    """Make a task for this very agent and wait a moment for its result: 200 with it, else 202 with the task. Refused at
    once when the agent is not available or the input is wrong."""
    asked = body.model_dump(exclude={"agent_id", "wait"})
    request = await request_for(container.agents, caller, body.agent_id, **asked)
    row = await start(container.agents, container.tasks, caller, body.agent_id, request)
    if body.wait:
        row = await container.room.wait(caller, row["id"], body.wait)
    if row["state"] not in TERMINAL:
        response.status_code = 202
    return RunAgentOut.of(row)


@router.get("/agents/{agent_id}", summary="Read an agent")
async def get_agent(agent_id: AgentId, caller: Reader, container: ContainerDep) -> AgentOut:
    """One agent."""
    return AgentOut.of(await container.agents.get(agent_id, caller))


@router.patch("/agents/{agent_id}", summary="Change an agent")
async def change_agent(agent_id: AgentId, body: AgentChange, caller: Writer, container: ContainerDep) -> AgentOut:
    """Change an own agent; what is left out stays."""
    entry = await container.agents.change(caller, agent_id, _values(body))
    container.targets.refresh()
    return AgentOut.of(entry)


@router.delete("/agents/{agent_id}", status_code=204, summary="Delete an agent", response_class=Response)
async def delete_agent(agent_id: AgentId, caller: Writer, container: ContainerDep) -> Response:
    """Delete an own agent; tasks it carried out stay."""
    await container.agents.remove(caller, agent_id)
    container.targets.refresh()
    return Response(status_code=204)
