"""A task's result on a terminal: a diff in colours, call sites as a table, files as a list, else the text or JSON.

Used by ``task show`` and the demo. Shows the beginning of what is long and says how much is left out.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.syntax import Syntax
from rich.text import Text

from orchestrator.cli.client.screen import clean, count, table

_LINES = 40


def result_view(result: Mapping[str, Any], lines: int = _LINES) -> RenderableType:
    """What a finished task brought, at most so many lines of each part."""
    if "diff" in result and "files" in result:
        return Group(*_change(result, lines))
    answers = (result.get("data") or {}).get("answers") if isinstance(result.get("data"), dict) else None
    if isinstance(answers, list) and answers and all(isinstance(answer, dict) for answer in answers):
        return Group(*[part for answer in answers for part in _answer(answer, lines)])
    found = _structured(result)
    if isinstance(found, dict) and isinstance(found.get("files"), list):
        return Group(*_files(found, lines))
    if found is not None:
        return _code(json.dumps(found, indent=2, ensure_ascii=False), "json", lines)
    texts = [str(block.get("text", "")) for block in result.get("content", []) if isinstance(block, dict)]
    if texts:
        return clipped("\n".join(texts), lines)
    if isinstance(result.get("summary"), str):
        return clipped(result["summary"], lines)
    return _code(json.dumps(result, indent=2, ensure_ascii=False), "json", lines)


def clipped(text: str, lines: int = _LINES) -> Text:
    """The first lines of a text, and how many were left out."""
    every = clean(text.strip(), 200_000).splitlines()
    shown = Text("\n".join(every[:lines]))
    return shown.append(_left_out(len(every) - lines), style="dim")


def diff_view(text: str, lines: int = _LINES) -> RenderableType:
    """A diff in colours."""
    return _code(text, "diff", lines)


def _change(result: Mapping[str, Any], lines: int) -> Iterator[RenderableType]:
    yield Text(clean(result.get("summary"), 500))
    if not result["files"]:
        return
    diff = result["diff"]
    yield Text(f"{count(len(result['files']), 'file')} changed, +{diff['added']} −{diff['removed']}", style="bold")
    yield Text(f"on branch {clean(result.get('branch'))}, from {clean(result.get('base_commit'))[:12]}", style="dim")
    yield Padding(diff_view(diff["text"], lines), (1, 0, 0, 0))
    if diff.get("truncated"):
        yield Text("The diff was too large to be kept whole.", style="yellow")


def _answer(answer: Mapping[str, Any], lines: int) -> Iterator[RenderableType]:
    told = answer.get("answer")
    rows = next((each for each in told.values() if _is_rows(each)), None) if isinstance(told, dict) else None
    if rows is None:
        yield clipped(str(answer.get("text", "")), lines)
        return
    columns = (
        ("Symbol", lambda row: row.get("symbol")),
        ("Where", lambda row: f"{row.get('path')}:{row.get('line')}" if row.get("path") else ""),
        ("Certainty", lambda row: row.get("certainty") or row.get("kind")),
    )
    yield Text(clean(answer.get("question")), style="bold")
    yield table(columns, rows[:lines])
    yield Text(_left_out(len(rows) - lines).strip(), style="dim")


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) and "symbol" in row for row in value)


def _files(found: Mapping[str, Any], lines: int) -> Iterator[RenderableType]:
    files = [clean(name, 300) for name in found["files"]]
    yield Text(count(found.get("total", len(files)), "file"), style="bold")
    yield Text("\n".join(files[:lines])).append(_left_out(len(files) - lines), style="dim")


def _structured(result: Mapping[str, Any]) -> Any:
    """The structured answer of a tool; a text that is JSON counts as one."""
    if result.get("structuredContent") is not None:
        return result["structuredContent"]
    content = result.get("content")
    if not isinstance(content, list) or len(content) != 1 or not isinstance(content[0], dict):
        return None
    text = content[0].get("text")
    if not isinstance(text, str) or not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _code(text: str, language: str, lines: int) -> RenderableType:
    every = clean(text.rstrip("\n"), 400_000).split("\n")
    shown = "\n".join(line[:400] for line in every[:lines])
    coloured = Syntax(shown, language, theme="ansi_dark", background_color="default", word_wrap=True)
    note = _left_out(len(every) - lines).strip()
    return Group(coloured, Text(note, style="dim")) if note else coloured


def _left_out(lines: int) -> str:
    return f"\n… {lines} more" if lines > 0 else ""
