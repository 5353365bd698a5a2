"""``agent``: list, run, quota. Client commands over HTTP."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from orchestrator.cli.client.api import Api
from orchestrator.cli.client.find import InputJson, Limit, Offset, ProjectName, agent_id, json_object, optional_project
from orchestrator.cli.client.login import run
from orchestrator.cli.client.screen import Json, show_one, show_page, when
from orchestrator.cli.commands.task import end_with, watch_task

app = typer.Typer(help="Agents: list, run, quota.", no_args_is_help=True, add_completion=False)


@app.command("list")
def list_agents(limit: Limit = 50, offset: Offset = 0, as_json: Json = False) -> None:
    """The agents there are; one that cannot work says what to set."""
    page = run(lambda api: api.get("/agents", limit=limit, offset=offset))
    columns = (
        ("Name", "name"),
        ("Available", lambda row: "available" if row["available"] else f"no: {row['unavailable_reason']}"),
        ("Changes code", "changes_code"),
        ("What it is for", "description"),
        ("Id", "id"),
    )
    show_page(page, columns, as_json=as_json, nothing="No agents.")


@app.command()
def quota(
    again: Annotated[str, typer.Option("--again", metavar="ACCOUNT", help="Try this account again now.")] = "",
    as_json: Json = False,
) -> None:
    """Providers' accounts that take no more for a while, and what waits for them."""

    async def work(api: Api) -> Any:
        if again:
            await api.delete(f"/quota/{quote(again, safe='')}")
        return await api.get("/quota")

    columns = (
        ("Account", "account"),
        ("Until", lambda row: when(row["until"])),
        ("Tasks", "tasks"),
        ("Agents", "agents"),
        ("Why", "why"),
    )
    show_page(run(work), columns, as_json=as_json, nothing="Every account takes work.")


@app.command("run")
def run_agent(
    agent: Annotated[str, typer.Argument(help="Id or name, as lint-fix.")],
    given: InputJson = "",
    project: ProjectName = "",
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Watch it to its end and print the result.")] = False,
    as_json: Json = False,
) -> None:
    """Hand work to one agent, as a task."""
    body = {"input": json_object(given), "wait": 0}

    async def work(api: Api) -> bool:
        whom = {"agent_id": await agent_id(api, agent), "project_id": await optional_project(api, project)}
        accepted: dict[str, Any] = await api.post("/agents/execute", body | whom)
        if wait:
            return await watch_task(api, accepted["task_id"], as_json=as_json)
        show_one(accepted, as_json=as_json)
        return True

    end_with(run(work))
