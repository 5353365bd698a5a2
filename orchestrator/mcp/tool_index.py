"""Finds tools by words: an index of names, titles, descriptions and parameters, ranked by BM25 (SQLite FTS5 in memory).

Used by ``services.tool_search``. Making one and asking it takes milliseconds of processor time, thousands of tools tens
of them: callers do both in a thread. It knows no caller and no server; what may be found is decided above.
"""

import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from orchestrator.mcp.result import ToolInfo

_MOST_WORDS = 32
_MOST_TEXT = 20_000
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
_FILLING = (
    "a about all an and any are as at be by can do does for from has have how i if in into is it its let me my not of "
    "on or our please so some that the their them then there these they this to up us use want was we what when where "
    "which who why will with would you your"
)
_COMMON = frozenset(_FILLING.split())
"""Words of sentences, not of jobs: rare as they are in what tools say of themselves, they would decide the order."""
_RANK = "bm25(tools, 10.0, 5.0, 2.0, 1.0)"
# Stemmed as English, marks above letters dropped: "searching" finds "search_files".
_TABLE = "CREATE VIRTUAL TABLE tools USING fts5(name, title, description, parameters, tokenize='porter unicode61')"


class ToolIndex:
    """An index of one set of tools, by the names they are offered under. Safe to ask from several threads."""

    def __init__(self, tools: Iterable[tuple[str, ToolInfo]]) -> None:
        self._names: list[str] = []
        self._lock = threading.Lock()
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._database.execute(_TABLE)
        self._database.executemany("INSERT INTO tools(rowid, name, title, description, parameters) VALUES(?,?,?,?,?)",
                                   self._rows(tools))  # fmt: skip

    def _rows(self, tools: Iterable[tuple[str, ToolInfo]]) -> Iterator[tuple[int, str, str, str, str]]:
        for number, (name, tool) in enumerate(sorted(tools, key=lambda one: one[0])):
            self._names.append(name)
            described = f"{tool.title or ''} {(tool.annotations or {}).get('title') or ''}"
            yield (number, _words(name), _words(described), _words(tool.description or ""),
                   _words(" ".join(_parameters(tool.input_schema))))  # fmt: skip

    def ranked(self, text: str) -> list[str]:
        """The names of tools that hold any of the words, best first; of equals the first by name."""
        words = list(dict.fromkeys(_words(text[:_MOST_TEXT]).split()))
        telling = [word for word in words if word not in _COMMON]
        return list(dict.fromkeys([*self._holding(telling), *self._holding(words)]))

    def _holding(self, words: Sequence[str]) -> list[str]:
        if not words:
            return []
        # Each word is quoted, so that nothing in it is read as an operator; a longer one finds what begins with it.
        asked = " OR ".join(f'"{word}"*' if len(word) > 2 else f'"{word}"' for word in words[:_MOST_WORDS])
        query = f"SELECT rowid FROM tools WHERE tools MATCH ? ORDER BY {_RANK}, rowid"
        with self._lock:
            return [self._names[number] for (number,) in self._database.execute(query, (asked,))]

    def close(self) -> None:
        """Free its memory."""
        with self._lock:
            self._database.close()


def _words(text: str) -> str:
    """The words of a text in lower case; names are taken apart: ``gitLog``, ``git_log`` and ``git-log`` are two."""
    return " ".join(_WORD.findall(text[:_MOST_TEXT])).lower()


def _parameters(schema: Mapping[str, Any]) -> Iterator[str]:
    """Names and descriptions of the arguments on top."""
    properties = schema.get("properties")
    for name, one in properties.items() if isinstance(properties, dict) else ():
        yield name
        if isinstance(one, dict) and isinstance(one.get("description"), str):
            yield one["description"]
