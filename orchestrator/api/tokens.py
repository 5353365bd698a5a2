"""Personal API tokens of the caller: make, list, revoke. Used by the console and the CLI.

A token's text is in one answer only, that of its making.
"""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.auth import PRINTABLE
from orchestrator.api.dependencies import ContainerDep, Limit, Offset, require
from orchestrator.core.caller import Caller, Scope
from orchestrator.models.accounts import ApiToken

router = APIRouter(tags=["user"])

Account = Annotated[Caller, require(Scope.ACCOUNT)]


class TokenIn(BaseModel):
    """A new token."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=PRINTABLE, description="What it is for.")]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope), description="What it may do.")]
    expires_in_days: Annotated[int | None, Field(ge=1, le=3650, description="Its life in days; null for no end.")] = 90
    project_id: UUID | None = Field(None, description="Narrow it to this project.")


class TokenOut(BaseModel):
    """A token, without its text."""

    id: UUID = Field(description="Id of the token.")
    name: str = Field(description="What it is for.")
    prefix: str = Field(description="Its first characters, to tell it apart.")
    scopes: list[str] = Field(description="What it may do.")
    project_id: UUID | None = Field(description="The one project it is for.")
    created_at: datetime = Field(description="When it was made.")
    expires_at: datetime | None = Field(description="When it ends; null for never.")
    last_used_at: datetime | None = Field(description="When it was last used, to the minute.")


class NewTokenOut(TokenOut):
    """A new token with its text."""

    token: str = Field(description="The token itself. It is shown this once.")


class TokensPage(BaseModel):
    """A page of tokens."""

    items: list[TokenOut] = Field(description="Newest first.")
    total: int = Field(description="How many there are.")
    limit: int = Field(description="Most items of this page.")
    offset: int = Field(description="Items skipped.")


@router.get("/user/tokens", summary="List my API tokens")
async def list_tokens(caller: Account, container: ContainerDep, limit: Limit = 50, offset: Offset = 0) -> TokensPage:
    """The caller's tokens that are not revoked."""
    found, total = await container.api_tokens.list(caller.user_id, limit=limit, offset=offset)
    return TokensPage(items=[TokenOut(**_shown(each)) for each in found], total=total, limit=limit, offset=offset)


@router.post("/user/tokens", status_code=201, summary="Make an API token")
async def create_token(body: TokenIn, caller: Account, container: ContainerDep) -> NewTokenOut:
    """Make a token; its text is in this answer only. Needs a log-in: a token cannot make tokens."""
    token, text = await container.api_tokens.create(
        caller, body.name, body.scopes, days=body.expires_in_days, project_id=body.project_id
    )
    return NewTokenOut(**_shown(token), token=text)


@router.delete("/user/tokens/{token_id}", status_code=204, summary="Revoke an API token")
async def revoke_token(token_id: UUID, caller: Account, container: ContainerDep) -> None:
    """Revoke it: at once in this process, within ten seconds in others."""
    await container.api_tokens.revoke(caller.user_id, token_id)


def _shown(token: ApiToken) -> dict[str, Any]:
    return {name: getattr(token, name) for name in TokenOut.model_fields}
