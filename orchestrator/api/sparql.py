"""The SPARQL 1.1 doors: Protocol and Service Description over a project's graph, which is read-only, and over the
caller's scratch dataset beside it, which also takes updates and the Graph Store Protocol.

A GET without a query answers with the service description. Texts are judged and run behind ``kg.query``, not here.
"""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from orchestrator.api.dependencies import ContainerDep, require
from orchestrator.api.sparql_protocol import Operation, endpoint, read_operation
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import BadQuery, QueryRefused
from orchestrator.kg.query.client import QueryAnswer
from orchestrator.kg.query.description import describe_service

router = APIRouter(tags=["sparql"])

Reader = Annotated[Caller, require(Scope.GRAPH_READ)]
Writer = Annotated[Caller, require(Scope.GRAPH_WRITE)]
GraphName = Annotated[str | None, Query(max_length=4096, description="The IRI of a named graph.")]
DefaultGraph = Annotated[str | None, Query(max_length=0, description="Present and empty: the default graph.")]


@router.get("/kg/{kg_id}/sparql", summary="SPARQL 1.1 Protocol, query by GET", response_class=Response)
async def sparql_get(kg_id: UUID, request: Request, caller: Reader, container: ContainerDep) -> Response:
    """`Accept` chooses the format of the answer; without `query` this describes the service."""
    return await answer_of_graph(request, kg_id, caller, container)


@router.post("/kg/{kg_id}/sparql", summary="SPARQL 1.1 Protocol, query by POST", response_class=Response)
async def sparql_post(kg_id: UUID, request: Request, caller: Reader, container: ContainerDep) -> Response:
    """A query in the body, or a form. Updates are refused: the graph shows what is in the repository."""
    return await answer_of_graph(request, kg_id, caller, container)


@router.get("/kg/{kg_id}/scratch/sparql", summary="Ask your scratch dataset by GET", response_class=Response)
async def scratch_get(kg_id: UUID, request: Request, caller: Reader, container: ContainerDep) -> Response:
    """The same over your own dataset beside the project's graph."""
    return await _scratch(request, kg_id, caller, container)


@router.post("/kg/{kg_id}/scratch/sparql", summary="Ask or update your scratch dataset", response_class=Response)
async def scratch_post(kg_id: UUID, request: Request, caller: Reader, container: ContainerDep) -> Response:
    """A query or an update, in the body or in a form. An update needs the scope `kg:write` and happens whole or not."""
    return await _scratch(request, kg_id, caller, container)


@router.get("/kg/{kg_id}/scratch/data", summary="Read a graph of your scratch dataset", response_class=Response)
async def scratch_read(
    kg_id: UUID, request: Request, caller: Reader, container: ContainerDep, graph: GraphName = None,
    default: DefaultGraph = None,
) -> Response:  # fmt: skip
    """SPARQL 1.1 Graph Store Protocol: name a `graph`, or send an empty `default`."""
    accept = request.headers.get("accept") or "*/*"
    media_type, body = await container.scratch.read(caller, kg_id, _named(graph, default), accept)
    return Response(body, media_type=media_type, headers={"Vary": "Accept"})


@router.put("/kg/{kg_id}/scratch/data", summary="Replace a graph of your scratch dataset", response_class=Response)
async def scratch_put(
    kg_id: UUID, request: Request, caller: Writer, container: ContainerDep, graph: GraphName = None,
    default: DefaultGraph = None,
) -> Response:  # fmt: skip
    """The body is Turtle, N-Triples or RDF/XML, as its Content-Type says."""
    return await _load(request, kg_id, caller, container, "put", _named(graph, default))


@router.post("/kg/{kg_id}/scratch/data", summary="Add to a graph of your scratch dataset", response_class=Response)
async def scratch_add(
    kg_id: UUID, request: Request, caller: Writer, container: ContainerDep, graph: GraphName = None,
    default: DefaultGraph = None,
) -> Response:  # fmt: skip
    """The body is Turtle, N-Triples or RDF/XML, as its Content-Type says."""
    return await _load(request, kg_id, caller, container, "post", _named(graph, default))


@router.delete("/kg/{kg_id}/scratch/data", summary="Remove a graph of your scratch dataset", status_code=204)
async def scratch_remove(
    kg_id: UUID, caller: Writer, container: ContainerDep, graph: GraphName = None, default: DefaultGraph = None
) -> None:
    """A named graph goes, the default graph is emptied."""
    await container.scratch.change(caller, kg_id, "remove", graph=_named(graph, default))


async def answer_of_graph(request: Request, kg_id: UUID, caller: Caller, container: Container) -> Response:
    """The answer of a project's graph to who may read graphs; see ``sparql_paths``."""
    operation = await read_operation(request)
    if operation is None:
        await container.graphs.get(caller, kg_id)
        return _description(request, writable=False)
    if operation.kind == "update":
        raise QueryRefused("this graph is read-only; a scratch dataset takes updates", field="update")
    return _answer(await container.graphs.query(caller, kg_id, operation.text, **_asked(operation)))


async def _scratch(request: Request, kg_id: UUID, caller: Caller, container: ContainerDep) -> Response:
    operation = await read_operation(request)
    if operation is None:
        await container.graphs.get(caller, kg_id)
        return _description(request, writable=True)
    if operation.kind == "query":
        return _answer(await container.scratch.query(caller, kg_id, operation.text, **_asked(operation)))
    caller.require(Scope.GRAPH_WRITE)
    given = _asked(operation)
    del given["accept"]
    await container.scratch.change(caller, kg_id, "update", update=operation.text, **given)
    return Response(status_code=204)


async def _load(
    request: Request, kg_id: UUID, caller: Caller, container: ContainerDep, action: str, graph: str | None
) -> Response:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        data = (await request.body()).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadQuery("the body is not UTF-8", field="body") from error
    base = graph or endpoint(request)
    given = {"graph": graph, "data": data, "media_type": kind, "base_iri": base}
    made = await container.scratch.change(caller, kg_id, action, **given)
    return Response(status_code=201 if made else 204)


def _named(graph: str | None, default: str | None) -> str | None:
    """The graph a Graph Store request means; None is the default graph."""
    if (graph is None) == (default is None):
        raise BadQuery("name one graph: ?graph=IRI or ?default", field="graph")
    return graph


def _asked(operation: Operation) -> dict[str, Any]:
    """What a use case wants to know beside the text."""
    graphs = {"default_graphs": operation.default_graphs, "named_graphs": operation.named_graphs}
    return graphs | {"base_iri": operation.base_iri, "accept": operation.accept}


def _description(request: Request, *, writable: bool) -> Response:
    accept = request.headers.get("accept") or "*/*"
    media_type, body = describe_service(endpoint(request), accept, writable=writable)
    return Response(body, media_type=media_type, headers={"Vary": "Accept"})


def _answer(answer: QueryAnswer) -> Response:
    told = {"X-Query-Seconds": f"{answer.seconds:.4f}", "X-Query-Rows": str(answer.rows), "Vary": "Accept"}
    if answer.truncated:
        told["X-Query-Truncated"] = "true"
    return Response(answer.body, media_type=answer.media_type, headers=told)
