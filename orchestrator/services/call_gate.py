"""The one way to a tool: every call of every door is admitted here, made here, and told of here.

Used by ``tool_calls`` (the MCP door and REST), ``run_tool`` (tasks) and the tools of agents. Whatever may stand in a
call's way is a guard that hangs here; a guard also says which tools a caller is shown. Nothing else reaches
``pool.call_tool``, which a test checks. Finding the server and filling in the project is the work of the doors.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Unavailable
from orchestrator.mcp.builtin import CallContext, ProgressFn
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.pool import Behind, ServerPool
from orchestrator.mcp.result import ToolInfo, ToolResult
from orchestrator.models import Role
from orchestrator.services.access import ProjectAccess
from orchestrator.services.server_entry import ServerEntry


class Door(StrEnum):
    """Which way a call came."""

    MCP = "mcp"
    REST = "rest"
    TASK = "task"
    AGENT = "agent"


@dataclass(slots=True)
class ToolCall:
    """One call that somebody wants to be made. ``behind`` is who can be asked in the middle of it, if anybody.

    ``dry``: it is only asked whether it would be made; no person is asked anything then.
    """

    caller: Caller
    door: Door
    entry: ServerEntry
    tool: str
    arguments: Mapping[str, Any]
    project_id: UUID | None = None
    task_id: UUID | None = None
    agent: str | None = None
    request_id: str | None = None
    endpoint: str = ""
    behind: Behind | None = None
    more: Mapping[str, Any] | None = None
    unlisted: bool = False
    dry: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """What only an admitted call needs, since it may cost git work or a token."""

    definition: ServerDefinition
    arguments: dict[str, Any]
    context: CallContext


MakeReady = Callable[[], Awaitable[Ready]]


class Guard(Protocol):
    """What may stand in the way of a call."""

    async def admit(self, call: ToolCall) -> None:
        """Let it pass, or raise the error that its caller gets."""
        ...

    async def shown(
        self, caller: Caller, project_id: UUID | None, entry: ServerEntry, tools: Sequence[ToolInfo]
    ) -> Sequence[ToolInfo]:
        """The tools of this server that the caller is shown; the very same sequence when that is all of them."""
        ...


class CallGate:
    """Admits and makes tool calls. Guards are asked in the order given; the first that objects decides."""

    def __init__(self, pool: ServerPool, access: ProjectAccess, guards: Sequence[Guard] = ()) -> None:
        self._pool = pool
        self._access = access
        self._guards = tuple(guards)

    async def call(
        self,
        call: ToolCall,
        ready: MakeReady,
        *,
        timeout: float | None = None,
        on_progress: ProgressFn | None = None,
    ) -> ToolResult:
        """The tool's answer, when nothing stands in the way; its own error is an answer too."""
        await self.admit(call)
        made = await ready()
        return await self._pool.call_tool(
            made.definition, call.tool, made.arguments, context=made.context, timeout=timeout,
            on_progress=on_progress, behind=call.behind, more=call.more, unlisted=call.unlisted,
        )  # fmt: skip

    async def admit(self, call: ToolCall) -> None:
        """Raise what stands in the way of a call; nothing is called."""
        if not call.entry.enabled:
            raise Unavailable(f"the MCP server {call.entry.name} is disabled")
        if call.project_id is not None:
            await self._access.require(call.caller, call.project_id, Role.VIEWER)
        for guard in self._guards:
            await guard.admit(call)

    async def shown(
        self,
        caller: Caller,
        entry: ServerEntry,
        tools: Sequence[ToolInfo] | None = None,
        *,
        project_id: UUID | None = None,
    ) -> Sequence[ToolInfo]:
        """The tools of a server that no guard hides from the caller; default: those the registry knows."""
        left = entry.tools if tools is None else tools
        for guard in self._guards:
            left = await guard.shown(caller, project_id or caller.project_id, entry, left)
        return left
