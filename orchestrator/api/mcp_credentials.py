"""Who calls the MCP endpoints, and how a client learns to log in. Used by ``mcp_door``.

Takes tokens of connected applications (for their own endpoint only) beside access and personal API tokens. A refusal
says where to log in (RFC 9728). An application that lacks a scope is answered 403 with the scope it needs, before the
call begins, so that it can ask its person for more; tokens made by hand cannot grow and get a JSON-RPC error.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi.responses import JSONResponse
from starlette.requests import Request
from starlette.types import Message, Receive

from orchestrator.api.mcp_headers import DoorRequest
from orchestrator.api.mcp_search import CALL_TOOL
from orchestrator.api.mcp_tools import own_tools
from orchestrator.api.oauth_metadata import RESOURCE_METADATA, SCOPES
from orchestrator.api.own_address import own_origin
from orchestrator.api.problems import problem
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import NotAuthenticated
from orchestrator.services.authorization_requests import SCOPE_WORDS, covers
from orchestrator.services.mcp_endpoint import Endpoint
from orchestrator.services.tokens import APPLICATION_PREFIX

REFUSED = -32010
"""Our JSON-RPC code for what no other argument would change: the token lacks a scope. ``data`` is our error."""
_ALL = frozenset(SCOPE_WORDS)
_NEED_EXECUTE = frozenset({
    "resources/read", "resources/subscribe", "prompts/get", "completion/complete",
})  # fmt: skip


async def caller_of(request: DoorRequest, container: Container) -> Caller:
    """Bearer tokens only: a cookie is sent by browsers without anybody's wish."""
    token = request.read.bearer
    if token is None:
        raise NotAuthenticated("log in through the browser, or send Authorization: Bearer <access or API token>")
    if not token.startswith(APPLICATION_PREFIX):
        return await container.tokens.caller_of_bearer(token)
    caller = container.tokens.caller_of_application(token)
    if not covers(caller.resource or "", _path(request)):
        raise NotAuthenticated("this token is for another MCP endpoint")
    return caller


def unauthenticated(request: Request, container: Container, error: NotAuthenticated) -> JSONResponse:
    """401 with where to find out how to log in, and which scopes to ask for."""
    facts = {"resource_metadata": _metadata(request, container), "scope": " ".join(SCOPES)}
    if "authorization" in request.headers:
        facts = {"error": "invalid_token", "error_description": error.message, **facts}
    headers = {"WWW-Authenticate": _challenge(facts)}
    return problem(request, 401, error.code, error.message, hint=error.hint, headers=headers)


async def scope_needed(
    request: Request, receive: Receive, caller: Caller, endpoint: Endpoint
) -> tuple[Scope | None, Any, Receive]:
    """The scope that an application lacks for this request, the request's id, and the body to be read once more."""
    if caller.via != "application" or caller.scopes >= _ALL or request.method != "POST":
        return None, None, receive
    body = await request.body()
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        said = None  # the protocol says what is wrong with it
    asked = said if isinstance(said, dict) else {}
    scope = _scope_of(asked.get("method"), asked.get("params"), endpoint)
    return scope if scope not in caller.scopes else None, asked.get("id"), _again(body, receive)


def insufficient(request: Request, container: Container, scope: Scope, request_id: Any) -> JSONResponse:
    """403 that says which scope would do, for the client to ask its person; and the same as a JSON-RPC error."""
    message = f"this token lacks the scope {scope}"
    facts = {
        "error": "insufficient_scope", "scope": str(scope), "resource_metadata": _metadata(request, container),
        "error_description": message,
    }  # fmt: skip
    data = {"code": "forbidden", "message": message, "retry": False, "details": {"scope": str(scope)}}
    known = request_id if isinstance(request_id, str | int) else None
    body = {"jsonrpc": "2.0", "id": known, "error": {"code": REFUSED, "message": message, "data": data}}
    return JSONResponse(body, 403, headers={"WWW-Authenticate": _challenge(facts)})


def _scope_of(method: object, params: object, endpoint: Endpoint) -> Scope | None:
    if method in _NEED_EXECUTE:
        return Scope.MCPS_EXECUTE
    if method != "tools/call":
        return None
    given = params if isinstance(params, Mapping) else {}
    if endpoint.search and given.get("name") == CALL_TOOL.name:
        inner = given.get("arguments")
        given = inner if isinstance(inner, Mapping) else {}
    own = own_tools(endpoint).get(str(given.get("name")))
    return own.scope if own is not None else Scope.MCPS_EXECUTE


def _again(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives a body that was read already, then goes on."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _challenge(facts: Mapping[str, str]) -> str:
    said = ", ".join(f'{name}="{value.replace(chr(92), "").replace(chr(34), "")}"' for name, value in facts.items())
    return f"Bearer {said}"


def _metadata(request: Request, container: Container) -> str:
    return f"{own_origin(request, container)}{RESOURCE_METADATA}{_path(request)}"


def _path(request: Request) -> str:
    return str(request.scope["path"]).rstrip("/")
