"""Whole tables out of a graph for our own parts: the history, the index of words. People's queries go another way."""

from pathlib import Path

import orjson

from orchestrator.kg.query.client import GraphQueries, QueryLimits


async def rows_of(queries: GraphQueries, folder: Path, text: str, limits: QueryLimits) -> list[list[str]]:
    """The rows of a SELECT as texts, in the order of its variables; unbound ones are empty.

    As JSON: in CSV the engine leaves IRIs with commas unquoted, and a row cannot be told apart any more.
    """
    answer = await queries.query(folder, text, accept="application/sparql-results+json", limits=limits)
    told = orjson.loads(answer.body)
    names = told["head"]["vars"]
    return [[row[name]["value"] if name in row else "" for name in names] for row in told["results"]["bindings"]]
