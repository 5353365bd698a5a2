"""The door for traces of test runs that were made elsewhere; ``orchestrator kg trace`` makes and sends them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from orchestrator.api.dependencies import ContainerDep, require
from orchestrator.core.caller import Caller, Scope

router = APIRouter(tags=["kg"])

Writer = Annotated[Caller, require(Scope.GRAPH_WRITE)]
_TRACE = {"requestBody": {"required": True, "content": {"text/plain": {}, "application/gzip": {}}}}


class TracesOut(BaseModel):
    """What a run showed, and what is not told of it."""

    run: str = Field(description="The run's id.")
    calls: int = Field(description="Calls between definitions of the graph.")
    tests: int = Field(description="Tests that ran.")
    covered: int = Field(description="Functions that ran.")
    stale_files: int = Field(description="Files that ran in another version than the graph's: nothing is told of them.")
    stale: list[str] = Field(description="The first of them.")
    unknown_code: int = Field(description="Code that ran and is no definition of the graph.")
    left_out: int = Field(description="What the graph does not hold because there is too much, and broken records.")


@router.post("/kg/{kg_id}/traces", summary="Take in the traces of a test run", openapi_extra=_TRACE)
async def take_traces(
    kg_id: UUID,
    request: Request,
    caller: Writer,
    container: ContainerDep,
    label: Annotated[str, Query(max_length=200, description="What ran, such as the command.")] = "",
) -> TracesOut:
    """Traces as text, gzipped or not. Only what ran in the very versions of files that the graph shows is told."""
    told = await container.traced_runs.sent_in(caller, kg_id, await request.body(), label=label)
    return TracesOut.model_validate(told)
