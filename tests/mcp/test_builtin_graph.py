"""The built-in ``graph`` server hands questions to whoever answers them, with the folder of the call's project."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from orchestrator.core.errors import BadQuery, InvalidInput
from orchestrator.core.graph_questions import GRAPH_QUESTIONS, checked
from orchestrator.mcp.builtin import CallContext
from orchestrator.mcp.builtin_graph import GraphQuestions, graph_server

FOLDER = Path("/graphs/one")


class Recorder:
    """Answers with what it was asked; refuses one query."""

    async def sparql(self, folder: Path, query: str) -> dict[str, Any]:
        if query == "BAD":
            raise BadQuery("This is no SPARQL.", field="query")
        return {"asked": ["sparql", str(folder), query]}

    async def ask(self, folder: Path, question: str, given: Mapping[str, Any]) -> dict[str, Any]:
        assert checked(question, given) == given
        return {"asked": [question, str(folder), dict(given)]}


QUESTIONS: GraphQuestions = Recorder()
SERVER = graph_server(QUESTIONS)


@pytest.mark.parametrize(
    ("tool", "arguments", "rest"),
    [
        ("sparql", {"query": "ASK {}"}, ["ASK {}"]),
        ("find_symbol", {"name": "Pool"}, [{"name": "Pool", "limit": 20, "tokens": 2000}]),
        ("callers", {"symbol": "a.b", "tokens": 300}, [{"symbol": "a.b", "tokens": 300}]),
        ("impact", {"symbol": "a.b", "depth": 2}, [{"symbol": "a.b", "depth": 2, "tokens": 2000}]),
        ("dead_code", {"public": True}, [{"path": "", "limit": 50, "public": True, "tokens": 2000}]),
        ("summary", {}, [{"tokens": 2000}]),
    ],
)
async def test_each_tool_asks_its_question_of_the_right_graph(
    tool: str, arguments: dict[str, Any], rest: list[Any]
) -> None:
    result = await SERVER.call(tool, arguments, CallContext(graph_folder=FOLDER))
    assert result.structured == {"asked": [tool, str(FOLDER), *rest]}


async def test_a_refused_query_is_a_tool_error_with_its_code() -> None:
    result = await SERVER.call("sparql", {"query": "BAD"}, CallContext(graph_folder=FOLDER))
    assert result.is_error
    assert result.structured["error"]["code"] == "bad_query"


async def test_a_project_without_a_graph_is_told_to_make_one() -> None:
    result = await SERVER.call("callers", {"symbol": "a"}, CallContext(project_id=uuid4()))
    assert "generate it first" in result.text


async def test_a_question_without_a_project_is_told_to_name_one() -> None:
    result = await SERVER.call("callers", {"symbol": "a"}, CallContext())
    assert "name a project" in result.text
    assert result.structured["error"]["field"] == "project_id"


def test_every_question_is_a_tool_that_says_what_it_wants() -> None:
    tools = {tool.name: tool for tool in SERVER.tools}
    assert set(tools) == {"sparql", *GRAPH_QUESTIONS}
    for name, question in GRAPH_QUESTIONS.items():
        schema = tools[name].input_schema
        assert set(schema["properties"]) == {parameter.name for parameter in question.parameters}
        assert all("description" in field for field in schema["properties"].values())
        assert schema.get("required", []) == [one.name for one in question.parameters if one.default is None]


@pytest.mark.parametrize("given", [{}, {"symbol": ""}, {"symbol": "a", "tokens": 1}, {"symbol": "a", "more": 1}])
async def test_wrong_arguments_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        await SERVER.call("callers", given, CallContext(graph_folder=FOLDER))


def test_the_capabilities_are_declared() -> None:
    assert SERVER.capabilities == {
        "graph_query", "symbol_lookup", "impact_analysis", "code_history", "code_review",
    }  # fmt: skip
