"""A task's events on a terminal, one line each. Used by ``task watch`` and the demo.

Says what is known of each event in words; an event of a kind that is new to this client is shown as it came.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from orchestrator.cli.client.api import Api
from orchestrator.cli.client.screen import clean, count
from orchestrator.core.errors import AgentFailed

Data = Mapping[str, Any]

_STYLES = {"task.completed": "green", "task.failed": "red", "task.cancelled": "yellow", "task.waiting": "yellow"}


def _routed(data: Data) -> str:
    if data.get("target") is None:
        return f"none of {data.get('candidates')} candidates fits"
    return f"to {data['target']}, {data.get('fit')} of {data.get('candidates')} candidates fit"


def _progress(data: Data) -> str:
    told = data.get("message") or data.get("phase") or ""
    if data.get("percent") is not None:
        return f"{told} {data['percent']} %"
    done, total = data.get("done"), data.get("total")
    if done is None:
        return str(told)
    left = time_left(data)
    return f"{told} ({done:g} of {total:g}{f', {left}' if left else ''})" if total else f"{told} ({done:g})"


def time_left(data: Data) -> str:
    """How long the phase may still take, where that was told; "" where not, and when it is about to end."""
    seconds = data.get("seconds_left")
    if not isinstance(seconds, int | float) or seconds < 1:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"about {f'{minutes} min ' if minutes else ''}{rest} s left"


def _returned(data: Data) -> str:
    error = ", with an error" if data.get("is_error") else ""
    return f"{data.get('server')}.{data.get('tool')} after {data.get('ms', 0):.0f} ms{error}"


def _diff(data: Data) -> str:
    files = count(data.get("changed_files", 0), "file")
    return f"{files}, +{data.get('added')} −{data.get('removed')}, on {data.get('branch')}"


def _proof(data: Data) -> str:
    why = f": {data['why']}" if data.get("why") else ""
    return f"{data.get('name')} {data.get('verdict')}{why}"


def _failed(data: Data) -> str:
    error = data.get("error") or {}
    return f"{data.get('reason')}: {error.get('message', '')}"


_WORDS: dict[str, Callable[[Data], str]] = {
    "task.created": lambda data: f"{data.get('type')}{', heavy' if data.get('is_heavy') else ''}",
    "task.routed": _routed,
    "task.queued": lambda data: f"for {data.get('queue')} workers",
    "attempt.started": lambda data: f"attempt {data.get('attempt')} by {data.get('worker')}",
    "attempt.progress": _progress,
    "attempt.log": lambda data: str(data.get("message", "")),
    "tool.called": lambda data: f"{data.get('server')}.{data.get('tool')}",
    "tool.returned": _returned,
    "agent.message": lambda data: str(data.get("text", "")).partition("\n")[0],
    "diff.ready": _diff,
    "proof.started": lambda data: ", ".join(map(str, data.get("criteria") or ())),
    "proof.result": _proof,
    "task.reviewed": lambda data: f"{data.get('verdict')} {data.get('summary') or ''}",
    "merge.queued": lambda data: f"{data.get('action')}, {data.get('method')}",
    "merge.ended": lambda data: f"{data.get('state')}: {data.get('message')}",
    "task.overlap": lambda data: str(data.get("message", "")),
    "task.collision": lambda data: str(data.get("message", "")),
    "task.waiting": lambda data: str(data.get("for", "")),
    "task.completed": lambda data: f"attempt {data['attempt']}" if data.get("attempt") else "",
    "task.failed": _failed,
}


def print_event(out: Console, event: Mapping[str, Any], started: str) -> None:
    """Print one event on one line, cut at the screen's width."""
    out.print(event_line(event, started), no_wrap=True, overflow="ellipsis", crop=True)


def event_line(event: Mapping[str, Any], started: str) -> Text:
    """One event: seconds since the first one, kind, and what is known about it."""
    kind = clean(event["kind"], 40)
    since = (datetime.fromisoformat(event["at"]) - datetime.fromisoformat(started)).total_seconds()
    words = _WORDS.get(kind, _as_it_came)(event["data"])
    line = Text()
    line.append(f"{since:8.3f} s  ", style="dim")
    line.append(f"{kind:<17}", style=_STYLES.get(kind, "cyan"))
    return line.append(f" {clean(words, 300)}")


def _as_it_came(data: Data) -> str:
    return json.dumps(data, ensure_ascii=False) if data else ""


async def follow_quietly(api: Api, task_id: str) -> dict[str, Any]:
    """Wait for a task's end and give the task; AgentFailed says why it did not complete."""
    async for _ in api.follow(task_id):
        pass
    task: dict[str, Any] = await api.get(f"/tasks/{task_id}")
    if task["state"] != "completed":
        error = task["error"] or {}
        raise AgentFailed(
            f"{task['type']} {task['state']} ({task['reason']}): {error.get('message', 'no more is known')}"
        )
    return task
