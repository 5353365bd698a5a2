"""What the demo asks a project's graph: which symbols its questions and its rename can be about, and one overview.

Everything goes through ``POST /kg/query``, as it would for any client. Used by ``tasks``.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from orchestrator.cli.client.api import Api
from orchestrator.core.errors import OrchestratorError

_RETRIES = 3
_RENAMES = 3
_PREFIX = "PREFIX c: <https://w3id.org/orchestrator/code#>"

_FUNCTIONS = f"""{_PREFIX}
SELECT ?symbol ?path (COUNT(DISTINCT ?caller) AS ?callers) WHERE {{
  ?function a c:Function ; c:memberOf/a c:Module ; c:qualifiedName ?symbol ; c:definedIn/c:path ?path .
  OPTIONAL {{ ?caller c:calls ?function }}
}} GROUP BY ?symbol ?path ORDER BY DESC(?callers) ?symbol LIMIT 5000"""

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
    """The functions of the project's modules, those with the most callers first, and some file."""

    functions: list[Row] = field(default_factory=list)
    file: str = "README.md"

    def question(self) -> str:
        """A question about code that has an answer of readable length."""
        fit = self._called(1, 6) or self.functions[:1]
        return f"who calls {fit[0]['symbol']}" if fit else f"what is in {self.file}"

    def renames(self) -> list[tuple[str, str]]:
        """A few functions with a new name for each, those first that make a small diff."""
        names = {_name(row) for row in self.functions}
        fit = [*self._called(1, 4), *self._called(0, 0), *self.functions]
        plain = [row for row in fit if not _name(row).startswith("__") and f"{_name(row)}_renamed" not in names]
        return [(f"{row['path']}::{_name(row)}", f"{_name(row)}_renamed") for row in plain[:_RENAMES]]

    def _called(self, least: int, most: int) -> list[Row]:
        """Functions with so many callers, the project's own before those of its tests and examples."""
        fit = [row for row in self.functions if least <= int(row["callers"]) <= most]
        return [row for row in fit if not _is_beside(row)] or fit


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


def _name(row: Row) -> str:
    return str(row["symbol"]).rpartition(".")[2]


def _is_beside(row: Row) -> bool:
    """Whether it is about the code rather than of it, judged by its path."""
    return any(word in row["path"].lower() for word in ("test", "example", "docs/", "bench"))
