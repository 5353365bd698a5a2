"""The doors to the rules about tool calls: read, write, explain, and what people always allow.

What rules mean is ``core.policy``'s, who may write them ``services.tool_rules``'s.
"""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.dependencies import ContainerDep, Limit, Offset, require
from orchestrator.api.mcp_tools import OWN_SERVER
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import Conflict
from orchestrator.core.policy import Effect, Level, decide, mismatch
from orchestrator.services.server_entry import ServerEntry
from orchestrator.services.tool_policy import rule_of

router = APIRouter(tags=["mcps"])

Reader = Annotated[Caller, require(Scope.MCPS_READ)]
Writer = Annotated[Caller, require(Scope.MCPS_WRITE)]
Pattern = Annotated[str, Field(min_length=1, max_length=200)]
Word = Annotated[str, Field(min_length=1, max_length=50)]


class RuleIn(BaseModel):
    """A rule. What it does not name matches everything."""

    model_config = ConfigDict(extra="forbid")

    level: Level = Field(
        Level.USER,
        description="Whose: `service` (admins of the service write it, it holds for everybody), `project` (its admins) "
        "or `user` (your own). Each level can narrow what stands above it, never widen it.",
    )
    effect: Effect = Field(description="`allow`, `ask` a person first, or `deny`.")
    tool: Pattern = Field("*", description="The tool by its name at its server; `*` and `?` match any letters.")
    server_id: UUID | None = Field(None, description="Only tools of this server.")
    project_id: UUID | None = Field(None, description="Only calls in this project.")
    roles: list[Word] = Field(
        default_factory=list, max_length=4, description="Only these: viewer, member, admin (of the project of the "
        "call), service_admin. Empty: anybody.",
    )  # fmt: skip
    annotations: dict[Word, bool] = Field(
        default_factory=dict, max_length=4, description="Only tools that say so of themselves: readOnlyHint, "
        "destructiveHint, idempotentHint, openWorldHint. What a tool does not say is as the protocol has it: not "
        "read-only, destructive.",
    )  # fmt: skip
    remember: bool = Field(True, description="`ask`: whether a person may answer that they always allow it.")
    reason: str = Field("", max_length=500, description="Why; shown to whoever is asked or refused.")


class RuleChange(BaseModel):
    """What to change; absent fields stay. What people always allowed under the rule is forgotten."""

    model_config = ConfigDict(extra="forbid")

    effect: Effect = Field(Effect.ASK, description="What it says.")
    tool: Pattern = Field("*", description="The tool.")
    server_id: UUID | None = Field(None, description="The server.")
    roles: list[Word] = Field(default_factory=list, max_length=4, description="The roles.")
    annotations: dict[Word, bool] = Field(default_factory=dict, max_length=4, description="The annotations.")
    remember: bool = Field(True, description="Whether a person may always allow it.")
    reason: str = Field("", max_length=500, description="Why.")


class RuleOut(RuleIn):
    """A stored rule."""

    model_config = ConfigDict(extra="ignore")

    id: UUID = Field(description="The rule.")
    user_id: UUID | None = Field(description="Whose own it is.")
    created_by: UUID | None = Field(description="Who wrote it.")
    created_at: datetime = Field(description="When it was written.")
    updated_at: datetime = Field(description="When it was last changed.")

    @classmethod
    def of(cls, row: Any) -> "RuleOut":
        """From a table row."""
        return cls.model_validate({**row, "annotations": row["hints"]})


class RulePage(BaseModel):
    """A page of rules."""

    items: list[RuleOut] = Field(description="Oldest first.")
    total: int = Field(description="How many there are in all.")
    limit: int = Field(description="Page size asked for.")
    offset: int = Field(description="Items skipped.")


class ExplainIn(BaseModel):
    """A call one might make."""

    model_config = ConfigDict(extra="forbid")

    server_id: UUID = Field(description="The server.")
    tool: Pattern = Field(description="The tool, by its name at its server.")
    project_id: UUID | None = Field(None, description="The project of the call.")


class Considered(BaseModel):
    """A rule, and whether it speaks of the call."""

    rule_id: UUID = Field(description="The rule.")
    level: Level = Field(description="Its level.")
    effect: Effect = Field(description="What it says.")
    tool: str = Field(description="Its pattern.")
    reason: str = Field(description="Its reason.")
    matches: bool = Field(description="Whether it speaks of this call.")
    why_not: str | None = Field(description="What does not fit.")
    decides_level: bool = Field(description="Whether it is the one that decides in its level.")


class Explained(BaseModel):
    """What would happen, and why."""

    effect: Effect = Field(description="`allow`, `ask` or `deny`.")
    rule_id: UUID | None = Field(description="The rule that decides; none: no rule speaks of it, so it is allowed.")
    always_allowed: bool = Field(description="`ask`: whether you said that you always allow it.")
    roles: list[str] = Field(description="Your roles in this call.")
    why: str = Field(description="The same in words.")
    rules: list[Considered] = Field(description="Every rule that you may see, strictest level decision first.")


class ApprovalIn(BaseModel):
    """A tool you always allow where a rule would ask."""

    model_config = ConfigDict(extra="forbid")

    server_id: UUID = Field(description="The server.")
    tool: Pattern = Field(description="The tool, by its name at its server.")
    project_id: UUID | None = Field(None, description="In this project; none: in calls that name no project.")


class ApprovalOut(BaseModel):
    """What you always allow."""

    id: UUID = Field(description="The approval.")
    rule_id: UUID = Field(description="The rule that would ask.")
    server_id: UUID = Field(description="The server.")
    tool: str = Field(description="The tool.")
    project_id: UUID | None = Field(description="The project.")
    created_at: datetime = Field(description="Since when.")


