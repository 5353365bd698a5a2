"""How a client finds out where to log in: metadata of the MCP endpoints (RFC 9728) and of us as their OAuth server.

At the well-known paths, with and without the endpoint's path behind them: clients of different ages look in different
places. The same document stands where OpenID Connect would have its own, since some look only there; we issue no ID
tokens and claim none. Everything is public, also to pages of other sites.
"""

import re

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from orchestrator.api.dependencies import ContainerDep
from orchestrator.api.own_address import own_origin
from orchestrator.core.errors import NotFound
from orchestrator.services.authorization_requests import ROOT_RESOURCE, SCOPE_WORDS

router = APIRouter(tags=["oauth"])

RESOURCE_METADATA = "/.well-known/oauth-protected-resource"
OPEN_TO_PAGES = {"Access-Control-Allow-Origin": "*"}
_CACHED = {**OPEN_TO_PAGES, "Cache-Control": "public, max-age=300"}
_PREFLIGHT = {
    **OPEN_TO_PAGES,
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, MCP-Protocol-Version",
    "Access-Control-Max-Age": "600",
}
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
SCOPES = sorted(str(scope) for scope in SCOPE_WORDS)


class ProtectedResource(BaseModel):
    """An MCP endpoint, as RFC 9728 describes it."""

    resource: str = Field(description="Address of the endpoint.")
    authorization_servers: list[str] = Field(description="Who gives out tokens for it: this service.")
    scopes_supported: list[str] = Field(description="Scopes that matter there.")
    bearer_methods_supported: list[str] = Field(["header"], description="Where the token goes.")
    resource_name: str = Field(description="Its name for people.")


class AuthorizationServer(BaseModel):
    """This service as an OAuth 2.1 authorization server, as RFC 8414 describes it."""

    issuer: str = Field(description="Who we are, in the answers to clients too.")
    authorization_endpoint: str = Field(description="Where a client sends the browser.")
    token_endpoint: str = Field(description="Where codes and refresh tokens become tokens.")
    registration_endpoint: str = Field(description="Where clients without a document register (RFC 7591).")
    revocation_endpoint: str = Field(description="Where a client ends what it was given (RFC 7009).")
    scopes_supported: list[str] = Field(description="Scopes an application can be given.")
    response_types_supported: list[str] = Field(["code"], description="Codes only.")
    response_modes_supported: list[str] = Field(["query"], description="In the query only.")
    grant_types_supported: list[str] = Field(
        ["authorization_code", "refresh_token"], description="What the token endpoint takes."
    )
    token_endpoint_auth_methods_supported: list[str] = Field(["none"], description="Clients hold no secrets.")
    revocation_endpoint_auth_methods_supported: list[str] = Field(["none"], description="Clients hold no secrets.")
    code_challenge_methods_supported: list[str] = Field(["S256"], description="PKCE is asked of everybody.")
    client_id_metadata_document_supported: bool = Field(
        True, description="A client_id may be the https address of the client's document."
    )
    authorization_response_iss_parameter_supported: bool = Field(
        True, description="Answers name their issuer (RFC 9207)."
    )


@router.get(RESOURCE_METADATA, summary="The MCP endpoint as a protected resource")
@router.get(RESOURCE_METADATA + ROOT_RESOURCE, summary="The MCP endpoint as a protected resource, by its path")
async def resource(request: Request, response: Response, container: ContainerDep) -> ProtectedResource:
    """Which authorization server protects `/mcp`, and which scopes matter there (RFC 9728)."""
    return _resource(request, response, container, ROOT_RESOURCE, "Orchestrator")


@router.get(RESOURCE_METADATA + ROOT_RESOURCE + "/{name}", summary="A named MCP endpoint as a protected resource")
async def named_resource(name: str, request: Request, response: Response, container: ContainerDep) -> ProtectedResource:
    """The same for `/mcp/{name}`. Whether there is an endpoint of that name is told to its own people only."""
    if not _NAME.fullmatch(name):
        raise NotFound("there is no such MCP endpoint", field="name")
    return _resource(request, response, container, f"{ROOT_RESOURCE}/{name}", f"Orchestrator: {name}")


@router.get("/.well-known/oauth-authorization-server", summary="This service as an OAuth server")
@router.get("/.well-known/oauth-authorization-server/mcp", include_in_schema=False)
@router.get("/.well-known/oauth-authorization-server/mcp/{_name}", include_in_schema=False)
@router.get("/.well-known/openid-configuration", include_in_schema=False)
@router.get("/.well-known/openid-configuration/mcp", include_in_schema=False)
@router.get("/.well-known/openid-configuration/mcp/{_name}", include_in_schema=False)
@router.get("/mcp/.well-known/openid-configuration", include_in_schema=False)
async def server(request: Request, response: Response, container: ContainerDep) -> AuthorizationServer:
    """Its endpoints and what they support (RFC 8414)."""
    response.headers.update(_CACHED)
    origin = own_origin(request, container)
    return AuthorizationServer(
        issuer=origin, authorization_endpoint=f"{origin}/oauth/authorize", token_endpoint=f"{origin}/oauth/token",
        registration_endpoint=f"{origin}/oauth/register", revocation_endpoint=f"{origin}/oauth/revoke",
        scopes_supported=SCOPES, client_id_metadata_document_supported=container.settings.read_client_documents,
    )  # fmt: skip


@router.options("/.well-known/{_path:path}", include_in_schema=False)
@router.options("/mcp/.well-known/{_path:path}", include_in_schema=False)
@router.options("/oauth/{_path:path}", include_in_schema=False)
async def preflight() -> Response:
    """Pages of other sites may ask and be answered: only /oauth/authorize reads a cookie, and no page can read that."""
    return Response(status_code=204, headers=_PREFLIGHT)


def _resource(request: Request, response: Response, container: ContainerDep, path: str, name: str) -> ProtectedResource:
    response.headers.update(_CACHED)
    origin = own_origin(request, container)
    return ProtectedResource(
        resource=origin + path, authorization_servers=[origin], scopes_supported=SCOPES, resource_name=name
    )
