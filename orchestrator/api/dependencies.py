"""What routes ask for: the container of services, the authenticated caller, a page. Used by every router.

``require(Scope.TASKS_READ)`` gives a ``Caller`` and refuses everybody else: a bearer token (access or personal API
token) first, else the console's session cookie with its guard against cross-site requests.
"""

from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from orchestrator.api import session_cookie
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import Forbidden, NotAuthenticated


def get_container(request: Request) -> Container:
    """The services of this process."""
    container: Container = request.app.state.container
    return container


class Authenticated(SecurityBase):
    """A dependency that gives the caller. One object, so that a hot route pays for one step only."""

    def __init__(self, scopes: tuple[Scope, ...]) -> None:
        self._scopes = scopes
        self.scheme_name = "bearer"
        self.model = HTTPBearer(
            bearerFormat="JWT or orc_…", description="An access token or a personal API token (`orc_…`)."
        )

    async def __call__(self, request: Request) -> Caller:
        """The caller, with every scope asked for and within the limit of requests."""
        container = get_container(request)
        caller = await caller_of(request, container)
        if caller.task_id is not None:
            raise Forbidden("this token is lent to an agent, for the MCP endpoint only")
        for scope in self._scopes:
            caller.require(scope)
        container.request_limit.take(caller.user_id)
        return caller


async def caller_of(request: Request, container: Container) -> Caller:
    """Who sent the request; NotAuthenticated for nobody."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise NotAuthenticated("the Authorization header must be: Bearer <token>")
        return await container.tokens.caller_of_bearer(token.strip())
    cookie = session_cookie.read(request, container.settings)
    if cookie is None:
        raise NotAuthenticated("log in, or send Authorization: Bearer <token>")
    caller = await container.tokens.caller_of_session(cookie)
    session_cookie.guard(request, container, caller)
    return caller


def require(*scopes: Scope) -> Any:
    """``Annotated[Caller, require(Scope.TASKS_READ)]``: the caller, who holds all these scopes."""
    return Depends(Authenticated(scopes))


async def _container(request: Request) -> Container:
    """As a coroutine: the framework calls a plain function in a thread, which costs more than many a route."""
    return get_container(request)


ContainerDep = Annotated[Container, Depends(_container)]
CallerDep = Annotated[Caller, require()]
Limit = Annotated[int, Query(ge=1, le=200, description="Most items to return.")]
Offset = Annotated[int, Query(ge=0, le=1_000_000, description="Items to skip.")]