class ApprovalList(BaseModel):
    """What you always allow."""

    items: list[ApprovalOut] = Field(description="Newest first.")


def _values(body: BaseModel, *, exclude_unset: bool = False) -> dict[str, Any]:
    given = body.model_dump(exclude={"level"}, exclude_unset=exclude_unset)
    if "annotations" in given:
        given["hints"] = given.pop("annotations")
    return given


async def _entry(container: Container, caller: Caller, server_id: UUID) -> ServerEntry:
    return OWN_SERVER if server_id == OWN_SERVER.id else await container.registry.get(caller, server_id)


@router.get("/mcps/policies", summary="List rules about tool calls")
async def list_rules(
    caller: Reader,
    container: ContainerDep,
    level: Annotated[Level | None, Query(description="Only this level.")] = None,
    project_id: Annotated[UUID | None, Query(description="Only rules for this project.")] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> RulePage:
    """The rules that may speak of your calls: everybody's, your projects' and your own."""
    rows, total = await container.rules.page(caller, level=level, project_id=project_id, limit=limit, offset=offset)
    return RulePage(items=[RuleOut.of(row) for row in rows], total=total, limit=limit, offset=offset)


@router.post("/mcps/policies", status_code=201, summary="Write a rule about tool calls")
async def create_rule(body: RuleIn, caller: Writer, container: ContainerDep) -> RuleOut:
    """A rule of your own, of a project you administer, or of the service. It holds within a second everywhere."""
    if body.server_id is not None:
        await _entry(container, caller, body.server_id)
    made = RuleOut.of(await container.rules.create(caller, body.level, _values(body)))
    container.targets.refresh()
    return made


@router.post("/mcps/policies/explain", summary="Which rule decides")
async def explain(body: ExplainIn, caller: Reader, container: ContainerDep) -> Explained:
    """What would become of this call of yours, by which rule, and why the others do not decide. Calls nothing."""
    if body.project_id is not None:
        await container.access.require(caller, body.project_id)
    entry = await _entry(container, caller, body.server_id)
    project_id = body.project_id or caller.project_id
    asked = await container.policy.asked(caller, entry, body.tool, project_id)
    rows, _ = await container.rules.page(caller, limit=10_000, offset=0)
    decision = decide(await container.policy.rules(), asked)
    rule = decision.rule
    always = (
        rule is not None
        and decision.effect == Effect.ASK
        and await container.policy.is_approved(caller, rule, entry.id, body.tool, project_id)
    )
    deciding = {one.id for one in decision.levels}
    considered = [_considered(row, deciding, mismatch(rule_of(row), asked)) for row in rows]
    return Explained(
        effect=decision.effect,
        rule_id=rule.id if rule else None,
        always_allowed=always,
        roles=sorted(asked.roles),
        why="no rule speaks of it: allowed" if rule is None
        else f"a rule of the {rule.level} level says {rule.effect}" + (f": {rule.reason}" if rule.reason else ""),
        rules=sorted(considered, key=lambda one: (not one.decides_level, not one.matches)),
    )  # fmt: skip


def _considered(row: Any, deciding: set[UUID], why_not: str | None) -> Considered:
    same = {name: row[name] for name in ("level", "effect", "tool", "reason")}
    decides = row["id"] in deciding
    return Considered(rule_id=row["id"], **same, matches=why_not is None, why_not=why_not, decides_level=decides)


@router.get("/mcps/policies/approvals", summary="What you always allow")
async def list_approvals(caller: Reader, container: ContainerDep) -> ApprovalList:
    """The tools you said you always allow, where a rule would ask."""
    rows = await container.rules.approvals(caller)
    return ApprovalList(items=[ApprovalOut.model_validate(dict(row)) for row in rows])


@router.post("/mcps/policies/approvals", status_code=204, summary="Always allow a tool")
async def approve(body: ApprovalIn, caller: Writer, container: ContainerDep) -> None:
    """Say beforehand what you would answer, for agents and clients that cannot ask you. It goes with the rule."""
    if body.project_id is not None:
        await container.access.require(caller, body.project_id)
    entry = await _entry(container, caller, body.server_id)
    project_id = body.project_id or caller.project_id
    decision = await container.policy.decide(caller, entry, body.tool, project_id)
    if decision.rule is None or decision.effect != Effect.ASK:
        raise Conflict(f"no rule would ask: the call is one to {decision.effect}", field="tool")
    await container.rules.approve(caller, decision.rule, entry.id, body.tool, project_id)


@router.delete("/mcps/policies/approvals/{approval_id}", status_code=204, summary="Be asked again")
async def revoke(approval_id: UUID, caller: Writer, container: ContainerDep) -> None:
    """Take back what you always allowed."""
    await container.rules.revoke(caller, approval_id)


@router.get("/mcps/policies/{rule_id}", summary="Read a rule")
async def get_rule(rule_id: UUID, caller: Reader, container: ContainerDep) -> RuleOut:
    """One rule."""
    return RuleOut.of(await container.rules.get(caller, rule_id))


@router.patch("/mcps/policies/{rule_id}", summary="Change a rule")
async def change_rule(rule_id: UUID, body: RuleChange, caller: Writer, container: ContainerDep) -> RuleOut:
    """Change what is given."""
    if body.server_id is not None:
        await _entry(container, caller, body.server_id)
    changed = RuleOut.of(await container.rules.change(caller, rule_id, _values(body, exclude_unset=True)))
    container.targets.refresh()
    return changed


@router.delete("/mcps/policies/{rule_id}", status_code=204, summary="Delete a rule")
async def delete_rule(rule_id: UUID, caller: Writer, container: ContainerDep) -> None:
    """Delete it, and with it what people always allowed under it."""
    await container.rules.delete(caller, rule_id)
    container.targets.refresh()
