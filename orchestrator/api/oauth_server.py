"""Our OAuth 2.1 endpoints for programs that connect to /mcp: authorize, token, register, revoke. Used by MCP clients.

Errors are those of RFC 6749, since libraries of clients read them. Authorize never shows a log-in or a consent itself:
it hands a checked request to the console in a cookie, and the person decides there (``applications``). What is checked
and given out is decided in the authorization services.
"""

import re
import secrets
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from orchestrator.api import request_cookie, session_cookie
from orchestrator.api.dependencies import ContainerDep
from orchestrator.api.oauth_metadata import OPEN_TO_PAGES
from orchestrator.api.oauth_page import refusal_page
from orchestrator.api.own_address import own_origin
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.core.errors import NotAuthenticated, OAuthRefused, OrchestratorError
from orchestrator.core.redirect_uris import is_local
from orchestrator.models import OAuthClient
from orchestrator.services.authorization_grants import Granted, Redemption
from orchestrator.services.authorization_requests import RefusedAtClient, grantable, resource_path
from orchestrator.services.limits import place_of

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_PRIVATE = {**_NO_STORE, "Referrer-Policy": "no-referrer"}
_MOST_BYTES = 16 * 1024
_WORDS = {429: "temporarily_unavailable", 503: "temporarily_unavailable", 413: "invalid_request"}
_UNSAYABLE = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")


class _OAuthRoute(APIRoute):
    """A route whose errors are those that libraries of OAuth clients understand."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As any route, but for errors of ours."""
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await handle(request)
            except OrchestratorError as error:
                return _refused(error)

        return answered


router = APIRouter(tags=["oauth"], route_class=_OAuthRoute)


class OAuthError(BaseModel):
    """An error as RFC 6749 wants it."""

    error: str = Field(description="Its word: invalid_request, invalid_client, invalid_grant and so on.")
    error_description: str = Field(description="What went wrong, for people.")


class GrantedOut(BaseModel):
    """Tokens for an application."""

    access_token: str = Field(description="Send it as `Authorization: Bearer …` to the MCP endpoint it is for.")
    token_type: str = Field("Bearer", description="Always Bearer.")
    expires_in: int = Field(description="Life of the access token in seconds.")
    scope: str = Field(description="What it may do.")
    refresh_token: str | None = Field(None, description="Gives the next ones; works once.")


class RegisteredOut(BaseModel):
    """A registered client."""

    client_id: str = Field(description="The client's id.")
    client_id_issued_at: int = Field(description="When, in seconds since 1970.")
    client_name: str = Field(description="Its name as people are shown it.")
    redirect_uris: list[str] = Field(description="Where browsers may be sent back to; those that may not are left out.")
    grant_types: list[str] = Field(description="What it may ask of the token endpoint.")
    response_types: list[str] = Field(["code"], description="Codes only.")
    token_endpoint_auth_method: str = Field(
        "none", description="Clients hold no secrets; they prove themselves by PKCE."
    )


