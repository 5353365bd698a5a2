"""MCP endpoints over REST: chosen servers and tools at ``/mcp/{name}``. The endpoint itself is in ``mcp_door``."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.dependencies import ContainerDep, require
from orchestrator.api.mcp_search import CALL_TOOL
from orchestrator.api.mcp_tools import OWN_TOOLS
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import InvalidInput

router = APIRouter(tags=["mcps"])

Reader = Annotated[Caller, require(Scope.MCPS_READ)]
Writer = Annotated[Caller, require(Scope.MCPS_WRITE)]
Slug = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$")]
ServerName = Annotated[str, Field(min_length=1, max_length=200)]
ToolName = Annotated[str, Field(min_length=1, max_length=128)]
_OURS = frozenset({*OWN_TOOLS, CALL_TOOL.name})
Offered = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,128}$")]


class ToolChanges(BaseModel):
    """What an endpoint says of a tool in place of its server."""

    model_config = ConfigDict(extra="forbid")

    title: str | None = Field(None, max_length=200, description="Its title.")
    description: str | None = Field(None, max_length=10_000, description="Its description.")
    readOnlyHint: bool | None = Field(None, description="Whether it changes nothing.")  # noqa: N815 - the protocol's name
    destructiveHint: bool | None = Field(None, description="Whether it may destroy.")  # noqa: N815
    idempotentHint: bool | None = Field(None, description="Whether twice is as once.")  # noqa: N815
    openWorldHint: bool | None = Field(None, description="Whether it reaches outside.")  # noqa: N815


class _Face(BaseModel):
    model_config = ConfigDict(extra="forbid")

    description: str = Field("", max_length=2000, description="What it is for.")
    servers: list[ServerName] = Field(
        default_factory=list, max_length=200, description="Its servers, by id or name; empty: all."
    )
    prefix: bool = Field(True, description="Whether names carry their server's: `server__tool`.")
    own_tools: bool = Field(False, description="Whether it offers the orchestrator's own tools too.")
    read_only: bool = Field(False, description="Only tools that say they change nothing.")
    search: bool = Field(
        False, description="Tools are found with `search_tools` and called with `call_tool` instead of being listed."
    )
    listed: list[ToolName] = Field(
        default_factory=list,
        max_length=200,
        description="With `search`: patterns of tools that are listed all the same.",
    )
    tools: list[ToolName] = Field(
        default_factory=list,
        max_length=1000,
        description="Patterns of names, such as `git__*`; a renamed tool fits by either name; empty: all.",
    )
    renames: dict[ToolName, Offered] = Field(
        default_factory=dict,
        max_length=1000,
        description="Other names, by the name before; none of another tool.",
    )
    annotations: dict[ToolName, ToolChanges] = Field(
        default_factory=dict, max_length=1000, description="What is said of tools, by either name."
    )


class EndpointIn(_Face):
    """An endpoint to make."""

    name: Slug = Field(description="Its address is /mcp/{name}.")
    shared: bool = Field(False, description="For everybody; admins of the service only.")
    project_id: UUID | None = Field(
        None, description="Makes it a project's: its members use it and it works on the project; its admins only."
    )


class EndpointChange(_Face):
    """What may be changed; what is left out stays."""


class EndpointOut(_Face):
    """An endpoint."""

    name: str = Field(description="Its name.")
    url: str = Field(description="Its address.")
    owner_id: UUID | None = Field(description="Whose it is; null for a project's and everybody's.")
    project_id: UUID | None = Field(description="The project it belongs to and works on.")
    created_at: datetime = Field(description="When it was made.")
    updated_at: datetime = Field(description="When it was last changed.")
    warnings: list[str] = Field(
        default_factory=list, description="Of a change made just now: what fits no tool that is known."
    )


class EndpointList(BaseModel):
    """Endpoints by name."""

    items: list[EndpointOut] = Field(description="The endpoints.")


def _out(container: Any, row: Any) -> EndpointOut:
    known = {name: row[name] for name in EndpointOut.model_fields if name in row}
    return EndpointOut.model_validate({**known, "url": f"{container.settings.base_url}/mcp/{row['name']}"})


def _values(body: _Face) -> dict[str, Any]:
    for before, after in body.renames.items():
        if after in _OURS:
            raise InvalidInput(f"renames.{before}: {after} is a tool of our own", field=f"renames.{before}")
    values = body.model_dump(mode="json", exclude_unset=True, exclude={"shared", "project_id"})
    if "annotations" in values:
        values["annotations"] = body.model_dump(mode="json", exclude_none=True)["annotations"]
    return values


@router.get("/mcps/endpoints", summary="List MCP endpoints")
async def list_endpoints(caller: Reader, container: ContainerDep) -> EndpointList:
    """The caller's own, their projects' and everybody's; `/mcp` itself, with everything, is always there."""
    return EndpointList(items=[_out(container, row) for row in await container.endpoints.visible(caller)])


@router.post("/mcps/endpoints", status_code=201, summary="Make an MCP endpoint")
async def create_endpoint(body: EndpointIn, caller: Writer, container: ContainerDep) -> EndpointOut:
    """Chosen servers and tools under an address of their own, for one client, agent or project."""
    made = await container.endpoints.create(caller, _values(body), shared=body.shared, project_id=body.project_id)
    return _out(container, made)


@router.patch("/mcps/endpoints/{name}", summary="Change an MCP endpoint")
async def change_endpoint(name: Slug, body: EndpointChange, caller: Writer, container: ContainerDep) -> EndpointOut:
    """Change what is given; connected clients see it at once."""
    return _out(container, await container.endpoints.change(caller, name, _values(body)))


@router.delete("/mcps/endpoints/{name}", status_code=204, summary="Delete an MCP endpoint")
async def delete_endpoint(name: Slug, caller: Writer, container: ContainerDep) -> Response:
    """Take the address away; the servers stay."""
    await container.endpoints.delete(caller, name)
    return Response(status_code=204)
