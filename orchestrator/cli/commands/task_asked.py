"""``task answer`` and ``task steer``: what an agent at work asks of a person, and what a person tells it. Over HTTP."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from orchestrator.cli.client.api import Api
from orchestrator.cli.client.login import run
from orchestrator.cli.client.screen import Json, clean, console, print_json, show_one
from orchestrator.core.errors import InvalidInput

Id = Annotated[str, typer.Argument(metavar="TASK", help="Id of the task.")]
Choice = Annotated[str, typer.Argument(metavar="CHOICE", help="One of the choices; without one the question is shown.")]
Text = Annotated[str, typer.Option("--text", "-m", help="An answer in words, where there are no choices.")]
Remember = Annotated[bool, typer.Option("--remember", help="Make a rule of your own of it.")]


def answer(task: Id, choice: Choice = "", text: Text = "", remember: Remember = False, as_json: Json = False) -> None:
    """Answer what a task's agent asks; with nothing to say, show the question and its choices."""
    if choice and text:
        raise InvalidInput("Name a choice or say --text, not both.", field="--text")
    if not choice and not text:
        _show(task, as_json=as_json)
        return
    body = {"remember": remember} | ({"choice": choice} if choice else {"text": text})
    show_one(run(lambda api: api.post(f"/tasks/{task}/input", body)), as_json=as_json)


def _show(task: str, *, as_json: bool) -> None:
    async def work(api: Api) -> list[dict[str, Any]]:
        told = await api.get(f"/tasks/{task}/questions")
        return [one for one in told["items"] if one["outcome"] is None]

    questions = run(work)
    if as_json:
        print_json(questions)
        return
    out = console()
    if not questions:
        out.print("It asks nothing.")
    for one in questions:
        for line in _lines(one):
            out.print(clean(line, 4000), markup=False, highlight=False)


def _lines(question: Mapping[str, Any]) -> list[str]:
    lines = [question["question"]]
    lines += [f"  {name}: {value}" for name, value in question["action"].items() if value]
    width = max((len(one["id"]) for one in question["choices"]), default=0)
    lines += [f"  {one['id']:<{width}}  {one['name']}" for one in question["choices"]]
    if not question["choices"]:
        lines.append("  (answer with --text)")
    return [*lines, f"  until {question['deadline']}, then: {question['default'] or 'nothing'}"]


def steer(
    task: Id,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What it is told.")],
    as_json: Json = False,
) -> None:
    """Tell a running agent something: it hears it at the end of its turn."""
    show_one(run(lambda api: api.post(f"/tasks/{task}/steer", {"text": text})), as_json=as_json)
