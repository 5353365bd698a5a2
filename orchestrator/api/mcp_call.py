"""``tools/call`` of the MCP endpoint: a tool of a server behind us, or one of our own, through the gate.

Used by the MCP door. Who calls, and through which endpoint, is in the exchange. What a model can mend is a result that
says so; unknown tools and missing scopes are errors of the protocol.
"""

import asyncio
from typing import Any

import orjson
import structlog
from mcp import MCPError
from mcp_types import INTERNAL_ERROR

from orchestrator.api import mcp_credentials
from orchestrator.api.mcp_conversation import Rounds, capabilities_of
from orchestrator.api.mcp_login import asked_to_log_in, more_of
from orchestrator.api.mcp_own_tool import Call, OwnTool
from orchestrator.api.mcp_relay import (
    Exchange,
    conversing,
    passed_on,
    refuse_unwritable,
    require_scope,
    unknown_tool,
)
from orchestrator.api.mcp_search import CALL_TOOL, called
from orchestrator.api.mcp_shapes import project_of
from orchestrator.api.mcp_tasks_extension import Tasks
from orchestrator.api.mcp_tools import OWN_SERVER, own_tools
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Scope
from orchestrator.core.errors import ConsentNeeded, CredentialsNeeded, DeniedByPolicy, NotFound, OrchestratorError
from orchestrator.mcp.builtin import ProgressFn
from orchestrator.mcp.pool import Behind
from orchestrator.mcp.result import ToolResult
from orchestrator.mcp.translate import original_error
from orchestrator.services import shown_tools
from orchestrator.services.call_gate import Door, ToolCall

log = structlog.get_logger(__name__)


class ToolCalls:
    """One per door."""

    def __init__(self, container: Container, rounds: Rounds, tasks: Tasks) -> None:
        self._container = container
        self._rounds = rounds
        self._tasks = tasks

    async def call(self, exchange: Exchange, on_progress: ProgressFn | None) -> dict[str, Any]:
        """Call a tool. What a model can mend is a result that says so; unknown tools and missing scopes are errors."""
        name, arguments = str(exchange.params["name"]), dict(exchange.params.get("arguments") or {})
        refuse_unwritable(arguments)
        try:
            return await self._run(exchange, name, arguments, on_progress)
        except CredentialsNeeded as error:
            return asked_to_log_in(exchange, error) or ToolResult.failure(error.message, error.as_dict()).to_wire()
        except OrchestratorError as error:
            if original_error(error) is not None:
                raise passed_on(error) from error
            if isinstance(error, DeniedByPolicy | ConsentNeeded):
                raise MCPError(mcp_credentials.REFUSED, error.message, error.as_dict()) from error
            return ToolResult.failure(error.message, error.as_dict()).to_wire()
        except (MCPError, asyncio.CancelledError):
            raise
        except Exception as error:  # the edge of a request: internals must not reach the client
            log.exception("mcp_call_crashed", tool=name[:200])
            raise MCPError(INTERNAL_ERROR, "Something went wrong on our side; the log has it.") from error

    async def _run(
        self, exchange: Exchange, name: str, arguments: dict[str, Any], on_progress: ProgressFn | None
    ) -> dict[str, Any]:
        caller = exchange.caller
        if exchange.endpoint.search and name == CALL_TOOL.name:
            name, arguments = called(arguments)
        own = own_tools(exchange.endpoint).get(name)
        if own is not None:
            require_scope(caller, own.scope)
            given = self._tasks.arguments(exchange, name, arguments)
            return await self._tasks.own(exchange, name, await self._run_own(exchange, own, given, on_progress))
        require_scope(caller, Scope.MCPS_EXECUTE)
        offered = await self._container.catalogue.find(caller, name, exchange.endpoint)
        if offered is None:
            raise unknown_tool(name)
        project_id = caller.project_id
        if offered.entry.reads_project:
            project_id, arguments = project_of(caller, arguments)

        async def run(behind: Behind | None) -> dict[str, Any]:
            call = ToolCall(
                caller, Door.MCP, offered.entry, offered.tool.name, arguments, project_id=project_id,
                request_id=exchange.request_id, endpoint=exchange.endpoint.name, behind=behind, more=more_of(exchange),
                unlisted=offered.unlisted,
            )  # fmt: skip
            answer = await self._container.tool_calls.call(call, on_progress=on_progress)
            return self._tasks.handed_on(exchange, offered.entry, answer.to_wire())

        try:
            entry, late = offered.entry, self._tasks.late(exchange, offered, arguments)
            asks = late is not None or entry.transport != "builtin"
            if not asks and not await self._container.consent.would_ask(caller, entry, offered.tool.name, project_id):
                return await run(None)
            return await conversing(
                self._rounds, exchange, lambda: ("tools/call", name, orjson.dumps(arguments)), run, late
            )
        except NotFound as error:
            if error.field == "tool":
                raise unknown_tool(name) from error
            raise

    async def _run_own(
        self, exchange: Exchange, own: OwnTool, arguments: dict[str, Any], on_progress: ProgressFn | None
    ) -> dict[str, Any]:
        """A tool of ours passes the gate like any other."""
        container, caller = self._container, exchange.caller

        async def make() -> ToolResult:
            declared = shown_tools.declared(capabilities_of(exchange.ctx))
            return await own(Call(container, caller, exchange.endpoint, on_progress, declared), arguments)

        async def run(behind: Behind | None) -> dict[str, Any]:
            call = ToolCall(
                caller, Door.MCP, OWN_SERVER, own.name, arguments, project_id=caller.project_id,
                request_id=exchange.request_id, endpoint=exchange.endpoint.name, behind=behind,
            )  # fmt: skip
            return (await container.gate.through(call, make)).to_wire()

        if not await container.consent.would_ask(caller, OWN_SERVER, own.name, caller.project_id):
            return await run(None)
        return await conversing(self._rounds, exchange, lambda: ("tools/call", own.name, orjson.dumps(arguments)), run)
