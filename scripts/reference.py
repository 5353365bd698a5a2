"""Makes docs/reference from the code: settings, routes, events, states, errors, jobs, task types, routing, commands.

Run by ``make reference``; tests compare what it makes with what is committed, so the pages cannot rot. It writes
nothing else and reads no setting of yours.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from fastapi.routing import APIRoute

from orchestrator.api import oauth_metadata, oauth_server, routes, service
from orchestrator.api.dependencies import Authenticated
from orchestrator.cli.app import app
from orchestrator.cli.upkeep.openapi import write as write_openapi
from orchestrator.config import Settings
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.routing import WEIGHTS, Obstacle
from orchestrator.core.states import ALLOWED, TaskState
from orchestrator.core.task_types import TASK_TYPES
from orchestrator.jobs.catalog import EXECUTORS, LOOPS
from scripts.reference_words import EVENTS, REASONS, STATES

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
_MADE = "<!-- Made by `make reference` from the code. Change the code, not this page. -->"


@dataclass(frozen=True)
class Door:
    """One operation of the API below /api/v1, with what it asks of its caller."""

    method: str
    route: APIRoute
    scopes: tuple[str, ...]
    open: bool

    def __str__(self) -> str:
        return f"{self.method} {self.route.path}"


def doors() -> list[Door]:
    """Every operation of the catalogue, in its order."""
    found = []
    for router in routes.ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            callers = [found.call for found in route.dependant.dependencies if isinstance(found.call, Authenticated)]
            scopes = tuple(str(scope) for caller in callers for scope in caller._scopes)
            found += [Door(method, route, scopes, not callers) for method in sorted(route.methods)]
    return found


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    def cells(row: Sequence[object]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) + " |"

    return [cells(head), "|" + "---|" * len(head), *(cells(row) for row in rows)]


def _page(title: str, *parts: str | list[str]) -> str:
    blocks = ["\n".join(part) if isinstance(part, list) else part for part in parts]
    return "\n\n".join([f"# {title}", _MADE, *blocks]) + "\n"


def settings_page() -> str:
    """Every setting."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.default.get_secret_value() if hasattr(field.default, "get_secret_value") else field.default
        shown = f"`{str(default).lower() if isinstance(default, bool) else default}`" if default != "" else "empty"
        rows.append((f"`{name.upper()}`", shown, field.description))
    words = "Read from the environment, then from `.env` in the working directory; `.env.example` lists them all."
    return _page("Settings", words, _table(("variable", "default", "meaning"), rows))


def routes_page() -> str:
    """Every route."""
    words = (
        "All below `/api/v1`, and below `/api` too. Request and response models are in [openapi.json](openapi.json) "
        "and, while the service runs, at `/docs`. Scopes are those a personal API token needs; a log-in holds them all."
    )
    rows = [(f"`{door}`", _asks(door), door.route.summary or "") for door in doors()]
    more = [
        (f"`{method} {route.path}`", "nobody", route.summary or "")
        for route in (*service.router.routes, *oauth_metadata.router.routes, *oauth_server.router.routes)
        if isinstance(route, APIRoute) and route.include_in_schema
        for method in sorted(route.methods)
    ]
    more += [
        ("`POST /mcp`", "token or log-in", "Our own MCP endpoint, streamable HTTP"),
        ("`GET /`", "nobody", "The console"),
    ]
    head = ("route", "asks for", "what it does")
    return _page("Routes", words, _table(head, rows), "## At the root", _table(head, more))


def _asks(door: Door) -> str:
    return "nobody" if door.open else ", ".join(f"`{scope}`" for scope in door.scopes) or "a caller"


def events_page() -> str:
    """Every kind of event."""
    words = (
        "Events of a task are numbered from 1 without gaps and never change. `GET /tasks/{id}/events` streams them "
        "(SSE, the number is the event id: send it as `Last-Event-ID` to go on exactly after it); "
        "`GET /tasks/{id}/log` pages through them."
    )
    rows = [(f"`{kind}`", text, data) for kind, (text, data) in EVENTS.items()]
    return _page("Events", words, _table(("kind", "meaning", "data"), rows))


