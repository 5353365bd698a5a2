"""The built-in server ``diagnostics``: tools that do nothing useful, to check a deployment end to end.

Used by people after an installation, by benchmarks and by fault tests. It reads no project and changes nothing.
"""

import asyncio
from typing import Any

from pydantic import ConfigDict, Field

from orchestrator.core.errors import ToolFailed
from orchestrator.mcp.builtin import Arguments, BuiltinServer, BuiltinTool, CallContext
from orchestrator.mcp.result import ToolResult

_STEP_SECONDS = 0.5


class EchoArguments(Arguments):
    """Anything at all comes back."""

    model_config = ConfigDict(extra="allow")


class WaitArguments(Arguments):
    """How long to wait."""

    seconds: float = Field(ge=0, le=60, description="How long to wait, in seconds.")


class FailArguments(Arguments):
    """What the error says."""

    message: str = Field("This tool always fails.", max_length=2000, description="What the error says.")


async def _echo(_context: CallContext, arguments: EchoArguments) -> ToolResult:
    return ToolResult.of(arguments.__pydantic_extra__ or {})


async def _wait(context: CallContext, arguments: WaitArguments) -> dict[str, Any]:
    waited = 0.0
    while waited < arguments.seconds:
        step = min(_STEP_SECONDS, arguments.seconds - waited)
        await asyncio.sleep(step)
        waited += step
        await context.progress(waited, arguments.seconds, f"waited {waited:.1f} of {arguments.seconds:.1f} s")
    return {"waited_seconds": arguments.seconds}


async def _fail(_context: CallContext, arguments: FailArguments) -> ToolResult:
    raise ToolFailed(arguments.message)


def diagnostics_server() -> BuiltinServer:
    """The server, ready for the pool."""
    tags = ("diagnostics",)
    return BuiltinServer(
        "diagnostics",
        [
            BuiltinTool("echo", "Return the arguments unchanged.", EchoArguments, _echo, tags),
            BuiltinTool("wait", "Wait some seconds, reporting progress; can be cancelled.", WaitArguments, _wait, tags),
            BuiltinTool("fail", "Report a tool error.", FailArguments, _fail, tags),
        ],
    )
