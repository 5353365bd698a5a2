"""``task parts``, ``task graph``, ``project notes``, ``note`` and ``claims``: what agents do together. Over HTTP.

Notes are printed as plain text: what others wrote neither colours nor moves the terminal.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.text import Text
from rich.tree import Tree

from orchestrator.cli.client.api import Api
from orchestrator.cli.client.find import Limit, Offset, project_id
from orchestrator.cli.client.login import run
from orchestrator.cli.client.screen import Json, clean, console, print_json, show_one, show_page, when

Id = Annotated[str, typer.Argument(metavar="TASK", help="Id of the task.")]
Named = Annotated[str, typer.Argument(metavar="PROJECT", help="Name or id.")]
Topic = Annotated[str, typer.Option(help="What the notes are about.")]
Row = Mapping[str, Any]

_COLOURS = {"completed": "green", "failed": "red", "cancelled": "yellow", "running": "cyan"}


def parts(task: Id, as_json: Json = False) -> None:
    """The parts that agents made of a task, as a tree."""

    async def work(api: Api) -> tuple[dict[str, Any], dict[str, Any]]:
        return await api.get(f"/tasks/{task}"), await api.get(f"/tasks/{task}/parts")

    row, below = run(work)
    if as_json:
        print_json(below)
        return
    console().print(parts_view(row, below["items"]))


def parts_view(task: Row, below: Sequence[Row]) -> Tree:
    """The task with what is below it."""
    root = Tree(_line(task))
    trees = {task["task_id"]: root}
    for part in below:
        trees[part["task_id"]] = trees.get(part["parent_id"], root).add(_line(part))
    return root


def _line(task: Row) -> Text:
    return Text.assemble(*_words(task))


def _words(task: Row) -> Iterator[tuple[str, str]]:
    yield task["state"], _COLOURS.get(task["state"], "dim")
    yield f"  {clean(task.get('part') or task['title'], 200)}", "bold"
    yield f"  {clean(task['target_id'])}", ""
    yield f"  {task['task_id']}", "dim"


def graph(task: Id, as_json: Json = False) -> None:
    """A team at work: its steps from first to last, what each needs, and where each stands."""
    drawn = run(lambda api: api.get(f"/tasks/{task}/graph"))
    if as_json:
        print_json(drawn)
    else:
        console().print(graph_view(drawn))


def graph_view(drawn: Row) -> Text:
    """One line for each step, in the order in which they can begin, and below it the tasks made of it."""
    lines = Text()
    for node in sorted(drawn["nodes"], key=lambda one: (one["column"], one["id"])):
        wants = [f"{edge['why']} {edge['earlier']}" for edge in drawn["edges"] if edge["later"] == node["id"]]
        indent = "  " * node["column"]
        lines.append(f"{indent}{node['state'] or '·':<10}", _COLOURS.get(node["state"], "dim"))
        lines.append(f" {clean(node['id'], 40)}", "bold")
        lines.append(f"  {clean(node['does'], 200)}")
        lines.append(f"  ({', '.join(wants)})\n" if wants else "\n", "dim")
        for part in node["parts"]:
            lines.append(f"{indent}           ")
            lines.append_text(_line(part))
            lines.append("\n")
    return lines


def notes(project: Named, topic: Topic = "", limit: Limit = 50, offset: Offset = 0, as_json: Json = False) -> None:
    """What agents and people wrote for each other, newest first."""

    async def work(api: Api) -> dict[str, Any]:
        where = f"/projects/{await project_id(api, project)}/notes"
        page: dict[str, Any] = await api.get(where, topic=topic, limit=limit, offset=offset)
        return page

    columns = (
        ("When", lambda row: when(row["updated_at"])),
        ("State", "state"),
        ("Topic", "topic"),
        ("Who", lambda row: row["agent"] or "a person"),
        ("Note", "text"),
        ("Id", "note_id"),
    )
    show_page(run(work), columns, as_json=as_json, nothing="No notes.")


def note(
    project: Named,
    text: Annotated[str, typer.Argument(help="What to tell those who work on the project.")],
    topic: Topic = "",
    todo: Annotated[bool, typer.Option("--todo", help="Put it on the list of things to do.")] = False,
    as_json: Json = False,
) -> None:
    """Write a note for all who work on the project, agents and people."""
    body = {"text": text, "topic": topic, "todo": todo}

    async def work(api: Api) -> dict[str, Any]:
        made: dict[str, Any] = await api.post(f"/projects/{await project_id(api, project)}/notes", body)
        return made

    show_one(run(work), as_json=as_json)


def claims(project: Named, as_json: Json = False) -> None:
    """Which running agents keep which code for themselves."""

    async def work(api: Api) -> dict[str, Any]:
        found: dict[str, Any] = await api.get(f"/projects/{await project_id(api, project)}/claims")
        return found | {"total": len(found["items"])}

    columns = (
        ("Name", "name"),
        ("Agent", "target_id"),
        ("Task", "task_id"),
        ("Since", lambda r: when(r["claimed_at"])),
    )
    show_page(run(work), columns, as_json=as_json, nothing="No code is claimed.")
