"""The doors of configuration documents: import and export of ``mcp.json`` and ``server.json``."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, RootModel

from orchestrator.api.dependencies import ContainerDep, require
from orchestrator.api.mcp_models import ServerOut
from orchestrator.api.mcps import WaitSeconds, out
from orchestrator.core.caller import Caller, Scope
from orchestrator.services.first_probes import WAIT_SECONDS
from orchestrator.services.mcp_documents import Form

router = APIRouter(tags=["mcps"])

Reader = Annotated[Caller, require(Scope.MCPS_READ)]
Writer = Annotated[Caller, require(Scope.MCPS_WRITE)]


class ImportIn(BaseModel):
    """A document of MCP servers: its members, and beside them what it asks for."""

    model_config = ConfigDict(extra="allow")

    shared: bool = Field(False, description="Register for everybody; for admins of the service.")
    variables: dict[str, Annotated[str, Field(max_length=32_768)]] = Field(
        default_factory=dict,
        max_length=500,
        description="Values for `${NAME}`, `${input:id}` and the inputs of a server.json, by name. In env and headers "
        "they are stored encrypted.",
    )


class IgnoredOut(BaseModel):
    """A field of the document that says something and was not taken over."""

    server: str = Field(description="The entry.")
    field: str = Field(description="The field.")
    note: str = Field(description="What that means, and what to do instead.")


class ImportOut(BaseModel):
    """What an import did."""

    items: list[ServerOut] = Field(description="The servers registered.")
    ignored: list[IgnoredOut] = Field(description="What of the document was not taken over.")
    warnings: list[str] = Field(description="What the servers may not do in their sandbox, and how to grant it.")


class ServersDocument(RootModel[dict[str, Any]]):
    """Servers in the form asked for; in place of secrets stand placeholders."""


@router.post("/mcps/import", status_code=201, summary="Import an mcp.json or a server.json")
async def import_servers(
    body: ImportIn, caller: Writer, container: ContainerDep, wait_seconds: WaitSeconds = WAIT_SECONDS
) -> ImportOut:
    """Register every entry of `mcpServers` (Claude, Cursor), of `servers` (VS Code), or the server of the official
    registry's `server.json`: all of them or none; then probe each. One error names all values that are missing."""
    imported = await container.documents.load(
        caller, body.model_extra or {}, variables=body.variables, shared=body.shared
    )
    await container.first_probes.look(imported.entries, caller.user_id, seconds=wait_seconds)
    found = [await container.registry.find(entry.id) for entry in imported.entries]
    return ImportOut(
        items=[await out(container, caller, entry) for entry in found],
        ignored=[IgnoredOut.model_validate(one, from_attributes=True) for one in imported.ignored],
        warnings=list(imported.warnings),
    )


@router.get("/mcps/export", summary="Export as mcp.json or server.json")
async def export_servers(
    caller: Reader,
    container: ContainerDep,
    format: Annotated[Form, Query(description="claude, cursor, vscode, or server.json (one server).")] = "claude",
    server: Annotated[
        list[UUID] | None, Query(max_length=500, description="Which servers; default: all that are not built in.")
    ] = None,
    namespace: Annotated[
        str | None,
        Query(
            max_length=100,
            pattern=r"^[a-zA-Z0-9.-]+$",
            description="server.json: reverse DNS before the name; default: as imported, else local.orchestrator.",
        ),
    ] = None,
) -> ServersDocument:
    """The servers you may use, without any value of a header or an environment variable."""
    found = await container.documents.export(caller, format, servers=server or (), namespace=namespace)
    return ServersDocument(found)