def states_page() -> str:
    """States and reasons."""
    steps = [
        (
            f"`{state}`",
            STATES[state],
            ", ".join(f"`{after}`" for after in TaskState if after in ALLOWED[state]) or "none",
        )
        for state in TaskState
    ]
    reasons = [(f"`{reason}`", text) for reason, text in REASONS.items()]
    return _page(
        "States and reasons",
        _table(("state", "meaning", "may become"), steps),
        "A task in a terminal state always carries one of these reasons; the list is closed.",
        _table(("reason", "meaning"), reasons),
    )


def errors_page() -> str:
    """The error tree."""
    words = (
        "Every error is a problem document (RFC 9457, `application/problem+json`) with `code`, `detail`, `request_id` "
        "and, where known, `field`, `hint` and `details`. *Retry* says whether the same request may help later."
    )
    rows = [
        (f"`{kind.code}`", kind.status, "yes" if kind.retry else "no", (kind.__doc__ or "").strip())
        for kind in _errors()
    ]
    return _page("Errors", words, _table(("code", "HTTP", "retry", "meaning"), rows))


def _errors(kind: type[OrchestratorError] = OrchestratorError) -> list[type[OrchestratorError]]:
    """The tree as its file draws it; a library's room may have a leaf of its own for its own use."""
    tree = [leaf for child in kind.__subclasses__() for leaf in (child, *_errors(child))]
    return [leaf for leaf in tree if leaf.__module__ == OrchestratorError.__module__]


def jobs_page() -> str:
    """What workers and the monitor run."""
    loops = [(f"`{loop.name}`", f"{loop.limit:g} s", loop.what) for loop in LOOPS.values()]
    return _page(
        "Jobs",
        "Who carries out an attempt, by the target's id:",
        _table(("target", "what"), [(f"`{job.target}`", job.what) for job in EXECUTORS.values()]),
        "What the monitor does again and again, with the time limit of one round:",
        _table(("loop", "limit", "what"), loops),
    )


def task_types_page() -> str:
    """The catalogue of task types."""
    rows = [
        (
            f"`{kind.name}`", kind.title, ", ".join(f"`{name}`" for name in kind.capabilities) or "the task names them",
            "heavy" if kind.heavy else "light", "yes" if kind.changes_code else "no", f"`{kind.example}`",
        )
        for kind in TASK_TYPES.values()
    ]  # fmt: skip
    words = "Other types are welcome when the task names `required_capabilities`."
    head = ("type", "what", "capabilities", "weight", "changes code", "example input")
    return _page("Task types", words, _table(head, rows))


def routing_page() -> str:
    """How a target is chosen."""
    total = sum(WEIGHTS.values())
    return _page(
        "Routing",
        "A target with any of these obstacles is rejected, and the route says why:",
        [f"- `{obstacle}`" for obstacle in Obstacle],
        "The rest is scored: each part lies between 0 and 1, the score is a weighted mean. Ties go to the smaller id.",
        _table(("part", "weight", "share"), [(f"`{k}`", v, f"{v / total:.0%}") for k, v in WEIGHTS.items()]),
    )


def commands_page() -> str:
    """The command line."""
    root: Any = typer.main.get_command(app)
    context = root.make_context("orchestrator", [], resilient_parsing=True)
    rows = []
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        if command.hidden:
            continue
        below = command.list_commands(context) if hasattr(command, "list_commands") else ()
        found = [(f"{name} {sub}", command.get_command(context, sub)) for sub in below] or [(name, command)]
        rows += [(f"`{path}`", (each.help or "").strip().split("\n\n")[0]) for path, each in found]
    words = "`python -m orchestrator <command>`; `--help` after any of them says more."
    return _page("Commands", words, _table(("command", "what it does"), rows))


PAGES = {
    "commands.md": commands_page,
    "errors.md": errors_page,
    "events.md": events_page,
    "jobs.md": jobs_page,
    "routes.md": routes_page,
    "routing.md": routing_page,
    "settings.md": settings_page,
    "states.md": states_page,
    "task-types.md": task_types_page,
}


def main(folder: Path = FOLDER) -> None:
    """Write every page, and the OpenAPI document."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (folder / name).write_text(make())
    write_openapi(folder / "openapi.json")
    sys.stdout.write(f"{len(PAGES) + 1} pages in {folder}\n")


if __name__ == "__main__":
    main()
