"""Keeps one server definition served: one session, started on first use, restarted with back-off, closed when idle.

Used by the pool, one supervisor for each definition and revision. It knows nothing of other servers: whatever happens
here stays here.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import structlog

from orchestrator.core.errors import Conflict, OrchestratorError, ServerUnreachable, TimedOut
from orchestrator.mcp.breaker import Breaker
from orchestrator.mcp.builtin import ProgressFn
from orchestrator.mcp.conversation import Conversation
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.limits import Limits, ServerState, Status, Turns
from orchestrator.mcp.pins import Pins
from orchestrator.mcp.relay import OnChange
from orchestrator.mcp.result import ToolInfo, ToolResult, unknown_tool
from orchestrator.mcp.rounds import Patient, answered
from orchestrator.mcp.sandbox_hints import hinted
from orchestrator.mcp.schema import check_arguments, check_structured
from orchestrator.mcp.session import Session
from orchestrator.mcp.translate import SessionExpired
from orchestrator.mcp.uses import Uses
from orchestrator.sandbox.starter import Starter

log = structlog.get_logger(__name__)
Result = TypeVar("Result")


class Supervisor:
    """The one way to a server: ``call``, ``list_tools``, ``session``."""

    def __init__(
        self,
        definition: ServerDefinition,
        starter: Starter,
        limits: Limits,
        turns: Turns,
        clock: Callable[[], float],
        *,
        capabilities: Mapping[str, Any] | None = None,
        on_change: OnChange | None = None,
        prefer_legacy: bool = False,
    ) -> None:
        self.definition = definition
        self._starter = starter
        self._limits = limits
        self._turns = turns
        self._clock = clock
        self._capabilities = capabilities
        self._on_change = on_change
        self._prefer_legacy = prefer_legacy
        self._slots = asyncio.Semaphore(definition.max_concurrency)
        self._session: Session | None = None
        self._starting: asyncio.Task[Session] | None = None
        self._opening: Session | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._breaker = Breaker(definition.name, limits, clock)
        self._uses = Uses(clock)
        self._retired = False
        self._starts = 0
        self._modern = self._met = False
        self._subscribed: set[str] = set()
        self._noted: tuple[ToolInfo, ...] | None = None

    # Calls.

    async def call(
        self,
        tool: str,
        arguments: dict[str, Any],
        *,
        timeout: float,
        on_progress: ProgressFn | None = None,
        behind: Conversation | None = None,
        more: Mapping[str, Any] | None = None,
        unlisted: bool = False,
        pins: Pins | None = None,
    ) -> ToolResult:
        """Call a tool within the time limit, waiting for a free slot included.

        ``more`` are further parameters in wire form; with ``unlisted`` the server decides whether it has the tool.
        What ``pins`` do not approve of the definition that this very session shows is not called.
        """
        params = {**(more or {}), "name": tool, "arguments": arguments}

        async def on(session: Session, patient: Conversation | None) -> ToolResult:
            info = await self._checked(session, tool, arguments, pins, unlisted=unlisted)
            wire = await answered(session, "tools/call", params, behind=patient, on_progress=on_progress, during=tool)
            self._breaker.answered()
            result = hinted(ToolResult.from_wire(wire), session.enclosed)
            if info is not None and info.output_schema is not None and not result.is_error and not result.is_unfinished:
                await check_structured(info, result.structured)
            return result

        return await self._within(timeout, tool, behind, on)

    async def request(
        self,
        method: str,
        params: Mapping[str, Any] | None,
        *,
        timeout: float,
        behind: Conversation | None = None,
        on_progress: ProgressFn | None = None,
    ) -> Mapping[str, Any]:
        """Any other request, its result in wire form."""

        async def on(session: Session, patient: Conversation | None) -> Mapping[str, Any]:
            wire = await answered(session, method, params, behind=patient, on_progress=on_progress)
            self._breaker.answered()
            return wire

        return await self._within(timeout, method, behind, on)

    async def subscribe(self, uri: str, *, wanted: bool, timeout: float) -> None:
        """Have the server tell of every change of a resource, or no longer; kept over a restart of the server."""

        async def on(session: Session, _: Conversation | None) -> None:
            await (session.subscribe(uri) if wanted else session.unsubscribe(uri))

        await self._within(timeout, "resources/subscribe", None, on)
        (self._subscribed.add if wanted else self._subscribed.discard)(uri)

    async def _within(
        self,
        timeout: float,
        what: str,
        behind: Conversation | None,
        on: Callable[[Session, Conversation | None], Awaitable[Result]],
    ) -> Result:
        """Do it on the live session, once more on a new one when the server forgot the session before it looked."""
        with self._uses, self._breaker.passing():
            session = self.current or await self.session()  # a start has a time limit of its own
            try:
                async with asyncio.timeout(timeout) as clock, self._slots:
                    patient = Patient(behind, clock) if behind is not None else None
                    session = self.current or await self.session()
                    try:
                        return await on(session, patient)
                    except SessionExpired:
                        session = await self.session()
                        return await on(session, patient)
            except TimeoutError as error:
                if clock.expired():
                    session.suspect()
                raise self._late(clock, what, timeout, error) from error
            except ServerUnreachable as error:
                if session is self.current:
                    self._breaker.missed(error)
                raise

    async def _checked(
        self, session: Session, tool: str, arguments: dict[str, Any], pins: Pins | None, *, unlisted: bool
    ) -> ToolInfo | None:
        """The tool: it exists, is approved and takes these arguments; None for one that may be there unlisted."""
        tools = session.fresh_tools or await session.list_tools()
        info = session.known_tool(tool)
        if info is None:
            tools = await session.list_tools(refresh=True)
            info = session.known_tool(tool)
            if info is None and not unlisted:
                raise unknown_tool((await pins.sort(tools)).trusted if pins else tools, tool, self.definition.name)
        if pins is not None:
            if self._capabilities and tools is not self._noted:
                self._noted = tools
                await pins.note(tools, self._capabilities)
            if not pins.know(info):
                await pins.require(self.definition.name, tool, info, tools)
        if info is not None:
            await check_arguments(info, arguments)
        return info

    async def list_tools(self, *, refresh: bool, timeout: float) -> tuple[ToolInfo, ...]:
        """The server's tools, from memory while they are fresh."""
        with self._uses:
            try:
                async with asyncio.timeout(timeout) as clock:
                    try:
                        session = await self.session()
                        return await session.list_tools(refresh=refresh)
                    except SessionExpired:
                        session = await self.session()
                        return await session.list_tools(refresh=refresh)
            except TimeoutError as error:
                raise self._late(clock, "tools/list", timeout, error) from error

    async def probe(self, *, timeout: float) -> tuple[Session, float]:
        """A session that has just listed its tools, and how many milliseconds that took; tries during back-off too."""
        self._uses.count += 1
        try:
            async with asyncio.timeout(timeout + self._limits.start_seconds) as clock:
                session = await self.session(force=True)
            async with asyncio.timeout(timeout) as clock:
                began = time.perf_counter()
                await session.list_tools(refresh=True)
                latency = (time.perf_counter() - began) * 1000
        except TimeoutError as error:
            if (current := self.current) is not None:
                current.suspect()
            raise self._late(clock, "tools/list", timeout, error) from error
        finally:
            self._uses.leave()
        self._breaker.probed()
        return session, latency

    def _late(self, clock: asyncio.Timeout, what: str, seconds: float, error: TimeoutError) -> OrchestratorError:
        """Our error for a time limit of ours, or for one of a library below."""
        name = f"MCP server {self.definition.name!r}"
        if not clock.expired():
            return ServerUnreachable(f"{name}: {error}")
        return TimedOut(f"{name} did not answer {what!r} within {seconds:g} s.", details={"seconds": seconds})

    # The session.

    @property
    def current(self) -> Session | None:
        """The live session, if there is one."""
        return None if self._session is None or self._session.ended else self._session

    @property
    def modern(self) -> bool:
        """Whether the server was last seen to speak the revisions without a handshake."""
        return self._modern

    @property
    def met(self) -> bool:
        """Whether a session was ever opened."""
        return self._met

    @property
    def at_rest(self) -> bool:
        """Whether nothing is open, opening or under way."""
        return self.current is None and self.quiet

    @property
    def quiet(self) -> bool:
        """Whether nothing is opening or under way."""
        return self._starting is None and not self._uses.count

    @property
    def last_used(self) -> float:
        """When it was, by its clock."""
        return self._uses.last

    async def session(self, *, force: bool = False) -> Session:
        """The live session, started if need be; ServerUnreachable at once while the back-off runs, unless forced."""
        if (session := self.current) is not None:
            return session
        if self._starting is None:
            if self._retired:
                raise self._being_closed()
            if not force:
                self._breaker.refuse_start()
            self._starting = asyncio.create_task(self._start(), name=f"mcp start {self.definition.name}")
            self._starting.add_done_callback(_retrieve)
        starting = self._starting
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            if starting.cancelled() and self._retired and not _cancelled():
                raise self._being_closed() from None
            raise

    def _being_closed(self) -> ServerUnreachable:
        return ServerUnreachable(f"MCP server {self.definition.name!r} is being closed.")

    async def _start(self) -> Session:
        session = Session(
            self.definition,
            self._starter,
            max_answer_bytes=self._limits.max_answer_bytes,
            start_seconds=self._limits.start_seconds,
            allow_private_urls=self._limits.allow_private_urls,
            on_end=self._ended,
            capabilities=self._capabilities,
            on_change=self._on_change,
            # A server that was legacy is not asked again for what it may take seconds not to answer.
            prefer_legacy=self._prefer_legacy or (self._met and not self._modern),
        )
        self._starts += 1
        self._opening = session
        try:
            async with self._turns.turn():
                await session.start()
            if session.ended:
                raise session.death()
        except OrchestratorError as error:
            self._breaker.failed(error)
            raise
        else:
            self._session = session
            self._met, self._modern = True, session.era == "modern"
            await self._subscribe_again(session)
            return session
        finally:
            self._starting = self._opening = None

    async def _subscribe_again(self, session: Session) -> None:
        """What was heard of before the restart; a server that no longer tells of something still serves the rest."""
        for uri in sorted(self._subscribed):
            try:
                await session.subscribe(uri)
            except Conflict as error:
                log.info("mcp_subscription_lost", server=self.definition.name, error=error.message)
                self._subscribed.discard(uri)

    def _ended(self, session: Session) -> None:
        """The session is over, by death or by our own wish."""
        if session is not self._session:
            return
        self._session = None
        if not session.closing:
            if session.expired and session.answered:
                self._breaker.answered()  # it is there, and forgot us: what was missed before counts no more
            self._breaker.failed(session.death(), at_once=session.answered)
        self._dispose(session)

    def _dispose(self, session: Session) -> None:
        task = asyncio.get_running_loop().create_task(session.aclose(), name=f"mcp close {self.definition.name}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    # State and end.

    def state(self) -> ServerState:
        """How the server stands right now."""
        session, breaker = self.current, self._breaker
        failed = breaker.last_error is not None and breaker.failures > 0
        started = session.started if session else None
        status: Status = "ready" if session else "starting" if self._starting else "failed" if failed else "idle"
        return ServerState(
            status=status,
            in_flight=self._uses.count,
            failures=breaker.failures,
            retry_in_seconds=breaker.wait,
            breaker=breaker.position,
            last_error=breaker.last_error.message if failed and breaker.last_error else None,
            era=session.era if session else None,
            protocol_version=session.protocol_version if session else None,
            pid=session.pid if session else None,
            starts=self._starts,
            open_because=started.open_because if started else None,
        )

    def close_if_idle(self) -> None:
        """Let go of a session nobody has used for long."""
        session = self.current
        unused = self._clock() - self.last_used
        if session is not None and not self._uses.count and unused >= self._limits.idle_seconds:
            session.closing = True
            self._ended(session)

    async def retire(self) -> None:
        """Take no new session; close once the calls in flight are done, which their time limits bound."""
        self._retired = True
        await self._uses.none()
        await self.aclose()

    async def aclose(self) -> None:
        """End the session now; calls in flight fail with ServerUnreachable."""
        self._retired = True
        if (starting := self._starting) is not None:
            if self._opening is not None:
                await self._opening.aclose()
            starting.cancel()  # it may wait for its turn, or for a session that cannot be ended
            await asyncio.wait({starting})
        if (session := self._session) is not None:
            session.closing = True
            self._ended(session)
        while self._closing:
            await asyncio.wait(set(self._closing))


def _cancelled() -> bool:
    """Whether it is this very task that is cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _retrieve(task: asyncio.Task[Any]) -> None:
    """Look at the outcome, so that a start nobody waits for any more is not reported as lost."""
    if not task.cancelled():
        task.exception()
