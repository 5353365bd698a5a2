"""The built-in server ``graph``: questions to a project's knowledge graph, as tools.

Used through the pool like any server. It answers nothing itself: the container injects a ``GraphQuestions``, since the
graph is another folder of this floor.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from pydantic import Field

from orchestrator.mcp.builtin import Arguments, BuiltinServer, BuiltinTool, CallContext


class GraphQuestions(Protocol):
    """What can be asked of a graph; each answer is a JSON object. The folder says which graph."""

    async def sparql(self, folder: Path, query: str) -> dict[str, Any]:
        """The result of a read-only SPARQL query, as SPARQL JSON or, for CONSTRUCT, as text."""
        ...

    async def find_symbol(self, folder: Path, name: str, limit: int) -> dict[str, Any]:
        """Symbols whose name or qualified name is, ends with or contains the name."""
        ...

    async def callers(self, folder: Path, symbol: str) -> dict[str, Any]:
        """Who calls the symbol, with how certain that is."""
        ...

    async def callees(self, folder: Path, symbol: str) -> dict[str, Any]:
        """What the symbol calls, with how certain that is."""
        ...

    async def impact(self, folder: Path, symbol: str, depth: int) -> dict[str, Any]:
        """What a change of the symbol may reach, following callers up to a depth."""
        ...

    async def tests_reaching(self, folder: Path, symbol: str) -> dict[str, Any]:
        """Tests from which the symbol is reached."""
        ...

    async def outline(self, folder: Path, path: str) -> dict[str, Any]:
        """The symbols of a file as the graph knows them."""
        ...


class SparqlArguments(Arguments):
    """A SPARQL query."""

    query: str = Field(min_length=1, max_length=100_000, description="A SELECT, ASK, CONSTRUCT or DESCRIBE query.")


class FindArguments(Arguments):
    """A name to look for."""

    name: str = Field(min_length=1, max_length=500, description="A symbol's name, whole or in part.")
    limit: int = Field(20, ge=1, le=500, description="How many symbols at most.")


class SymbolArguments(Arguments):
    """One symbol."""

    symbol: str = Field(min_length=1, max_length=2000, description="Qualified name or IRI of a symbol.")


class ImpactArguments(SymbolArguments):
    """One symbol and how far to look."""

    depth: int = Field(5, ge=1, le=50, description="How many steps of calls to follow.")


class PathArguments(Arguments):
    """One file."""

    path: str = Field(min_length=1, max_length=4096, description="A file's path in the project.")


def graph_server(questions: GraphQuestions) -> BuiltinServer:
    """The server, ready for the pool, asking the given graph reader."""

    async def sparql(context: CallContext, given: SparqlArguments) -> dict[str, Any]:
        return await questions.sparql(context.require_graph(), given.query)

    async def find_symbol(context: CallContext, given: FindArguments) -> dict[str, Any]:
        return await questions.find_symbol(context.require_graph(), given.name, given.limit)

    async def impact(context: CallContext, given: ImpactArguments) -> dict[str, Any]:
        return await questions.impact(context.require_graph(), given.symbol, given.depth)

    async def outline(context: CallContext, given: PathArguments) -> dict[str, Any]:
        return await questions.outline(context.require_graph(), given.path)

    query, lookup, reach = ("graph_query",), ("symbol_lookup",), ("impact_analysis",)
    return BuiltinServer(
        "graph",
        [
            BuiltinTool("sparql", "Ask the project's knowledge graph in SPARQL.", SparqlArguments, sparql, query),
            BuiltinTool("find_symbol", "Find classes and functions by name.", FindArguments, find_symbol, lookup),
            BuiltinTool("callers", "Who calls a symbol.", SymbolArguments, _about(questions.callers), reach),
            BuiltinTool("callees", "What a symbol calls.", SymbolArguments, _about(questions.callees), reach),
            BuiltinTool("impact", "What a change of a symbol may reach.", ImpactArguments, impact, reach),
            BuiltinTool(
                "tests_reaching", "Tests that reach a symbol.", SymbolArguments, _about(questions.tests_reaching), reach
            ),
            BuiltinTool("outline", "The symbols of a file, as the graph knows them.", PathArguments, outline, lookup),
        ],
    )


def _about(
    question: Callable[[Path, str], Awaitable[dict[str, Any]]],
) -> Callable[[CallContext, SymbolArguments], Awaitable[dict[str, Any]]]:
    """A tool that asks one question about one symbol."""

    async def ask(context: CallContext, given: SymbolArguments) -> dict[str, Any]:
        return await question(context.require_graph(), given.symbol)

    return ask
