"""``task pause``, ``task resume`` and ``task fork``: have an agent rest, go on, or begin from an event. Over HTTP."""

from typing import Annotated, Any

import typer

from orchestrator.cli.client.login import run
from orchestrator.cli.client.screen import Json, console, print_json, show_one

Id = Annotated[str, typer.Argument(metavar="TASK", help="Id of the task.")]
Words = Annotated[str, typer.Option("--message", "-m", help="What the agent is told.")]
Event = Annotated[int, typer.Option("--event", min=1, help="Number of the event to begin from.")]
Agent = Annotated[str, typer.Option("--agent", help="Who carries it out; default: the same agent.")]


def pause(task: Id, as_json: Json = False) -> None:
    """Have an agent's work rest at its next safe point."""
    show_one(run(lambda api: api.post(f"/tasks/{task}/pause")), as_json=as_json)


def resume(task: Id, message: Words = "", as_json: Json = False) -> None:
    """Go on with a paused task where it rested."""
    show_one(run(lambda api: api.post(f"/tasks/{task}/resume", {"text": message})), as_json=as_json)


def fork(
    task: Id, event: Event, message: Words = "", agent: Agent = "", title: str = "", as_json: Json = False
) -> None:
    """A new task that begins as this one stood at an event."""
    body = {"event": event, "text": message, "agent_id": agent or None, "title": title}
    made: dict[str, Any] = run(lambda api: api.post(f"/tasks/{task}/fork", body))
    if as_json:
        print_json(made)
        return
    origin = made.pop("forked_from")
    show_one({name: made[name] for name in ("task_id", "state", "title", "target_id")}, as_json=False)
    out = console()
    out.print(f"It begins as task {task} stood at event {origin['event']}. Not restored:")
    for line in origin["lost"]:
        out.print(f"  - {line}", markup=False)
