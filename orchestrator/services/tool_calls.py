"""A tool call made here and now for a caller: the server, the project's placeholders, then through the gate.

Used by ``POST /mcps/{id}/execute`` and the MCP door. Tasks go through ``run_tool``. Whether a call may be made is the
gate's to say; no task and no queue is involved.
"""

from functools import partial
from typing import Any
from uuid import UUID

from orchestrator.mcp.builtin import CallContext, ProgressFn
from orchestrator.mcp.pool import ServerPool
from orchestrator.mcp.result import ToolInfo, ToolResult
from orchestrator.mcp.schema import check_arguments
from orchestrator.services.call_gate import CallGate, Ready, ToolCall, unknown_tool
from orchestrator.services.mcp_registry import McpRegistry
from orchestrator.services.project_view import ProjectViews, fill_from_project


class ToolCalls:
    """Calls tools for callers."""

    def __init__(self, registry: McpRegistry, pool: ServerPool, gate: CallGate, views: ProjectViews) -> None:
        self._registry = registry
        self._pool = pool
        self._gate = gate
        self._views = views

    async def call(
        self, call: ToolCall, *, timeout: float | None = None, on_progress: ProgressFn | None = None
    ) -> ToolResult:
        """The tool's answer; its own error is an answer too. The caller was found to see the entry."""
        return await self._gate.call(call, partial(self._ready, call), timeout=timeout, on_progress=on_progress)

    async def check(self, call: ToolCall) -> ToolInfo:
        """The tool as its server describes it, once the arguments were found to fit; nothing is called."""
        tools = await self._pool.list_tools(await self._registry.definition(call.entry, call.caller.user_id))
        shown = await self._gate.shown(call.caller, call.entry, tools, project_id=call.project_id)
        found = next((tool for tool in shown if tool.name == call.tool), None)
        if found is None:
            raise unknown_tool(call, shown)
        await check_arguments(found, dict(call.arguments))
        return found

    async def _ready(self, call: ToolCall) -> Ready:
        project = None
        arguments: dict[str, Any] = dict(call.arguments)
        project_id: UUID | None = call.project_id
        # A checkout costs git work: only for who reads it.
        if project_id is not None and (call.entry.reads_project or "${project." in str(arguments)):
            project = await self._views.view(project_id)
            arguments = await fill_from_project(arguments, project, self._views)
        context = CallContext(
            project_id=project_id,
            project_root=project.root if project else None,
            graph_folder=project.graph_folder if project else None,
            user_id=call.caller.user_id,
        )
        return Ready(await self._registry.definition(call.entry, call.caller.user_id), arguments, context)
