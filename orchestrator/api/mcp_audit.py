"""The doors to the record of tool calls: pages for people, and statistics per server and tool."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.dependencies import ContainerDep, Limit, Offset, require
from orchestrator.api.mcp_models import OtherStats, StatsList, StatsRow, ToolStats
from orchestrator.core.call_record import Outcome
from orchestrator.core.caller import Caller, Scope
from orchestrator.services.call_gate import Door
from orchestrator.services.call_log import Counted, Filters

router = APIRouter(tags=["mcps"])

Reader = Annotated[Caller, require(Scope.MCPS_READ)]
Window = Annotated[Literal["1h", "24h", "7d", "30d"], Query(description="Over how long calls are counted.")]


class CallOut(BaseModel):
    """One tool call, made or refused. Its arguments are not stored, only their digest."""

    model_config = ConfigDict(extra="ignore")

    id: UUID = Field(description="The record.")
    at: datetime = Field(description="When it began.")
    user_id: UUID = Field(description="Who called.")
    user: str | None = Field(description="Their e-mail; null: the account is gone.")
    via: str = Field(description="By what: access_token, session, api_token, task or agent.")
    credential_id: UUID | None = Field(description="The personal API token, or the log-in.")
    project_id: UUID | None = Field(description="In which project.")
    task_id: UUID | None = Field(description="For which task.")
    agent: str | None = Field(description="By which agent.")
    door: Door = Field(description="Which way it came: mcp, rest, task or agent.")
    endpoint: str = Field(description="Through which MCP endpoint; empty: the one with everything, or none.")
    server_id: UUID = Field(description="The server.")
    server: str = Field(description="Its name then.")
    tool: str = Field(description="The tool.")
    arguments_digest: str = Field(description="SHA-256 of the canonical JSON of the arguments.")
    outcome: Outcome = Field(description="How it ended.")
    reason: str | None = Field(description="The code of the error, or why it was refused.")
    rule_id: UUID | None = Field(description="The rule that decided.")
    confirmed: str | None = Field(description="How a person agreed: once or always.")
    ms: float = Field(description="How long the tool took, in milliseconds.")
    request_id: str | None = Field(description="The request that brought it.")


class CallPage(BaseModel):
    """A page of calls."""

    items: list[CallOut] = Field(description="Newest first.")
    total: int = Field(description="How many there are, counted up to 100,000.")
    limit: int = Field(description="Page size asked for.")
    offset: int = Field(description="Items skipped.")


def _filters(
    server_id: Annotated[UUID | None, Query(description="Only calls of this server.")] = None,
    tool: Annotated[str | None, Query(max_length=200, description="Only this tool.")] = None,
    project_id: Annotated[UUID | None, Query(description="Only in this project.")] = None,
    user_id: Annotated[UUID | None, Query(description="Only by this person.")] = None,
    task_id: Annotated[UUID | None, Query(description="Only for this task.")] = None,
    door: Annotated[Door | None, Query(description="Only through this door.")] = None,
    outcome: Annotated[Outcome | None, Query(description="Only with this outcome.")] = None,
    since: Annotated[datetime | None, Query(description="Not before.")] = None,
    until: Annotated[datetime | None, Query(description="Before.")] = None,
) -> Filters:
    return Filters(user_id, project_id, server_id, task_id, tool, door, outcome, since, until)


@router.get("/mcps/audit", summary="The record of tool calls")
async def list_calls(
    caller: Reader,
    container: ContainerDep,
    filters: Annotated[Filters, Depends(_filters)],
    limit: Limit = 50,
    offset: Offset = 0,
) -> CallPage:
    """Your own calls; an admin of a project reads those made in it too, an admin of the service all. Newest first."""
    rows, total = await container.call_log.page(caller, filters, limit=limit, offset=offset)
    return CallPage(items=[CallOut.model_validate(row) for row in rows], total=total, limit=limit, offset=offset)


@router.get("/mcps/stats", summary="Counts per server and tool")
async def servers_stats(caller: Reader, container: ContainerDep, window: Window = "7d") -> StatsList:
    """Attempts of tasks running now and ended in the last week; and every call in the window, whoever made it."""
    entries = await container.registry.visible(caller.user_id)
    attempts, counted = await container.targets.stats(), await container.call_log.stats(window)
    rows = []
    for entry in entries:
        known = attempts.get(entry.target_id, {})
        numbers = {name: int(known.get(name, 0)) for name in ("running", "succeeded", "failed")}
        shown = await container.gate.shown(caller, entry)
        # Names come from callers: only those of tools that exist, and that this caller is shown, are told on.
        tools = [
            ToolStats(tool=tool.name, **_numbers(counted[entry.id, tool.name]))
            for tool in shown
            if (entry.id, tool.name) in counted
        ]
        whole = _numbers(counted.get((entry.id, None), Counted()))
        left = OtherStats(
            **{name: whole[name] - sum(getattr(tool, name) for tool in tools) for name in OtherStats.model_fields}
        )
        rows.append(StatsRow(id=entry.id, name=entry.name, **numbers, **whole, tools=tools, other_tools=left))
    return StatsList(items=rows, window=window)


def _numbers(counted: Counted) -> dict[str, Any]:
    names = ("calls", "errors", "refused", "p50_ms", "p95_ms", "p99_ms", "last_used")
    return {name: getattr(counted, name) for name in names}
