"""``kg``: build, ask, query, show. Client commands over HTTP."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from orchestrator.cli.client.api import Api
from orchestrator.cli.client.events import follow_quietly
from orchestrator.cli.client.find import project_id
from orchestrator.cli.client.login import run
from orchestrator.cli.client.screen import Json, clean, console, count, print_json, show_one, table, when
from orchestrator.cli.commands.kg_trace import trace
from orchestrator.core.errors import InvalidInput
from orchestrator.core.graph_questions import question_named

app = typer.Typer(help="Knowledge graphs: build, ask, query, trace.", no_args_is_help=True, add_completion=False)
app.command()(trace)

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
def ask(
    project: Named,
    question: Annotated[str, typer.Argument(help="A question's name; without one, all are listed.")] = "",
    given: Annotated[
        list[str] | None, typer.Argument(help="Values in order of the parameters, or NAME=VALUE.", metavar="[VALUE]…")
    ] = None,
    view: Annotated[str, typer.Option(help="A view of the graph, such as a worktree's.")] = "",
    as_json: Json = False,
) -> None:
    """Ask a project's graph a prepared question: who calls X, which tests reach it, who changed it …"""
    parameters = _parameters(question, given or []) if question else {}

    async def work(api: Api) -> dict[str, Any]:
        base = f"/kg/{await project_id(api, project)}/questions"
        asked = f"{base}/{question}" if question else base
        found: dict[str, Any] = await api.get(asked, **parameters, view=view or None)
        return found

    answer = run(work)
    if as_json:
        print_json(answer)
    elif not question:
        _show_questions(answer)
    else:
        _show_answer(answer)


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


def _parameters(question: str, given: list[str]) -> dict[str, str]:
    """Values by parameter: those with a name, then the others in order."""
    names = [parameter.name for parameter in question_named(question).parameters]
    named = {name: value for text in given for name, sep, value in [text.partition("=")] if sep and name in names}
    others = [text for text in given if text.partition("=")[0] not in named]
    free = [name for name in names if name not in named]
    if len(others) > len(free):
        raise InvalidInput(f"{question} takes {', '.join(names)}.", field="given")
    return named | dict(zip(free, others, strict=False))


def _show_questions(answer: dict[str, Any]) -> None:
    """Each question on a line with what it wants, optional parameters in brackets; below it what it answers."""
    out = console()
    for one in answer["questions"]:
        names = [
            parameter["name"] if parameter["default"] is None else f"[{parameter['name']}]"
            for parameter in one["parameters"]
            if parameter["name"] != "tokens"
        ]
        out.print(Text(" ".join([one["name"], *names]), style="bold"))
        out.print(Text(f"  {one['description']}"))


def _show_answer(answer: dict[str, Any]) -> None:
    """Each list of an answer as a table, what is about all of it before, what is unknown after."""
    out = console()
    told = dict(answer)
    unknown, found, truncated = told.pop("unknown"), told.pop("found"), told.pop("truncated")
    lists = {name: rows for name, rows in told.items() if isinstance(rows, list)}
    show_one({name: value for name, value in told.items() if name not in lists}, as_json=False)
    for name, rows in lists.items():
        columns = list(dict.fromkeys(key for row in rows for key in row))
        out.print(table([(key, key) for key in columns], rows, title=name) if rows else f"no {name}")
    if truncated:
        shown = sum(map(len, lists.values()))
        out.print(f"{shown} of {found} rows are shown; a higher limit or tokens shows more", style="dim")
    for text in unknown:
        out.print(f"not known: {clean(text)}", style="dim")


def _given(text: str) -> str:
    try:
        return sys.stdin.read() if text == "-" else Path(text[1:]).read_text() if text.startswith("@") else text
    except OSError as error:
        raise InvalidInput(f"{text[1:]} cannot be read: {error.strerror}.", field="sparql") from error
