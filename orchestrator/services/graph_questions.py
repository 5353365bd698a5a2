"""What the built-in ``graph`` server and agents ask: SPARQL and prepared questions over a graph's folder, as JSON.

Access was checked when the task was routed or the call admitted; limits are the service's.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from orchestrator.kg.query.client import GraphQueries, QueryLimits
from orchestrator.kg.questions import ask


class PreparedQuestions:
    """Answers questions; each answer is a JSON object."""

    def __init__(self, queries: GraphQueries, limits: QueryLimits) -> None:
        self._queries = queries
        self._limits = limits

    async def sparql(self, folder: Path, query: str) -> dict[str, Any]:
        """A read-only SPARQL query's answer."""
        answer = await self._queries.query(folder, query, limits=self._limits)
        about = {"rows": answer.rows, "truncated": answer.truncated, "seconds": round(answer.seconds, 4)}
        if "json" not in answer.media_type:
            return about | {"media_type": answer.media_type, "text": answer.body.decode()}
        return about | {"answer": json.loads(answer.body)}

    async def find_symbol(self, folder: Path, name: str, limit: int) -> dict[str, Any]:
        """Symbols by name."""
        return _object(await ask.find_symbol(self._queries, folder, name, limit=limit, limits=self._limits))

    async def callers(self, folder: Path, symbol: str) -> dict[str, Any]:
        """Who calls a symbol."""
        return _object(await ask.callers(self._queries, folder, symbol, limits=self._limits))

    async def callees(self, folder: Path, symbol: str) -> dict[str, Any]:
        """What a symbol calls."""
        return _object(await ask.callees(self._queries, folder, symbol, limits=self._limits))

    async def impact(self, folder: Path, symbol: str, depth: int) -> dict[str, Any]:
        """What a change of a symbol may reach."""
        return _object(await ask.impact(self._queries, folder, symbol, depth=depth, limits=self._limits))

    async def tests_reaching(self, folder: Path, symbol: str) -> dict[str, Any]:
        """Tests that reach a symbol."""
        return _object(await ask.tests_reaching(self._queries, folder, symbol, limits=self._limits))

    async def outline(self, folder: Path, path: str) -> dict[str, Any]:
        """The symbols of a file."""
        return _object(await ask.outline(self._queries, folder, path, limits=self._limits))


def _object(answer: Any) -> dict[str, Any]:
    if is_dataclass(answer) and not isinstance(answer, type):
        return asdict(answer)
    return dict(answer) if isinstance(answer, Mapping) else {"items": answer}
