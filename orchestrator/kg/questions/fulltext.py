"""A side index of names, words and docstrings: SQLite FTS5 in a file beside the snapshots. Used by ``find_symbol``.

    <folder>/names.sqlite    symbols and files by the named graph they stand in; which graphs a view consists of

It follows the graph by itself: when the graph's state is another than the one seen last, only named graphs that came or
went are read again. Views share rows as they share graphs. A file that is damaged is made anew; it holds no truth.
"""

import asyncio
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.core.errors import Unavailable
from orchestrator.kg import journal
from orchestrator.kg.query.client import QueryLimits
from orchestrator.kg.query.rows import rows_of
from orchestrator.kg.questions.asking import Asker, values
from orchestrator.kg.rdf.vocabulary import PREFIXES
from orchestrator.kg.snapshot import current_folder, split_view

_FILE = "names.sqlite"
_SHAPE = 2
_MOST_HITS = 5000
_MOST_DOC = 4000
_GRAPHS_AT_ONCE = 500
_LOCK_SECONDS = 60.0
_WHOLE = QueryLimits(seconds=120, rows=5_000_000, bytes=1024**3, memory_bytes=4 * 1024**3)

_GRAPHS = f"{PREFIXES} SELECT ?g WHERE {{ GRAPH ?g {{ ?file a c:SourceFile }} }}"
_ROWS = f"""{PREFIXES}
SELECT ?g ?iri ?name ?symbol ?kind ?path ?line ?signature ?doc WHERE {{
  #WHICH# GRAPH ?g {{
    {{ ?iri a ?type ; rdfs:label ?name ; c:qualifiedName ?symbol ; c:startLine ?line ; c:definedIn/c:path ?path .
      VALUES (?type ?kind) {{ (c:Class "class") (c:Function "function") (c:Method "method") (c:Module "module") }}
      OPTIONAL {{ ?iri c:signature ?signature }} OPTIONAL {{ ?iri rdfs:comment ?doc }} }}
    UNION {{ ?iri a c:SourceFile ; rdfs:label ?name ; c:path ?path , ?symbol BIND("file" AS ?kind) BIND(1 AS ?line) }}
  }}
}}"""

_TABLES = """
CREATE TABLE views (view TEXT PRIMARY KEY, state TEXT);
CREATE TABLE graphs (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE parts (view TEXT, graph INTEGER, PRIMARY KEY (view, graph)) WITHOUT ROWID;
CREATE TABLE symbols (
    id INTEGER PRIMARY KEY, graph INTEGER, iri TEXT, name TEXT, symbol TEXT, kind TEXT, path TEXT, line INTEGER,
    signature TEXT, doc TEXT, own TEXT, words TEXT
);
CREATE INDEX symbols_name ON symbols (name COLLATE NOCASE);
CREATE INDEX symbols_graph ON symbols (graph);
CREATE VIRTUAL TABLE names USING fts5(symbol, content='symbols', content_rowid='id', tokenize='trigram');
CREATE VIRTUAL TABLE texts USING fts5(
    own, words, doc, content='symbols', content_rowid='id', tokenize='porter unicode61'
);
CREATE TRIGGER symbols_come AFTER INSERT ON symbols BEGIN
    INSERT INTO names(rowid, symbol) VALUES (new.id, new.symbol);
    INSERT INTO texts(rowid, own, words, doc) VALUES (new.id, new.own, new.words, new.doc);
END;
CREATE TRIGGER symbols_go AFTER DELETE ON symbols BEGIN
    INSERT INTO names(names, rowid, symbol) VALUES ('delete', old.id, old.symbol);
    INSERT INTO texts(texts, rowid, own, words, doc) VALUES ('delete', old.id, old.own, old.words, old.doc);
END;
"""
_SHOWN = "s.iri, s.name AS label, s.symbol, s.kind, s.path, s.line, s.signature, s.doc"
_OF_VIEW = "JOIN parts p ON p.graph = s.graph AND p.view = :view"

