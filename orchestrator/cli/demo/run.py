"""``demo``: the main job on a repository, start to end, as a client of the public API sees it, and told on a terminal.

Starts the service as ``up`` does, with its children's messages in ``DATA_DIR/logs``, and leaves it running until a
signal. Its exit code is 0 only when every step did what it says.
"""

import asyncio
import os
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestrator import __version__
from orchestrator.cli.client.api import Api
from orchestrator.cli.client.screen import clean, console
from orchestrator.cli.demo.account import Account, enter
from orchestrator.cli.demo.project import make_project
from orchestrator.cli.demo.servers import check_installed, register_servers
from orchestrator.cli.demo.source import Source, find_source
from orchestrator.cli.demo.stage import Stage
from orchestrator.cli.demo.tasks import ask_the_graph, run_tasks
from orchestrator.cli.start.service import Service, service
from orchestrator.cli.start.up import until_signal
from orchestrator.config import Settings
from orchestrator.core.errors import OrchestratorError

_STOPPED = 130
_TAIL_LINES = 12


async def run_demo(settings: Settings, repo: str, *, stop: bool) -> int:
    """Run the demo on a repository; its exit code."""
    demo = Demo(settings, await asyncio.to_thread(find_source, repo), stop=stop)
    await until_signal(demo.run())
    return demo.code


class Demo:
    """One run. ``code`` is that of an interrupted one until the run has come to its end."""

    def __init__(self, settings: Settings, source: Source, *, stop: bool) -> None:
        self.code = _STOPPED
        self._settings = settings
        self._source = source
        self._stop = stop
        self._out = console()
        self._stage = Stage(self._out)
        self._data = settings.data_dir.expanduser().resolve()
        self._logs = self._data / "logs"

    async def run(self) -> None:
        """Start the service, show everything, and leave it running unless told to stop."""
        check_installed()
        # The service's processes read it from their environment.
        os.environ["PROJECT_ROOTS"] = ":".join(filter(None, [self._settings.project_roots, *self._source.roots]))
        self._out.print(Text(f"Orchestrator {__version__}", style="bold").append(f"  on {self._source}", style="dim"))
        try:
            async with service(self._settings, self._say, self._logs) as running:
                account = await self._show(running)
                self.code = 0 if self._stage.all_well else 1
                if account is None:
                    return
                _farewell(self._out, running, account, self._data)
                if not self._stop:
                    self._out.print("\nIt keeps running. Ctrl-C stops it.", style="bold")
                    await asyncio.Event().wait()
        except OrchestratorError:
            _print_tails(self._out, self._logs)
            raise

    async def _show(self, running: Service) -> Account | None:
        say = f"The service is ready after {running.seconds:.1f} s: API, workers, monitor"
        self._out.print(say + (", embedded PostgreSQL 18 and Redis." if running.embedded else "."))
        async with self._stage.step("An account") as entered:
            account = await enter(running.base_url, self._data)
            entered.say(f"{account.email} {'logged in, as made by an earlier run' if account.known else 'registered'}")
            self._out.print(f"{entered.said}; admin of this service, being its first account")
        if not entered.ok:
            return None
        async with account.api as api:
            async with self._stage.step("A project: repository and knowledge graph") as made:
                project = await make_project(api, self._source, self._stage, made)
            async with self._stage.step("MCP servers: two third-party ones beside the built-in ones") as step:
                await register_servers(api, self._out, step)
            if made.ok:
                await self._work(api, project)
        self._stage.summary()
        return account

    async def _work(self, api: Api, project: str) -> None:
        await run_tasks(api, self._stage, project)
        async with self._stage.step("The knowledge graph in SPARQL") as step:
            await ask_the_graph(api, self._out, project, step)

    def _say(self, line: str) -> None:
        self._out.print(clean(line), style="dim")


def _farewell(out: Console, running: Service, account: Account, data: Path) -> None:
    made = Table(box=None, show_header=False, pad_edge=False)
    made.add_column(style="bold")
    made.add_column(overflow="fold")
    base = running.base_url
    rows = {
        "Console": base,
        "Log in as": account.email,
        "Password": account.password,
        "API docs": f"{base}/docs",
        "MCP door": f"{base}/mcp (for any MCP client, with a token)",
        "From a shell": f".venv/bin/python -m orchestrator login --url {base} --email {account.email}",
        "Data": str(data),
        "Logs": str(data / "logs"),
    }
    for name, value in rows.items():
        made.add_row(name, value)
    out.print()
    out.rule("Where to go on", align="left", style="cyan")
    out.print(made)


def _print_tails(out: Console, logs: Path) -> None:
    """The last lines of the children's messages: they say why a start failed."""
    for path in sorted(logs.glob("*.log")):
        lines = path.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        if lines:
            out.print(f"\n{path}:", style="bold")
            out.print("\n".join(clean(line, 300) for line in lines), style="dim")
