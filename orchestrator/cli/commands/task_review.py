"""``task review``, ``task merge`` and ``task undo``: say what is to become of a change. Client commands over HTTP.

A merge is followed to its end; one that does not reach the branch, or a pull request, ends with code 3.
"""

import asyncio
from typing import Annotated, Any

import typer

from orchestrator.cli.client.api import Api
from orchestrator.cli.client.login import run
from orchestrator.cli.client.screen import Json, show_one
from orchestrator.core.errors import InvalidInput
from orchestrator.core.merging import UNFINISHED, MergeMethod, MergeState, ReviewVerdict

Id = Annotated[str, typer.Argument(metavar="TASK", help="Id of the task.")]
Verdict = Annotated[ReviewVerdict, typer.Argument(help="What you say of it.")]
Summary = Annotated[str, typer.Option("--summary", "-m", help="What to say of the whole.")]
Comments = Annotated[
    list[str] | None, typer.Option("--comment", help="PATH:LINE:TEXT, about a line of the new version; repeatable.")
]
Override = Annotated[
    str, typer.Option(metavar="REASON", help="Why it is undone though its criteria failed; for admins of the project.")
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Follow it to its end.")]

_LOOK_SECONDS = 0.5
_GOOD = frozenset({MergeState.MERGED, MergeState.OPENED})
_NOT_MERGED = 3


def review(task: Id, verdict: Verdict, summary: Summary = "", comment: Comments = None, as_json: Json = False) -> None:
    """Comment on a change, approve it, request changes, or reject it."""
    body = {"verdict": verdict, "summary": summary, "comments": [_comment(text) for text in comment or ()]}
    show_one(run(lambda api: api.post(f"/tasks/{task}/reviews", body)), as_json=as_json)


def _comment(text: str) -> dict[str, Any]:
    path, _, rest = text.partition(":")
    line, _, said = rest.partition(":")
    if not (path and line.isdigit() and said.strip()):
        raise InvalidInput(f"{text!r} is not PATH:LINE:TEXT.", field="--comment")
    return {"path": path, "line": int(line), "text": said.strip()}


def merge(
    task: Id,
    method: Annotated[
        MergeMethod, typer.Option(help="Into the branch here, or as a pull request.")
    ] = MergeMethod.LOCAL,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Merge an approved change: in line, verified on the present base, then moved to the branch."""
    _follow(task, f"/tasks/{task}/merge", {"method": method}, wait=wait, as_json=as_json)


def undo(task: Id, override: Override = "", wait: Wait = True, as_json: Json = False) -> None:
    """Revert a merged change, by a commit of its own."""
    body = {"override_reason": override} if override else {}
    _follow(task, f"/tasks/{task}/undo", body, wait=wait, as_json=as_json)


def _follow(task: str, path: str, body: Any, *, wait: bool, as_json: bool) -> None:
    async def work(api: Api) -> dict[str, Any]:
        entry: dict[str, Any] = await api.post(path, body)
        while wait and entry["state"] in UNFINISHED:
            await asyncio.sleep(_LOOK_SECONDS)
            entry = (await api.get(f"/tasks/{task}/merges"))["items"][-1]
        return entry

    entry = run(work)
    show_one(entry, as_json=as_json)
    if wait and entry["state"] not in _GOOD:
        raise typer.Exit(_NOT_MERGED)
