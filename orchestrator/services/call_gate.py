"""The one way to a tool: every call of every door is admitted here, made here, and told of here.

Used by ``tool_calls`` (the MCP door and REST), ``run_tool`` (tasks) and the tools of agents. Whatever may stand in a
call's way is a guard that hangs here; a guard also says which tools a caller is shown. Nothing else reaches
``pool.call_tool``, which a test checks. Finding the server and filling in the project is the work of the doors.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from orchestrator.core.call_record import Outcome, digest_of, outcome_of
from orchestrator.core.caller import Caller
from orchestrator.core.errors import NotFound, Unavailable
from orchestrator.core.ids import new_id
from orchestrator.mcp.builtin import CallContext, ProgressFn
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.pool import Behind, ServerPool
from orchestrator.mcp.result import ToolInfo, ToolResult
from orchestrator.models import Role
from orchestrator.services.access import ProjectAccess
from orchestrator.services.call_audit import CallAudit
from orchestrator.services.server_entry import ServerEntry

_MOST_NAMED = 20


class Door(StrEnum):
    """Which way a call came."""

    MCP = "mcp"
    REST = "rest"
    TASK = "task"
    AGENT = "agent"


@dataclass(slots=True)
class ToolCall:
    """One call that somebody wants to be made. ``behind`` is who can be asked in the middle of it, if anybody.

    ``dry``: it is only asked whether it would be made; no person is asked anything then. ``confirm`` is the digest of
    the call a person agreed to, ``always`` that they agree for good. The last three are for guards to set: the rule
    that decided, how a person agreed, and who wants to know when the server asks for input in the middle.
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
    confirm: str | None = None
    always: bool = False
    rule_id: UUID | None = None
    confirmed: str | None = None
    on_input: Callable[[ToolResult], None] | None = None


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

    def __init__(self, pool: ServerPool, access: ProjectAccess, audit: CallAudit, guards: Sequence[Guard] = ()) -> None:
        self._pool = pool
        self._access = access
        self._audit = audit
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

        async def make() -> ToolResult:
            made = await ready()
            return await self._pool.call_tool(
                made.definition, call.tool, made.arguments, context=made.context, timeout=timeout,
                on_progress=on_progress, behind=call.behind, more=call.more, unlisted=call.unlisted,
            )  # fmt: skip

        try:
            return await self.through(call, make)
        except NotFound as error:
            if error.field != "tool":
                raise
            # The pool knows no callers: it would name tools that this one is not shown.
            shown = await self.shown(call.caller, call.entry, project_id=call.project_id)
            raise unknown_tool(call, shown) from error

    async def through(self, call: ToolCall, make: Callable[[], Awaitable[ToolResult]]) -> ToolResult:
        """Admit a call, make it, and note how it ended: there is room for the record before anything is done."""
        if self._audit.is_full:
            await self._audit.room()
        at, began, admitted = time.time(), time.perf_counter(), False
        try:
            await self.admit(call)
            # A person who thinks is not part of how long the tool took.
            admitted, began = True, time.perf_counter()
            result = await make()
        except BaseException as error:
            outcome, reason = outcome_of(error, admitted=admitted)
            self._note(call, at, began, outcome, reason)
            raise
        if result.needs_input:
            if call.on_input is not None:
                call.on_input(result)
            self._note(call, at, began, Outcome.INPUT_REQUIRED)
        else:
            self._note(call, at, began, Outcome.TOOL_ERROR if result.is_error else Outcome.OK)
        return result

    def _note(self, call: ToolCall, at: float, began: float, outcome: Outcome, reason: str | None = None) -> None:
        """Have it noted as soon as the answer is on its way: making the record takes a tenth of a call."""
        ms = round((time.perf_counter() - began) * 1000, 3)
        asyncio.get_running_loop().call_soon(self._record, call, at, ms, outcome, reason)

    def _record(self, call: ToolCall, at: float, ms: float, outcome: Outcome, reason: str | None) -> None:
        caller, entry = call.caller, call.entry
        record = {
            "id": new_id(), "at": at, "user_id": caller.user_id, "via": caller.via,
            "credential_id": caller.token_id or caller.session_id, "project_id": call.project_id,
            "task_id": call.task_id, "agent": call.agent, "door": call.door, "endpoint": call.endpoint,
            "server_id": entry.id, "server": entry.name, "tool": call.tool[:200],
            "arguments_digest": digest_of(call.arguments), "outcome": outcome, "reason": reason,
            "rule_id": call.rule_id, "confirmed": call.confirmed,
            "ms": ms, "request_id": call.request_id,
            "shared": entry.owner_id is None and entry.project_id is None,
        }  # fmt: skip
        self._audit.note(record)

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


def unknown_tool(call: ToolCall, shown: Sequence[ToolInfo]) -> NotFound:
    """The error of a call of a tool that is not there; it names those the caller may know of."""
    known = ", ".join(tool.name for tool in shown[:_MOST_NAMED])
    more = ", …" if len(shown) > _MOST_NAMED else ""
    told = f"; it has {known}{more}" if known else ""
    return NotFound(f"Server {call.entry.name!r} has no tool {call.tool[:100]!r}{told}.", field="tool")
