"""A tool call made here and now for a caller: access, project, placeholders, the pooled session. No task, no queue.

Used by ``POST /mcps/{id}/execute`` and the MCP door. Tasks go through ``run_tool``.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Unavailable
from orchestrator.mcp.builtin import CallContext, ProgressFn
from orchestrator.mcp.pool import Behind, ServerPool
from orchestrator.mcp.result import ToolResult
from orchestrator.models import Role
from orchestrator.services.access import ProjectAccess
from orchestrator.services.mcp_registry import McpRegistry
from orchestrator.services.project_view import ProjectViews, fill_from_project
from orchestrator.services.server_entry import ServerEntry


class ToolCalls:
    """Calls tools for callers."""

    def __init__(self, registry: McpRegistry, pool: ServerPool, access: ProjectAccess, views: ProjectViews) -> None:
        self._registry = registry
        self._pool = pool
        self._access = access
        self._views = views

    async def call(
        self,
        caller: Caller,
        server_id: UUID,
        tool: str,
        arguments: dict[str, Any],
        *,
        project_id: UUID | None = None,
        timeout: float | None = None,
        on_progress: ProgressFn | None = None,
    ) -> ToolResult:
        """The tool's answer; its own error is an answer too."""
        entry = await self._registry.get(caller, server_id)
        return await self.call_on(
            caller, entry, tool, arguments, project_id=project_id, timeout=timeout, on_progress=on_progress
        )

    async def call_on(
        self,
        caller: Caller,
        entry: ServerEntry,
        tool: str,
        arguments: dict[str, Any],
        *,
        project_id: UUID | None = None,
        timeout: float | None = None,
        on_progress: ProgressFn | None = None,
        behind: Behind | None = None,
        more: Mapping[str, Any] | None = None,
        unlisted: bool = False,
    ) -> ToolResult:
        """The same for an entry that the caller was found to see, on behalf of a client that may be asked."""
        if not entry.enabled:
            raise Unavailable(f"the MCP server {entry.name} is disabled")
        project = None
        if project_id is not None:
            await self._access.require(caller, project_id, Role.VIEWER)
            # A checkout costs git work: only for who reads it.
            if entry.reads_project or "${project." in str(arguments):
                project = await self._views.view(project_id)
                arguments = await fill_from_project(arguments, project, self._views)
        context = CallContext(
            project_id=project_id,
            project_root=project.root if project else None,
            graph_folder=project.graph_folder if project else None,
            user_id=caller.user_id,
        )
        return await self._pool.call_tool(
            self._registry.definition(entry), tool, arguments, context=context, timeout=timeout,
            on_progress=on_progress, behind=behind, more=more, unlisted=unlisted,
        )  # fmt: skip
