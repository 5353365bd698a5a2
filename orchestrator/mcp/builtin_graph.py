"""The built-in server ``graph``: SPARQL and every prepared question to a project's knowledge graph, as tools.

Used through the pool like any server. It answers nothing itself: the container injects a ``GraphQuestions``, since the
graph is another folder of this floor. The tools are those of the catalogue of questions.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, Field, create_model

from orchestrator.core.graph_questions import GRAPH_QUESTIONS, GraphQuestion, Parameter
from orchestrator.mcp.builtin import Arguments, BuiltinServer, BuiltinTool, CallContext


class GraphQuestions(Protocol):
    """What can be asked of a graph; each answer is a JSON object. The folder says which graph."""

    async def sparql(self, folder: Path, query: str) -> dict[str, Any]:
        """The result of a read-only SPARQL query, as SPARQL JSON or, for CONSTRUCT, as text."""
        ...

    async def ask(self, folder: Path, question: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a prepared question of the catalogue."""
        ...


class SparqlArguments(Arguments):
    """A SPARQL query."""

    query: str = Field(min_length=1, max_length=100_000, description="A SELECT, ASK, CONSTRUCT or DESCRIBE query.")


def graph_server(questions: GraphQuestions) -> BuiltinServer:
    """The server, ready for the pool, asking the given graph reader."""

    async def sparql(context: CallContext, given: SparqlArguments) -> dict[str, Any]:
        return await questions.sparql(context.require_graph(), given.query)

    said = "Ask the project's knowledge graph in SPARQL."
    tools = [BuiltinTool("sparql", said, SparqlArguments, sparql, ("graph_query",))]
    for question in GRAPH_QUESTIONS.values():
        run, model = _asking(questions, question.name), arguments_of(question)
        tools.append(BuiltinTool(question.name, question.description, model, run, (question.capability,)))
    return BuiltinServer("graph", tools)


@cache
def arguments_of(question: GraphQuestion) -> type[BaseModel]:
    """The parameters of a question as a model that refuses unknown ones."""
    fields: dict[str, Any] = {parameter.name: _field(parameter) for parameter in question.parameters}
    name = "".join(part.capitalize() for part in question.name.split("_"))
    return create_model(f"{name}Arguments", __base__=Arguments, **fields)


def _field(parameter: Parameter) -> tuple[type, Any]:
    default = ... if parameter.default is None else parameter.default
    if parameter.kind == "flag":
        return bool, Field(default, description=parameter.description)
    if parameter.kind == "count":
        return int, Field(default, ge=parameter.least, le=parameter.most, description=parameter.description)
    # A text that has a default may be left empty even where it is to have a least length when given.
    least = parameter.least if parameter.default is None else 0
    return str, Field(default, min_length=least, max_length=parameter.most, description=parameter.description)


def _asking(questions: GraphQuestions, name: str) -> Callable[[CallContext, BaseModel], Awaitable[dict[str, Any]]]:
    """A tool that asks one question."""

    async def ask(context: CallContext, given: BaseModel) -> dict[str, Any]:
        return await questions.ask(context.require_graph(), name, given.model_dump())

    return ask
