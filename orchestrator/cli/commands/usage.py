"""``usage``: show, budgets, budget, prices, price. Client commands over HTTP."""

from typing import Annotated, Any

import typer

from orchestrator.cli.client.api import Api
from orchestrator.cli.client.find import ProjectName, optional_project
from orchestrator.cli.client.login import run
from orchestrator.cli.client.screen import Json, print_json, short, show_one, show_page

app = typer.Typer(
    help="What agents used and may use: show, budgets, budget, prices, price.", no_args_is_help=True,
    add_completion=False,
)  # fmt: skip

Count = Annotated[int | None, typer.Option(min=1)]


@app.command()
def show(
    by: Annotated[str, typer.Option("--by", help="day, project, agent or model.")] = "day",
    days: Annotated[int, typer.Option(min=1, help="Over how many days.")] = 30,
    project: ProjectName = "",
    as_json: Json = False,
) -> None:
    """Tokens, tool calls, money and time of agents."""

    async def work(api: Api) -> Any:
        named = await optional_project(api, project)
        more = {"project_id": named} if named else {}
        return await api.get("/usage", by=by, days=days, **more)

    columns = (
        (by.capitalize(), lambda row: row["label"] or row["key"] or "–"),
        ("Tasks", "tasks"),
        ("Requests", "requests"),
        ("Tokens in", lambda row: f"{row['input_tokens']:,}"),
        ("Tokens out", lambda row: f"{row['output_tokens']:,}"),
        ("Tool calls", "tool_calls"),
        ("USD", lambda row: f"{row['money']:.2f}" + ("+?" if row["unpriced_tokens"] else "")),
        ("Time", lambda row: f"{row['seconds']:,.0f} s"),
    )
    told = run(work)
    if as_json:
        print_json(told)
        return
    # With one line of its own the sum says nothing new.
    items = [*told["items"], told["total"] | {"label": "all"}] if len(told["items"]) > 1 else told["items"]
    show_page({"items": items}, columns, as_json=False, nothing="No agent worked.")


@app.command()
def budgets(as_json: Json = False) -> None:
    """Budgets, with what is used of each."""
    columns = (
        ("Whose", lambda row: f"project {short(row['project_id'])}" if row["project_id"] else "yours"),
        ("Per", "period"),
        ("USD", lambda row: _of(row, "money")),
        ("Tokens", lambda row: _of(row, "tokens")),
        ("Tool calls", lambda row: _of(row, "tool_calls")),
    )
    show_page(run(lambda api: api.get("/budgets")), columns, as_json=as_json, nothing="No budget is set.")


@app.command()
def budget(
    project: ProjectName = "",
    period: Annotated[str, typer.Option("--per", help="day, week, month or total.")] = "month",
    money: Annotated[float | None, typer.Option(help="US dollars.")] = None,
    tokens: Count = None,
    tool_calls: Count = None,
    as_json: Json = False,
) -> None:
    """Set a project's budget, or your own over all tasks."""
    caps = {"money": money, "tokens": tokens, "tool_calls": tool_calls}

    async def work(api: Api) -> Any:
        return await api.put("/budgets", {"project_id": await optional_project(api, project), "period": period, **caps})

    show_one(run(work), as_json=as_json)


@app.command()
def prices(as_json: Json = False) -> None:
    """The price table, in US dollars for a million tokens."""
    columns = (
        ("Model", "model"),
        ("From", "valid_from"),
        ("In", "input"),
        ("Cached", "cached"),
        ("Out", "output"),
        ("Whose", lambda row: "everybody's" if row["everybodys"] else "yours"),
    )
    show_page(run(lambda api: api.get("/prices")), columns, as_json=as_json, nothing="No price is set.")


@app.command()
def price(
    model: Annotated[str, typer.Argument(help="The model's name; for a program its agent's id.")],
    given: Annotated[float, typer.Option("--in", min=0, help="US dollars for a million tokens in.")],
    out: Annotated[float, typer.Option("--out", min=0, help="US dollars for a million tokens out.")],
    cached: Annotated[float | None, typer.Option("--cached", min=0, help="The same for cached tokens in.")] = None,
    everybodys: Annotated[bool, typer.Option("--everybodys", help="For everybody; admins of the service.")] = False,
    as_json: Json = False,
) -> None:
    """Set a model's price from today on."""
    body = {"model": model, "input": given, "output": out, "cached": cached, "everybodys": everybodys}
    show_one(run(lambda api: api.put("/prices", body)), as_json=as_json)


def _of(row: dict[str, Any], name: str) -> str:
    most, used = row[name], row[f"used_{name}"]
    shown = f"{used:.2f}" if name == "money" else f"{used:,}"
    return f"{shown} of {most:,}" if most is not None else shown
