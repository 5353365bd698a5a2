"""The doors for prepared questions: which there are, and asking one by GET or POST. For readers who write no SPARQL."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.dependencies import ContainerDep, require
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import InvalidInput
from orchestrator.core.graph_questions import GRAPH_QUESTIONS, Parameter, question_named

router = APIRouter(tags=["kg"])

Reader = Annotated[Caller, require(Scope.GRAPH_READ)]
Name = Annotated[str, Path(max_length=100, description="A question's name, as the list of questions has it.")]
View = Annotated[str, Query(max_length=80, description="A view of the graph, as a worktree's; empty: the project.")]
Value = Annotated[str, Field(max_length=4096)] | bool | int


class ParameterOut(BaseModel):
    """A parameter of a question."""

    name: str = Field(description="Its name.")
    kind: str = Field(description="`text`, `count` or `flag`.")
    description: str = Field(description="What it is.")
    default: str | int | bool | None = Field(description="What it is when it is not given; null: it must be given.")
    least: int = Field(description="The least count, or length of a text.")
    most: int = Field(description="The most.")


class QuestionOut(BaseModel):
    """A question that can be asked of every graph."""

    name: str = Field(description="Its name.")
    description: str = Field(description="What it answers.")
    parameters: list[ParameterOut] = Field(description="What it wants to know.")


class QuestionsOut(BaseModel):
    """All questions."""

    questions: list[QuestionOut] = Field(description="The questions.")


class AnswerOut(BaseModel):
    """An answer: what it is about and its lists differ by question; these stand in each."""

    model_config = ConfigDict(extra="allow")

    found: int | None = Field(None, description="How many rows there are in all lists, shown or not.")
    truncated: bool | None = Field(None, description="Whether rows were left out, for the limit or the budget.")
    unknown: list[str] = Field(description="What the graph does not know about this: missing is unknown, not absent.")


@router.get("/kg/{kg_id}/questions", summary="List the prepared questions")
async def questions(kg_id: UUID, caller: Reader, container: ContainerDep) -> QuestionsOut:
    """What can be asked without SPARQL; the same for every graph, and the tools of the `graph` MCP server."""
    await container.graphs.get(caller, kg_id)
    return QuestionsOut(
        questions=[QuestionOut.model_validate(one, from_attributes=True) for one in GRAPH_QUESTIONS.values()]
    )


@router.get("/kg/{kg_id}/questions/{question}", summary="Ask a prepared question by GET")
async def ask_by_get(
    kg_id: UUID, question: Name, request: Request, caller: Reader, container: ContainerDep, view: View = ""
) -> AnswerOut:
    """The question's parameters stand in the query string; `tokens` bounds the answer."""
    parameters = {parameter.name: parameter for parameter in question_named(question).parameters}
    asked = [(name, value) for name, value in request.query_params.multi_items() if name != "view"]
    given = {name: _value(parameters.get(name), value) for name, value in asked}
    return AnswerOut(**await container.graphs.ask(caller, kg_id, question, given, view))


@router.post("/kg/{kg_id}/questions/{question}", summary="Ask a prepared question by POST")
async def ask_by_post(
    kg_id: UUID, question: Name, body: dict[str, Value], caller: Reader, container: ContainerDep, view: View = ""
) -> AnswerOut:
    """The question's parameters are the body; `tokens` bounds the answer."""
    return AnswerOut(**await container.graphs.ask(caller, kg_id, question, body, view))


def _value(parameter: Parameter | None, text: str) -> Any:
    """The text of a query string as the kind the parameter has; what is unknown is refused later, by name."""
    if parameter is None or parameter.kind == "text":
        return text
    if parameter.kind == "flag":
        if text.lower() not in ("true", "false", "1", "0"):
            raise InvalidInput("must be true or false", field=parameter.name)
        return text.lower() in ("true", "1")
    try:
        return int(text)
    except ValueError as error:
        raise InvalidInput("must be a whole number", field=parameter.name) from error
