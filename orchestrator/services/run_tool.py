"""Carries out tasks that are one tool call on an MCP server, over the worker's pooled sessions.

The executor for targets ``mcp:<id>`` and ``space:<id>``. Which tool: the one the input names, else the catalogue's for
the task type, else the first that offers the first required capability.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

from orchestrator.core.caller import Caller
from orchestrator.core.errors import ConsentNeeded, InvalidInput
from orchestrator.core.events import EventKind
from orchestrator.core.states import TaskState
from orchestrator.core.task_types import TASK_TYPES
from orchestrator.mcp.builtin import CallContext
from orchestrator.mcp.capabilities import tools_for
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.result import ToolInfo
from orchestrator.services.call_gate import CallGate, Door, Ready, ToolCall
from orchestrator.services.mcp_registry import McpRegistry
from orchestrator.services.project_view import ProjectView, ProjectViews, fill_from_project
from orchestrator.services.run_task import Outcome, Work
from orchestrator.services.server_entry import ServerEntry
from orchestrator.services.tool_consent import call_digest


class ServerSource(Protocol):
    """Where the servers behind target ids come from: the registry, or the users' Spaces."""

    async def find(self, server_id: UUID, user_id: UUID) -> ServerEntry:
        """The server of work that was already routed to it, as the task's user sees it."""
        ...

    async def definition(self, entry: ServerEntry, user_id: UUID) -> ServerDefinition:
        """What the pool needs to reach it for the task's user."""
        ...


class RegistryServers:
    """The registry as a source of servers."""

    def __init__(self, registry: McpRegistry) -> None:
        self._registry = registry

    async def find(self, server_id: UUID, user_id: UUID) -> ServerEntry:
        """An entry of the registry."""
        return await self._registry.find(server_id, user_id)

    async def definition(self, entry: ServerEntry, user_id: UUID) -> ServerDefinition:
        """Its definition, secrets decrypted."""
        return await self._registry.definition(entry, user_id)


class ToolExecutor:
    """Runs tool calls."""

    def __init__(self, servers: ServerSource, gate: CallGate, projects: ProjectViews) -> None:
        self._servers = servers
        self._gate = gate
        self._projects = projects

    async def execute(self, work: Work) -> Outcome:
        """Call the tool and return its answer; a tool's own error fails the task as tool_error."""
        task = work.task
        entry = await self._servers.find(UUID(str(task["target_id"]).partition(":")[2]), task["user_id"])
        tool, arguments = _choose(task, entry)
        call = ToolCall(
            Caller(task["user_id"], via="task"), Door.TASK, entry, tool, arguments, project_id=task["project_id"],
            task_id=work.id,
        )  # fmt: skip
        _agreed(call, task["consent"])

        async def ready() -> Ready:
            needed = _needs_files(task, entry, arguments)
            project = await self._projects.view(task["project_id"]) if needed else None
            filled = await fill_from_project(arguments, project, self._projects)
            work.report.tell(EventKind.TOOL_CALLED, server=entry.name, tool=tool)
            return Ready(await self._servers.definition(entry, task["user_id"]), filled, _context(task, project))

        async def progress(done: float, total: float | None, message: str | None) -> None:
            work.report.tell(EventKind.PROGRESS, done=done, total=total, message=message)

        clock = asyncio.get_running_loop().time
        started = clock()
        limit = float(task["timeout_seconds"])
        try:
            result = await self._gate.call(call, ready, timeout=limit, on_progress=progress)
        except ConsentNeeded as needed:
            return _asking(task, needed)
        millis = round((clock() - started) * 1000, 1)
        work.report.tell(EventKind.TOOL_RETURNED, server=entry.name, tool=tool, ms=millis, is_error=result.is_error)
        result.raise_for_error()
        wire = result.to_wire()
        return Outcome({"server": entry.name, "tool": tool, **wire})


def _agreed(call: ToolCall, consent: Mapping[str, Any]) -> None:
    """A person's word for this very call, if one was given; for another call it counts for nothing."""
    if consent.get("tool_call") == call_digest(call) and consent.get("tool_call_granted"):
        call.confirm, call.always = consent["tool_call"], bool(consent.get("tool_call_always"))


def _asking(task: Mapping[str, Any], needed: ConsentNeeded) -> Outcome:
    """The attempt ends here; the next one begins when a person has agreed."""
    asked = {"tool_call": needed.details["digest"], "tool_call_granted": False, "tool_call_always": False}
    return Outcome(
        waiting_for=needed.details["question"], state=TaskState.AWAITING_CONSENT, consent={**task["consent"], **asked}
    )


def _choose(task: Mapping[str, Any], entry: ServerEntry) -> tuple[str, dict[str, Any]]:
    given = {name: value for name, value in task["input"].items() if name != "answers"}
    named = given.get("tool")
    wrapped = isinstance(named, str) and (set(given) <= {"tool", "arguments"})
    if wrapped:
        arguments = given.get("arguments") or {}
        if not isinstance(arguments, dict):
            raise InvalidInput("input.arguments must be an object", field="input.arguments")
        return str(named), arguments
    known = TASK_TYPES.get(task["type"])
    names = {tool.name for tool in entry.tools}
    if known and known.tool in names:
        return str(known.tool), given
    return _by_capability(task, entry.tools).name, given


def _by_capability(task: Mapping[str, Any], tools: tuple[ToolInfo, ...]) -> ToolInfo:
    known = TASK_TYPES.get(task["type"])
    needs = [need["name"] for need in task["required_capabilities"]] or list(known.capabilities if known else ())
    for need in needs:
        found = tools_for(need, tools)
        if found:
            return found[0]
    raise InvalidInput('name the tool to call: {"tool": …, "arguments": {…}}', field="input.tool")


def _needs_files(task: Mapping[str, Any], entry: ServerEntry, arguments: dict[str, Any]) -> bool:
    """A checkout costs git work: only for built-in servers that read it and inputs that name it."""
    if task["project_id"] is None:
        return False
    return entry.reads_project or "${project." in str(arguments)


def _context(task: Mapping[str, Any], project: ProjectView | None) -> CallContext:
    return CallContext(
        project_id=task["project_id"],
        project_root=project.root if project else None,
        graph_folder=project.graph_folder if project else None,
        user_id=task["user_id"],
        task_id=task["id"],
    )
