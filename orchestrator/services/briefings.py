"""Asks the graph about what a task names, before its agent starts, and keeps what the agent was told with the attempt.

Used by ``run_agent`` for agents that read words. Definitions, callers, tests that reach them, past changes and tasks,
owners; names are bound terms of prepared questions, never part of a query. It takes some seconds at most and never
fails a task.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text

from orchestrator.core.briefing import Briefing, Fact, compose, names_in, one_line
from orchestrator.core.errors import InvalidInput, NotFound, OrchestratorError
from orchestrator.kg.questions.overall import commit
from orchestrator.kg.snapshot import current_snapshot
from orchestrator.mcp.builtin_graph import GraphQuestions
from orchestrator.models.database import Database
from orchestrator.services.run_task import Work

log = structlog.get_logger(__name__)

Row = Mapping[str, Any]

_SECONDS = 4.0
_SHOWN = 5
_ASKED = 600
"""Tokens of one answer: only its best rows are shown anyway."""
_DEFINED, _REACH, _PAST, _OWNERS = 0, 1, 2, 3


class Briefings:
    """Makes and keeps briefings. ``tokens``: how long one may be; 0: none are made."""

    def __init__(self, database: Database, questions: GraphQuestions, *, tokens: int) -> None:
        self._database = database
        self._questions = questions
        self._tokens = tokens

    async def make(self, work: Work, folder: Path | None) -> str:
        """What the agent of an attempt is told of the code; empty where nothing is named, or there is no graph."""
        if not self._tokens or folder is None or not current_snapshot(folder):
            return ""
        names = names_in(work.task["input"])
        if not names:
            return ""
        made = await self._made(folder, names)
        if made.text:
            await self._keep(work, made)
        return made.text

    async def of(self, task_id: UUID, attempt: int) -> Row:
        """What an attempt was told. Raises NotFound."""
        async with self._database.transaction() as connection:
            values = {"task": task_id, "generation": attempt}
            row = (await connection.execute(_READ, values)).mappings().first()
        if row is None:
            raise NotFound("this attempt was told nothing from the graph", field="attempt")
        return dict(row)

    async def _made(self, folder: Path, names: Sequence[str]) -> Briefing:
        facts: list[Fact] = []
        unknown: list[str] = []
        asked = {name: asyncio.create_task(self._about(folder, name), name="briefing") for name in names}
        done, late = await asyncio.wait(asked.values(), timeout=_SECONDS)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        seen: set[str] = set()
        for name, task in asked.items():
            if task not in done:
                unknown.append(f"what '{name}' is was not found out in time.")
                continue
            subject, about, gaps = _result(task, name)
            if subject not in seen:
                facts += about
                seen.add(subject)
            unknown += gaps
        return compose(facts, unknown, names, tokens=self._tokens, commit=(await commit(folder) or "")[:12])

    async def _about(self, folder: Path, name: str) -> tuple[str, list[Fact], list[str]]:
        """The subject that a name means, facts about it, and what is not known of it."""
        try:
            calls = await self._ask(folder, "callers", symbol=name)
        except (NotFound, InvalidInput) as error:
            return await self._file(folder, name, error)
        subject = str(calls["symbol"])
        found, tests, past = await asyncio.gather(
            self._ask(folder, "find_symbol", name=subject, limit=1),
            self._ask(folder, "tests_reaching", symbol=subject),
            self._ask(folder, "who_changed", symbol=subject, limit=_SHOWN),
        )
        facts = [Fact(subject, _DEFINED, _definition(subject, found["symbols"]))]
        facts += _listed(subject, _REACH, "called by", calls["callers"], _place)
        facts += _listed(subject, _REACH, "reached by tests", tests["tests"], _place)
        facts += [Fact(subject, _PAST, line) for line in _past(past)]
        path = next((row.get("path", "") for row in found["symbols"]), "")
        facts += await self._owners(folder, subject, path) if path else []
        gaps = [] if tests["tests"] else [f"no test is known to reach {subject}."]
        return subject, facts, [*gaps, *calls["unknown"][:2]]

    async def _file(self, folder: Path, name: str, error: OrchestratorError) -> tuple[str, list[Fact], list[str]]:
        """A name that means no symbol: perhaps a file."""
        several = error.details.get("symbols")
        if several:
            return name, [], [f"'{name}' means several: {', '.join(map(str, several[:_SHOWN]))}."]
        try:
            outline = await self._ask(folder, "outline", path=name)
        except (NotFound, InvalidInput):
            return name, [], [f"the graph knows nothing called '{name}'."]
        symbols = outline.get("symbols") or []
        facts = [Fact(name, _DEFINED, f"{name}: a file with {len(symbols)} symbols" + _rest(outline))]
        facts += _listed(name, _REACH, "holds", symbols, lambda row: str(row.get("symbol", "")))
        return name, [*facts, *await self._owners(folder, name, name)], []

    async def _owners(self, folder: Path, subject: str, path: str) -> list[Fact]:
        owners = (await self._ask(folder, "owners", path=path))["owners"]
        return _listed(subject, _OWNERS, "mostly changed by", owners, _owner)

    async def _ask(self, folder: Path, question: str, **given: Any) -> Row:
        return await self._questions.ask(folder, question, {"tokens": _ASKED, **given})

    async def _keep(self, work: Work, made: Briefing) -> None:
        values = {
            "task": work.id, "generation": work.generation, "text": made.text, "tokens": made.tokens,
            "left_out": made.left_out,
        }  # fmt: skip
        async with self._database.transaction() as connection:
            await connection.execute(_KEEP, values)


def _result(task: "asyncio.Task[tuple[str, list[Fact], list[str]]]", name: str) -> tuple[str, list[Fact], list[str]]:
    """What was found out; a graph that cannot be asked is told of, not raised."""
    error = task.exception()
    if error is None:
        return task.result()
    if not isinstance(error, OrchestratorError):
        raise error
    log.warning("briefing_incomplete", name=name, why=error.message)
    return name, [], [f"what '{name}' is could not be asked: {error.message}"]


def _definition(subject: str, rows: Sequence[Row]) -> str:
    row = next((row for row in rows if row.get("symbol") == subject), None)
    if row is None:
        return one_line(subject)
    lines = f":{row['line']}" + (f"-{row['end_line']}" if row.get("end_line") else "") if row.get("line") else ""
    where = f", {row['path']}{lines}" if row.get("path") else ""
    more = f", {row['signature']}" if row.get("signature") else ""
    doc = f" ({row['doc']})" if row.get("doc") else ""
    return one_line(f"{subject}: {row.get('kind', 'symbol')}{where}{more}{doc}")


def _listed(subject: str, rank: int, what: str, rows: Sequence[Row], shown: Any) -> list[Fact]:
    if not rows:
        return []
    names = list(dict.fromkeys(one_line(shown(row), 100) for row in rows))
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return [Fact(subject, rank, f"{what}: {', '.join(names[:_SHOWN])}{more}")]


def _place(row: Row) -> str:
    sure = "" if row.get("certainty") in (None, "calls", "observedCall") else "perhaps "
    where = f" ({row['path']}:{row['line']})" if row.get("path") and row.get("line") else ""
    return f"{sure}{row['symbol']}{where}"


def _owner(row: Row) -> str:
    return f"{row['author']} {round(100 * float(row['share']))} %"


def _past(answer: Row) -> list[str]:
    tasks = [
        one_line(f"task '{row['title']}' by {row.get('agent') or 'nobody known'}: {row['state']}, tests {row['tests']}")
        for row in answer["tasks"][:3]
    ]
    commits = [one_line(f"{row['commit']} '{row['title']}' by {row['author']}", 120) for row in answer["commits"][:3]]
    return [*(f"changed by {line}" for line in tasks), *([f"last commits: {'; '.join(commits)}"] if commits else [])]


def _rest(outline: Row) -> str:
    return " or more" if outline.get("truncated") else ""


_KEEP = text(
    """
    INSERT INTO attempt_contexts (task_id, generation, text, tokens, left_out)
    SELECT id, :generation, :text, :tokens, :left_out FROM tasks
    WHERE id = :task AND generation = :generation AND state = 'running'
    ON CONFLICT (task_id, generation) DO NOTHING
    """
)

_READ = text("SELECT * FROM attempt_contexts WHERE task_id = :task AND generation = :generation")