def _form(fields: Mapping[str, str], *required: str) -> dict[str, Any]:
    properties = {name: {"type": "string", "description": text} for name, text in fields.items()}
    schema = {"type": "object", "required": list(required), "properties": properties}
    return {"requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}}


_TOKEN_FORM = {
    "grant_type": "authorization_code or refresh_token.",
    "client_id": "The client.",
    "code": "The code.",
    "redirect_uri": "Where the code was sent.",
    "code_verifier": "The proof (PKCE).",
    "refresh_token": "The refresh token.",
    "scope": "Fewer scopes than were granted.",
    "resource": "The MCP endpoint.",
}
_REVOKE_FORM = {"token": "An access or refresh token.", "token_type_hint": "Not needed.", "client_id": "The client."}
_ERRORS: dict[int | str, dict[str, Any]] = {"default": {"model": OAuthError, "description": "Refused."}}


@router.get(
    "/oauth/authorize", status_code=303, response_class=RedirectResponse, responses=_ERRORS,
    summary="Ask a person for access, by browser",
)  # fmt: skip
async def authorize(request: Request, container: ContainerDep) -> Response:
    """Check what a client asks, and let the person decide in the console. A browser is only ever sent to an address
    that its client registered, and off this computer only by the person's own click; else a page says what is wrong."""
    container.request_limit.take(("oauth", _place(request)))
    try:
        return await _asked(request, container)
    except OAuthRefused as error:
        back = error.location if isinstance(error, RefusedAtClient) else None
        if back is not None and is_local(back):
            return RedirectResponse(back, 302, headers=_PRIVATE)
        # Anybody can register an address elsewhere: only a person's own click leads there.
        if "text/html" in request.headers.get("accept", ""):
            return refusal_page(error, back)
        raise


@router.post(
    "/oauth/token", response_model=GrantedOut, responses=_ERRORS, summary="Exchange a code or a refresh token",
    openapi_extra=_form(_TOKEN_FORM, "grant_type", "client_id"),
)  # fmt: skip
async def token(request: Request, container: ContainerDep) -> JSONResponse:
    """Tokens for one MCP endpoint. A code works once and for a minute; a refresh token works once."""
    form = await _read_form(request, container)
    kind = form.get("grant_type", "")
    if kind == "authorization_code":
        granted = await _redeem(request, container, form)
    elif kind == "refresh_token":
        granted = await _refresh(request, container, form)
    else:
        error = "unsupported_grant_type" if kind else "invalid_request"
        raise _invalid("grant_type must be authorization_code or refresh_token", error)
    return _answer(_granted_out(granted))


@router.post(
    "/oauth/register", status_code=201, response_model=RegisteredOut, responses=_ERRORS,
    summary="Register a client",
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}},
)  # fmt: skip
async def register(request: Request, container: ContainerDep) -> JSONResponse:
    """For clients without a document to describe them (RFC 7591). One that nobody approves is forgotten after a day."""
    body = await _read(request)
    try:
        metadata = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _invalid("the body is not JSON", "invalid_client_metadata") from error
    if not isinstance(metadata, dict):
        raise _invalid("the body must be a JSON object", "invalid_client_metadata")
    row = await container.oauth_clients.register(metadata, place=_place(request))
    return _answer(_registered_out(row), 201)


@router.post(
    "/oauth/revoke", response_class=Response, responses=_ERRORS, summary="End what a client was given",
    openapi_extra=_form(_REVOKE_FORM, "token", "client_id"),
)  # fmt: skip
async def revoke(request: Request, container: ContainerDep) -> Response:
    """End the grant behind an access or refresh token (RFC 7009). A token that is not ours is no error."""
    form = await _read_form(request, container)
    if "token" not in form:
        raise _invalid("token is missing")
    await container.grants.revoke(form["token"], client_id=_client_id(form))
    return Response(headers={**_NO_STORE, **OPEN_TO_PAGES})


async def _asked(request: Request, container: Container) -> Response:
    """Straight back with a code where the person said not to be asked again; else on to the console."""
    asked = await container.authorizations.read(
        request.query_params.multi_items(), issuer=own_origin(request, container), place=_place(request)
    )
    caller = await _present_caller(request, container)
    if caller is not None and await container.applications.remembers(caller.user_id, asked):
        return RedirectResponse(await container.grants.approve(caller.user_id, asked), 302, headers=_PRIVATE)
    request_id = secrets.token_urlsafe(12)
    response = RedirectResponse(f"/connect/{request_id}", 303, headers=_PRIVATE)
    sealed, secure = container.authorizations.seal(asked), session_cookie.is_secure(container.settings)
    request_cookie.put(response, request_id, sealed, secure=secure)
    return response


