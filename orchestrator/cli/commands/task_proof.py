"""``task proof``, ``task attempts`` and ``task diff``: how criteria came out, tries side by side, what a try changed.

Client commands over HTTP, added to those of ``task``. Also reads ``--accept`` of ``task create``.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from orchestrator.cli.client.api import Api
from orchestrator.cli.client.login import run
from orchestrator.cli.client.result import clipped, diff_view
from orchestrator.cli.client.screen import Json, clean, console, count, print_json, show_page, table, when
from orchestrator.core.errors import InvalidInput

Id = Annotated[str, typer.Argument(metavar="TASK", help="Id of the task.")]
Attempt = Annotated[int | None, typer.Option("--attempt", min=1, help="Which attempt; default: the latest.")]
Accept = Annotated[
    list[str] | None,
    typer.Option("--accept", help="A criterion: a command, or a JSON object with a kind; may be repeated."),
]
_STYLES = {"passed": "green", "failed": "red", "unknown": "yellow"}


def acceptance(given: Sequence[str]) -> list[dict[str, Any]]:
    """Criteria as they were typed: a command line, or an object as the API takes it."""
    return [_criterion(text, f"--accept {number}") for number, text in enumerate(given, 1)]


def _criterion(text: str, place: str) -> dict[str, Any]:
    try:
        read = json.loads(text) if text.lstrip().startswith("{") else {"kind": "command", "command": shlex.split(text)}
    except ValueError as error:
        raise InvalidInput(f"This is neither a command nor JSON: {error}.", field=place) from error
    return dict(read)


def proof(task: Id, attempt: Attempt = None, as_json: Json = False) -> None:
    """How each acceptance criterion came out, with its output."""
    page = run(lambda api: api.get(f"/tasks/{task}/proof", attempt=attempt))
    if as_json:
        print_json(page)
        return
    show_proofs(page["items"])
    for item in page["items"]:
        if item["output"].strip() and item["verdict"] != "passed":
            out = console()
            out.rule(clean(item["name"], 100), style="dim")
            out.print(clipped(item["output"], 60))


def show_proofs(items: Sequence[Mapping[str, Any]]) -> None:
    """Proofs as a table."""
    columns = (
        ("Try", "attempt"),
        ("Criterion", "name"),
        ("Verdict", lambda row: Text(row["verdict"], style=_STYLES.get(row["verdict"], ""))),
        ("Why", "why"),
        ("Seconds", lambda row: f"{row['seconds']:.1f}"),
        ("Commit", lambda row: row["commit"][:12]),
    )
    console().print(table(columns, items) if items else "Nothing was verified.")


def attempts(task: Id, as_json: Json = False) -> None:
    """Every try at a task, side by side."""
    columns = (
        ("Try", "attempt"),
        ("By", "target_id"),
        ("Began", lambda row: when(row["started_at"])),
        ("Seconds", lambda row: f"{row['seconds']:.1f}"),
        ("Ended", "reason"),
        ("Change", lambda row: _size(row["change"])),
        ("Proof", lambda row: ", ".join(f"{one['name']}: {one['verdict']}" for one in row["proof"])),
    )
    page = run(lambda api: api.get(f"/tasks/{task}/attempts"))
    show_page(page, columns, as_json=as_json, nothing="No attempt yet.")


def _size(change: Mapping[str, Any] | None) -> str:
    return f"{count(change['files'], 'file')}, +{change['added']} −{change['removed']}" if change else ""


def diff(
    task: Id,
    attempt: Attempt = None,
    lines: Annotated[int, typer.Option(min=1, help="How many lines at most.")] = 1000,
    as_json: Json = False,
) -> None:
    """What a try changed."""

    async def work(api: Api) -> dict[str, Any]:
        told: dict[str, Any] = await api.get(f"/tasks/{task}/diff", attempt=attempt)
        return told

    told = run(work)
    if as_json:
        print_json(told)
        return
    out = console()
    out.print(f"{_size(told)} on {clean(told['branch'])}, from {clean(told['base_commit'])[:12]}", style="bold")
    out.print(diff_view("\n".join(_text(told["changed"])), lines))


_MARKS = {"added": "+", "removed": "-", "context": " "}


def _text(files: Sequence[Mapping[str, Any]]) -> list[str]:
    lines: list[str] = []
    for file in files:
        lines += [f"--- {file['old_path'] or file['path']}", f"+++ {file['path']} ({file['status']})"]
        for hunk in file["hunks"]:
            sides = f"-{hunk['old_start']},{hunk['old_lines']} +{hunk['new_start']},{hunk['new_lines']}"
            lines.append(f"@@ {sides} @@ {hunk['header']}".rstrip())
            lines += [_MARKS[line["kind"]] + line["text"] for line in hunk["lines"]]
    return lines
