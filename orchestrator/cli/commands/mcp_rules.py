"""``mcp rules``: list, add, remove, explain, always. Client commands over HTTP.

What rules mean and in which order they are taken is told in docs/decisions/tool-policy.md.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from orchestrator.cli.client.api import Api
from orchestrator.cli.client.find import Limit, Offset, ProjectName, optional_project, server_id
from orchestrator.cli.client.login import run
from orchestrator.cli.client.screen import Json, console, print_json, show_one, show_page, table

app = typer.Typer(help="Rules about tool calls: list, add, remove, explain, always.", no_args_is_help=True)

Named = Annotated[str, typer.Argument(metavar="SERVER", help="Name or id.")]
Level = Annotated[str, typer.Option(help="service, project or user.")]


@app.command("list")
def list_rules(limit: Limit = 50, offset: Offset = 0, as_json: Json = False) -> None:
    """The rules that may speak of your calls."""

    async def work(api: Api) -> tuple[dict[str, Any], dict[str, str]]:
        page: dict[str, Any] = await api.get("/mcps/policies", limit=limit, offset=offset)
        names: dict[str, str] = {}
        for kind, path in (("server_id", "/mcps"), ("project_id", "/projects")):
            if not as_json and any(row[kind] for row in page["items"]):
                names |= {row["id"]: row["name"] async for row in api.every(path)}
        return page, names

    page, names = run(work)
    columns = (("Effect", "effect"), ("Calls", lambda row: _calls(row, names)), ("Id", "id"))
    show_page(page, columns, as_json=as_json, nothing="No rules: every call is allowed.")


def _calls(row: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Of which calls a rule speaks, of whose, and why; a line each."""

    def named(kind: str) -> str:
        return names.get(row[kind], row[kind]) if row[kind] else ""

    hints = ", ".join(f"{name}={value}" for name, value in row["annotations"].items())
    server, project, roles = named("server_id"), named("project_id"), ", ".join(row["roles"] or ())
    what = row["tool"] + (f" of {server}" if server else "") + (f", where {hints}" if hints else "")
    whose = f"level {row['level']}" + (f" {project}" if project else "") + (f", for {roles}" if roles else "")
    return "\n".join(line for line in (what, whose, row["reason"]) if line)


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
