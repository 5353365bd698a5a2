"""Log-in with GitHub and Hugging Face, and the ends of linking them. Used by the console's browser and API clients.

The callback answers a browser (GET) with a redirect into the console, and an API client that carried the browser's
part itself (POST) with tokens. Both need the cookie that the start of the flow set.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api import session_cookie
from orchestrator.api.auth import TokensOut, start_cookie_session, tokens_out, user_agent
from orchestrator.api.dependencies import ContainerDep, caller_of
from orchestrator.bootstrap import Container
from orchestrator.core.errors import NotAuthenticated, OrchestratorError
from orchestrator.services.flow_cookie import FLOW_SECONDS

router = APIRouter(tags=["auth"])

PATH = r"^/([^/\x00-\x20\x7f\\][^\x00-\x20\x7f\\]*)?$"
Next = Annotated[
    str, Query(max_length=500, pattern=PATH, description="Path of the console to go to afterwards.", alias="next")
]
Code = Annotated[str, Query(max_length=2000, description="The provider's code.")]
State = Annotated[str, Query(max_length=200, description="The state of the flow.")]
Refusal = Annotated[str, Query(max_length=200, description="The provider's reason for refusing.")]


class ProviderOut(BaseModel):
    """A place to log in."""

    name: str = Field(description="github or huggingface.")
    title: str = Field(description="Its name for people.")
    configured: bool = Field(description="Whether this service is set up for it.")
    login_url: str = Field(description="Where to send the browser to log in.")


class ProvidersOut(BaseModel):
    """Places to log in beside e-mail and password."""

    items: list[ProviderOut] = Field(description="All that this service knows.")
    registration_open: bool = Field(description="Whether strangers may make an account.")


class CallbackIn(BaseModel):
    """What the provider's redirect carried."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[str, Field(min_length=1, max_length=2000, description="The provider's code.")]
    state: Annotated[str, Field(min_length=1, max_length=200, description="The state of the flow.")]


class LinkedOut(BaseModel):
    """A linking was finished."""

    linked: str = Field(description="The provider whose account is now linked.")


@router.get("/auth/providers", summary="Places to log in")
async def providers(container: ContainerDep) -> ProvidersOut:
    """GitHub and Hugging Face, and whether this service is set up for each."""
    items = [
        ProviderOut(name=name, title=place.title, configured=place.configured, login_url=f"/api/v1/auth/{name}/login")
        for name, place in container.oauth.providers.items()
    ]
    return ProvidersOut(items=items, registration_open=container.accounts.allow_registration)


@router.get("/auth/github/login", status_code=302, response_class=RedirectResponse, summary="Log in with GitHub")
async def github_login(container: ContainerDep, next_path: Next = "/") -> RedirectResponse:
    """Send the browser to GitHub."""
    return _start(container, "github", next_path)


@router.get("/auth/github", status_code=303, response_class=RedirectResponse, summary="GitHub's answer, by browser")
async def github_callback(
    request: Request, container: ContainerDep, code: Code = "", state: State = "", error: Refusal = ""
) -> RedirectResponse:
    """Finish the log-in or linking and go back to the console."""
    return await _finish_in_browser(request, container, "github", (code, state, error))


@router.post("/auth/github", summary="GitHub's answer, by an API client")
async def github_exchange(
    body: CallbackIn, request: Request, response: Response, container: ContainerDep
) -> TokensOut | LinkedOut:
    """Finish the log-in or linking. Send the cookie that its start set."""
    return await _finish_for_client(request, response, container, "github", body)


@router.get(
    "/auth/huggingface/login", status_code=302, response_class=RedirectResponse, summary="Log in with Hugging Face"
)
async def huggingface_login(container: ContainerDep, next_path: Next = "/") -> RedirectResponse:
    """Send the browser to Hugging Face."""
    return _start(container, "huggingface", next_path)


@router.get(
    "/auth/huggingface",
    status_code=303,
    response_class=RedirectResponse,
    summary="Hugging Face's answer, by browser",
)
async def huggingface_callback(
    request: Request, container: ContainerDep, code: Code = "", state: State = "", error: Refusal = ""
) -> RedirectResponse:
    """Finish the log-in or linking and go back to the console."""
    return await _finish_in_browser(request, container, "huggingface", (code, state, error))


@router.post("/auth/huggingface", summary="Hugging Face's answer, by an API client")
async def huggingface_exchange(
    body: CallbackIn, request: Request, response: Response, container: ContainerDep
) -> TokensOut | LinkedOut:
    """Finish the log-in or linking. Send the cookie that its start set."""
    return await _finish_for_client(request, response, container, "huggingface", body)


def set_flow(response: Response, container: Container, provider: str, cookie: str) -> None:
    """Put the flow on the browser that starts it."""
    response.set_cookie(
        _flow_cookie(container, provider), cookie, max_age=FLOW_SECONDS, path="/",
        secure=session_cookie.is_secure(container.settings), httponly=True, samesite="lax",
    )  # fmt: skip


def _start(container: Container, provider: str, next_path: str) -> RedirectResponse:
    url, cookie = container.oauth.begin(provider, next_path=next_path)
    response = RedirectResponse(url, 302)
    set_flow(response, container, provider, cookie)
    return response


async def _finish_in_browser(
    request: Request, container: Container, provider: str, answer: tuple[str, str, str]
) -> RedirectResponse:
    response = RedirectResponse("/", 303)
    try:
        target = await _finish(request, response, container, provider, answer)
    except OrchestratorError as error:
        if "text/html" not in request.headers.get("accept", ""):
            raise
        # The code only: a message in an address could be anybody's.
        target = f"/login?error={error.code}"
    response.headers["location"] = target
    _clear_flow(response, container, provider)
    return response


async def _finish(
    request: Request, response: Response, container: Container, provider: str, answer: tuple[str, str, str]
) -> str:
    code, state, refusal = answer
    flow = container.oauth.resume(provider, request.cookies.get(_flow_cookie(container, provider)), state)
    if refusal or not code:
        raise NotAuthenticated(f"the log-in was refused at {container.oauth.providers[provider].title}")
    if flow.link_user is not None:
        await container.oauth.link(flow, code, await caller_of(request, container))
    else:
        user = await container.oauth.log_in(flow, code)
        await start_cookie_session(request, response, container, user)
    return flow.next


async def _finish_for_client(
    request: Request, response: Response, container: Container, provider: str, body: CallbackIn
) -> TokensOut | LinkedOut:
    session_cookie.require_own_origin(request, container.settings)
    flow = container.oauth.resume(provider, request.cookies.get(_flow_cookie(container, provider)), body.state)
    _clear_flow(response, container, provider)
    if flow.link_user is not None:
        await container.oauth.link(flow, body.code, await caller_of(request, container))
        return LinkedOut(linked=provider)
    user = await container.oauth.log_in(flow, body.code)
    return tokens_out(await container.sessions.start(user, user_agent=user_agent(request)))


def _clear_flow(response: Response, container: Container, provider: str) -> None:
    response.delete_cookie(
        _flow_cookie(container, provider), path="/", secure=session_cookie.is_secure(container.settings),
        httponly=True, samesite="lax",
    )  # fmt: skip


def _flow_cookie(container: Container, provider: str) -> str:
    return session_cookie.cookie_name(container.settings, f"orc_oauth_{provider}")