Row = dict[str, Any]


async def search(asker: Asker, wanted: str) -> tuple[list[Row], list[Row]]:
    """Symbols and files whose name holds the text, and those that hold its words in name or docstring, best first."""
    folder, view = split_view(asker.folder)
    state = _state(asker.folder)
    path = folder / _FILE
    if await asyncio.to_thread(_known_state, path, view) != state:
        await _follow(asker, path, view, state)
    return await asyncio.to_thread(_search, path, view, wanted)


async def _follow(asker: Asker, path: Path, view: str, state: str) -> None:
    """Bring the rows of a view up to date with the graph."""
    whole = replace(asker, limits=_WHOLE)
    present = {row[0] for row in await _table(whole, _GRAPHS)}
    missing = await asyncio.to_thread(_missing, path, present)
    rows: list[list[str]] = []
    if len(missing) == len(present):
        rows = await _table(whole, _ROWS.replace("#WHICH#", ""))
    else:
        for start in range(0, len(missing), _GRAPHS_AT_ONCE):
            which = f"VALUES ?g {{ {values(missing[start : start + _GRAPHS_AT_ONCE])} }}"
            rows += await _table(whole, _ROWS.replace("#WHICH#", which))
    await asyncio.to_thread(_store, path, view, state, present, rows)


async def _table(asker: Asker, text: str) -> list[list[str]]:
    return await rows_of(asker.queries, asker.folder, text, asker.limits)


def _state(folder: Path) -> str:
    """What a query sees now: the snapshot, and how long its journal is."""
    snapshot = current_folder(folder)
    return f"{snapshot.name}+{journal.length(snapshot)}"


def _known_state(path: Path, view: str) -> str:
    with _opened(path) as database:
        row = database.execute("SELECT state FROM views WHERE view = ?", (view,)).fetchone()
    return str(row[0]) if row else ""


def _missing(path: Path, present: Iterable[str]) -> list[str]:
    with _opened(path) as database:
        known = {name for (name,) in database.execute("SELECT name FROM graphs")}
    return sorted(set(present) - known)


def _store(path: Path, view: str, state: str, present: set[str], rows: Sequence[Sequence[str]]) -> None:
    """Everything in one transaction: whoever reads meanwhile sees the state before."""
    with _opened(path) as database, database:
        database.execute("BEGIN IMMEDIATE")
        known = dict(database.execute("SELECT name, id FROM graphs").fetchall())
        for name in sorted(present - known.keys()):
            known[name] = database.execute("INSERT INTO graphs(name) VALUES (?)", (name,)).lastrowid
        had = {graph for (graph,) in database.execute("SELECT DISTINCT graph FROM symbols")}
        database.executemany(
            "INSERT INTO symbols(graph, iri, name, symbol, kind, path, line, signature, doc, own, words)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    *(known[graph], iri, name, symbol, kind, file, int(line), signature, doc[:_MOST_DOC]),
                    *(_words(name), _words(symbol)),
                )
                for graph, iri, name, symbol, kind, file, line, signature, doc in rows
                if known[graph] not in had
            ),
        )
        database.execute("DELETE FROM parts WHERE view = ?", (view,))
        database.executemany("INSERT INTO parts VALUES (?, ?)", ((view, known[name]) for name in present))
        database.execute("DELETE FROM symbols WHERE graph NOT IN (SELECT graph FROM parts)")
        database.execute("DELETE FROM graphs WHERE id NOT IN (SELECT graph FROM parts)")
        database.execute("INSERT OR REPLACE INTO views VALUES (?, ?)", (view, state))


