"""Connecting to MCP servers by OAuth over REST and through the browser: start, way back, status, end, who we are.

The log-in runs in the browser that has a log-in of the console; nobody else can finish it. Tokens never come out.
"""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from orchestrator.api import session_cookie
from orchestrator.api.dependencies import ContainerDep, caller_of, require
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import NotAuthenticated, OrchestratorError
from orchestrator.services.flow_cookie import FLOW_SECONDS

router = APIRouter(tags=["mcps"])
public = APIRouter(tags=["mcps"])
"""What authorization servers read, at the root of the service."""

Reader = Annotated[Caller, require(Scope.MCPS_READ)]
Executor = Annotated[Caller, require(Scope.MCPS_EXECUTE)]
Tag = Annotated[str, Path(pattern=r"^[0-9a-f]{24}$", description="Stands for an authorization server.")]

_COOKIE = "orc_mcp_connect"


class ConnectOut(BaseModel):
    """Where to go on."""

    url: str = Field(description="Open it in the browser that has a log-in of the console.")


class ConnectionOut(BaseModel):
    """How the caller's calls reach a server that wants OAuth. Tokens are never shown."""

    mode: str | None = Field(description="shared or per_user; null: the server is not reached with OAuth.")
    status: str = Field(description="connected, needs_login, expired, or none where OAuth is not set up.")
    issuer: str | None = Field(description="The authorization server that gave its consent.")
    client_id: str | None = Field(description="Who this service is there.")
    scopes: list[str] = Field(description="What was allowed.")
    wanted: list[str] = Field(description="What the server asked for beyond; the next log-in asks for it.")
    expires_at: datetime | None = Field(description="When the present token ends; it is renewed before.")
    connect_url: str | None = Field(description="Where to log in, in a browser.")


@router.post("/mcps/{server_id}/connect", summary="Connect to a server that wants OAuth")
async def connect_server(
    server_id: UUID, caller: Executor, request: Request, response: Response, container: ContainerDep
) -> ConnectOut:
    """Where to log in. A browser with a log-in of the console is sent straight on; others open our page there."""
    if caller.via != "session":
        return ConnectOut(url=await container.connect.page_for(caller, server_id))
    url, cookie = await container.connect.begin(caller, server_id)
    _set_flow(response, container, cookie)
    return ConnectOut(url=url)


@router.get("/mcps/{server_id}/connect", status_code=303, response_class=RedirectResponse, summary="Log in to a server")
async def connect_in_browser(server_id: UUID, request: Request, container: ContainerDep) -> RedirectResponse:
    """The page that starts the log-in: on to the authorization server, or to our own log-in first."""
    try:
        caller = await caller_of(request, container)
        url, cookie = await container.connect.begin(caller, server_id)
    except OrchestratorError as error:
        if not _wants_page(request):
            raise
        first = isinstance(error, NotAuthenticated)
        here = f"/api/v1/mcps/{server_id}/connect"
        return RedirectResponse(f"/login?next={here}" if first else f"/servers?error={error.code}", 303)
    response = RedirectResponse(url, 303)
    _set_flow(response, container, cookie)
    return response


@router.get(
    "/mcps/callback/{tag}", status_code=303, response_class=RedirectResponse, summary="An authorization server's answer"
)
async def connect_callback(
    tag: Tag,
    request: Request,
    container: ContainerDep,
    code: Annotated[str, Query(max_length=4000, description="The authorization server's code.")] = "",
    state: Annotated[str, Query(max_length=200, description="The state of the log-in.")] = "",
    iss: Annotated[str | None, Query(max_length=2048, description="Who answers (RFC 9207).")] = None,
    error: Annotated[str, Query(max_length=200, description="Why there is no code.")] = "",
) -> RedirectResponse:
    """Finish the log-in and go back to the console."""
    cookie = request.cookies.get(session_cookie.cookie_name(container.settings, _COOKIE))
    answer = {"code": code, "state": state, "iss": iss, "error": error}
    try:
        caller = await caller_of(request, container)
        entry = await container.connect.finish(caller, cookie, tag, answer)
        container.targets.refresh()
        target = f"/servers?connected={entry.id}"
    except OrchestratorError as failed:
        if not _wants_page(request):
            raise
        # The code only: a message in an address could be anybody's.
        target = f"/servers?error={failed.code}"
    response = RedirectResponse(target, 303)
    response.delete_cookie(
        session_cookie.cookie_name(container.settings, _COOKIE), path="/", httponly=True, samesite="lax",
        secure=session_cookie.is_secure(container.settings),
    )  # fmt: skip
    return response


@router.get("/mcps/{server_id}/connection", summary="How you are connected")
async def read_connection(server_id: UUID, caller: Reader, container: ContainerDep) -> ConnectionOut:
    """Status, scopes and end of the connection that your calls go with."""
    entry, found = await container.connect.status(caller, server_id)
    oauth = entry.oauth or {}
    return ConnectionOut(
        mode=oauth.get("mode"),
        status=found.status if found is not None else "needs_login" if oauth else "none",
        issuer=found.issuer if found is not None else None,
        client_id=found.client_id if found is not None else None,
        scopes=list(found.scopes) if found is not None else [],
        wanted=list(found.wanted) if found is not None else [],
        expires_at=found.expires_at if found is not None else None,
        connect_url=container.connect.page(server_id) if oauth else None,
    )


@router.delete("/mcps/{server_id}/connect", status_code=204, summary="Disconnect from a server")
async def disconnect_server(server_id: UUID, caller: Executor, container: ContainerDep) -> None:
    """Forget the connection, close its session, and have its tokens revoked where that is offered."""
    await container.connect.disconnect(caller, server_id)
    container.targets.refresh()


@public.get("/.well-known/mcp-client/{tag}", summary="This service as an OAuth client")
async def client_metadata(tag: Tag, container: ContainerDep) -> dict[str, Any]:
    """What authorization servers read of us (OAuth Client ID Metadata Document)."""
    return container.connect.document(tag)


def _set_flow(response: Response, container: Container, cookie: str) -> None:
    response.set_cookie(
        session_cookie.cookie_name(container.settings, _COOKIE), cookie, max_age=FLOW_SECONDS, path="/",
        secure=session_cookie.is_secure(container.settings), httponly=True, samesite="lax",
    )  # fmt: skip


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
