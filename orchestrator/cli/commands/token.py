"""``token``: create, list, revoke. Client commands over HTTP for personal API tokens.

Making a token needs a log-in: a token cannot make tokens.
"""

from typing import Annotated, Any

import typer

from orchestrator.cli.client.api import Api
from orchestrator.cli.client.find import Limit, Offset, ProjectName, optional_project
from orchestrator.cli.client.login import run
from orchestrator.cli.client.screen import Json, print_json, show_page, when
from orchestrator.core.caller import ALL_SCOPES, Scope

app = typer.Typer(help="Personal API tokens: create, list, revoke.", no_args_is_help=True, add_completion=False)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[list[Scope] | None, typer.Option(help="What it may do; may be repeated. Default: all.")] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Its life in days.")] = 90,
    project: ProjectName = "",
    as_json: Json = False,
) -> None:
    """Make a token. Its text is printed this once, alone on standard output."""

    async def work(api: Api) -> dict[str, Any]:
        body = {
            "name": name,
            "scopes": [str(each) for each in scope or list(Scope)],
            "expires_in_days": days,
            "project_id": await optional_project(api, project),
        }
        made: dict[str, Any] = await api.post("/user/tokens", body)
        return made

    made = run(work)
    if as_json:
        print_json(made)
        return
    typer.echo(made["token"])
    typer.echo(f"{name}, until {when(made['expires_at'])}. It is not shown again.", err=True)


@app.command("list")
def list_tokens(limit: Limit = 50, offset: Offset = 0, as_json: Json = False) -> None:
    """Your tokens, without their texts."""
    page = run(lambda api: api.get("/user/tokens", limit=limit, offset=offset))
    columns = (
        ("Name", "name"),
        ("Begins", "prefix"),
        ("Scopes", lambda row: "all" if set(row["scopes"]) >= ALL_SCOPES else row["scopes"]),
        ("Ends", lambda row: when(row["expires_at"]) or "never"),
        ("Last used", lambda row: when(row["last_used_at"]) or "never"),
        ("Id", "id"),
    )
    show_page(page, columns, as_json=as_json, nothing="No tokens.")


@app.command()
def revoke(token: Annotated[str, typer.Argument(metavar="TOKEN_ID")]) -> None:
    """Revoke a token by its id."""
    run(lambda api: api.delete(f"/user/tokens/{token}"))
    typer.echo("Revoked.")