async def _present_caller(request: Request, container: Container) -> Caller | None:
    cookie = session_cookie.read(request, container.settings)
    if cookie is None:
        return None
    try:
        return await container.tokens.caller_of_session(cookie)
    except NotAuthenticated:
        return None


async def _redeem(request: Request, container: Container, form: Mapping[str, str]) -> Granted:
    missing = [name for name in ("code", "redirect_uri", "code_verifier") if name not in form]
    if missing:
        raise _invalid(f"{missing[0]} is missing")
    given = Redemption(
        form["code"], _client_id(form), form["redirect_uri"], form["code_verifier"],
        _resource(request, container, form),
    )  # fmt: skip
    return await container.grants.redeem(given)


async def _refresh(request: Request, container: Container, form: Mapping[str, str]) -> Granted:
    if "refresh_token" not in form:
        raise _invalid("refresh_token is missing")
    scopes = grantable(form["scope"]) if "scope" in form else None
    resource = _resource(request, container, form)
    return await container.grants.refresh(
        form["refresh_token"], client_id=_client_id(form), scopes=scopes, resource=resource
    )


def _resource(request: Request, container: Container, form: Mapping[str, str]) -> str | None:
    if "resource" not in form:
        return None
    path = resource_path(form["resource"], own_origin(request, container))
    if path is None:
        raise _invalid("resource must be the address of an MCP endpoint of this service", "invalid_target")
    return path


def _client_id(form: Mapping[str, str]) -> str:
    if "client_id" not in form:
        raise _invalid("client_id is missing", "invalid_client")
    return form["client_id"]


async def _read_form(request: Request, container: Container) -> dict[str, str]:
    container.request_limit.take(("oauth", _place(request)))
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise _invalid("the body must be application/x-www-form-urlencoded")
    if "authorization" in request.headers:
        raise _invalid("clients have no secret here: send client_id in the body", "invalid_client")
    try:
        pairs = parse_qsl((await _read(request)).decode(), max_num_fields=50, errors="strict")
    except ValueError as error:
        raise _invalid("the body cannot be read") from error
    twice = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
    if twice:
        raise _invalid("no parameter may be given twice")
    return dict(pairs)


async def _read(request: Request) -> bytes:
    body = await request.body()
    if len(body) > _MOST_BYTES:
        raise _invalid(f"the body is over {_MOST_BYTES} bytes")
    return body


def _granted_out(granted: Granted) -> GrantedOut:
    return GrantedOut(
        access_token=granted.access_token, expires_in=granted.expires_in, scope=" ".join(granted.scopes),
        refresh_token=granted.refresh_token,
    )  # fmt: skip


def _registered_out(row: OAuthClient) -> RegisteredOut:
    return RegisteredOut(
        client_id=str(row.id), client_id_issued_at=int(row.created_at.timestamp()), client_name=row.name,
        redirect_uris=row.redirect_uris,
        grant_types=["authorization_code", *(["refresh_token"] if row.refreshable else [])],
    )  # fmt: skip


def _answer(model: BaseModel, status: int = 200) -> JSONResponse:
    body = model.model_dump(mode="json", exclude_none=True)
    return JSONResponse(body, status, headers={**_NO_STORE, **OPEN_TO_PAGES})


def _refused(error: OrchestratorError) -> JSONResponse:
    word = str(error.details.get("error") or _WORDS.get(error.status, "invalid_request"))
    headers = {**_NO_STORE, **OPEN_TO_PAGES}
    if "retry_after" in error.details:
        headers["Retry-After"] = str(error.details["retry_after"])
    told = OAuthError(error=word, error_description=_UNSAYABLE.sub("'", error.message)[:500])
    return JSONResponse(told.model_dump(), 401 if word == "invalid_client" else error.status, headers=headers)


def _invalid(why: str, error: str = "invalid_request") -> OAuthRefused:
    return OAuthRefused(why, details={"error": error})


def _place(request: Request) -> str:
    return place_of(request.client.host if request.client else "")
