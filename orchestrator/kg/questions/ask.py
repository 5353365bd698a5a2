"""Prepared questions to a graph, for people and agents who write no SPARQL.

Used by the built-in ``graph`` server, REST, the CLI and agents. The texts are constants, so they are admitted once and
tuned for the engine: a type is tested by FILTER EXISTS, since it would start from there otherwise. What callers say
goes in as bound terms only. Every answer is a JSON object that says how certain it is and what it does not know.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.core.errors import InvalidInput, NotFound
from orchestrator.kg.query.client import GraphQueries, QueryLimits
from orchestrator.kg.questions import texts
from orchestrator.kg.rdf.terms import iri, literal
from orchestrator.kg.snapshot import REPORT, current_folder

_STATIC = "Calls were read from the code, not seen at run time: what dynamic code reaches is unknown, not absent."
_ROWS = 500
_MAX_REACHED = 2000
_LIMITS = QueryLimits()

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Symbol:
    iri: str
    name: str
    qualified_name: str


async def find_symbol(
    queries: GraphQueries, folder: Path, name: str, *, limit: int = 20, limits: QueryLimits = _LIMITS
) -> Row:
    """Symbols whose name or qualified name is, ends with or contains ``name``, best match first."""
    wanted = _given(name, "name")
    rows = await _rows(queries, folder, texts.FIND, {"wanted": literal(wanted.lower())}, limits)
    ranked = sorted(rows, key=lambda row: (_rank(row, wanted), len(row["symbol"]), row["symbol"]))
    shown = [_place(row) for row in ranked[:limit]]
    return {"name": wanted, "symbols": shown, "found": len(ranked), "truncated": len(ranked) > limit}


async def outline(queries: GraphQueries, folder: Path, path: str, *, limits: QueryLimits = _LIMITS) -> Row:
    """The symbols of a file in order, with signatures and first docstring lines. Raises NotFound (field ``path``)."""
    wanted = _given(path, "path")
    bound = {"path": literal(wanted)}
    files = await _rows(queries, folder, texts.FILE, bound, limits)
    if not files:
        raise NotFound(f"the graph has no file {wanted}", field="path")
    symbols = [_place(row) for row in await _rows(queries, folder, texts.OUTLINE, bound, limits)]
    unknown = []
    if "lines" not in files[0]:
        unknown.append("This file is not in a language the graph reads, or was skipped: only its name is known.")
    broken = sorted(int(row["problem"]) for row in files if "problem" in row)
    if broken:
        unknown.append(f"The file has broken syntax at line {broken[0]}: some symbols may be missing.")
    return {"path": wanted, "symbols": symbols, "unknown": unknown}


async def callers(queries: GraphQueries, folder: Path, symbol: str, *, limits: QueryLimits = _LIMITS) -> Row:
    """Sites that call, or may call, a symbol; for a class, that make one. Raises NotFound (field ``symbol``)."""
    found, bound = await _resolve(queries, folder, symbol, limits)
    rows = await _rows(queries, folder, texts.CALLERS, bound, limits)
    named = await _rows(queries, folder, texts.UNRESOLVED_BY_NAME, {"name": literal(found.name)}, limits)
    unknown = [_STATIC]
    if named:
        unknown.append(
            f"{len(named)} symbols also call something named {found.name!r} that could not be resolved: "
            + ", ".join(row["symbol"] for row in named[:5])
        )
    return {"symbol": found.qualified_name, "iri": found.iri, "callers": _sites(rows), "unknown": unknown}


async def callees(queries: GraphQueries, folder: Path, symbol: str, *, limits: QueryLimits = _LIMITS) -> Row:
    """What a symbol calls, or may call, and at which lines. Raises NotFound (field ``symbol``)."""
    found, bound = await _resolve(queries, folder, symbol, limits)
    rows = await _rows(queries, folder, texts.CALLEES, bound, limits)
    missing = await _rows(queries, folder, texts.UNRESOLVED_OF, bound, limits)
    unknown = [_STATIC]
    if missing:
        names = ", ".join(sorted({row["name"] for row in missing})[:20])
        unknown.append(f"{missing[0]['sites']} call sites in it have no certain target; they call {names}")
    return {"symbol": found.qualified_name, "iri": found.iri, "callees": _sites(rows), "unknown": unknown}


async def impact(
    queries: GraphQueries, folder: Path, symbol: str, *, depth: int = 5, limits: QueryLimits = _LIMITS
) -> Row:
    """What a change of a symbol may reach: callers, subclasses and overriding methods, up to ``depth`` steps away.

    ``certainty`` is ``calls`` where every step on some shortest way is certain, else ``mayCall``.
    """
    found, bound = await _resolve(queries, folder, symbol, limits)
    members = await _rows(queries, folder, texts.MEMBERS, bound, limits)
    frontier = {found.iri: "calls"} | {row["iri"]: "calls" for row in members}
    reached: dict[str, Row] = {}
    seen = dict(frontier)
    for distance in range(1, depth + 1):
        if not frontier or len(reached) >= _MAX_REACHED:
            break
        asked = texts.DEPENDENTS.replace("#VALUES#", " ".join(iri(one) for one in sorted(frontier)))
        rows = await _rows(queries, folder, asked, {}, limits)
        following: dict[str, str] = {}
        for row in rows:
            certain = row["certainty"] == "calls" and seen[row["target"]] == "calls"
            known = reached.get(row["iri"])
            if row["iri"] in seen and not (certain and known and known["certainty"] == "mayCall"):
                continue
            seen[row["iri"]] = following[row["iri"]] = "calls" if certain else "mayCall"
            place = {**_place(row), "certainty": seen[row["iri"]], "distance": distance}
            reached[row["iri"]] = {**place, "distance": known["distance"]} if known else place
        frontier = following
    unknown = [_STATIC]
    if frontier:
        unknown.append(f"There may be more beyond {depth} steps or {_MAX_REACHED} symbols.")
    ordered = sorted(reached.values(), key=lambda row: (row["distance"], row["certainty"], row["symbol"]))
    return {"symbol": found.qualified_name, "iri": found.iri, "reached": ordered[:_MAX_REACHED], "unknown": unknown}


async def tests_reaching(
    queries: GraphQueries,
    folder: Path,
    symbol: str,
    *,
    limits: QueryLimits = _LIMITS,  # noqa: PT028 - a question, not a test
) -> Row:
    """Tests from which a symbol is reached by certain calls, then those that may reach it."""
    found, bound = await _resolve(queries, folder, symbol, limits)
    certain = await _rows(queries, folder, texts.TESTS, bound, limits)
    cautious = await _rows(queries, folder, texts.TESTS_CAUTIOUS, bound, limits)
    sure = {row["iri"] for row in certain}
    tests = [{**_place(row), "certainty": "calls"} for row in certain]
    tests += [{**_place(row), "certainty": "mayCall"} for row in cautious if row["iri"] not in sure]
    return {"symbol": found.qualified_name, "iri": found.iri, "tests": tests, "unknown": [_STATIC]}


async def summary(queries: GraphQueries, folder: Path, *, limits: QueryLimits = _LIMITS) -> Row:
    """Counts by kind, the most called symbols and most imported modules, and what the build skipped."""
    kinds = await _rows(queries, folder, texts.KINDS, {}, limits)
    called = await _rows(queries, folder, texts.MOST_CALLED, {}, limits)
    imported = await _rows(queries, folder, texts.MOST_IMPORTED, {}, limits)
    report = json.loads((current_folder(folder) / REPORT).read_bytes())
    known = (
        "commit",
        "files",
        "lines",
        "call_sites",
        "calls",
        "may_call",
        "unresolved_sites",
        "skipped_total",
        "triples",
    )
    return {
        "counts": {row["kind"]: int(row["n"]) for row in kinds},
        "build": {name: report[name] for name in known},
        "most_called": [{"symbol": row["symbol"], "callers": int(row["n"])} for row in called],
        "most_imported": [{"symbol": row["symbol"], "importers": int(row["n"])} for row in imported],
        "skipped": report["skipped"][:20],
        "unknown": [_STATIC],
    }


async def commit(folder: Path) -> str | None:
    """The commit the current graph was built from."""
    told = json.loads((current_folder(folder) / REPORT).read_bytes())
    return str(told["commit"]) or None


# Help


async def _rows(
    queries: GraphQueries, folder: Path, text: str, bound: Mapping[str, str], limits: QueryLimits
) -> list[Row]:
    """The rows of a SELECT as plain values."""
    answer = await queries.query(folder, text, limits=limits, substitutions=bound)
    bindings = json.loads(answer.body)["results"]["bindings"]
    return [{name: term["value"] for name, term in row.items()} for row in bindings]


async def _resolve(
    queries: GraphQueries, folder: Path, symbol: str, limits: QueryLimits
) -> tuple[_Symbol, dict[str, str]]:
    """The one symbol that is meant: by IRI, by qualified name, or by a suffix of it that fits one symbol only."""
    wanted = _given(symbol, "symbol")
    rows: list[Row] = []
    if ":" in wanted:
        rows = await _rows(queries, folder, texts.BY_IRI, {"x": iri(wanted)}, limits)
        rows = [{**row, "iri": wanted} for row in rows]
    else:
        rows = await _rows(queries, folder, texts.BY_QUALIFIED_NAME, {"wanted": literal(wanted)}, limits)
        if not rows:
            last = wanted.rpartition(".")[2]
            rows = await _rows(queries, folder, texts.BY_LABEL, {"label": literal(last)}, limits)
            rows = [row for row in rows if row["symbol"] == wanted or row["symbol"].endswith(f".{wanted}")]
    names = sorted({row["symbol"] for row in rows})
    if not rows:
        raise NotFound(
            f"the graph has no symbol {wanted}", field="symbol", hint="find_symbol searches by part of a name"
        )
    if len(names) > 1:
        raise NotFound(
            f"{len(names)} symbols are called {wanted}; name one of them",
            field="symbol",
            details={"symbols": names[:20]},
        )
    # A name defined twice, as under if and else, is one symbol to a reader: the first definition stands for it.
    first = min(rows, key=lambda row: row["iri"])
    return _Symbol(first["iri"], first["label"], first["symbol"]), {"x": iri(first["iri"])}


def _given(value: str, field: str) -> str:
    value = value.strip()
    if not value or len(value) > 4096:
        raise InvalidInput("must have 1 to 4096 characters", field=field)
    return value


def _rank(row: Row, wanted: str) -> int:
    """0 is the very name, then any case, then the end of a qualified name, then its start, then anywhere."""
    label, qualified, low = row["label"], row["symbol"], wanted.lower()
    tests = (
        wanted in (label, qualified),
        low in (label.lower(), qualified.lower()),
        qualified.lower().endswith(f".{low}"),
        label.lower().startswith(low),
    )
    return tests.index(True) if True in tests else len(tests)


def _place(row: Row) -> Row:
    """A symbol with where it stands."""
    told: Row = {"symbol": row["symbol"], "iri": row["iri"]}
    if "kind" in row:
        told["kind"] = row["kind"]
    if "path" in row:
        told["path"] = row["path"]
    for name, key in (("line", "line"), ("end", "end_line")):
        if name in row:
            told[key] = int(row[name])
    told |= {key: row[key] for key in ("signature",) if key in row}
    if "doc" in row:
        told["doc"] = row["doc"].partition("\n")[0]
    return told


def _sites(rows: list[Row]) -> list[Row]:
    """Call sites, certain ones first; each line of a file once per symbol and certainty."""
    sites = {
        (row["certainty"], row["symbol"], row.get("path", ""), row["line"]): {
            **_place(row), "certainty": row["certainty"], "rule": row["rule"].rpartition("rule-")[2],
        }
        for row in rows
    }  # fmt: skip
    return [sites[key] for key in sorted(sites, key=lambda key: (*key[:3], int(key[3])))]
