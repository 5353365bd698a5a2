"""The doors of a user's own Hugging Face Spaces: connect, consent, probe, disconnect; find MCP servers among them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.dependencies import ContainerDep, require
from orchestrator.api.mcp_models import Name, ServerOut
from orchestrator.api.mcps import out
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.routing import Health
from orchestrator.services.first_probes import WAIT_SECONDS
from orchestrator.services.space_service import GRADIO_MCP_PATH

router = APIRouter(tags=["spaces"])

Owner = Annotated[Caller, require(Scope.ACCOUNT)]
Registrar = Annotated[Caller, require(Scope.MCPS_WRITE)]
SpaceId = Annotated[str, Field(max_length=200, pattern=r"^[\w.-]+/[\w.-]+$", description="owner/name on Hugging Face.")]
McpPath = Annotated[str, Field(max_length=500, pattern=r"^/[\w./-]*$", description="Where its MCP server answers.")]


class SpaceIn(BaseModel):
    """A Space to connect."""

    model_config = ConfigDict(extra="forbid")

    space_id: SpaceId
    mcp_path: McpPath = GRADIO_MCP_PATH
    consent: bool = Field(False, description="Agree that heavy tasks of yours run there.")


class SpaceConsent(BaseModel):
    """A standing consent."""

    model_config = ConfigDict(extra="forbid")

    granted: bool = Field(description="Whether heavy tasks of yours may run there.")


class SpaceOut(BaseModel):
    """A connected Space."""

    id: UUID = Field(description="Its id here.")
    target_id: str = Field(description="Its id as a routing target.")
    space_id: str = Field(description="owner/name on Hugging Face.")
    url: str = Field(description="Its MCP endpoint.")
    capabilities: list[str] = Field(description="What its tools can do.")
    health: Health = Field(description="What the last probe said.")
    consented_at: datetime | None = Field(description="When you agreed to run heavy work there; null: not.")

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "SpaceOut":
        """From a stored row."""
        return cls.model_validate({**row, "target_id": f"space:{row['id']}"})


class SpaceList(BaseModel):
    """The caller's Spaces."""

    items: list[SpaceOut] = Field(description="By name.")


class SpaceServerOut(BaseModel):
    """A Space that carries an MCP server, as the Hub says."""

    space_id: str = Field(description="owner/name on Hugging Face.")
    url: str | None = Field(description="Where its MCP server answers; null: it has no running application.")
    stage: str | None = Field(description="Hugging Face's word for how it stands: RUNNING, SLEEPING, PAUSED, …")
    private: bool = Field(description="Whether only its owner sees it.")
    sdk: str | None = Field(description="gradio, docker or static.")
    server_id: UUID | None = Field(description="Your server in the registry that is this Space; null: none.")


class CandidateList(BaseModel):
    """What was found."""

    items: list[SpaceServerOut] = Field(description="Your Spaces and those of your organisations, by name.")


class SpaceServerIn(BaseModel):
    """A Space to register as an MCP server."""

    model_config = ConfigDict(extra="forbid")

    space_id: SpaceId
    name: Name | None = Field(None, description="Its name in the registry; default: that of the Space.")
    mcp_path: McpPath = GRADIO_MCP_PATH


@router.get("/user/spaces/discover", summary="Find your Spaces that carry an MCP server")
async def discover_spaces(caller: Owner, container: ContainerDep) -> CandidateList:
    """Ask Hugging Face for Spaces of yours and of your organisations with the tag `mcp-server`."""
    found = await container.space_servers.discover(caller)
    return CandidateList(
        items=[
            SpaceServerOut(
                space_id=one.space.id, url=one.url, stage=one.space.stage, private=one.space.private,
                sdk=one.space.sdk, server_id=one.registered.id if one.registered else None,
            )
            for one in found
        ]
    )  # fmt: skip


@router.post("/user/spaces/register", status_code=201, summary="Register a Space as an MCP server")
async def register_space(body: SpaceServerIn, caller: Registrar, container: ContainerDep) -> ServerOut:
    """Register it as your own server, called with your own Hugging Face token, and probe it. Again: the token anew."""
    caller.require(Scope.ACCOUNT)
    entry = await container.space_servers.register(caller, body.space_id, name=body.name, mcp_path=body.mcp_path)
    await container.first_probes.look([entry], caller.user_id, seconds=WAIT_SECONDS)
    return await out(container, caller, await container.registry.find(entry.id))


@router.get("/user/spaces", summary="List your Spaces")
async def list_spaces(caller: Owner, container: ContainerDep) -> SpaceList:
    """The Spaces connected for heavy work."""
    return SpaceList(items=[SpaceOut.of(row) for row in await container.spaces.list(caller)])


@router.post("/user/spaces", status_code=201, summary="Connect a Space")
async def connect_space(body: SpaceIn, caller: Owner, container: ContainerDep) -> SpaceOut:
    """Connect a Space that carries an MCP server; it is looked up on Hugging Face and probed."""
    row = await container.spaces.connect(caller, body.space_id, mcp_path=body.mcp_path, consent=body.consent)
    container.targets.refresh()
    return SpaceOut.of(row)


@router.put("/user/spaces/{space_id}/consent", summary="Consent to heavy work in a Space")
async def consent_space(space_id: UUID, body: SpaceConsent, caller: Owner, container: ContainerDep) -> SpaceOut:
    """Give or take back the standing consent."""
    row = await container.spaces.consent(caller, space_id, granted=body.granted)
    container.targets.refresh()
    return SpaceOut.of(row)


@router.post("/user/spaces/{space_id}/probe", summary="Probe a Space now")
async def probe_space(space_id: UUID, caller: Owner, container: ContainerDep) -> SpaceOut:
    """Ask its MCP server what it can do."""
    await container.spaces.probe(caller, space_id)
    container.targets.refresh()
    return SpaceOut.of(await container.spaces.get(caller, space_id))


@router.delete("/user/spaces/{space_id}", status_code=204, summary="Disconnect a Space")
async def remove_space(space_id: UUID, caller: Owner, container: ContainerDep) -> None:
    """Disconnect it; the Space itself stays as it is."""
    await container.spaces.remove(caller, space_id)
    container.targets.refresh()
