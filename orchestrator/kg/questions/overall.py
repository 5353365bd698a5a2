"""Questions about the graph as a whole: what it holds, of which commit, and finding a symbol in it."""

import json
from pathlib import Path

from orchestrator.kg.questions import texts
from orchestrator.kg.questions.asking import Answer, Asker, Row, given, place
from orchestrator.kg.questions.fulltext import search
from orchestrator.kg.snapshot import REPORT, current_folder

_BUILD = (
    "commit", "files", "lines", "call_sites", "calls", "may_call", "unresolved_sites", "skipped_total", "triples",
)  # fmt: skip


async def find_symbol(asker: Asker, name: str, limit: int) -> Answer:
    """Symbols and files whose name is, ends with or holds ``name``, then those with its words in name or docstring."""
    wanted = given(name, "name")
    named, texts_with = await search(asker, wanted)
    ranked = sorted(named, key=lambda row: (rank(row, wanted), len(row["symbol"]), row["symbol"]))
    shown = [_found(row) for row in ranked] + [_found(row) | {"matched": "words"} for row in texts_with]
    return Answer({"name": wanted}, {"symbols": shown}, limit=limit)


async def summary(asker: Asker) -> Answer:
    """Counts by kind, the most called symbols and most imported modules, and what the build skipped."""
    kinds, called, imported = await asker.together(
        (texts.KINDS, {}), (texts.MOST_CALLED, {}), (texts.MOST_IMPORTED, {})
    )
    report = json.loads((current_folder(asker.folder) / REPORT).read_bytes())
    knowledge = await asker.knowledge()
    about = {
        "counts": {row["kind"]: int(row["n"]) for row in kinds},
        "build": {name: report[name] for name in _BUILD if name in report},
    }
    lists: dict[str, list[Row]] = {
        "most_called": [{"symbol": row["symbol"], "callers": int(row["n"])} for row in called],
        "most_imported": [{"symbol": row["symbol"], "importers": int(row["n"])} for row in imported],
        "skipped": report["skipped"],
    }
    return Answer(about, lists, [*knowledge.of_calls(), *knowledge.of_history(), *knowledge.of_work()])


async def commit(folder: Path) -> str | None:
    """The commit the current graph was built from."""
    told = json.loads((current_folder(folder) / REPORT).read_bytes())
    return str(told["commit"]) or None


def _found(row: Row) -> Row:
    return place({key: value for key, value in row.items() if value not in ("", None)})


def rank(row: Row, wanted: str) -> int:
    """0 is the very name, then any case, then the end of a qualified name, then its start, then anywhere."""
    label, qualified, low = row["label"], row["symbol"], wanted.lower()
    tests = (
        wanted in (label, qualified),
        low in (label.lower(), qualified.lower()),
        qualified.lower().endswith(f".{low}"),
        label.lower().startswith(low),
    )
    return tests.index(True) if True in tests else len(tests)
