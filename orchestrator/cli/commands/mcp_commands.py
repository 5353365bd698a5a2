"""``mcp`` and what stands below it: the stdio door is loaded alone, since clients wait for it; all others together.

Used by the catalogue of commands. It runs nothing.
"""

from functools import cached_property
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

_STDIO = "stdio"


class McpCommands(TyperGroup):
    """The commands of ``mcp``."""

    @cached_property
    def _others(self) -> Any:
        from orchestrator.cli.commands.mcp import app as others  # noqa: PLC0415  heavy: the HTTP client and the screen

        return get_command(others)

    def list_commands(self, ctx: Any) -> list[str]:
        """Names, in the order of the help."""
        return [*self._others.list_commands(ctx), _STDIO]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command, loaded now."""
        if cmd_name != _STDIO:
            return self._others.get_command(ctx, cmd_name)
        from orchestrator.cli.stdio.door import app as stdio  # noqa: PLC0415  only this command

        command = get_command(stdio)
        command.name = _STDIO
        return command


app = typer.Typer(
    cls=McpCommands,
    help="MCP servers: entries, calls, connections, credentials, definitions, rules, records; and a door over stdio.",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def _below() -> None:
    """Make it a group, though its commands are found elsewhere."""
