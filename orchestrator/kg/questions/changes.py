"""Questions about history and work: owners, files that change together, who and which task changed what, and when."""

from collections import defaultdict
from collections.abc import Sequence

from orchestrator.core.errors import InvalidInput, NotFound
from orchestrator.kg.questions import texts_history as texts
from orchestrator.kg.questions.asking import Answer, Asker, Row, given
from orchestrator.kg.rdf.terms import iri, literal

_COMMIT = "swh:1:rev:"
_HEX = frozenset("0123456789abcdef")
_SHORT = 12
_MOST_MERGED = 5


async def owners(asker: Asker, path: str) -> Answer:
    """Authors of a file, or of all files below a folder, by number of commits."""
    wanted = given(path, "path").rstrip("/")
    rows = await asker.rows(texts.OWNERS, {"path": literal(wanted)})
    all_of_them = sum(int(row["commits"]) for row in rows)
    shown = [
        {"author": row["who"], "commits": int(row["commits"]), "share": round(int(row["commits"]) / all_of_them, 3)}
        | ({"last": row["last"]} if "last" in row else {})
        for row in rows
    ]
    unknown = (await asker.knowledge()).of_history()
    if not rows:
        unknown.append(f"No commit that is known changed {wanted}.")
    return Answer({"path": wanted}, {"owners": shown}, unknown)


async def co_changing(asker: Asker, path: str, limit: int) -> Answer:
    """Files by how often a commit changed them together with this one; ``share`` is of this file's own commits."""
    bound = {"path": literal(given(path, "path"))}
    rows, counted = await asker.together((texts.CO_CHANGING, bound), (texts.CHANGES_OF_FILE, bound))
    commits = int(counted[0]["commits"]) if counted else 0
    shown = [
        {"path": row["other"], "together": int(row["together"]), "share": round(int(row["together"]) / commits, 3)}
        for row in rows
    ]
    unknown = (await asker.knowledge()).of_history()
    unknown.append(f"Commits of more than {texts.MASS_COMMIT} files are not counted.")
    return Answer({"path": path, "commits": commits}, {"files": shown}, unknown, limit)


async def who_changed(asker: Asker, symbol: str, limit: int) -> Answer:
    """Commits and tasks that changed a symbol or a file, newest first; ``tests``: how a task's last test run ended."""
    wanted = given(symbol, "symbol")
    files = await asker.rows(texts.IS_FILE, {"path": literal(wanted)})
    merged: list[Row] = []
    if files:
        about, bound = {"path": wanted}, {"x": iri(files[0]["file"])}
        commits, tasks = await asker.together((texts.COMMITS_OF_FILE, bound), (texts.TASKS_OF_FILE, bound))
    else:
        found = await asker.resolve(wanted)
        about = {"symbol": found.qualified_name, "iri": found.iri}
        asked = (texts.COMMITS_OF_SYMBOL, texts.TASKS_OF_SYMBOL, texts.MERGED_OF_SYMBOL)
        commits, tasks, merged = await asker.about(found, *asked)
    knowledge = await asker.knowledge()
    unknown = [*knowledge.of_history(), *knowledge.of_work()]
    if not files:
        unknown.append("Of what a merge brought in, all commits that touch the file are named, not only the symbol's.")
    brought: dict[str, list[Row]] = defaultdict(list)
    for row in merged:
        brought[row["merge"]].append(row)
    newest = sorted({row["commit"]: row for row in commits}.values(), key=lambda row: row.get("at", ""), reverse=True)
    lists = {"tasks": _tasks(tasks), "commits": [_commit(row, brought[row["commit"]]) for row in newest]}
    return Answer(about, lists, unknown, limit)


async def changed_between(asker: Asker, old: str, new: str) -> Answer:
    """Commits behind ``new`` and not behind ``old``, with the files and symbols of today that they changed."""
    older = await _named(asker, old, "old")
    newer = await _named(asker, new, "new") if new else await _newest(asker)
    bound = {"old": iri(older["k"]), "new": iri(newer["k"])}
    commits, files, symbols = await asker.together(
        (texts.BETWEEN, bound), (texts.FILES_BETWEEN, bound), (texts.SYMBOLS_BETWEEN, bound)
    )
    lists = {
        "commits": [_commit(row) for row in commits],
        "files": [{"path": row["path"], "commits": int(row["commits"])} for row in files],
        "symbols": [
            {"symbol": row["symbol"], "path": row["path"], "line": int(row["line"]), "commits": int(row["commits"])}
            for row in symbols
        ],
    }
    unknown = (await asker.knowledge()).of_history()
    unknown.append("Files and symbols that are gone by now are not listed.")
    about = {"old": older["commit"].removeprefix(_COMMIT), "new": newer["commit"].removeprefix(_COMMIT)}
    return Answer(about, lists, unknown)


async def _named(asker: Asker, start: str, field: str) -> Row:
    start = start.lower()
    if not set(start) <= _HEX:
        raise InvalidInput("a commit is named by hexadecimal digits", field=field)
    rows = await asker.rows(texts.COMMIT, {"start": literal(_COMMIT + start)})
    if len(rows) != 1:
        told = f"{len(rows)} commits that the graph knows begin with {start}"
        raise NotFound(told, field=field, hint="older history may not be in the graph")
    return rows[0]


async def _newest(asker: Asker) -> Row:
    rows = await asker.rows(texts.NEWEST)
    if not rows:
        raise NotFound("the graph holds no history", field="new")
    return rows[0]


def _commit(row: Row, merged: Sequence[Row] = ()) -> Row:
    told: Row = {"commit": row["commit"].removeprefix(_COMMIT)[:_SHORT], "title": row["title"], "author": row["who"]}
    told |= {"at": row["at"]} if "at" in row else {}
    return told | ({"merged": [_commit(one) for one in merged[:_MOST_MERGED]]} if merged else {})


def _tasks(rows: Sequence[Row]) -> list[Row]:
    """One row per task; rows come in the order in which the test runs ended, so the last one decides."""
    tasks: dict[str, Row] = {}
    failing: dict[str, dict[str, None]] = {}
    last: dict[str, str] = {}
    for row in rows:
        told = tasks.setdefault(row["task"], {
            "task": row["task"], "title": row["title"], "agent": row.get("agent", ""), "state": row["state"],
            "tests": "unknown",
        })  # fmt: skip
        told |= {"at": row["at"]} if "at" in row else {}
        told |= {"commit": row["commit"].removeprefix(_COMMIT)[:_SHORT]} if "commit" in row else {}
        if "outcome" in row:
            told["tests"] = row["outcome"].rpartition("#")[2]
            if last.get(row["task"]) != row["run"]:
                failing[row["task"]] = {}
            last[row["task"]] = row["run"]
            failing[row["task"]] |= {row["failing"]: None} if "failing" in row else {}
    for task, names in failing.items():
        tasks[task] |= {"failing": list(names)} if names else {}
    return list(tasks.values())