def _search(path: Path, view: str, wanted: str) -> tuple[list[Row], list[Row]]:
    with _opened(path) as database:
        database.row_factory = sqlite3.Row
        bound = {"view": view, "name": wanted, "most": _MOST_HITS}
        exact = f"SELECT {_SHOWN} FROM symbols s {_OF_VIEW} WHERE s.name = :name COLLATE NOCASE LIMIT :most"
        found = database.execute(exact, bound).fetchall()
        if len(wanted) >= 3:  # the shortest piece a trigram index knows
            bound["match"] = " OR ".join(_quoted(form) for form in (wanted, *_joined(wanted)))
            parts = f"SELECT {_SHOWN} FROM names n JOIN symbols s ON s.id = n.rowid {_OF_VIEW} WHERE names MATCH :match"
            found += database.execute(f"{parts} LIMIT :most", bound).fetchall()
        else:
            begins = f"SELECT {_SHOWN} FROM symbols s {_OF_VIEW} WHERE s.name LIKE :begin ESCAPE '\\' LIMIT :most"
            bound["begin"] = re.sub(r"([%_\\])", r"\\\1", wanted) + "%"
            found += database.execute(begins, bound).fetchall()
        named = {row["iri"]: dict(row) for row in found}
        bound["match"] = _all_words(wanted)
        texts: list[sqlite3.Row] = []
        if bound["match"]:
            told = f"SELECT {_SHOWN} FROM texts t JOIN symbols s ON s.id = t.rowid {_OF_VIEW} WHERE texts MATCH :match"
            texts = database.execute(f"{told} ORDER BY bm25(texts, 8.0, 3.0, 1.0) LIMIT :most", bound).fetchall()
    return list(named.values()), [dict(row) for row in texts if row["iri"] not in named]


def _quoted(text: str) -> str:
    """A text as one phrase: nothing in it is an operator."""
    return '"' + text.replace('"', '""').replace("\0", " ") + '"'


def _words(name: str) -> str:
    """A name, and the words it is made of: between dots, underscores and changes to capitals."""
    return f"{name} {_apart(name)}"


def _apart(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_", " ", name)


def _joined(wanted: str) -> list[str]:
    """Several words as names have them."""
    words = wanted.split()
    return ["_".join(words), "".join(words)] if len(words) > 1 else []


def _all_words(wanted: str) -> str:
    """What matches all words that were written, or all that they are made of; "" where there are none."""
    forms = {text: re.findall(r"\w+", text) for text in (wanted, _apart(wanted))}
    return " OR ".join(f"({' '.join(f'{_quoted(word)}*' for word in words)})" for words in forms.values() if words)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to the index. Raises Unavailable when it cannot be used now."""
    try:
        with closing(_connect(path)) as database:
            yield database
    except sqlite3.Error as error:
        raise Unavailable("the index of names cannot be used", details={"cause": str(error)}) from error


def _connect(path: Path) -> sqlite3.Connection:
    """Connect, and make the tables where there are none; a file that is no such index gives way to a new one."""
    try:
        database = _prepared(path)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        database = None
    if database is None:
        for ending in ("", "-wal", "-shm"):
            Path(f"{path}{ending}").unlink(missing_ok=True)
        database = _prepared(path)
    assert database is not None
    return database


def _prepared(path: Path) -> sqlite3.Connection | None:
    """A connection to an index of the present shape, or None for one of another."""
    database = sqlite3.connect(path, timeout=_LOCK_SECONDS, isolation_level=None)
    try:
        shape = database.execute("PRAGMA user_version").fetchone()[0]
        if shape == 0:
            _make(database)
    except BaseException:
        database.close()
        raise
    if shape in (0, _SHAPE):
        return database
    database.close()
    return None


def _make(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    with database:
        database.execute("BEGIN IMMEDIATE")
        if database.execute("PRAGMA user_version").fetchone()[0] == _SHAPE:
            return
        for statement in re.split(r";\n(?=CREATE|\Z)", _TABLES.strip() + "\n"):
            if statement.strip():
                database.execute(statement)
        database.execute(f"PRAGMA user_version = {_SHAPE}")
