"""How the client commands and the demo put things on a terminal: consoles, tables, JSON for scripts.

What comes from a service may come from a stranger's repository, so every text passes ``clean``: no markup of ours and
no control sequence of a terminal survives in it.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of a table.")]
Column = tuple[str, str | Callable[[Any], Any]]

_WIDTH_OF_A_FILE = 100
_WIDEST = 120
_NEVER_WRAPPED = 16
_GAP = 3  # between two columns
_STYLES = {
    "completed": "green", "failed": "red", "cancelled": "yellow", "running": "cyan", "queued": "cyan",
    "healthy": "green", "unhealthy": "red", "degraded": "yellow", "ready": "green", "available": "green",
}  # fmt: skip


def console() -> Console:
    """Standard output, never wider than can be read; a file or a pipe gets a fixed width."""
    made = Console(highlight=False, emoji=False, markup=False)
    if made.is_terminal:
        made.width = min(made.width, _WIDEST)
    elif "COLUMNS" not in os.environ:
        made.width = _WIDTH_OF_A_FILE
    return made


def clean(value: Any, limit: int = 10_000) -> str:
    """A text without control characters; new lines and tabs stay."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    cut = text[:limit] + (" …" if len(text) > limit else "")
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\N{REPLACEMENT CHARACTER}" for sign in cut)


def print_json(value: Any) -> None:
    """A value as JSON on standard output, unwrapped and uncoloured."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=not (sys.stdout.encoding or "").lower().startswith("utf"))
    sys.stdout.write("\n")


def table(columns: Sequence[Column], rows: Iterable[Mapping[str, Any]], title: str = "") -> Table:
    """A table; a column is a heading with the key or the function that gives its cells."""
    cells = [[cell(key(row) if callable(key) else row.get(key)) for _, key in columns] for row in rows]
    headings = [heading for heading, _ in columns]
    widths = _widths(headings, cells)
    below = "Id" in headings[1:] and sum(widths) + _GAP * len(widths) > console().width
    id_width = widths[headings.index("Id")] if below else None
    if below:
        _put_ids_below(headings, cells)
    made = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False, header_style="bold")
    for heading, widest in zip(headings, _widths(headings, cells), strict=True):
        # What is short stays whole, so that the long columns share what is left.
        made.add_column(heading, overflow="fold", no_wrap=heading == "Id" or widest <= _NEVER_WRAPPED)
    made.columns[0].width = id_width
    for each in cells:
        made.add_row(*each)
    return made


def _widths(headings: Sequence[str], cells: Sequence[Sequence[Text]]) -> list[int]:
    """How wide each column would be if it were never wrapped."""
    return [
        max(cell_len(line) for text in (heading, *(row[place].plain for row in cells)) for line in text.split("\n"))
        for place, heading in enumerate(headings)
    ]


def _put_ids_below(headings: list[str], cells: list[list[Text]]) -> None:
    """Ids are there to be copied, so they are never wrapped; where there is no room they stand below the name."""
    place = headings.index("Id")
    del headings[place]
    for row in cells:
        below = row.pop(place)
        below.stylize("dim")
        row[0] = Text("\n").join([row[0], below])


def cell(value: Any) -> Text:
    """One cell; states in their colours."""
    if isinstance(value, Text):
        return value
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, list | tuple):
        value = ", ".join(str(each) for each in value)
    text = clean(value, 2000)
    return Text(text, style=_STYLES.get(text, ""))


def show_page(page: Mapping[str, Any], columns: Sequence[Column], *, as_json: bool, nothing: str) -> None:
    """A page of a list, with how much of it is shown."""
    if as_json:
        print_json(page)
        return
    out = console()
    if not page["items"]:
        out.print(nothing)
        return
    out.print(table(columns, page["items"]))
    if page.get("total", 0) > len(page["items"]):
        out.print(f"{len(page['items'])} of {page['total']}; --limit and --offset show others.", style="dim")


def show_one(value: Mapping[str, Any], *, as_json: bool) -> None:
    """One thing, field by field; what is empty is left out."""
    if as_json:
        print_json(value)
        return
    made = Table(box=None, show_header=False, pad_edge=False)
    made.add_column(style="bold")
    made.add_column(overflow="fold")
    for name, content in value.items():
        if content in (None, "", [], {}):
            continue
        plain = json.dumps(content, indent=2, ensure_ascii=False) if isinstance(content, dict) else content
        made.add_row(name.replace("_", " "), cell(plain))
    console().print(made)


def when(text: str | None) -> str:
    """A moment, in this machine's time zone."""
    if not text:
        return ""
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def short(commit: str | None) -> str:
    """The first part of a commit's name."""
    return (commit or "")[:12]


def some(names: Sequence[str], most: int = 5) -> str:
    """The first few of many names, and how many more there are."""
    more = f", … {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def count(number: int, noun: str) -> str:
    """As ``1 file`` or ``2,000 files``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
