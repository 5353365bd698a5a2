"""``kg trace``: runs a command, watches which functions call which, and sends that to a project's graph."""

import gzip
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli.client.api import Api
from orchestrator.cli.client.find import project_id
from orchestrator.cli.client.login import run
from orchestrator.cli.client.screen import Json, show_one
from orchestrator.core.errors import InvalidInput, NotFound
from orchestrator.kg.traces.node import convert_coverage
from orchestrator.kg.traces.run import joined, tracing_environment


def trace(
    project: Annotated[str, typer.Argument(metavar="PROJECT", help="Name or id.")],
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND…", help="What to run, such as: pytest -q.")],
    root: Annotated[Path, typer.Option(help="The checkout the command works on.")] = Path(),
    as_json: Json = False,
) -> None:
    """Run tests here, traced, and put the calls they make into a project's graph. Ends with the command's exit code."""
    code, data = _run_traced(command, root.resolve())
    if not data:
        raise NotFound("nothing of the checkout was seen to run", hint=f"does the command work on {root.resolve()}?")

    async def work(api: Api) -> dict[str, Any]:
        answer = await api.send(
            "POST",
            f"/kg/{await project_id(api, project)}/traces",
            params={"label": shlex.join(command)[:200]},
            body=gzip.compress(data),
            headers={"Content-Type": "application/gzip"},
        )
        told: dict[str, Any] = answer.json()
        return told

    show_one(run(work), as_json=as_json)
    sys.exit(code)


def _run_traced(command: list[str], root: Path) -> tuple[int, bytes]:
    """The command's exit code and its traces."""
    with tempfile.TemporaryDirectory(prefix="traces-") as folder:
        traces = Path(folder)
        environment = os.environ | tracing_environment(traces, root, os.environ)
        try:
            done = subprocess.run(command, env=environment, check=False)
        except OSError as error:
            raise InvalidInput(f"{command[0]} cannot be run: {error.strerror}", field="command") from error
        convert_coverage(traces, root)
        return done.returncode, joined(traces)
