"""``task tries`` and ``task choose``: several tries at one task side by side, and the choice among them. Over HTTP.

Also reads ``--try`` of ``task create``.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from orchestrator.cli.client.api import Api
from orchestrator.cli.client.find import agent_id
from orchestrator.cli.client.login import run
from orchestrator.cli.client.screen import Json, clean, console, count, print_json, show_one, table
from orchestrator.core.errors import InvalidInput

Id = Annotated[str, typer.Argument(metavar="TASK", help="Id of the task.")]
Tries = Annotated[int, typer.Option("--tries", min=0, max=16, help="Have it tried so often, side by side; you choose.")]
By = Annotated[list[str] | None, typer.Option("--try", help="An agent that tries it; may be repeated.")]
_STYLES = {"completed": "green", "failed": "red", "cancelled": "yellow", "running": "cyan"}


async def wished(api: Api, count: int, agents: Sequence[str]) -> dict[str, Any]:
    """The field ``tries`` of a new task, where several are wanted."""
    if not count and not agents:
        return {}
    return {"tries": {"count": count, "agents": [await agent_id(api, name) for name in agents]}}


def tries(task: Id, as_json: Json = False) -> None:
    """The tries among which one is, or was, chosen: change, proof, cost and time. Read one: `task diff`."""
    told = run(lambda api: api.get(f"/tasks/{task}/tries"))
    if as_json:
        print_json(told)
        return
    columns = (
        ("Agent", "agent"),
        ("Choice", lambda row: ("→ " if row["is_chosen"] else "") + row["choice"]),
        ("State", lambda row: Text(row["state"], style=_STYLES.get(row["state"], ""))),
        ("Change", lambda row: f"{count(row['files'], 'file')}, +{row['added']} −{row['removed']}"),
        ("Proof", _proof),
        ("Used", _used),
        ("Id", "task_id"),
    )
    for choice in told["items"]:
        waits = ", a person is waited for" if choice["is_open"] else ""
        console().rule(clean(f"{choice['step']}: by {choice['by']}{waits}", 100), style="dim")
        console().print(table(columns, choice["tries"]))


def choose(
    task: Id,
    choice: Annotated[str, typer.Argument(metavar="CHOICE", help="The try, as `task tries` names it.")] = "",
    none: Annotated[bool, typer.Option("--none", help="None of them: end the task.")] = False,
    as_json: Json = False,
) -> None:
    """Choose a try; the task goes on with it to proof, review and merge."""
    if bool(choice) == none:
        raise InvalidInput("Name a try, or say --none.", field="CHOICE")

    async def work(api: Api) -> Any:
        wanted = choice
        if none:
            told = await api.get(f"/tasks/{task}/tries")
            wanted = told["items"][0]["none"]
        return await api.post(f"/tasks/{task}/input", {"choice": wanted})

    show_one(run(work), as_json=as_json)


def _proof(row: Mapping[str, Any]) -> str:
    """How many of the criteria passed; `task proof` tells the rest."""
    passed = sum(one["verdict"] == "passed" for one in row["proof"])
    return f"{passed} of {len(row['proof'])} passed" if row["proof"] else ""


def _used(row: Mapping[str, Any]) -> str:
    money = "" if row["money"] is None else f"{row['money']:.2f} USD"
    tokens = f"{row['tokens']:,} tokens" if row["tokens"] else ""
    time = "" if row["seconds"] is None else f"{row['seconds']:.1f} s"
    return ", ".join(part for part in (time, money, tokens) if part)
