"""The doors of quotas: which providers' accounts take no more until when, and trying one again now."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from orchestrator.api.dependencies import ContainerDep, require
from orchestrator.core.caller import Caller, Scope

router = APIRouter(tags=["agents"])

Reader = Annotated[Caller, require(Scope.AGENTS_READ)]
Writer = Annotated[Caller, require(Scope.AGENTS_WRITE)]
Account = Annotated[str, Path(max_length=500, description="The account, as the list names it.")]


class QuotaOut(BaseModel):
    """A provider's account that takes no more for a while."""

    account: str = Field(description="The provider's host and which key, or the agent whose own log-in it is.")
    until: datetime = Field(description="When one task tries again; the others follow if that goes well.")
    since: datetime = Field(description="When the provider said stop.")
    why: str = Field(description="What it said.")
    stops: int = Field(description="How often it said so in a row.")
    agents: list[str] = Field(description="The caller's agents that use the account.")
    tasks: int = Field(description="How many of the caller's tasks wait for it.")

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "QuotaOut":
        """From a stored row."""
        return cls(**{name: row[name] for name in cls.model_fields})


class QuotaPage(BaseModel):
    """Accounts that take no more."""

    items: list[QuotaOut] = Field(description="By name; empty when every account takes work.")


@router.get("/quota", summary="Accounts that take no more")
async def list_quota(caller: Reader, container: ContainerDep) -> QuotaPage:
    """The accounts of the caller's agents whose provider said stop, and until when no agent of theirs is started."""
    return QuotaPage(items=[QuotaOut.of(row) for row in await container.quota.page(caller)])


@router.delete("/quota/{account}", status_code=204, summary="Try an account again now", response_class=Response)
async def lift_quota(account: Account, caller: Writer, container: ContainerDep) -> Response:
    """Forget the stop, as after credits were bought. One's own accounts; those of built-in agents are an admin's."""
    await container.quota.lift(caller, account)
    return Response(status_code=204)
