"""``task``: create, list, show, watch, cancel, retry, route; the files ``task_*`` have more. Over HTTP.

A command that waited for a task ends with code 3 when the task did not complete, so that scripts can tell.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.text import Text

from orchestrator.cli.client.api import Api
from orchestrator.cli.client.events import print_event
from orchestrator.cli.client.find import InputJson, Limit, Offset, ProjectName, json_object, optional_project
from orchestrator.cli.client.login import run
from orchestrator.cli.client.result import result_view
from orchestrator.cli.client.route import route_view
from orchestrator.cli.client.screen import Json, cell, clean, console, print_json, show_one, show_page, when
from orchestrator.cli.commands.task_asked import answer, steer
from orchestrator.cli.commands.task_pause import fork, pause, resume
from orchestrator.cli.commands.task_proof import Accept, acceptance, attempts, diff, proof, show_proofs
from orchestrator.cli.commands.task_review import merge, review, undo
from orchestrator.cli.commands.task_tries import By, Tries, choose, tries, wished
from orchestrator.cli.commands.together import graph, parts
from orchestrator.core.states import TaskState

app = typer.Typer(
    help="Tasks: hand in, follow, answer, steer, prove, review, merge.", no_args_is_help=True, add_completion=False
)

NOT_COMPLETED = 3

Id = Annotated[str, typer.Argument(metavar="TASK", help="Id of the task.")]
Type = Annotated[str, typer.Argument(metavar="TYPE", help="Kind of task, as file_search.")]
Needs = Annotated[list[str] | None, typer.Option("--needs", help="A capability it needs; may be repeated.")]
Target = Annotated[str, typer.Option("--target", help="The target to prefer, by name or id.")]
Lines = Annotated[int, typer.Option(min=1, help="How many lines of the result at most.")]


@app.command()
def create(
    kind: Type,
    given: InputJson = "",
    project: ProjectName = "",
    needs: Needs = None,
    target: Target = "",
    title: str = "",
    priority: Annotated[int, typer.Option(min=-100, max=100)] = 0,
    accept: Accept = None,
    count: Tries = 0,
    by: By = None,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Watch it to its end and print the result.")] = False,
    as_json: Json = False,
) -> None:
    """Hand in a task."""
    more = {"title": title, "priority": priority, "acceptance": acceptance(accept or ())}

    async def work(api: Api) -> bool:
        asked = await wished(api, count, by or ())
        accepted = await api.post("/tasks", await _body(api, kind, given, project, needs, target) | more | asked)
        if wait:
            return await watch_task(api, accepted["task_id"], as_json=as_json)
        show_one(accepted, as_json=as_json)
        return bool(accepted["state"] != TaskState.FAILED)

    end_with(run(work))


@app.command()
def route(
    kind: Type,
    given: InputJson = "",
    project: ProjectName = "",
    needs: Needs = None,
    target: Target = "",
    as_json: Json = False,
) -> None:
    """Preview how a task would be routed; nothing is stored. A task's id in place of TYPE shows its route."""

    async def work(api: Api) -> dict[str, Any]:
        if kind.count("-") == 4:
            stored: dict[str, Any] = await api.get(f"/tasks/{kind}/route")
            return stored
        body = await _body(api, kind, given, project, needs, target)
        preview: dict[str, Any] = await api.post("/tasks/route", body)
        return preview

    decision = run(work)
    if as_json:
        print_json(decision)
    else:
        console().print(route_view(decision))
    end_with(decision["target_id"] is not None)


@app.command("list")
def list_tasks(
    project: ProjectName = "",
    state: Annotated[list[TaskState] | None, typer.Option(help="Only these states; may be repeated.")] = None,
    limit: Limit = 50,
    offset: Offset = 0,
    as_json: Json = False,
) -> None:
    """Your tasks and those of your projects, newest first."""

    async def work(api: Api) -> dict[str, Any]:
        states = [str(each) for each in state or ()] or None
        where = await optional_project(api, project)
        page: dict[str, Any] = await api.get("/tasks", project_id=where, state=states, limit=limit, offset=offset)
        return page

    columns = (
        ("Task", lambda row: clean(row["title"] or row["type"], 60)),
        ("State", _standing),
        ("Created", lambda row: when(row["created_at"])[5:16]),
        ("Id", "task_id"),
    )
    show_page(run(work), columns, as_json=as_json, nothing="No tasks.")


@app.command()
def show(task: Id, lines: Lines = 200, as_json: Json = False) -> None:
    """One task, its proof and its whole result."""

    async def work(api: Api) -> dict[str, Any]:
        row: dict[str, Any] = await api.get(f"/tasks/{task}")
        if row["result_pointer"]:
            row["result"] = await api.get(f"/tasks/{task}/result")
        return row | {"proof": (await api.get(f"/tasks/{task}/proof"))["items"]}

    row = run(work)
    if as_json:
        print_json(row)
        return
    moments = {key: when(row[key]) for key in ("created_at", "started_at", "finished_at")}
    show_one({key: value for key, value in row.items() if key not in ("result", "proof")} | moments, as_json=False)
    if row["proof"]:
        console().rule("proof", style="dim")
        show_proofs(row["proof"])
    if row["result"]:
        out = console()
        out.rule("result", style="dim")
        out.print(result_view(row["result"], lines))


@app.command()
def watch(task: Id, as_json: Json = False) -> None:
    """Print a task's events as they happen, to its end; with --json one event per line."""
    end_with(run(lambda api: watch_task(api, task, as_json=as_json)))


@app.command()
def cancel(task: Id, as_json: Json = False) -> None:
    """Stop a task."""
    show_one(run(lambda api: api.post(f"/tasks/{task}/cancel")), as_json=as_json)


@app.command()
def retry(task: Id, as_json: Json = False) -> None:
    """Route a failed or cancelled task again."""
    show_one(run(lambda api: api.post(f"/tasks/{task}/retry")), as_json=as_json)


for _more in (
    answer, steer, pause, resume, fork, proof, attempts, diff, review, merge, undo, parts, graph, tries, choose
):  # fmt: skip
    app.command()(_more)


def _standing(row: Mapping[str, Any]) -> Text:
    """A state in its colour, with the reason where it is not just well."""
    state = cell(row["state"])
    return state.append(f", {row['reason']}") if row["reason"] and row["reason"] != "ok" else state


async def _body(api: Api, kind: str, given: str, project: str, needs: list[str] | None, target: str) -> dict[str, Any]:
    return {
        "type": kind,
        "input": json_object(given),
        "project_id": await optional_project(api, project),
        "required_capabilities": needs or [],
        "preferred_target": target or None,
    }


async def watch_task(api: Api, task_id: str, *, as_json: bool) -> bool:
    """Print events to the end, then the result; whether the task completed."""
    out = console()
    started = ""
    async for event in api.follow(task_id):
        started = started or event["at"]
        if as_json:
            typer.echo(_line(event))
        else:
            print_event(out, event, started)
    task = await api.get(f"/tasks/{task_id}")
    if task["result"] and not as_json:
        out.print()
        out.print(result_view(task["result"]))
    return bool(task["state"] == TaskState.COMPLETED)


def _line(event: dict[str, Any]) -> str:
    return json.dumps(event, ensure_ascii=False)


def end_with(good: bool) -> None:
    """End with code 3 unless all went well."""
    if not good:
        raise typer.Exit(NOT_COMPLETED)
