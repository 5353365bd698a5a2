"""The caller's own account: profile, settings, password, usage, linked accounts. Used by the console and API clients.

What guards the account itself (password, linking) wants a log-in; a personal API token is not enough.
"""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api import oauth, session_cookie
from orchestrator.api.auth import PRINTABLE, DisplayName, NewPassword, UserOut, user_out
from orchestrator.api.dependencies import ContainerDep, require
from orchestrator.core.caller import Caller, Scope
from orchestrator.services.accounts import Profile

router = APIRouter(tags=["user"])

Account = Annotated[Caller, require(Scope.ACCOUNT)]
ProviderName = Literal["github", "huggingface"]


class IdentityOut(BaseModel):
    """A linked account elsewhere."""

    provider: str = Field(description="github or huggingface.")
    login: str = Field(description="Name of the account there.")
    email: str | None = Field(description="E-mail that is verified there.")
    scopes: list[str] = Field(description="What the account lets this service do there.")
    linked_at: datetime = Field(description="When it was linked.")


class Preferences(BaseModel):
    """A user's settings. null takes one away."""

    model_config = ConfigDict(extra="forbid")

    preferred_target: Annotated[
        str | None,
        Field(max_length=200, pattern=PRINTABLE, description="Id or name of the preferred target."),
    ] = None


class ProfileOut(UserOut):
    """The caller's account."""

    has_password: bool = Field(description="Whether the user can log in with e-mail and password.")
    settings: Preferences = Field(description="The user's settings.")
    identities: list[IdentityOut] = Field(description="Linked accounts elsewhere.")
    created_at: datetime = Field(description="When the account was made.")
    csrf_token: str | None = Field(description="For a cookie session: what X-CSRF-Token must carry.")


class SettingsIn(BaseModel):
    """What to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    display_name: DisplayName | None = None
    settings: Preferences | None = Field(None, description="Settings to change; those left out stay.")


class PasswordIn(BaseModel):
    """A new password."""

    model_config = ConfigDict(extra="forbid")

    current_password: Annotated[
        str | None, Field(max_length=1024, description="The present one; null for a user who has none.")
    ] = None
    new_password: NewPassword


class DayOut(BaseModel):
    """One day's tasks."""

    day: date = Field(description="The day, UTC.")
    created: int = Field(description="Tasks made on it.")
    completed: int = Field(description="Those of them that are completed.")
    failed: int = Field(description="Those of them that failed.")


class UsageOut(BaseModel):
    """What the user has asked for."""

    tasks: int = Field(description="Tasks in all.")
    by_state: dict[str, int] = Field(description="Tasks by state.")
    days: list[DayOut] = Field(description="The last thirty days that had tasks, oldest first.")


class LinkIn(BaseModel):
    """Which account to link."""

    model_config = ConfigDict(extra="forbid")

    provider: ProviderName = Field(description="github or huggingface.")
    repositories: bool = Field(True, description="Also ask for access to repositories, which pull requests need.")
    next: Annotated[str, Field(max_length=500, pattern=oauth.PATH, description="Where to go in the console then.")] = (
        "/settings"
    )


class LinkOut(BaseModel):
    """Where to go on."""

    authorize_url: str = Field(description="Send the same browser there; the answer carried the flow's cookie.")


@router.get("/user/profile", summary="Who am I")
async def profile(caller: Account, request: Request, response: Response, container: ContainerDep) -> ProfileOut:
    """The caller's account. For a cookie session also its CSRF token, and the cookie's life starts anew."""
    cookie = session_cookie.read(request, container.settings)
    if caller.via == "session" and cookie is not None:
        session_cookie.set_session(response, container.settings, cookie)
    csrf = container.tokens.csrf_token(caller.session_id) if caller.via == "session" and caller.session_id else None
    return _profile_out(await container.accounts.profile(caller.user_id), csrf)


@router.put("/user/settings", summary="Change name and settings")
async def change_settings(body: SettingsIn, caller: Account, container: ContainerDep) -> ProfileOut:
    """Change what is given."""
    settings = body.settings.model_dump(exclude_unset=True) if body.settings else None
    changed = await container.accounts.change_settings(
        caller.user_id, display_name=body.display_name, settings=settings
    )
    csrf = container.tokens.csrf_token(caller.session_id) if caller.via == "session" and caller.session_id else None
    return _profile_out(changed, csrf)


@router.put("/user/password", status_code=204, summary="Change the password")
async def change_password(body: PasswordIn, caller: Account, container: ContainerDep) -> None:
    """Set a new password and end every other log-in."""
    caller.require_login()
    await container.accounts.change_password(caller.user_id, body.current_password, body.new_password)
    await container.sessions.end_all(caller.user_id, but=caller.session_id)


@router.get("/user/usage", summary="What have I asked for")
async def usage(caller: Account, container: ContainerDep) -> UsageOut:
    """The caller's tasks by state and by day."""
    found = await container.accounts.usage(caller.user_id)
    days = [DayOut(day=day.day, created=day.created, completed=day.completed, failed=day.failed) for day in found.days]
    return UsageOut(tasks=sum(found.by_state.values()), by_state=dict(found.by_state), days=days)


@router.post("/user/link-account", summary="Start linking an account elsewhere")
async def link_account(body: LinkIn, caller: Account, response: Response, container: ContainerDep) -> LinkOut:
    """Where to send this browser. Only this log-in can finish the linking."""
    url, cookie = container.oauth.begin(body.provider, next_path=body.next, link=caller, repositories=body.repositories)
    oauth.set_flow(response, container, body.provider, cookie)
    return LinkOut(authorize_url=url)


@router.delete("/user/link-account/{provider}", status_code=204, summary="Unlink an account elsewhere")
async def unlink_account(provider: ProviderName, caller: Account, container: ContainerDep) -> None:
    """Unlink it, unless it is the only way to log in."""
    caller.require_login()
    await container.oauth.unlink(caller.user_id, provider)


def _profile_out(found: Profile, csrf: str | None) -> ProfileOut:
    user = found.user
    identities = [
        IdentityOut(
            provider=each.provider, login=each.login, email=each.email, scopes=each.scopes, linked_at=each.created_at
        )
        for each in found.identities
    ]
    return ProfileOut(
        **user_out(user).model_dump(), has_password=user.password_hash is not None, identities=identities,
        settings=Preferences(preferred_target=user.settings.get("preferred_target")), created_at=user.created_at,
        csrf_token=csrf,
    )  # fmt: skip
