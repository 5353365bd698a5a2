"""A user's own credentials for MCP servers over REST: set, see the names, remove. Values never come out again.

What an entry wants of each user it says in ``user_env`` and ``user_headers``; who has not set it gets the error
``credentials_needed`` from every use of the server.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.dependencies import ContainerDep, require
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.routing import Health
from orchestrator.services.server_entry import ServerEntry

router = APIRouter(tags=["mcps"])

Reader = Annotated[Caller, require(Scope.MCPS_READ)]
Executor = Annotated[Caller, require(Scope.MCPS_EXECUTE)]


class CredentialsIn(BaseModel):
    """Values of the caller's own; names that are not given keep theirs."""

    model_config = ConfigDict(extra="forbid")

    env: dict[str, Annotated[str, Field(max_length=32_768)]] = Field(
        default_factory=dict, max_length=64, description="Environment variables, by name; stored encrypted."
    )
    headers: dict[str, Annotated[str, Field(max_length=8192)]] = Field(
        default_factory=dict, max_length=64, description="Headers, by name; stored encrypted."
    )


class CredentialsOut(BaseModel):
    """What the server wants of the caller, and what they have set."""

    env: list[str] = Field(description="Names of variables that are set.")
    headers: list[str] = Field(description="Names of headers that are set.")
    missing: list[str] = Field(description="Names of both kinds that the server wants and are not set.")
    health: Health = Field(description="What a session with the caller's credentials last said.")
    error: str | None = Field(description="Why it is unhealthy.")
    tools: int = Field(description="How many tools such a session showed.")


def _out(container: Container, entry: ServerEntry) -> CredentialsOut:
    env, headers = container.registry.credentials.names(entry)
    missing = [name for name in entry.user_env if name not in env]
    missing += [name for name in entry.user_headers if name not in headers]
    return CredentialsOut(
        env=env, headers=headers, missing=missing, health=entry.health, error=entry.health_error, tools=len(entry.tools)
    )


@router.get("/mcps/{server_id}/credentials", summary="Names of your own credentials")
async def read_credentials(server_id: UUID, caller: Reader, container: ContainerDep) -> CredentialsOut:
    """Names of what you have set and of what is missing; never a value."""
    return _out(container, await container.registry.get(caller, server_id))


@router.put("/mcps/{server_id}/credentials", summary="Set credentials of your own")
async def set_credentials(
    server_id: UUID, body: CredentialsIn, caller: Executor, container: ContainerDep
) -> CredentialsOut:
    """Set values for yourself and ask the server with them. Your calls go over a session that nobody else uses."""
    entry = await container.registry.set_own(caller, server_id, body.env, body.headers)
    container.targets.refresh()
    return _out(container, entry)


@router.delete("/mcps/{server_id}/credentials", status_code=204, summary="Remove credentials of your own")
async def remove_credentials(server_id: UUID, caller: Executor, container: ContainerDep) -> None:
    """Forget your values, close your session and forget what it showed."""
    await container.registry.remove_own(caller, server_id)
    container.targets.refresh()
