"""What every prepared question needs: rows of a query as plain values, the symbol that is meant, what is not known.

Used by the questions of this folder. What callers say goes into queries as bound terms only, never as text.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from orchestrator.core.errors import InvalidInput, NotFound
from orchestrator.kg.query.client import GraphQueries, QueryLimits
from orchestrator.kg.questions import texts
from orchestrator.kg.rdf.terms import iri, literal

Row = dict[str, Any]
_SHOWN_NAMES = 20
_MOST_DEFINITIONS = 16


@dataclass(frozen=True, slots=True)
class Symbol:
    """A symbol of the graph. A name that is defined several times, as by overloads, is one symbol to a reader."""

    iris: tuple[str, ...]
    name: str
    qualified_name: str

    @property
    def iri(self) -> str:
        """The first definition's."""
        return self.iris[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer before it is cut: what it is about, its lists by rank, and what is not known.

    ``limit`` is how many rows of each list were asked for at most.
    """

    about: Row
    lists: Mapping[str, Sequence[Row]]
    unknown: Sequence[str] = ()
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the graph as a whole does and does not hold."""

    skipped: int
    observed: bool
    history: bool
    cut: str
    work: bool

    def of_calls(self) -> list[str]:
        """What to say beside every answer about calls."""
        if self.observed:
            said = ["Some test runs were traced; calls in code they did not run, and dynamic calls, may be missing."]
        else:
            said = ["Calls were read from the code, not seen at run time: what dynamic code reaches is unknown."]
        if self.skipped:
            said.append(f"{self.skipped} files are not in the graph (summary lists them): what they call is unknown.")
        return said

    def of_history(self) -> list[str]:
        """What to say beside every answer about history."""
        if not self.history:
            return ["The graph holds no history of this project: nothing about commits is known."]
        if self.cut:
            return [f"Older history is not in the graph (it ends at its limit on {self.cut})."]
        return []

    def of_work(self) -> list[str]:
        """What to say beside every answer about tasks."""
        return [] if self.work else ["No task is in the graph yet: whether tasks changed it is unknown."]


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks one graph: the project's own, or the view of it that ``folder`` names."""

    queries: GraphQueries
    folder: Path
    limits: QueryLimits = field(default_factory=QueryLimits)

    async def rows(self, text: str, bound: Mapping[str, str] | None = None) -> list[Row]:
        """The rows of a SELECT as plain values."""
        answer = await self.queries.query(self.folder, text, limits=self.limits, substitutions=bound)
        bindings = json.loads(answer.body)["results"]["bindings"]
        return [{name: term["value"] for name, term in row.items()} for row in bindings]

    async def together(self, *asked: tuple[str, Mapping[str, str]]) -> list[list[Row]]:
        """The rows of several queries, asked at the same time."""
        return list(await asyncio.gather(*(self.rows(text, bound) for text, bound in asked)))

    async def knowledge(self) -> Knowledge:
        """What the graph holds."""
        found = {row["what"]: row["value"] for row in await self.rows(texts.KNOWLEDGE)}
        return Knowledge(
            skipped=int(found.get("skipped", 0)),
            observed="observed" in found,
            history="history" in found,
            cut=found.get("cut", ""),
            work="work" in found,
        )

    async def about(self, symbol: Symbol, *asked: str) -> list[list[Row]]:
        """The rows of several queries about ``?x``, for all definitions of a symbol."""
        pairs = [(text, {"x": iri(one)}) for text in asked for one in symbol.iris]
        found = await self.together(*pairs)
        size = len(symbol.iris)
        groups = [chain.from_iterable(found[start : start + size]) for start in range(0, len(found), size)]
        return [list({tuple(sorted(row.items())): row for row in rows}.values()) for rows in groups]

    async def resolve(self, symbol: str, field: str = "symbol") -> Symbol:
        """The one symbol that is meant, by IRI, qualified name or a suffix of it that fits one only.

        Raises NotFound (with ``field``) for none, and for several, which it then names.
        """
        wanted = given(symbol, field)
        rows = await self._called(wanted)
        names = sorted({row["symbol"] for row in rows})
        if not rows:
            hint = "find_symbol searches by part of a name"
            raise NotFound(f"the graph has no symbol {wanted}", field=field, hint=hint)
        if len(names) > 1:
            told = f"{len(names)} symbols are called {wanted}; name one of them"
            raise NotFound(told, field=field, details={"symbols": names[:_SHOWN_NAMES]})
        iris = sorted({row["iri"] for row in rows}, key=lambda one: (len(one), one))
        return Symbol(tuple(iris[:_MOST_DEFINITIONS]), rows[0]["label"], names[0])

    async def _called(self, wanted: str) -> list[Row]:
        if ":" in wanted and "::" not in wanted:
            return [{**row, "iri": wanted} for row in await self.rows(texts.BY_IRI, {"x": iri(wanted)})]
        rows = await self.rows(texts.BY_QUALIFIED_NAME, {"wanted": literal(wanted)})
        if rows:
            return rows
        last = wanted.rpartition(".")[2]
        rows = await self.rows(texts.BY_LABEL, {"label": literal(last)})
        return [row for row in rows if row["symbol"] == wanted or row["symbol"].endswith(f".{wanted}")]


def given(value: str, field: str) -> str:
    """The value without spaces around it. Raises InvalidInput for one that is empty or far too long."""
    value = value.strip()
    if not value or len(value) > 4096:
        raise InvalidInput("must have 1 to 4096 characters", field=field)
    return value


def place(row: Row) -> Row:
    """A symbol with where it stands."""
    told: Row = {"symbol": row["symbol"]}
    told |= {key: row[key] for key in ("kind", "path") if key in row}
    for name, key in (("line", "line"), ("end", "end_line")):
        if name in row:
            told[key] = int(row[name])
    told |= {key: row[key] for key in ("signature",) if key in row}
    if row.get("doc"):
        told["doc"] = row["doc"].strip().partition("\n")[0]
    return told


def values(iris: Sequence[str]) -> str:
    """IRIs that came out of the graph, as a VALUES block wants them."""
    return " ".join(iri(one) for one in iris)
