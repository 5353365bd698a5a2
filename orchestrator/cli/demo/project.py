"""The demo's project: made over the API, its clone and graph build followed live. Used by ``demo``."""

from typing import Any

from rich.progress import Progress, TaskID

from orchestrator.cli.client.api import Api, Event
from orchestrator.cli.client.events import time_left
from orchestrator.cli.client.screen import clean, count, short
from orchestrator.cli.demo.source import Source
from orchestrator.cli.demo.stage import Stage, Step
from orchestrator.core.errors import AgentFailed


async def make_project(api: Api, source: Source, stage: Stage, step: Step) -> str:
    """Make the project, wait for its repository and graph, and give its id."""
    made = await api.post("/projects", source.as_project())
    with stage.progress() as bars:
        fetched = await _follow(api, bars, "Repository", made["task_id"])
        built = await _follow(api, bars, "Knowledge graph", fetched["graph_task_id"])
    step.say(
        f"{source.name} at {short(fetched['commit'])}: {count(built['files'], 'file')}, "
        f"{count(built['triples'], 'triple')}"
    )
    counted = (
        ("file", "files"), ("line", "lines"), ("class", "classes"), ("function", "functions"), ("test", "tests"),
    )  # fmt: skip
    known = [f"{built[many]:,} {one if built[many] == 1 else many}" for one, many in counted if many in built]
    stage.out.print(f"{source.name} at {short(fetched['commit'])} on {clean(fetched.get('branch'))}")
    stage.out.print(f"{', '.join(known)}: {built['triples']:,} triples, {built['calls']:,} calls resolved")
    if built.get("skipped_total"):
        stage.out.print(f"{count(built['skipped_total'], 'file')} skipped; `kg show` says why.", style="yellow")
    return str(made["project_id"])


async def _follow(api: Api, bars: Progress, title: str, task_id: str) -> dict[str, Any]:
    """Follow a task with a bar; its result."""
    bar = bars.add_task(title, total=100, told="waits for a worker")
    async for event in api.follow(task_id):
        _show(bars, bar, event)
    task = await api.get(f"/tasks/{task_id}")
    if task["state"] != "completed":
        error = task["error"] or {}
        bars.update(bar, told=f"{task['state']}: {task['reason']}")
        raise AgentFailed(f"{task['type']} {task['state']} ({task['reason']}): {clean(error.get('message'), 500)}")
    result: dict[str, Any] = task["result"]
    return result


def _show(bars: Progress, bar: TaskID, event: Event) -> None:
    data = event["data"]
    if event["kind"] == "attempt.started":
        bars.update(bar, told="started")
    elif event["kind"] == "attempt.progress":
        phase = clean(data.get("phase"), 30)
        if data.get("percent") is not None:
            bars.update(bar, completed=data["percent"], told=phase)
        elif data.get("total"):
            told = ", ".join(filter(None, (f"{phase} {count(data['total'], 'file')}", time_left(data))))
            bars.update(bar, completed=100 * data["done"] / data["total"], told=told)
    elif event["kind"] == "task.retry":
        bars.update(bar, completed=0, told="tries again")
    elif event["kind"] == "task.completed":
        bars.update(bar, completed=100, told="done")
