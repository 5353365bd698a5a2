"""The knowledge graph doors: generate, read, query, update, export. SPARQL's own protocol is ``sparql``'s."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.dependencies import ContainerDep, require
from orchestrator.api.task_models import TaskAccepted
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import BadQuery

router = APIRouter(tags=["kg"])

Reader = Annotated[Caller, require(Scope.GRAPH_READ)]
Writer = Annotated[Caller, require(Scope.GRAPH_WRITE)]
FilePath = Annotated[str, Field(min_length=1, max_length=4096)]
Format = Literal["turtle", "ntriples", "jsonld", "trig"]

_JSON = "application/sparql-results+json"


class GenerateIn(BaseModel):
    """Which graph to build."""

    model_config = ConfigDict(extra="forbid")

    project_id: UUID = Field(description="The project.")
    files: list[FilePath] | None = Field(None, max_length=100_000, description="Only these files; default: all.")


class GenerateOut(BaseModel):
    """A build was queued."""

    kg_id: UUID | None = Field(description="The graph; null until the first build has ended.")
    task_id: UUID = Field(description="The build, a task like any other.")
    task: TaskAccepted = Field(description="Where the build stands.")


class GraphOut(BaseModel):
    """A project's knowledge graph."""

    kg_id: UUID = Field(description="The graph.")
    project_id: UUID = Field(description="Its project.")
    commit: str | None = Field(description="The commit it shows.")
    triples: int | None = Field(description="How many triples it has.")
    built_at: datetime | None = Field(description="When it was built.")
    task_id: UUID | None = Field(description="The build that made it.")
    report: dict[str, Any] = Field(description="What the build counted, and what it skipped and why.")
    links: dict[str, str] = Field(description="Where to query and export it.")


class QueryIn(BaseModel):
    """A SPARQL query."""

    model_config = ConfigDict(extra="forbid")

    kg_id: UUID | None = Field(None, description="The graph.")
    project_id: UUID | None = Field(None, description="Or the project whose graph it is.")
    query: str = Field(min_length=1, max_length=100_000, description="SELECT, ASK, CONSTRUCT or DESCRIBE.")


class QueryOut(BaseModel):
    """A query's answer."""

    columns: list[str] = Field(description="Variables, in order; empty for ASK and graphs.")
    rows: list[dict[str, Any]] = Field(description="SELECT: bindings as SPARQL JSON has them.")
    boolean: bool | None = Field(None, description="ASK: the answer.")
    graph: str | None = Field(None, description="CONSTRUCT and DESCRIBE: the triples as Turtle.")
    truncated: bool = Field(description="Whether rows beyond the limit were left out.")
    seconds: float = Field(description="How long the query ran.")


@router.post("/kg/generate", status_code=202, summary="Build a graph")
async def generate(body: GenerateIn, caller: Writer, container: ContainerDep) -> GenerateOut:
    """Build the project's graph as a task; the old one answers until the new one is whole."""
    kg_id, task = await container.graphs.generate(caller, body.project_id, body.files)
    return GenerateOut(kg_id=kg_id, task_id=task["id"], task=TaskAccepted.of(task))


@router.put("/kg/update", status_code=202, summary="Bring a graph up to date")
async def update(body: GenerateIn, caller: Writer, container: ContainerDep) -> GenerateOut:
    """Look at files that may have changed (all, or those named) and at what depends on them; builds where none was."""
    kg_id, task = await container.graphs.generate(caller, body.project_id, body.files, update=True)
    return GenerateOut(kg_id=kg_id, task_id=task["id"], task=TaskAccepted.of(task))


@router.post("/kg/query", summary="Ask a graph (JSON)")
async def query(body: QueryIn, caller: Reader, container: ContainerDep) -> QueryOut:
    """A SPARQL query with its answer as plain JSON."""
    wanted = body.kg_id or body.project_id
    if wanted is None or (body.kg_id and body.project_id):
        raise BadQuery("name one of kg_id and project_id", field="kg_id")
    answer = await container.graphs.query(caller, wanted, body.query, accept=f"{_JSON}, text/turtle;q=0.9")
    return QueryOut.model_validate(container.graphs.as_table(answer))


@router.get("/kg/{kg_id}", summary="Read a graph's card")
async def get_graph(kg_id: UUID, caller: Reader, container: ContainerDep) -> GraphOut:
    """What the graph shows, of which commit, and where to query it. The id may be the project's."""
    row = await container.graphs.get(caller, kg_id)
    base = f"/api/v1/kg/{row['id']}"
    links = {"self": base, "sparql": f"{base}/sparql", "export": f"{base}/export"}
    return GraphOut.model_validate({**row, "kg_id": row["id"], "links": links})


@router.get("/kg/{kg_id}/export", summary="Export a graph", response_class=Response)
async def export(kg_id: UUID, caller: Reader, container: ContainerDep, format: Format = "turtle") -> Response:
    """The whole graph as Turtle, N-Triples, JSON-LD or TriG."""
    media_type, chunks = await container.graphs.export(caller, kg_id, format)
    return StreamingResponse(chunks, media_type=media_type)
