"""The built-in ``graph`` server hands questions to whoever answers them, with the folder of the call's project."""

from pathlib import Path
from typing import Any

import pytest

from orchestrator.core.errors import BadQuery
from orchestrator.mcp.builtin import CallContext
from orchestrator.mcp.builtin_graph import GraphQuestions, graph_server

FOLDER = Path("/graphs/one")


class Recorder:
    """Answers with what it was asked; refuses one query."""

    async def sparql(self, folder: Path, query: str) -> dict[str, Any]:
        if query == "BAD":
            raise BadQuery("This is no SPARQL.", field="query")
        return {"asked": ["sparql", str(folder), query]}

    async def find_symbol(self, folder: Path, name: str, limit: int) -> dict[str, Any]:
        return {"asked": ["find_symbol", str(folder), name, limit]}

    async def callers(self, folder: Path, symbol: str) -> dict[str, Any]:
        return {"asked": ["callers", str(folder), symbol]}

    async def callees(self, folder: Path, symbol: str) -> dict[str, Any]:
        return {"asked": ["callees", str(folder), symbol]}

    async def impact(self, folder: Path, symbol: str, depth: int) -> dict[str, Any]:
        return {"asked": ["impact", str(folder), symbol, depth]}

    async def tests_reaching(self, folder: Path, symbol: str) -> dict[str, Any]:
        return {"asked": ["tests_reaching", str(folder), symbol]}

    async def outline(self, folder: Path, path: str) -> dict[str, Any]:
        return {"asked": ["outline", str(folder), path]}


QUESTIONS: GraphQuestions = Recorder()
SERVER = graph_server(QUESTIONS)


@pytest.mark.parametrize(
    ("tool", "arguments", "rest"),
    [
        ("sparql", {"query": "ASK {}"}, ["ASK {}"]),
        ("find_symbol", {"name": "Pool"}, ["Pool", 20]),
        ("callers", {"symbol": "a.b"}, ["a.b"]),
        ("callees", {"symbol": "a.b"}, ["a.b"]),
        ("impact", {"symbol": "a.b", "depth": 2}, ["a.b", 2]),
        ("tests_reaching", {"symbol": "a.b"}, ["a.b"]),
        ("outline", {"path": "a.py"}, ["a.py"]),
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
    result = await SERVER.call("callers", {"symbol": "a"}, CallContext())
    assert "generate it first" in result.text


def test_the_capabilities_are_declared() -> None:
    assert SERVER.capabilities == {"graph_query", "symbol_lookup", "impact_analysis"}
