"""The commands. Each is a few lines: read the settings, call what does the work.

Imports of the API, the workers and alembic stand inside their commands: they cost a second or more, and ``--help`` or
a client command needs none of them. Client commands are modules of ``commands``, loaded when one is asked for.
"""

import asyncio
import importlib
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from orchestrator.cli.start.loading import quick_loading
from orchestrator.cli.start.parent import leave_with_parent
from orchestrator.core.errors import OrchestratorError

_CLIENT = {
    "login": "login.app", "logout": "login.logout_app", "project": "project.app", "task": "task.app",
    "mcp": "mcp_commands.app", "kg": "kg.app", "agent": "agent.app", "usage": "usage.app", "token": "token.app",
}  # fmt: skip
"""Client commands over HTTP: module of ``commands`` and name of each."""


class Commands(TyperGroup):
    """The commands below, and those of clients."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names, in the order of the help."""
        return [*super().list_commands(ctx), *_CLIENT]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command; one of a client is loaded now."""
        if cmd_name not in _CLIENT:
            return super().get_command(ctx, cmd_name)
        module, _, name = _CLIENT[cmd_name].partition(".")
        command = get_command(getattr(importlib.import_module(f"orchestrator.cli.commands.{module}"), name))
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=Commands,
    name="orchestrator",
    help="Projects, tasks, routing, MCP servers, agents and one knowledge graph per project.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class WorkerKind(StrEnum):
    """What a worker takes from the queue."""

    light = "light"
    agents = "agents"
    heavy = "heavy"


def main() -> None:
    """Run the command line; an error of ours becomes two lines and exit code 1."""
    try:
        app()
    except OrchestratorError as error:
        field = f"{error.field}: " if error.field and error.field not in error.message else ""
        print(f"error: {field}{error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint:  {error.hint}", file=sys.stderr)
        sys.exit(1)


def _settings() -> Any:
    from orchestrator.cli.start.settings import read_settings  # noqa: PLC0415  heavy: clients of a service read none

    return read_settings()


@app.command()
def up() -> None:
    """Start everything: databases (embedded, unless URLs are set), API, workers and monitor."""
    from orchestrator.cli.start.up import up as run_up  # noqa: PLC0415  heavy: the supervisor of all processes

    asyncio.run(run_up(_settings()))


@app.command()
def demo(
    repo: Annotated[str, typer.Option(help="Path or git URL of the repository to work on.")] = ".",
    stop: Annotated[
        bool, typer.Option("--exit", help="Stop when all is shown, instead of leaving it running.")
    ] = False,
) -> None:
    """Do the main job on a repository, start to end, and show it."""
    from orchestrator.cli.demo.run import run_demo  # noqa: PLC0415  heavy: loads the HTTP client and the terminal library

    sys.exit(asyncio.run(run_demo(_settings(), repo, stop=stop)))


@app.command()
def api() -> None:
    """Serve the HTTP API and the console alone; DATABASE_URL and REDIS_URL must be set."""
    leave_with_parent()
    settings = _settings()
    with quick_loading():
        from orchestrator.cli.start.serving import serve  # noqa: PLC0415  heavy: only this command serves
        from orchestrator.main import create_app  # noqa: PLC0415  heavy, as above

        application = create_app(settings)
    serve(application, settings)


@app.command()
def worker(kind: WorkerKind) -> None:
    """Run one worker: ``light`` for tool calls, ``agents`` for agents, ``heavy`` for graph builds and git."""
    leave_with_parent()
    with quick_loading():
        from orchestrator import worker as workers  # noqa: PLC0415  heavy: only workers need all the parts

    runs = {"light": workers.run_light, "agents": workers.run_agents, "heavy": workers.run_heavy}
    runs[kind](_settings())


@app.command()
def monitor() -> None:
    """Run the relay, the reaper and the health probes."""
    leave_with_parent()
    with quick_loading():
        from orchestrator.worker import run_monitor  # noqa: PLC0415  heavy, as above

    run_monitor(_settings())


@app.command()
def migrate() -> None:
    """Bring the database of DATABASE_URL to the newest migration."""
    from orchestrator.cli.upkeep.migrate import upgrade  # noqa: PLC0415  heavy: loads alembic and every table

    upgrade(_settings().database_url)


@app.command("rotate-keys")
def rotate_keys() -> None:
    """Seal every stored secret with the first of ENCRYPTION_KEYS, so that the others can be dropped."""
    from orchestrator.cli.upkeep.keys import rotate  # noqa: PLC0415  heavy: loads the database and every table

    asyncio.run(rotate(_settings()))


@app.command(hidden=True)
def openapi(path: Path) -> None:
    """Write the OpenAPI document of the code to a file."""
    from orchestrator.cli.upkeep.openapi import write  # noqa: PLC0415  heavy: builds the whole application

    write(path)
