"""Programs that the caller connects to the MCP endpoints: what one asks, the decision, the list, the end.

A request is in this browser's cookie, put there by /oauth/authorize; the decision is made by a log-in, guarded as every
change is, so no other site can make it. The answer is an address for the browser. Used by the console and by tests that
play it.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api import request_cookie, session_cookie
from orchestrator.api.dependencies import ContainerDep, require
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.redirect_uris import is_local, way_back
from orchestrator.services.authorization_requests import ROOT_RESOURCE, SCOPE_WORDS

router = APIRouter(tags=["user"])

Account = Annotated[Caller, require(Scope.ACCOUNT)]
RequestId = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9_-]{16}$", description="Id of the request, from the console's address.")
]


class ApplicationOut(BaseModel):
    """A connected program."""

    id: UUID = Field(description="Id of the application.")
    name: str = Field(description="What it calls itself.")
    host: str = Field(description="The host that vouches for it, else where it is answered.")
    client_id: str = Field(description="Its OAuth client id.")
    scopes: list[str] = Field(description="What it may do.")
    resources: list[str] = Field(description="Paths of the MCP endpoints it may use.")
    connections: int = Field(description="How often it is connected now.")
    remembered: bool = Field(description="Whether it is connected without asking.")
    connected_at: datetime = Field(description="When it was first connected.")
    last_used_at: datetime = Field(description="When it last renewed its access.")


class ApplicationsOut(BaseModel):
    """Connected programs."""

    items: list[ApplicationOut] = Field(description="The one used last first.")


class AskedScope(BaseModel):
    """Something a program asks for."""

    scope: str = Field(description="The scope.")
    words: str = Field(description="What it allows, in words.")


class AskedOut(BaseModel):
    """What a program asks of the caller."""

    name: str = Field(description="What it calls itself.")
    host: str = Field(description="The host that vouches for it, else where it is answered.")
    vouched: bool = Field(description="Whether the host vouches for the name; else nobody does.")
    way_back: str = Field(description="Where the browser is sent with the answer.")
    local: bool = Field(description="Whether that is a program on this computer, which others could pretend to be.")
    scopes: list[AskedScope] = Field(description="What it wants to do.")
    endpoint: str = Field(description="Address of the MCP endpoint it wants to use.")


class DecisionIn(BaseModel):
    """The caller's decision."""

    model_config = ConfigDict(extra="forbid")

    approve: bool = Field(description="Whether the program gets what it asks for.")
    remember: bool = Field(False, description="Do not ask again for the same program, endpoint and scopes.")


class DecisionOut(BaseModel):
    """What comes of it."""

    redirect_to: str = Field(description="Send the browser there: it takes the answer to the program.")


@router.get("/user/applications", summary="List the programs I connected")
async def list_applications(caller: Account, container: ContainerDep) -> ApplicationsOut:
    """Programs that may use the MCP endpoints for the caller, since they logged in through the browser."""
    found = await container.applications.list(caller.user_id)
    return ApplicationsOut(
        items=[ApplicationOut(**{name: getattr(one, name) for name in ApplicationOut.model_fields}) for one in found]
    )


@router.delete("/user/applications/{application_id}", status_code=204, summary="Disconnect a program")
async def disconnect(application_id: UUID, caller: Account, container: ContainerDep) -> None:
    """End everything it was given: at once in this process, within an access token's life in others."""
    await container.applications.disconnect(caller.user_id, application_id)


@router.get("/user/applications/requests/{request_id}", summary="What a program asks me")
async def read_request(request_id: RequestId, caller: Account, request: Request, container: ContainerDep) -> AskedOut:
    """The request that /oauth/authorize handed to this browser. It lives ten minutes."""
    caller.require_login()
    asked = container.authorizations.open(request_cookie.read(request))
    return AskedOut(
        name=asked.client_name, host=asked.client_host, vouched=asked.vouched, way_back=way_back(asked.redirect_uri),
        local=is_local(asked.redirect_uri), endpoint=asked.issuer + asked.resource,
        scopes=[AskedScope(scope=scope, words=SCOPE_WORDS[Scope(scope)]) for scope in asked.scopes],
    )  # fmt: skip


@router.post("/user/applications/requests/{request_id}", summary="Decide what a program asks me")
async def decide(
    request_id: RequestId, body: DecisionIn, caller: Account, request: Request, response: Response,
    container: ContainerDep,
) -> DecisionOut:  # fmt: skip
    """Approve or deny. Only a log-in decides: no token can connect a program."""
    caller.require_login()
    asked = container.authorizations.open(request_cookie.read(request))
    if body.approve:
        if asked.resource != ROOT_RESOURCE:
            await container.endpoints.find(caller, asked.resource.removeprefix(f"{ROOT_RESOURCE}/"))
        target = await container.grants.approve(caller.user_id, asked)
        if body.remember:
            await container.applications.remember(caller.user_id, asked)
    else:
        target = asked.answer(error="access_denied", error_description="the person said no")
    request_cookie.clear(response, request_id, secure=session_cookie.is_secure(container.settings))
    return DecisionOut(redirect_to=target)
