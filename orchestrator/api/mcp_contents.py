"""Resources, prompts and completions of an MCP server over REST, in wire form. Tools are in ``mcp_execute``."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.dependencies import ContainerDep, require
from orchestrator.api.mcp_relay import RESOURCE_NOT_FOUND
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import InvalidInput, ToolFailed
from orchestrator.services.mcp_offers import PROMPTS, RESOURCES, TEMPLATES

router = APIRouter(tags=["mcps"])

Executor = Annotated[Caller, require(Scope.MCPS_EXECUTE)]
Uri = Annotated[str, Query(min_length=1, max_length=4096, description="The resource, as the list names it.")]
Word = Annotated[str, Field(max_length=4096)]


class ResourceList(BaseModel):
    """What a server offers to read."""

    resources: list[dict[str, Any]] = Field(description="Resources, as the server describes them.")
    templates: list[dict[str, Any]] = Field(description="Templates of URIs it answers to.")


class ResourceOut(BaseModel):
    """What a resource holds."""

    model_config = ConfigDict(extra="allow")

    contents: list[dict[str, Any]] = Field(description="Its parts: text, or base64 in `blob`.")


class PromptList(BaseModel):
    """The prompts of a server."""

    prompts: list[dict[str, Any]] = Field(description="Prompts, as the server describes them.")


class PromptIn(BaseModel):
    """Which prompt, filled with what."""

    model_config = ConfigDict(extra="forbid")

    name: Word = Field(min_length=1, description="The prompt.")
    arguments: dict[Word, Word] = Field(default_factory=dict, max_length=100, description="Its arguments.")


class PromptOut(BaseModel):
    """A filled prompt."""

    model_config = ConfigDict(extra="allow")

    messages: list[dict[str, Any]] = Field(description="Its messages.")


class RefIn(BaseModel):
    """What is completed: a prompt by its name, or a template of URIs."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["ref/prompt", "ref/resource"] = Field(description="Which of both.")
    name: Word | None = Field(None, description="The prompt.")
    uri: Word | None = Field(None, description="The template.")


class ArgumentIn(BaseModel):
    """The argument that is being typed."""

    model_config = ConfigDict(extra="forbid")

    name: Word = Field(description="The argument.")
    value: Word = Field(description="What was typed so far.")


class CompleteIn(BaseModel):
    """A completion that is wanted."""

    model_config = ConfigDict(extra="forbid")

    ref: RefIn = Field(description="What is completed.")
    argument: ArgumentIn = Field(description="Its argument.")
    arguments: dict[Word, Word] = Field(default_factory=dict, max_length=100, description="Arguments known already.")


class CompletionOut(BaseModel):
    """What could be meant."""

    model_config = ConfigDict(extra="allow")

    completion: dict[str, Any] = Field(description="`values`, and whether there are more.")


@router.get("/mcps/{server_id}/resources", summary="List a server's resources")
async def list_resources(server_id: UUID, caller: Executor, container: ContainerDep) -> ResourceList:
    """Resources and templates of a server; one that has none answers with empty lists."""
    entry = await container.registry.get(caller, server_id)
    return ResourceList(
        resources=await container.offers.of_server(caller, entry, RESOURCES),
        templates=await container.offers.of_server(caller, entry, TEMPLATES),
    )


@router.get("/mcps/{server_id}/resources/read", summary="Read a resource")
async def read_resource(server_id: UUID, uri: Uri, caller: Executor, container: ContainerDep) -> ResourceOut:
    """What a resource holds."""
    entry = await container.registry.get(caller, server_id)
    try:
        return ResourceOut.model_validate(await container.offers.ask(caller, entry, "resources/read", {"uri": uri}))
    except (InvalidInput, ToolFailed) as error:
        if error.field != "arguments" and error.details.get("code") != RESOURCE_NOT_FOUND:
            raise
        raise InvalidInput(error.message, field="uri") from error


@router.get("/mcps/{server_id}/prompts", summary="List a server's prompts")
async def list_prompts(server_id: UUID, caller: Executor, container: ContainerDep) -> PromptList:
    """Prompts of a server; one that has none answers with an empty list."""
    entry = await container.registry.get(caller, server_id)
    return PromptList(prompts=await container.offers.of_server(caller, entry, PROMPTS))


@router.post("/mcps/{server_id}/prompts/get", summary="Fill a prompt")
async def get_prompt(server_id: UUID, body: PromptIn, caller: Executor, container: ContainerDep) -> PromptOut:
    """A prompt filled with arguments."""
    entry = await container.registry.get(caller, server_id)
    try:
        return PromptOut.model_validate(await container.offers.ask(caller, entry, "prompts/get", body.model_dump()))
    except (InvalidInput, ToolFailed) as error:
        known = await container.offers.of_server(caller, entry, PROMPTS)
        if any(one.get("name") == body.name for one in known):
            raise
        raise InvalidInput(error.message, field="name") from error


@router.post("/mcps/{server_id}/complete", summary="Complete an argument")
async def complete(server_id: UUID, body: CompleteIn, caller: Executor, container: ContainerDep) -> CompletionOut:
    """What the server suggests for an argument of a prompt or of a template."""
    entry = await container.registry.get(caller, server_id)
    params = {"ref": body.ref.model_dump(exclude_none=True), "argument": body.argument.model_dump()}
    if body.arguments:
        params["context"] = {"arguments": body.arguments}
    return CompletionOut.model_validate(await container.offers.ask(caller, entry, "completion/complete", params))
