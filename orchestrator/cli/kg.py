"""``kg``: build, query, show. Client commands over HTTP."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli.client import Api
from orchestrator.cli.client_events import follow_quietly
from orchestrator.cli.client_find import project_id
from orchestrator.cli.client_login import run
from orchestrator.cli.client_screen import Json, clean, console, count, print_json, show_one, table, when
from orchestrator.core.errors import InvalidInput

app = typer.Typer(help="Knowledge graphs: build, query, show.", no_args_is_help=True, add_completion=False)

Named = Annotated[str, typer.Argument(metavar="PROJECT", help="Name or id.")]


@app.command()
def build(
    project: Named,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Wait until it is built.")] = False,
    as_json: Json = False,
) -> None:
    """Build a project's graph again, as a task."""

    async def work(api: Api) -> dict[str, Any]:
        wanted = {"project_id": await project_id(api, project)}
        started: dict[str, Any] = await api.post("/kg/generate", wanted)
        if wait:
            started = await follow_quietly(api, started["task_id"])
        return started

    show_one(run(work), as_json=as_json)


@app.command()
def query(
    project: Named,
    sparql: Annotated[str, typer.Argument(help="The query; @FILE reads it, - is standard input.")],
    accept: Annotated[str, typer.Option(help="A media type: print the raw answer in this format.")] = "",
    as_json: Json = False,
) -> None:
    """Ask a project's graph in SPARQL."""
    text = _given(sparql)

    async def work(api: Api) -> Any:
        found = await project_id(api, project)
        if not accept:
            return await api.post("/kg/query", {"project_id": found, "query": text})
        headers = {"Accept": accept, "Content-Type": "application/sparql-query"}
        return (await api.send("POST", f"/kg/{found}/sparql", body=text.encode(), headers=headers)).text

    answer = run(work)
    if accept:
        sys.stdout.write(answer)
    elif as_json:
        print_json(answer)
    else:
        _show(answer)


@app.command()
def show(project: Named, as_json: Json = False) -> None:
    """What a project's graph holds, and of which commit."""

    async def work(api: Api) -> dict[str, Any]:
        card: dict[str, Any] = await api.get(f"/kg/{await project_id(api, project)}")
        return card

    card = run(work)
    show_one(card if as_json else card | {"built_at": when(card["built_at"])}, as_json=as_json)


def _show(answer: dict[str, Any]) -> None:
    out = console()
    if answer["boolean"] is not None:
        out.print("yes" if answer["boolean"] else "no")
    elif answer["graph"] is not None:
        out.print(clean(answer["graph"], 10_000_000), soft_wrap=True)
    else:
        out.print(sparql_table(answer))
        more = ", cut at the limit" if answer["truncated"] else ""
        out.print(f"{count(len(answer['rows']), 'row')} in {answer['seconds'] * 1000:.0f} ms{more}", style="dim")


def sparql_table(answer: dict[str, Any]) -> Any:
    """A SELECT's rows as a table."""
    rows = [{name: term["value"] for name, term in row.items()} for row in answer["rows"]]
    return table([(name, name) for name in answer["columns"]], rows)


def _given(text: str) -> str:
    try:
        return sys.stdin.read() if text == "-" else Path(text[1:]).read_text() if text.startswith("@") else text
    except OSError as error:
        raise InvalidInput(f"{text[1:]} cannot be read: {error.strerror}.", field="sparql") from error
