"""The doors of pinned tool definitions: what each server shows beside what was approved, approve, reject."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.dependencies import ContainerDep, require
from orchestrator.core.caller import Caller, Scope
from orchestrator.mcp.definition_diff import visible
from orchestrator.services.tool_trust import Definition, Definitions, DefinitionState

router = APIRouter(tags=["mcps"])

Reader = Annotated[Caller, require(Scope.MCPS_READ)]
Writer = Annotated[Caller, require(Scope.MCPS_WRITE)]
Hash = Annotated[str, Field(min_length=1, max_length=64, pattern="^[0-9a-f]+$")]
ToolName = Annotated[str, Field(min_length=1, max_length=1000)]


class FieldChangeOut(BaseModel):
    """A field of a definition that differs from what was approved."""

    field: str = Field(description="The field as MCP names it: description, inputSchema, …")
    before: str | None = Field(description="As approved, readable; null: it was not there.")
    after: str | None = Field(description="As the server shows it now, readable; null: it is not there any more.")
    diff: str = Field(description="Unified diff of the two. What hides is written as ⟨U+200B⟩ everywhere here.")


class DefinitionOut(BaseModel):
    """One tool: what was approved of it and what its server shows now."""

    name: str = Field(description="Its name, exactly as the server spells it.")
    shown: str = Field(description="The same for people: what hides in it is made visible.")
    state: DefinitionState = Field(description="approved, changed, new (both are quarantined) or gone.")
    rejected: bool = Field(description="Whether this very definition was rejected.")
    approved_hash: str | None = Field(description="Hash of the approved definition.")
    live_hash: str | None = Field(description="Hash of the definition the server shows now: name it to decide on it.")
    decided_by: UUID | None = Field(description="Who decided last; null: it was approved at first sight.")
    decided_at: datetime | None = Field(description="When that was.")
    changes: list[FieldChangeOut] = Field(description="What differs, field by field; of a new tool, all of it.")
    hidden: list[str] = Field(description="Characters in it that cannot be seen or look like others, by name.")
    shown_to: str = Field(
        description="The server shows it to clients only that declare these capabilities, such as `elicitation.form`; "
        "empty: to everybody."
    )

    @classmethod
    def of(cls, one: Definition) -> "DefinitionOut":
        """From what the service compared."""
        same = ("state", "rejected", "approved_hash", "live_hash", "decided_by", "decided_at", "hidden", "shown_to")
        return cls(
            **{name: getattr(one, name) for name in same},
            name=one.name,
            shown=visible(one.name[:300]),
            changes=[FieldChangeOut.model_validate(change, from_attributes=True) for change in one.changes],
        )


class DefinitionsOut(BaseModel):
    """The tool definitions of one server."""

    server_id: UUID = Field(description="The server.")
    server: str = Field(description="Its name.")
    may_approve: bool = Field(description="Whether you may approve and reject here.")
    live: bool = Field(description="Whether the server was asked just now; else this is what it last showed.")
    error: dict[str, Any] | None = Field(description="Why it could not be asked.")
    seen: str = Field(description="Hash of the whole list as shown here: name it to approve all of it.")
    quarantined: int = Field(description="How many tools are held back.")
    counts: dict[DefinitionState, int] = Field(description="How many tools are in each state.")
    items: list[DefinitionOut] = Field(description="Every tool, by name.")

    @classmethod
    def of(cls, found: Definitions, *, may_approve: bool) -> "DefinitionsOut":
        """From what the service found."""
        counted: Mapping[DefinitionState, int] = Counter(one.state for one in found.items)
        return cls(
            server_id=found.entry.id,
            server=found.entry.name,
            may_approve=may_approve,
            live=found.live,
            error=dict(found.error) if found.error else None,
            seen=found.seen,
            quarantined=found.quarantined,
            counts={state: counted[state] for state in DefinitionState},
            items=[DefinitionOut.of(one) for one in found.items],
        )


class ApproveIn(BaseModel):
    """What to approve: some tools, or the whole list as it was seen."""

    model_config = ConfigDict(extra="forbid")

    tools: dict[ToolName, Hash] | None = Field(
        None, min_length=1, max_length=10_000, description="Tool → the live_hash you saw. Absent: all tools, by `seen`."
    )
    seen: Hash | None = Field(None, description="The `seen` of the list you looked at; for approving all of it.")


class RejectIn(BaseModel):
    """What to reject."""

    model_config = ConfigDict(extra="forbid")

    tools: dict[ToolName, Hash] = Field(
        min_length=1,
        max_length=10_000,
        description="Tool → the live_hash you saw; of a tool that is gone, its approved_hash.",
    )


@router.get("/mcps/{server_id}/definitions", summary="Compare tool definitions with what was approved")
async def read_definitions(server_id: UUID, caller: Reader, container: ContainerDep) -> DefinitionsOut:
    """Every tool the server has or had: approved, changed, new or gone, with a diff of each field that differs."""
    return _out(container, caller, await container.tool_trust.definitions(caller, server_id))


@router.post("/mcps/{server_id}/definitions/approve", summary="Approve tool definitions")
async def approve_definitions(
    server_id: UUID, body: ApproveIn, caller: Writer, container: ContainerDep
) -> DefinitionsOut:
    """Pin what you saw: those tools are listed and can be called. 409 when the server shows something else by now."""
    found = await container.tool_trust.approve(caller, server_id, body.tools, body.seen)
    container.targets.refresh()
    return _out(container, caller, found)


@router.post("/mcps/{server_id}/definitions/reject", summary="Reject tool definitions")
async def reject_definitions(
    server_id: UUID, body: RejectIn, caller: Writer, container: ContainerDep
) -> DefinitionsOut:
    """Keep them quarantined, and withdraw the approval of one that was approved. A tool that is gone is forgotten."""
    found = await container.tool_trust.reject(caller, server_id, body.tools)
    container.targets.refresh()
    return _out(container, caller, found)


def _out(container: ContainerDep, caller: Caller, found: Definitions) -> DefinitionsOut:
    may_approve = Scope.MCPS_WRITE in caller.scopes and container.registry.may_write(caller, found.entry)
    return DefinitionsOut.of(found, may_approve=may_approve)
