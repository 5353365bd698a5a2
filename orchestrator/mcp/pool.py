"""The pool: every call to every MCP server goes through here, built-in ones included.

Used by services and workers, one pool for each process. It holds one supervised session for each server definition and
decides nothing about who may call what; definitions, secrets and policy come from above.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from orchestrator.core.errors import NotFound, OrchestratorError, TimedOut
from orchestrator.mcp.builtin import BuiltinServer, CallContext, ProgressFn
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.result import ToolInfo, ToolResult
from orchestrator.mcp.supervisor import Limits, ServerState, Supervisor


@dataclass(frozen=True, slots=True)
class Probe:
    """What a health probe found. ``error`` is the error as our tree spells it."""

    healthy: bool
    latency_ms: float | None = None
    era: str | None = None
    protocol_version: str | None = None
    server_name: str | None = None
    server_version: str | None = None
    tools: tuple[ToolInfo, ...] = ()
    error: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ServerTools:
    """One server's part of a merged list: its tools, or why they are missing."""

    definition: ServerDefinition
    tools: tuple[ToolInfo, ...] = ()
    error: dict[str, Any] | None = field(default=None)


class ServerPool:
    """Calls tools, lists tools, probes servers; make it inside a running event loop and close it with ``aclose``."""

    def __init__(
        self,
        builtins: Iterable[BuiltinServer] = (),
        *,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._builtins = {server.name: server for server in builtins}
        self._limits = limits or Limits()
        self._clock = clock
        self._supervisors: dict[UUID, Supervisor] = {}
        self._retiring: dict[asyncio.Task[None], Supervisor] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self._last_probe: dict[UUID, tuple[str, Probe]] = {}
        self._closed = False

    @property
    def builtins(self) -> tuple[BuiltinServer, ...]:
        """The servers that run in this process."""
        return tuple(self._builtins.values())

    async def call_tool(
        self,
        definition: ServerDefinition,
        tool: str,
        arguments: dict[str, Any],
        *,
        context: CallContext,
        timeout: float | None = None,
        on_progress: ProgressFn | None = None,
    ) -> ToolResult:
        """Call a tool within ``timeout`` seconds (default: the definition's). A tool's own failure is a result.

        Raises InvalidInput (arguments), NotFound (tool), TimedOut, ServerUnreachable (try again), ServerMisbehaved.
        """
        limit = definition.timeout_seconds if timeout is None else timeout
        if definition.transport == "builtin":
            return await self._call_builtin(definition, tool, arguments, context.listening(on_progress), limit)
        supervisor = self._supervisor(definition)
        return await supervisor.call(tool, arguments, timeout=limit, on_progress=on_progress or context.on_progress)

    async def _call_builtin(
        self, definition: ServerDefinition, tool: str, arguments: dict[str, Any], context: CallContext, limit: float
    ) -> ToolResult:
        server = self._builtin(definition)
        try:
            async with asyncio.timeout(limit) as clock:
                return await server.call(tool, arguments, context)
        except TimeoutError as error:
            if not clock.expired():
                raise
            message = f"Tool {tool!r} of {definition.name!r} did not finish within {limit:g} s."
            raise TimedOut(message, details={"seconds": limit}) from error

    async def list_tools(self, definition: ServerDefinition, *, refresh: bool = False) -> tuple[ToolInfo, ...]:
        """A server's tools; from memory unless ``refresh`` or the server said that they changed."""
        if definition.transport == "builtin":
            return self._builtin(definition).tools
        return await self._supervisor(definition).list_tools(refresh=refresh, timeout=definition.timeout_seconds)

    async def list_all(
        self, definitions: Sequence[ServerDefinition], *, seconds: float | None = None
    ) -> list[ServerTools]:
        """The tools of many servers at once, in the order given; a server that fails or is slow hides only itself."""
        return list(await asyncio.gather(*(self._list_one(definition, seconds) for definition in definitions)))

    async def _list_one(self, definition: ServerDefinition, seconds: float | None) -> ServerTools:
        try:
            async with asyncio.timeout(seconds):
                return ServerTools(definition, await self.list_tools(definition))
        except OrchestratorError as error:
            return ServerTools(definition, error=error.as_dict())
        except TimeoutError:
            late = TimedOut(f"MCP server {definition.name!r} is not ready yet.", details={"seconds": seconds})
            return ServerTools(definition, error=late.as_dict())

    async def probe(self, definition: ServerDefinition, *, start: bool = True) -> Probe:
        """Ask the server for its tools and time it; never raises for a sick server.

        It tries even while the back-off runs. With ``start=False`` a server that is at rest is left so, and the last
        known answer is given: periodic probes must not keep idle servers alive.
        """
        if definition.transport == "builtin":
            return self._probe_builtin(definition)
        supervisor = self._supervisor(definition)
        known = self._last_probe.get(definition.id)
        if not start and supervisor.state().status == "idle" and known is not None and known[0] == definition.revision:
            return known[1]
        probe = await self._probe_remote(supervisor)
        self._last_probe[definition.id] = (definition.revision, probe)
        return probe

    def _probe_builtin(self, definition: ServerDefinition) -> Probe:
        try:
            server = self._builtin(definition)
        except OrchestratorError as error:
            return Probe(False, error=error.as_dict())
        return Probe(True, 0.0, "builtin", None, server.name, server.version, server.tools)

    async def _probe_remote(self, supervisor: Supervisor) -> Probe:
        limit = min(supervisor.definition.timeout_seconds, self._limits.start_seconds)
        try:
            session, latency = await supervisor.probe(timeout=limit)
            tools = await session.list_tools()
        except OrchestratorError as error:
            return Probe(False, error=error.as_dict())
        name, version = session.server_info
        return Probe(True, latency, session.era, session.protocol_version, name, version, tools)

    def state(self, definition_id: UUID) -> ServerState:
        """How a server stands; ``idle`` when this pool has not met it."""
        supervisor = self._supervisors.get(definition_id)
        return ServerState("idle") if supervisor is None else supervisor.state()

    async def forget(self, definition_id: UUID) -> None:
        """End a server's session now and drop what is known of it; calls in flight fail with ServerUnreachable."""
        self._last_probe.pop(definition_id, None)
        supervisor = self._supervisors.pop(definition_id, None)
        if supervisor is not None:
            await supervisor.aclose()

    async def aclose(self) -> None:
        """End every session and everything they started. Returns when the processes are gone."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        supervisors = [*self._supervisors.values(), *self._retiring.values()]
        self._supervisors.clear()
        await asyncio.gather(*(supervisor.aclose() for supervisor in supervisors))
        if self._retiring:
            await asyncio.wait(set(self._retiring))

    def _builtin(self, definition: ServerDefinition) -> BuiltinServer:
        server = self._builtins.get(definition.name)
        if server is None:
            raise NotFound(f"There is no built-in server {definition.name!r}.", field="name")
        return server

    def _supervisor(self, definition: ServerDefinition) -> Supervisor:
        """The definition's supervisor; one of an older revision finishes its calls and goes."""
        known = self._supervisors.get(definition.id)
        if known is not None and known.definition.revision == definition.revision:
            return known
        if self._closed:
            raise NotFound("The pool is closed.")
        if known is not None:
            task = asyncio.create_task(known.retire(), name=f"mcp retire {definition.name}")
            self._retiring[task] = known
            task.add_done_callback(self._retiring.pop)
        made = self._supervisors[definition.id] = Supervisor(definition, self._limits, self._clock)
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep(), name="mcp pool sweeper")
        return made

    async def _sweep(self) -> None:
        """Close idle sessions, now and then."""
        pause = max(0.05, min(30.0, self._limits.idle_seconds / 4))
        while True:
            await asyncio.sleep(pause)
            for supervisor in list(self._supervisors.values()):
                supervisor.close_if_idle()
