"""``mcp rules``: list, add, remove, explain, always. Client commands over HTTP.

What rules mean and in which order they are taken is told in docs/decisions/tool-policy.md.
"""

from typing import Annotated, Any

import typer

from orchestrator.cli.client import Api
from orchestrator.cli.client_find import Limit, Offset, ProjectName, optional_project, server_id
from orchestrator.cli.client_login import run
from orchestrator.cli.client_screen import Json, console, print_json, show_one, show_page, table

app = typer.Typer(help="Rules about tool calls: list, add, remove, explain, always.", no_args_is_help=True)

Named = Annotated[str, typer.Argument(metavar="SERVER", help="Name or id.")]
Level = Annotated[str, typer.Option(help="service, project or user.")]


@app.command("list")
def list_rules(limit: Limit = 50, offset: Offset = 0, as_json: Json = False) -> None:
    """The rules that may speak of your calls."""
    page = run(lambda api: api.get("/mcps/policies", limit=limit, offset=offset))
    columns = (
        ("Effect", "effect"),
        ("Level", "level"),
        ("Tool", "tool"),
        ("Server", "server_id"),
        ("Annotations", lambda row: ", ".join(f"{name}={value}" for name, value in row["annotations"].items())),
        ("Roles", "roles"),
        ("Project", "project_id"),
        ("Why", "reason"),
        ("Id", "id"),
    )
    show_page(page, columns, as_json=as_json, nothing="No rules: every call is allowed.")


@app.command()
def add(
    effect: Annotated[str, typer.Argument(help="allow, ask or deny.")],
    level: Level = "user",
    tool: Annotated[str, typer.Option(help="The tool; * and ? match any letters.")] = "*",
    server: Annotated[str, typer.Option(help="Only this server.")] = "",
    project: ProjectName = "",
    role: Annotated[list[str] | None, typer.Option(help="Only this role; may be repeated.")] = None,
    destructive: Annotated[bool, typer.Option("--destructive", help="Only tools that may destroy something.")] = False,
    reason: Annotated[str, typer.Option(help="Why; shown to whoever is asked or refused.")] = "",
    as_json: Json = False,
) -> None:
    """Write a rule."""

    async def work(api: Api) -> dict[str, Any]:
        body = {
            "effect": effect,
            "level": level,
            "tool": tool,
            "server_id": await server_id(api, server) if server else None,
            "project_id": await optional_project(api, project),
            "roles": role or [],
            "annotations": {"destructiveHint": True} if destructive else {},
            "reason": reason,
        }
        made: dict[str, Any] = await api.post("/mcps/policies", body)
        return made

    show_one(run(work), as_json=as_json)


@app.command()
def remove(rule: Annotated[str, typer.Argument(help="The rule's id.")]) -> None:
    """Delete a rule."""
    run(lambda api: api.delete(f"/mcps/policies/{rule}"))
    console().print("Deleted.")


@app.command()
def explain(server: Named, tool: str, project: ProjectName = "", as_json: Json = False) -> None:
    """Which rule decides about a call of yours, and why the others do not."""

    async def work(api: Api) -> dict[str, Any]:
        body = {"server_id": await server_id(api, server), "tool": tool,
                "project_id": await optional_project(api, project)}  # fmt: skip
        found: dict[str, Any] = await api.post("/mcps/policies/explain", body)
        return found

    found = run(work)
    if as_json:
        print_json(found)
        return
    out = console()
    out.print(f"{found['effect']}: {found['why']}")
    columns = (
        ("Effect", "effect"),
        ("Level", "level"),
        ("Tool", "tool"),
        ("Decides", "decides_level"),
        ("Why not", "why_not"),
        ("Rule", "rule_id"),
    )
    out.print(table(columns, found["rules"]))


@app.command()
def always(server: Named, tool: str, project: ProjectName = "") -> None:
    """Always allow a tool about which a rule would ask you."""

    async def work(api: Api) -> None:
        body = {"server_id": await server_id(api, server), "tool": tool,
                "project_id": await optional_project(api, project)}  # fmt: skip
        await api.post("/mcps/policies/approvals", body)

    run(work)
    console().print("From now on it is allowed without asking you.")
