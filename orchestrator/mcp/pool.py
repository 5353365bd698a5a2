"""The pool: every call to every MCP server goes through here, built-in ones included.

Used by services and workers, one pool for each process. It holds one supervised session for each server definition and
set of credentials, and one more for each lane: a client that a server of the older era may ask things gets a session of
its own, because such a server asks the session and not the call. Who may call what is decided above.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from orchestrator.core.errors import InvalidInput, NotFound, OrchestratorError, TimedOut, Unavailable
from orchestrator.mcp.builtin import BuiltinServer, CallContext, ProgressFn
from orchestrator.mcp.conversation import Conversation
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.limits import Limits, ServerState, Turns
from orchestrator.mcp.pins import Sorted, SortedLists
from orchestrator.mcp.result import ToolInfo, ToolResult
from orchestrator.mcp.supervisor import Supervisor
from orchestrator.sandbox.starter import Starter


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


@dataclass(frozen=True, slots=True)
class Behind:
    """Who is behind a request, and the key of the lane its questions travel in. Keys are not shared between clients."""

    conversation: Conversation
    lane: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Which session a change was heard on: the server's, and whose credentials it has (empty: everybody's)."""

    server_id: UUID
    credential: str = ""


Listener = Callable[[Origin, str, Mapping[str, Any]], None]
"""Told where it was heard, the method and the parameters of every change a server announces."""


_Key = tuple[UUID, str, str]
_SHARED = ""


