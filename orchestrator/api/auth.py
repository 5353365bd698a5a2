"""Ways in and out: register, log in, refresh, log out. Used by the console, the CLI and API clients.

Log-in by e-mail gives either a pair of tokens or, with ``cookie``, the console's session cookie. Log-in with accounts
elsewhere is in ``oauth``, the account itself in ``user``.
"""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, EmailStr, Field

from orchestrator.api import session_cookie
from orchestrator.api.dependencies import ContainerDep, caller_of
from orchestrator.bootstrap import Container
from orchestrator.core.errors import NotAuthenticated
from orchestrator.models.accounts import User
from orchestrator.services.sessions import TokenPair

router = APIRouter(tags=["auth"])

PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
Email = Annotated[EmailStr, Field(max_length=254, description="E-mail address.")]
NewPassword = Annotated[str, Field(min_length=8, max_length=1024, description="8 to 1024 characters.")]
DisplayName = Annotated[str, Field(max_length=100, pattern=PRINTABLE, description="Name shown to others.")]
RefreshTokenText = Annotated[str, Field(min_length=1, max_length=200, description="A refresh token.")]


class RegisterIn(BaseModel):
    """A new account."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    password: NewPassword
    display_name: DisplayName = ""


class LoginIn(BaseModel):
    """E-mail and password."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    password: Annotated[str, Field(min_length=1, max_length=1024, description="The password.")]
    cookie: bool = Field(False, description="Set the console's session cookie instead of giving tokens.")


class RefreshIn(BaseModel):
    """A refresh token to be exchanged."""

    model_config = ConfigDict(extra="forbid")

    refresh_token: RefreshTokenText


class LogoutIn(BaseModel):
    """What to end; without anything, the log-in that asks."""

    model_config = ConfigDict(extra="forbid")

    refresh_token: RefreshTokenText | None = Field(None, description="End the log-in this refresh token belongs to.")
    everywhere: bool = Field(False, description="End every log-in of the caller.")


class UserOut(BaseModel):
    """A user, as themselves."""

    id: str = Field(description="Id of the user.")
    email: str = Field(description="E-mail address.")
    email_verified: bool = Field(description="Whether an outside account with this e-mail, verified there, is linked.")
    display_name: str = Field(description="Name shown to others.")
    avatar_url: str | None = Field(description="Picture.")
    is_admin: bool = Field(description="Whether the user administers the service.")


class TokensOut(BaseModel):
    """What an API client holds."""

    access_token: str = Field(description="Send it as `Authorization: Bearer …`.")
    refresh_token: str = Field(description="Exchange it at `/auth/refresh`; works once, then its successor.")
    token_type: Literal["bearer"] = Field("bearer", description="Always bearer.")
    expires_in: int = Field(description="Life of the access token in seconds.")


class SessionOut(BaseModel):
    """A cookie session was started."""

    csrf_token: str = Field(description="Send it as `X-CSRF-Token` with every request that changes something.")
    user: UserOut = Field(description="Who is logged in.")


def user_out(user: User) -> UserOut:
    """The shown form of a user."""
    return UserOut(
        id=str(user.id), email=user.email, email_verified=user.email_verified, display_name=user.display_name,
        avatar_url=user.avatar_url, is_admin=user.is_admin,
    )  # fmt: skip


def tokens_out(pair: TokenPair) -> TokensOut:
    """The shown form of a pair of tokens."""
    return TokensOut(
        access_token=pair.access_token, refresh_token=pair.refresh_token, expires_in=pair.expires_in
    )  # fmt: skip


def user_agent(request: Request) -> str:
    """How the client calls itself, in characters that can be stored."""
    return "".join(sign for sign in request.headers.get("user-agent", "") if sign.isprintable())


async def start_cookie_session(request: Request, response: Response, container: Container, user: User) -> str:
    """Log this browser in, in place of whoever was; returns the CSRF token."""
    before = await _present_session(request, container)
    if before is not None:
        await container.sessions.end(before)
    started = await container.sessions.start_cookie(user, user_agent=user_agent(request))
    session_cookie.set_session(response, container.settings, started.secret)
    return started.csrf_token


@router.post("/auth/register", status_code=201, summary="Make an account with e-mail and password")
async def register(body: RegisterIn, request: Request, container: ContainerDep) -> UserOut:
    """The first account ever becomes admin of the service. Log in afterwards."""
    user = await container.accounts.register(body.email, body.password, body.display_name, address=_address(request))
    return user_out(user)


@router.post("/auth/login", summary="Log in with e-mail and password")
async def login(body: LoginIn, request: Request, response: Response, container: ContainerDep) -> TokensOut | SessionOut:
    """A pair of tokens, or with `cookie: true` the session cookie and its CSRF token."""
    if body.cookie:
        session_cookie.require_own_origin(request, container.settings)
    user = await container.accounts.authenticate(body.email, body.password, address=_address(request))
    if body.cookie:
        csrf = await start_cookie_session(request, response, container, user)
        return SessionOut(csrf_token=csrf, user=user_out(user))
    return tokens_out(await container.sessions.start(user, user_agent=user_agent(request)))


@router.post("/auth/refresh", summary="Exchange a refresh token")
async def refresh(body: RefreshIn, container: ContainerDep) -> TokensOut:
    """A new pair. A refresh token that was used before ends its log-in, but for ten seconds of grace for races."""
    return tokens_out(await container.sessions.refresh(body.refresh_token))


@router.post("/auth/logout", status_code=204, summary="Log out")
async def logout(request: Request, response: Response, container: ContainerDep, body: LogoutIn | None = None) -> None:
    """End the log-in of the given refresh token, or that of the caller, or all of the caller's."""
    body = body or LogoutIn()
    if body.refresh_token is not None:
        await container.sessions.end_by_refresh_token(body.refresh_token)
        if not body.everywhere:
            return
    try:
        caller = await caller_of(request, container)
    except NotAuthenticated:
        if "authorization" in request.headers or not session_cookie.read(request, container.settings):
            raise
        # The session ended already: what the browser still holds is worth nothing.
        session_cookie.clear_session(response, container.settings)
        return
    caller.require_login()
    if body.everywhere:
        await container.sessions.end_all(caller.user_id)
    elif caller.session_id is not None:
        await container.sessions.end(caller.session_id)
    session_cookie.clear_session(response, container.settings)


async def _present_session(request: Request, container: Container) -> UUID | None:
    cookie = session_cookie.read(request, container.settings)
    if cookie is None:
        return None
    try:
        return (await container.tokens.caller_of_session(cookie)).session_id
    except NotAuthenticated:
        return None


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
