"""One live connection to one MCP server, with an owner task that enters and leaves the SDK's context managers.

Used by the supervisor. Calls run in the caller's task, so that cancelling it cancels upstream; the owner only opens,
waits and closes. A session never restarts itself: when it has ended, the supervisor makes another.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from typing import Any

from mcp import MCPError
from mcp_types import METHOD_NOT_FOUND
from pydantic import ValidationError

from orchestrator.core.errors import OrchestratorError, ServerMisbehaved, ServerUnreachable, ToolFailed
from orchestrator.mcp.builtin import ProgressFn
from orchestrator.mcp.conversation import Conversation
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.list_rules import USUAL_SECONDS, repeats_arguments, trusted_seconds
from orchestrator.mcp.listening import Listening, untold
from orchestrator.mcp.relay import OnChange, RelaySession, connected
from orchestrator.mcp.result import ToolInfo
from orchestrator.mcp.sandbox_hints import hint_for
from orchestrator.mcp.translate import SessionExpired, original_error, translate
from orchestrator.mcp.transport_http import HttpTransport, sse_transport
from orchestrator.mcp.transport_stdio import StdioTransport
from orchestrator.sandbox.starter import Start, Starter
from orchestrator.sandbox.wish import Wish

_MAX_PAGES = 100
_MAX_TOOLS = 10_000
"""How long a tool list is trusted: at least, where the server says nothing, at most."""
_CLOSE_SECONDS = 6.0
_CHECK_SECONDS = 5.0


class Session:
    """Open it with ``start``; when ``ended`` is set it is over, and ``why`` says why."""

    def __init__(
        self,
        definition: ServerDefinition,
        starter: Starter,
        *,
        max_answer_bytes: int,
        start_seconds: float,
        on_end: Callable[["Session"], None],
        capabilities: Mapping[str, Any] | None = None,
        on_change: OnChange | None = None,
        prefer_legacy: bool = False,
        allow_private_urls: bool = True,
    ) -> None:
        self.definition = definition
        self.why: str | None = None
        self.answered = self.expired = self.ended = self.closing = False
        self._start_seconds = start_seconds
        self._on_end = on_end
        self._capabilities = capabilities or {}
        self._on_change = on_change
        self._prefer_legacy = prefer_legacy
        self._stdio: StdioTransport | None = None
        self._transport: AbstractAsyncContextManager[Any]
        if definition.transport == "stdio":
            self._stdio = StdioTransport(
                definition, starter, max_message_bytes=max_answer_bytes, on_end=self._mark_ended
            )
            self._transport = self._stdio
        else:
            kind = sse_transport if definition.transport == "sse" else HttpTransport
            self._transport = kind(
                definition, max_message_bytes=max_answer_bytes, allow_private_urls=allow_private_urls
            )
        self._client: RelaySession | None = None
        self._wake = asyncio.Event()
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Looked at here too, since whoever started the session may have gone.
        self._ready.add_done_callback(lambda ready: ready.cancelled() or ready.exception())
        self._owner: asyncio.Task[None] | None = None
        self._check: asyncio.Task[None] | None = None
        self._listening = Listening(definition.name, self._distrust)
        self._tools: tuple[ToolInfo, ...] | None = None
        self._by_name: dict[str, ToolInfo] = {}
        self._tools_ttl = USUAL_SECONDS
        self._tools_until = 0.0
        self._listing: asyncio.Lock = asyncio.Lock()

    # Life.

    async def start(self) -> None:
        """Open the connection and agree on the protocol, or raise one of our errors."""
        self._owner = asyncio.create_task(self._own(), name=f"mcp session {self.definition.name}")
        await asyncio.shield(self._ready)

    async def _own(self) -> None:
        """Enter, wait, leave: all in this one task, as the SDK's cancel scopes demand."""
        try:
            async with AsyncExitStack() as stack:
                opening = connected(
                    self._transport, self._capabilities, self._hear,
                    prefer_legacy=self._prefer_legacy, impatient=self._stdio is not None,
                )  # fmt: skip
                async with asyncio.timeout(self._start_seconds) as clock:
                    client = await stack.enter_async_context(opening)
                try:
                    self._client = client
                    self.answered = False
                    self._listening.begin(client)
                    self._ready.set_result(None)
                    await self._wake.wait()
                finally:
                    self._mark_ended("was closed")
                    self._listening.close()
        except TimeoutError as error:
            late = f"did not answer within {self._start_seconds:g} s of its start"
            self._fail(late if clock.expired() else f"timed out: {error}", error)
        except Exception as error:  # noqa: BLE001 - the edge of the session: whatever ends it is its reason to end
            self._fail(f"failed: {_describe(error)}", error)
        finally:
            self._mark_ended("was closed")
            if not self._ready.done():
                self._ready.set_exception(self.death())

    def _fail(self, why: str, error: Exception) -> None:
        self._mark_ended(why)
        if not self._ready.done():
            ours = self._start_error(error)
            ours.__cause__ = error
            self._ready.set_exception(ours)

    def _start_error(self, error: Exception) -> OrchestratorError:
        for one in _leaves(error):
            if isinstance(one, OrchestratorError):
                return one
            if isinstance(one, MCPError):
                ours = translate(one, self.definition, self.tail(), during="start")
                return self.death() if isinstance(ours, ServerUnreachable) and self._stdio is not None else ours
            if isinstance(one, ValidationError):
                return ServerMisbehaved(f"MCP server {self.definition.name!r} broke the protocol when it was greeted.")
        return self.death()

    def _mark_ended(self, why: str) -> None:
        if self.ended:
            return
        self.ended, self.why = True, why
        self._wake.set()
        self._on_end(self)

    def death(self) -> OrchestratorError:
        """The error for whoever was waiting when the session ended."""
        name = self.definition.name
        why = (self._stdio.exit_reason() if self._stdio is not None else None) or self.why or "ended"
        words = self.tail()
        said = f" It said: {words}" if words else ""
        if self._stdio is not None and self._stdio.misbehaved is not None:
            return ServerMisbehaved(f"MCP server {name!r} {self._stdio.misbehaved}.{said}")
        if self._client is None and self._stdio is not None and self._stdio.rubbish_lines:
            return ServerMisbehaved(f"MCP server {name!r} {why} and wrote no JSON-RPC to its stdout.{said}")
        return ServerUnreachable(f"MCP server {name!r} {why}.{said}{self._enclosed_hint()}")

    def _enclosed_hint(self) -> str:
        """What to do where a server could not even be greeted, perhaps for want of what its sandbox does not show."""
        shut = self._client is None and self.enclosed is not None
        return " It runs in a sandbox: what else it needs is granted in folders and network." if shut else ""

    def tail(self) -> str:
        """The last words of a local server, without the secrets of its entry."""
        words = "" if self._stdio is None else self._stdio.last_words()
        for secret in self.definition.secrets:
            words = words.replace(secret, "***")
        return words

    @property
    def pid(self) -> int | None:
        """Process id of a local server."""
        return None if self._stdio is None else self._stdio.pid

    @property
    def started(self) -> Start | None:
        """How a local server was started."""
        return None if self._stdio is None else self._stdio.start

    @property
    def enclosed(self) -> Wish | None:
        """What a local server's sandbox gives it; None where it runs in none."""
        return self.definition.sandbox if self.started is not None and self.started.enclosed else None

    async def aclose(self) -> None:
        """End it; bounded, since a hanging server must not hold the pool."""
        self.closing = True
        self._wake.set()
        if self._owner is not None and not self._ready.done():
            self._owner.cancel()
        if self._check is not None:
            self._check.cancel()
        owner = self._owner
        if owner is None:
            return
        done, _ = await asyncio.wait({owner}, timeout=_CLOSE_SECONDS)
        if not done:
            owner.cancel()
            await asyncio.wait({owner}, timeout=_CLOSE_SECONDS)

    # What the server says of itself.

    @property
    def protocol_version(self) -> str | None:
        """The agreed revision."""
        return None if self._client is None else self._client.protocol_version

    @property
    def era(self) -> str | None:
        """``modern`` (no handshake) or ``legacy``."""
        if self._client is None:
            return None
        return "modern" if self._client.modern else "legacy"

    @property
    def server_info(self) -> tuple[str | None, str | None]:
        """Name and version, where the server tells them."""
        info = None if self._client is None else self._client.server_info
        return (None, None) if info is None else (info.name, info.version)

    @property
    def server_capabilities(self) -> Mapping[str, Any]:
        """What the server offers, in wire form."""
        offered = None if self._client is None else self._client.server_capabilities
        return {} if offered is None else offered.model_dump(by_alias=True, mode="json", exclude_none=True)

    def _hear(self, method: str, params: Mapping[str, Any]) -> None:
        if method == "notifications/tools/list_changed":
            self._distrust()
        if self._on_change is not None:
            self._on_change(method, params)

    def _distrust(self) -> None:
        """The last list of tools may be another by now."""
        self._tools_until = 0.0

    # Requests.

    def known_tool(self, name: str) -> ToolInfo | None:
        """A tool of the last list."""
        return self._by_name.get(name)

    @property
    def fresh_tools(self) -> tuple[ToolInfo, ...] | None:
        """The last list, while it is to be trusted."""
        return self._tools if time.monotonic() < self._tools_until else None

    async def list_tools(self, *, refresh: bool = False) -> tuple[ToolInfo, ...]:
        """All tools, page by page, from memory while they are fresh."""
        if not refresh and self._tools is not None and time.monotonic() < self._tools_until:
            return self._tools
        async with self._listing:
            if not refresh and self._tools is not None and time.monotonic() < self._tools_until:
                return self._tools
            # Set before asking: a change announced while the answer is on its way must not be lost.
            asked_at = self._tools_until = time.monotonic() + USUAL_SECONDS
            try:
                tools = await self._fetch_tools()
                # The same one again where nothing has changed: others know it by that.
                if self._tools is None or tools != self._tools:
                    self._tools = tools
                self._by_name = {tool.name: tool for tool in self._tools}
            except BaseException:
                self._tools_until = 0.0
                raise
            if self._tools_until == asked_at:
                self._tools_until = time.monotonic() + self._tools_ttl
            return self._tools

    async def _fetch_tools(self) -> tuple[ToolInfo, ...]:
        capabilities = self._live().server_capabilities
        if capabilities is None or capabilities.tools is None:
            return ()
        found: dict[str, ToolInfo] = {}
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            page = await self.request("tools/list", None if cursor is None else {"cursor": cursor})
            self._tools_ttl = trusted_seconds(page.get("ttlMs"))
            for wire in page.get("tools", ()):
                if repeats_arguments(wire) and not self._live().mirrors(wire):
                    continue
                tool = ToolInfo.from_wire(wire)
                found.setdefault(tool.name, tool)
            cursor = page.get("nextCursor")
            if not cursor or len(found) > _MAX_TOOLS:
                break
        if cursor:
            raise ServerMisbehaved(f"The tool list of MCP server {self.definition.name!r} does not end.")
        return tuple(found.values())

    async def subscribe(self, uri: str) -> None:
        """Have the server tell of every change of a resource. Raises where it does not do that."""
        client = self._live()
        if client.modern:
            await self._listening.subscribe(client, uri)
            return
        try:
            await self.request("resources/subscribe", {"uri": uri})
        except ServerMisbehaved as error:
            if (original := original_error(error)) is None or original[0] != METHOD_NOT_FOUND:
                raise
            raise untold(self.definition.name, uri) from None

    async def unsubscribe(self, uri: str) -> None:
        """No longer."""
        client = self._live()
        if client.modern:
            await self._listening.unsubscribe(client, uri)
        else:
            await self.request("resources/unsubscribe", {"uri": uri})

    async def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        behind: Conversation | None = None,
        on_progress: ProgressFn | None = None,
        during: str = "",
    ) -> Mapping[str, Any]:
        """Any request, its result in wire form. ``during`` is what an error says was asked, the method by default."""
        what = during or method
        client = self._live()
        try:
            answer = await client.relay(method, params, behind=behind, on_progress=on_progress)
        except MCPError as error:
            ours = translate(error, self.definition, self.tail(), during=what)
            if isinstance(ours, SessionExpired):
                self.expired = True
                self._mark_ended("says that the session has expired")
            elif self.ended and isinstance(ours, ServerUnreachable):
                raise self.death() from error
            if isinstance(ours, ToolFailed) and self.enclosed is not None:
                ours.hint = hint_for(ours.message, self.enclosed)
            raise ours from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"][-4:])
            raise ServerMisbehaved(
                f"MCP server {self.definition.name!r} answered {what!r} against the protocol: {place}: {first['msg']}"
            ) from error
        self.answered = True
        return answer

    def _live(self) -> RelaySession:
        if self._client is None or self.ended:
            raise self.death()
        return self._client

    def suspect(self) -> None:
        """After a time limit: see whether the server still answers at all, and end the session when it does not."""
        if self.ended or (self._check is not None and not self._check.done()):
            return
        self._check = asyncio.create_task(self._verify(), name=f"mcp check {self.definition.name}")

    async def _verify(self) -> None:
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                await self._fetch_tools()
        except TimeoutError:
            self._mark_ended(f"does not answer: not even tools/list within {_CHECK_SECONDS:g} s")
        except OrchestratorError:
            # It answered, wrongly or with a refusal: not hanging, and the next call will tell.
            return


def _leaves(error: BaseException) -> list[BaseException]:
    """The errors inside an exception group, or the error itself."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in _leaves(one)]
    return [error]


def _describe(error: BaseException) -> str:
    first = _leaves(error)[0]
    with suppress(IndexError):
        return f"{type(first).__name__}: {str(first).splitlines()[0][:300]}"
    return type(first).__name__