class ServerPool:
    """Calls tools, lists tools, probes servers; make it inside a running event loop and close it with ``aclose``."""

    def __init__(
        self,
        builtins: Iterable[BuiltinServer] = (),
        *,
        starter: Starter | None = None,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._builtins = {server.name: server for server in builtins}
        self._starter = starter or Starter()
        self._limits = limits or Limits()
        self._turns = Turns(self._limits.starts_at_once)
        self._clock = clock
        self._supervisors: dict[_Key, Supervisor] = {}
        self._listeners: list[Listener] = []
        self._modern_only: set[UUID] = set()
        self._retiring: dict[asyncio.Task[None], Supervisor] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self._late: dict[tuple[UUID, str], asyncio.Task[None]] = {}
        self._sorted = SortedLists()
        self._last_probe: dict[tuple[UUID, str], tuple[str, Probe]] = {}
        self._closed = False

    @property
    def builtins(self) -> tuple[BuiltinServer, ...]:
        """The servers that run in this process."""
        return tuple(self._builtins.values())

    def listen(self, listener: Listener) -> None:
        """Tell it of every change that a server announces."""
        self._listeners.append(listener)

    async def call_tool(
        self,
        definition: ServerDefinition,
        tool: str,
        arguments: dict[str, Any],
        *,
        context: CallContext,
        timeout: float | None = None,
        on_progress: ProgressFn | None = None,
        behind: Behind | None = None,
        more: Mapping[str, Any] | None = None,
        unlisted: bool = False,
    ) -> ToolResult:
        """Call a tool within ``timeout`` seconds (default: the definition's). A tool's own failure is a result.

        Raises InvalidInput (arguments), NotFound (tool), ToolQuarantined, TimedOut, ServerUnreachable (try again),
        ServerMisbehaved.
        ``more`` are further parameters of the call in wire form; ``unlisted``: it may be a tool no list shows.
        """
        limit = definition.timeout_seconds if timeout is None else timeout
        if definition.transport == "builtin":
            return await self._call_builtin(definition, tool, arguments, context.listening(on_progress), limit)
        supervisor = await self._lane(definition, behind)
        return await supervisor.call(
            tool, arguments, timeout=limit, on_progress=on_progress or context.on_progress,
            behind=behind.conversation if behind else None, more=more, unlisted=unlisted, pins=definition.pins,
        )  # fmt: skip

    async def request(
        self,
        definition: ServerDefinition,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        behind: Behind | None = None,
        on_progress: ProgressFn | None = None,
    ) -> Mapping[str, Any]:
        """Any other request to a server that is not built in, its result in wire form."""
        if definition.transport == "builtin":
            raise InvalidInput(f"The built-in server {definition.name!r} has tools only.", field="method")
        if method.startswith("tools/"):
            raise InvalidInput("Tools are listed and called by other ways, which ask what is approved.", field="method")
        supervisor = await self._lane(definition, behind)
        return await supervisor.request(
            method, params, timeout=definition.timeout_seconds, on_progress=on_progress,
            behind=behind.conversation if behind else None,
        )  # fmt: skip

    async def capabilities(self, definition: ServerDefinition) -> Mapping[str, Any]:
        """What a server offers, in wire form; it is started for that if need be."""
        if definition.transport == "builtin":
            return {"tools": {}}
        return (await self._supervisor(definition).session()).server_capabilities

    async def subscribe(self, definition: ServerDefinition, uri: str, *, wanted: bool = True) -> None:
        """Have a server tell of every change of a resource, or no longer; ``listen`` hears of it."""
        await self._supervisor(definition).subscribe(uri, wanted=wanted, timeout=definition.timeout_seconds)

    async def _lane(self, definition: ServerDefinition, behind: Behind | None) -> Supervisor:
        """The shared session, unless the server would ask the session what it has to ask this one client."""
        shared = self._supervisor(definition)
        if behind is None or not behind.conversation.capabilities:
            return shared
        modern = behind.conversation.answers_rounds
        if not shared.met:
            await shared.session()  # it tells the era
        if shared.modern and (modern or definition.id in self._modern_only):
            return shared
        capabilities = behind.conversation.capabilities
        declared = orjson.dumps(capabilities, option=orjson.OPT_SORT_KEYS).decode()
        # A server of both eras may ask in the older one only what it asks by itself: it is met in the client's own.
        lane = self._supervisor(definition, f"{behind.lane} {declared}", capabilities, prefer_legacy=not modern)
        if shared.modern and not lane.met:
            try:
                await lane.session()
            except OrchestratorError:
                self._modern_only.add(definition.id)  # rounds of questions serve such a client, too
                return shared
        return lane

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
        """A server's approved tools; from memory unless ``refresh`` or the server said that they changed."""
        return (await self.sorted_tools(definition, refresh=refresh)).trusted

    async def sorted_tools(self, definition: ServerDefinition, *, refresh: bool = False) -> Sorted:
        """A server's tools as it shows them now, those apart that nobody approved."""
        if definition.transport == "builtin":
            return Sorted(self._builtin(definition).tools)
        limit = definition.timeout_seconds
        tools = await self._supervisor(definition).list_tools(refresh=refresh, timeout=limit)
        if definition.pins is not None and definition.pins.first_sight is not None:
            return await definition.pins.sort(tools)
        return self._sorted.of((definition.id, definition.credential), tools, definition.pins)

    def fresh_tools(self, definition: ServerDefinition) -> Sorted | None:
        """What ``sorted_tools`` would say without asking anybody; None where it would ask."""
        known = self._supervisors.get((definition.id, definition.credential, _SHARED))
        if known is None or known.definition.revision != definition.revision or known.current is None:
            return None
        tools, pins = known.current.fresh_tools, definition.pins
        if tools is None or (pins is not None and pins.first_sight is not None):
            return None
        return self._sorted.of((definition.id, definition.credential), tools, definition.pins)

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

    def tell_when_listed(self, definition: ServerDefinition) -> None:
        """Have ``listen`` hear of a change once a server that was not waited for any longer has listed its tools."""
        key = (definition.id, definition.credential)
        if key not in self._late:
            task = self._late[key] = asyncio.create_task(self._list_late(definition))
            task.add_done_callback(lambda _: self._late.pop(key, None))

    async def _list_late(self, definition: ServerDefinition) -> None:
        try:
            await self.list_tools(definition)
        except OrchestratorError:
            return  # how the server stands says so, and nothing has changed
        self._changed(Origin(definition.id, definition.credential), "notifications/tools/list_changed", {})

    async def probe(self, definition: ServerDefinition, *, start: bool = True) -> Probe:
        """Ask the server for its tools and time it; never raises for a sick server.

        It tries even while the back-off runs. With ``start=False`` a server that is at rest is left so, and the last
        known answer is given: periodic probes must not keep idle servers alive.
        """
        if definition.transport == "builtin":
            return self._probe_builtin(definition)
        supervisor = self._supervisor(definition)
        known = self._last_probe.get(key := (definition.id, definition.credential))
        if not start and supervisor.state().status == "idle" and known is not None and known[0] == definition.revision:
            return known[1]
        probe = await self._probe_remote(supervisor)
        self._last_probe[key] = (definition.revision, probe)
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

    def state(self, definition_id: UUID, credential: str = "") -> ServerState:
        """How a server stands, with these credentials; ``idle`` when this pool has not met it."""
        supervisor = self._supervisors.get((definition_id, credential, _SHARED))
        return ServerState("idle") if supervisor is None else supervisor.state()

    async def forget(self, definition_id: UUID, credential: str | None = None) -> None:
        """End a server's sessions now, or those of one set of credentials, and drop what is known of them.

        Calls in flight fail with ServerUnreachable.
        """
        for known in (self._last_probe, self._sorted.kept):
            for key in [key for key in known if _meant(key, definition_id, credential)]:
                del known[key]
        self._modern_only.discard(definition_id)
        keys = [key for key in self._supervisors if _meant(key, definition_id, credential)]
        await asyncio.gather(*(self._supervisors.pop(key).aclose() for key in keys))

    async def aclose(self) -> None:
        """End every session and everything they started. Returns when the processes are gone."""
        self._closed = True
        for late in self._late.values():
            late.cancel()
        if self._sweeper is not None:
            self._sweeper.cancel()
        supervisors = [*self._supervisors.values(), *self._retiring.values()]
        self._supervisors.clear()
        await asyncio.gather(*(supervisor.aclose() for supervisor in supervisors))
        await asyncio.gather(*self._late.values(), return_exceptions=True)
        if self._retiring:
            await asyncio.wait(set(self._retiring))

    def _builtin(self, definition: ServerDefinition) -> BuiltinServer:
        server = self._builtins.get(definition.name)
        if server is None:
            raise NotFound(f"There is no built-in server {definition.name!r}.", field="name")
        return server

    def _supervisor(
        self,
        definition: ServerDefinition,
        lane: str = _SHARED,
        capabilities: Mapping[str, Any] | None = None,
        *,
        prefer_legacy: bool = False,
    ) -> Supervisor:
        """The supervisor of a definition's lane; one of an older revision finishes its calls and goes."""
        key = (definition.id, definition.credential, lane)
        known = self._supervisors.get(key)
        if known is not None and known.definition.revision == definition.revision:
            return known
        if self._closed:
            raise NotFound("The pool is closed.")
        if known is not None:
            self._retire(known)
        elif lane and sum(1 for *_, one in self._supervisors if one) >= self._limits.max_lanes:
            raise Unavailable("Too many clients that can be asked are connected.", hint="Try again in a minute.")
        elif definition.credential and not lane:
            self._make_room()
        origin = Origin(definition.id, definition.credential)
        made = self._supervisors[key] = Supervisor(
            definition, self._starter, self._limits, self._turns, self._clock,
            capabilities=capabilities, prefer_legacy=prefer_legacy,
            on_change=lambda method, params: self._changed(origin, method, params),
        )  # fmt: skip
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep(), name="mcp pool sweeper")
        return made

    def _retire(self, supervisor: Supervisor) -> None:
        task = asyncio.create_task(supervisor.retire(), name=f"mcp retire {supervisor.definition.name}")
        self._retiring[task] = supervisor
        task.add_done_callback(self._retiring.pop)

    def announce(self, server_id: UUID, credential: str) -> None:
        """Tell the listeners that what a session with these credentials lists is another: they are new, or gone."""
        for kind in ("tools", "prompts", "resources"):
            self._changed(Origin(server_id, credential), f"notifications/{kind}/list_changed", {})

    def _make_room(self) -> None:
        """Let the session of a user's own go that was unused for longest, where there are as many as there may be."""
        own = [key for key in self._supervisors if key[1] and not key[2]]
        if len(own) < self._limits.max_own_sessions:
            return
        quiet = [key for key in own if self._supervisors[key].quiet]
        if not quiet:
            raise Unavailable("Too many sessions with users' own credentials are busy.", hint="Try again in a minute.")
        self._retire(self._supervisors.pop(min(quiet, key=lambda key: self._supervisors[key].last_used)))

    def _changed(self, origin: Origin, method: str, params: Mapping[str, Any]) -> None:
        for listener in self._listeners:
            listener(origin, method, params)

    async def _sweep(self) -> None:
        """Close idle sessions, now and then; an idle lane or session of a user's own goes altogether."""
        pause = max(0.05, min(30.0, self._limits.idle_seconds / 4))
        while True:
            await asyncio.sleep(pause)
            for key, supervisor in list(self._supervisors.items()):
                supervisor.close_if_idle()
                if (key[1] or key[2]) and supervisor.at_rest:
                    self._retire(self._supervisors.pop(key))


def _meant(key: tuple[Any, ...], definition_id: UUID, credential: str | None) -> bool:
    return bool(key[0] == definition_id and credential in (None, key[1]))
