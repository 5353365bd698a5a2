"""What the built-in ``graph`` server and agents ask: SPARQL and prepared questions over a graph's folder, as JSON.

Access was checked when the task was routed or the call admitted; limits are the service's.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.kg.query.client import GraphQueries, QueryLimits
from orchestrator.kg.questions.ask import ask
from orchestrator.kg.questions.asking import Asker


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

    async def ask(self, folder: Path, question: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """A prepared question's answer; ``core.graph_questions`` lists them with their parameters."""
        return await ask(Asker(self._queries, folder, self._limits), question, given)
