"""What the demo asks a project's graph: which symbols its questions and its rename can be about, and one overview.

Everything goes through ``POST /kg/query``, as it would for any client. Used by ``demo_tasks``.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from orchestrator.cli.client import Api
from orchestrator.core.errors import OrchestratorError

_RETRIES = 3
_PREFIX = "PREFIX c: <https://w3id.org/orchestrator/code#>"

_FUNCTIONS = f"""{_PREFIX}
SELECT ?symbol ?path (COUNT(DISTINCT ?caller) AS ?callers) WHERE {{
  ?caller c:calls ?function .
  ?function a c:Function ; c:memberOf/a c:Module ; c:qualifiedName ?symbol ; c:definedIn/c:path ?path .
}} GROUP BY ?symbol ?path ORDER BY ?callers ?symbol LIMIT 2000"""

_MOST_CALLED = f"""{_PREFIX}
SELECT ?function ?file ?line (COUNT(DISTINCT ?caller) AS ?callers)
WHERE {{
  ?caller c:calls ?f .
  ?f c:qualifiedName ?function ; c:startLine ?line ; c:definedIn/c:path ?file .
}}
GROUP BY ?function ?file ?line ORDER BY DESC(?callers) ?function LIMIT 8"""

_LARGEST = f"""{_PREFIX}
SELECT ?file ?bytes
WHERE {{ ?f c:path ?file ; c:byteSize ?bytes }}
ORDER BY DESC(?bytes) ?file LIMIT 8"""

Row = dict[str, Any]


@dataclass(frozen=True)
class Symbols:
    """Functions that something calls, those with the fewest callers first, or else some file."""

    functions: list[Row] = field(default_factory=list)
    file: str = "README.md"

    def question(self) -> str:
        """A question about code that has an answer of readable length."""
        few = [row for row in self.functions if int(row["callers"]) <= 6]
        fit = [row for row in few if not _is_beside(row)] or few or self.functions[:1]
        return f"who calls {fit[-1]['symbol']}" if fit else f"what is in {self.file}"

    def renames(self) -> Iterator[tuple[str, str]]:
        """A few functions with a new name for each, those first that make a small diff."""
        names = {row["symbol"].rpartition(".")[2] for row in self.functions}
        fit = [row for row in self.functions if not _is_beside(row) and int(row["callers"]) <= 4]
        for row in fit[:-4:-1]:
            name = row["symbol"].rpartition(".")[2]
            new = f"{name}_renamed"
            if not name.startswith("__") and new not in names:
                yield f"{row['path']}::{name}", new


async def find_symbols(api: Api, project: str) -> Symbols:
    """What the graph knows that can be asked about."""
    functions = _plain(await ask(api, project, _FUNCTIONS))
    files = _plain(await ask(api, project, _LARGEST))
    return Symbols(functions, files[0]["file"] if files else "README.md")


async def overview(api: Api, project: str) -> tuple[str, Row]:
    """A query that says something of any repository, and its answer: most called functions, else largest files."""
    answer = await ask(api, project, _MOST_CALLED)
    if answer["rows"]:
        return _MOST_CALLED, answer
    return _LARGEST, await ask(api, project, _LARGEST)


async def ask(api: Api, project: str, query: str) -> Row:
    """An answer; where the service says that it may be asked again, it is, as any good client would."""
    for attempt in range(1, _RETRIES + 1):
        try:
            return await _ask_once(api, project, query)
        except OrchestratorError as error:
            if not error.retry:
                raise
            await asyncio.sleep(attempt)
    return await _ask_once(api, project, query)


async def _ask_once(api: Api, project: str, query: str) -> Row:
    answer: Row = await api.post("/kg/query", {"project_id": project, "query": query})
    return answer


def _plain(answer: Row) -> list[Row]:
    return [{name: term["value"] for name, term in row.items()} for row in answer["rows"]]


def _is_beside(row: Row) -> bool:
    """Whether it is about the code rather than of it, judged by its path."""
    return any(word in row["path"].lower() for word in ("test", "example", "docs/", "bench"))
