"""``project``: list, create, show, delete, sync; ``together`` has notes and claims. Client commands over HTTP."""

from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli.client.api import Api
from orchestrator.cli.client.events import follow_quietly
from orchestrator.cli.client.find import Limit, Offset, project_id
from orchestrator.cli.client.login import run
from orchestrator.cli.client.screen import Json, short, show_one, show_page, when
from orchestrator.cli.commands.together import claims, note, notes
from orchestrator.core.errors import InvalidInput

app = typer.Typer(help="Projects: list, create, show, delete, sync.", no_args_is_help=True, add_completion=False)

Named = Annotated[str, typer.Argument(metavar="PROJECT", help="Name or id.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the repository and its graph are there.")]


@app.command("list")
def list_projects(limit: Limit = 50, offset: Offset = 0, as_json: Json = False) -> None:
    """The projects you belong to, newest first."""
    page = run(lambda api: api.get("/projects", limit=limit, offset=offset))
    columns = (
        ("Name", "name"),
        ("Repository", "repository_state"),
        ("Commit", lambda row: short(row["head_commit"])),
        ("Triples", lambda row: "" if row["kg_triples"] is None else f"{row['kg_triples']:,}"),
        ("Role", "role"),
        ("Id", "project_id"),
    )
    show_page(page, columns, as_json=as_json, nothing="No projects yet. `project create NAME --url …` makes one.")


@app.command()
def create(
    name: str,
    url: Annotated[str, typer.Option(help="A git URL to clone.")] = "",
    path: Annotated[str, typer.Option(help="A repository on the service's machine, below PROJECT_ROOTS.")] = "",
    template: Annotated[str, typer.Option(help="A template; GET /api/v1/projects/templates lists them.")] = "",
    description: str = "",
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Make a project out of one source: --url, --path or --template."""
    sources = {
        "repository_url": url,
        "path": str(Path(path).expanduser().absolute()) if path else "",
        "template": template,
    }
    body = {"name": name, "description": description} | {key: value for key, value in sources.items() if value}
    if len([value for value in sources.values() if value]) != 1:
        raise InvalidInput("Name one source: --url, --path or --template.")

    async def work(api: Api) -> dict[str, Any]:
        made: dict[str, Any] = await api.post("/projects", body)
        if wait:
            await _until_there(api, made["task_id"])
            made |= await api.get(f"/projects/{made['project_id']}")
        return made

    show_one(run(work), as_json=as_json)


@app.command()
def show(project: Named, as_json: Json = False) -> None:
    """One project."""

    async def work(api: Api) -> dict[str, Any]:
        row: dict[str, Any] = await api.get(f"/projects/{await project_id(api, project)}")
        return row

    row = run(work)
    moments = {key: when(row[key]) for key in ("kg_built_at", "created_at", "updated_at", "synced_at")}
    show_one(row if as_json else row | moments, as_json=as_json)


@app.command()
def delete(project: Named, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Delete a project with its tasks, graph and repository copy."""
    if not yes:
        typer.confirm(f"Delete {project} with its tasks, graph and copy of the repository?", abort=True)

    async def work(api: Api) -> None:
        await api.delete(f"/projects/{await project_id(api, project)}")

    run(work)
    typer.echo(f"Deleted {project}.")


@app.command()
def sync(project: Named, wait: Wait = False, as_json: Json = False) -> None:
    """Fetch the repository again and rebuild the graph."""

    async def work(api: Api) -> dict[str, Any]:
        accepted: dict[str, Any] = await api.post(f"/projects/{await project_id(api, project)}/sync")
        if wait:
            await _until_there(api, accepted["task_id"])
            accepted = await api.get(f"/tasks/{accepted['task_id']}")
        return accepted

    show_one(run(work), as_json=as_json)


for _more in (notes, note, claims):
    app.command()(_more)


async def _until_there(api: Api, task_id: str) -> None:
    """Until the fetch and the graph build that follows it have ended well."""
    fetched = await follow_quietly(api, task_id)
    build = (fetched["result"] or {}).get("graph_task_id")
    if build:
        await follow_quietly(api, build)
