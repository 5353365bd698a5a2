"""The client side of one MCP connection, in wire form: nothing is lost, and whoever is behind a call can be asked.

Used by ``session``. The SDK negotiates the era, correlates and carries; its typed models, which drop fields they do not
know, stay out of the way. A few inner parts of the SDK's session are relied upon: its version is pinned exactly, and
the tests of both eras fail when one of them changes.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from typing import Any, TypeVar, cast, get_args

import anyio
import structlog
from mcp import ClientSession, MCPError
from mcp.client._probe import negotiate_auto
from mcp.shared.dispatcher import CallOptions
from mcp.shared.inbound import find_invalid_x_mcp_header, x_mcp_header_map
from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp_types import (
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    ClientCapabilities,
    Implementation,
    InitializeResult,
)
from mcp_types.methods import SERVER_RESULTS
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import TypeAdapter

from orchestrator.mcp.builtin import ProgressFn
from orchestrator.mcp.content_kinds import judged, surely_right
from orchestrator.mcp.conversation import Conversation
from orchestrator.mcp.direct_http import DirectHttp, Redirected, Resumable
from orchestrator.mcp.questions import CAPABILITIES, lacking, may_be_asked
from orchestrator.mcp.tasks import is_task
from orchestrator.mcp.wanted import may_be_task, mind_tasks, speak_for

log = structlog.get_logger(__name__)

_CHANGES = frozenset(
    f"notifications/{what}"
    for what in ("tools/list_changed", "prompts/list_changed", "resources/list_changed", "resources/updated")
)
_CLIENT = Implementation(name="orchestrator", version="1")
_UNKNOWN_VERSION = "2025-11-25"
_SILENCE_SECONDS = 1.5
_SPEAKER_SECONDS = 3.0
_ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
_CANCEL_SECONDS = 2.0
_MOST_STAMPS = 500

Result = TypeVar("Result")
OnChange = Callable[[str, Mapping[str, Any]], None]
"""Told the method and the parameters of a notice that belongs to no call."""


@lru_cache(maxsize=256)
def _result_of(method: str, version: str, kind: object = None) -> TypeAdapter[Any]:
    """What a result has to be; the SDK's own check also writes it out again, which costs as much. Raises KeyError.

    ``kind`` is what the result says it is. One that asks for input need have no other field, so as one of two anything
    would pass as that.
    """
    result = SERVER_RESULTS[(method, version)]
    if kind == "complete":
        result = next((one for one in get_args(result) if "input_requests" not in one.model_fields), result)
    return TypeAdapter(cast("Any", result))


class RelaySession(ClientSession):
    """One connection. Open it with ``connected``."""

    def __init__(
        self,
        read: Any,
        write: Any,
        capabilities: Mapping[str, Any],
        on_change: OnChange,
        *,
        direct: DirectHttp | None = None,
        impatient: bool = False,
    ) -> None:
        super().__init__(read, write, client_info=_CLIENT)
        self._direct = direct
        self._impatient = impatient
        self._greeting: asyncio.Task[InitializeResult] | None = None
        self._declared = ClientCapabilities.model_validate(capabilities)
        self._on_change = on_change
        self._behind: dict[object, Conversation] = {}
        self._spoken = asyncio.Event()
        self._early: set[asyncio.Future[None]] = set()
        self._listen_ids = itertools.count(1)
        self._agreed: dict[str, asyncio.Future[frozenset[str]]] = {}
        self._stamps: dict[str, tuple[object, dict[str, Any], Mapping[str, str]]] = {}

    @property
    def modern(self) -> bool:
        """Whether the server speaks the revisions without a handshake."""
        return self.protocol_version in MODERN_PROTOCOL_VERSIONS

    async def send_discover(self, version: str) -> dict[str, Any]:
        """What the server says of itself; a silent one is greeted in the older era meanwhile, and may answer either.

        Some servers ignore what they do not know. One that is merely slow reads this question first.
        """
        asked = _asking(super().send_discover(version))
        try:
            await asyncio.wait({asked}, timeout=_SILENCE_SECONDS if self._impatient else None)
            if not asked.done() and self._greeting is None:
                self._greeting = _asking(super().initialize())
                await asyncio.wait({asked, self._greeting}, return_when=asyncio.FIRST_COMPLETED)
            if not asked.done() and self._greeting is not None and not _went_wrong(self._greeting):
                raise MCPError(METHOD_NOT_FOUND, "It answers the older greeting.", "server/discover")
            answer = await asked
        finally:
            asked.cancel()
        self.end_greeting()
        return answer

    def end_greeting(self) -> None:
        """Wait no longer for the older era's answer."""
        if self._greeting is not None:
            self._greeting.cancel()
            self._greeting = None

    async def initialize(self) -> InitializeResult:
        """The greeting of the older era, the one under way if there is one."""
        return await (super().initialize() if self._greeting is None else self._greeting)

    async def relay(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        behind: Conversation | None = None,
        on_progress: ProgressFn | None = None,
    ) -> dict[str, Any]:
        """The result as it came, checked against the protocol. Raises MCPError, pydantic's ValidationError."""
        data: dict[str, Any] = {"method": method, "params": dict(params or {})}
        options = self._stamped(data)
        if self.modern:
            speak_for(data["params"]["_meta"], behind)
            mind_tasks(data, options, polled=behind is None or not behind.answers_rounds)
        if on_progress is not None:
            options["on_progress"] = cast("Any", on_progress)
        if behind is None:
            result = await self._send(method, data["params"] or None, options, None)
        else:
            result = await self._send_for(behind, method, data["params"] or None, options)
        if is_task(result) and may_be_task(data, result):
            return result
        with suppress(KeyError):  # a method this revision does not define: there is nothing to check it against
            if not surely_right(method, result):
                self._judge(method, result)
        return result

    def _stamped(self, data: dict[str, Any]) -> CallOptions:
        """Put into a request what the era wants there; of calls of a tool that repeats no arguments it is the same."""
        name = data["params"].get("name") if data["method"] == "tools/call" else None
        known = self._stamps.get(name) if name is not None else None
        if known is None or known[0] is not self._stamp or name in self._x_mcp_header_maps:
            options: CallOptions = {}
            self._stamp(data, options)
            if name is not None:
                self._learn_stamp(name)
            return options
        _, meta, headers = known
        if meta:
            data["params"]["_meta"] = {**(data["params"].get("_meta") or {}), **meta}
        return {"headers": dict(headers)}

    def _learn_stamp(self, name: str) -> None:
        sample: dict[str, Any] = {"method": "tools/call", "params": {"name": name}}
        options: CallOptions = {}
        self._stamp(sample, options)
        if len(self._stamps) >= _MOST_STAMPS:
            self._stamps.clear()
        self._stamps[name] = (self._stamp, sample["params"].get("_meta", {}), options.get("headers") or {})

    def _judge(self, method: str, result: Mapping[str, Any]) -> None:
        """Raise ValidationError for what is no result of this method in this revision; KeyError for another method."""
        # What does not say which kind of result it is, is the usual one.
        whole = {"resultType": "complete", **result} if self.modern else result
        kind = "complete" if whole.get("resultType") == "complete" else None
        version = self.protocol_version or _UNKNOWN_VERSION
        _result_of(method, version, kind).validate_python(judged(method, whole), by_name=False)

    async def _send(
        self, method: str, params: Mapping[str, Any] | None, options: CallOptions, behind: Conversation | None
    ) -> dict[str, Any]:
        """By the short way where there is one; what is unusual is left to the SDK."""
        direct = self._direct
        if direct is None:
            return await self._dispatcher.send_raw_request(method, params, options)
        request_id = direct.new_id()
        try:
            return await direct.request(request_id, method, params, options, _Hearing(self, behind))
        except asyncio.CancelledError:
            if not self.modern:  # in the newer era hanging up says it
                await self._tell_cancelled(request_id)
            raise
        except Redirected:
            self._direct = None
            direct.close()
            return await self._dispatcher.send_raw_request(method, params, options)
        except Resumable as broken:
            await asyncio.sleep(broken.seconds)
            options["resumption_token"] = broken.event_id
            return await self._dispatcher.send_raw_request(method, params, options)

    async def _tell_cancelled(self, request_id: int) -> None:
        with anyio.move_on_after(_CANCEL_SECONDS, shield=True), suppress(MCPError, anyio.ClosedResourceError):
            params = {"requestId": request_id, "reason": "cancelled"}
            await self._dispatcher.notify("notifications/cancelled", params)

    async def listen(self, wanted: Mapping[str, Any], agreed: asyncio.Future[frozenset[str]]) -> None:
        """Hear of changes while the server keeps the stream open; ``agreed`` gets the resources it tells of."""
        request_id = f"listen-{next(self._listen_ids)}"
        data: dict[str, Any] = {"method": "subscriptions/listen", "params": {"notifications": dict(wanted)}}
        options: CallOptions = {"request_id": request_id}
        self._stamp(data, options)
        self._agreed[request_id] = agreed
        try:
            await self._dispatcher.send_raw_request(data["method"], data["params"], options)
        finally:
            del self._agreed[request_id]

    def mirrors(self, tool: Mapping[str, Any]) -> bool:
        """Learn which arguments of a tool are repeated in headers; False for a tool whose schema wants that wrongly.

        The protocol has clients drop such a tool.
        """
        if not self.modern:
            return True
        schema = tool.get("inputSchema")
        if (reason := find_invalid_x_mcp_header(schema)) is not None:
            log.warning("mcp_tool_dropped", tool=str(tool.get("name"))[:200], why=reason)
            return False
        self._x_mcp_header_maps[str(tool["name"])] = x_mcp_header_map(schema)
        return True

    async def _send_for(
        self, behind: Conversation, method: str, params: Mapping[str, Any] | None, options: CallOptions
    ) -> dict[str, Any]:
        """The same for a client that the server may ask meanwhile."""
        key = object()
        self._behind[key] = behind
        self._spoken.set()
        try:
            while self._early:
                await asyncio.wait(set(self._early))  # what the server asked when it was greeted is answered first
            return await self._send(method, params, options, behind)
        finally:
            del self._behind[key]
            if not self._behind:
                self._spoken.clear()

    # What the SDK calls.

    def _build_capabilities(self, version: str) -> ClientCapabilities:
        return self._declared

    async def _on_request(self, dctx: Any, method: str, params: Mapping[str, Any] | None) -> dict[str, Any]:
        """A question of the server goes to the latest call whose client can be asked.

        A server may ask as soon as it was greeted, and a session that offers answers is opened for a call that follows.
        """
        if self._behind or getattr(self._declared, CAPABILITIES.get(method, ""), None) is None:
            return await self._answer(list(reversed(self._behind.values())), method, params)
        early: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._early.add(early)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_SPEAKER_SECONDS):
                    await self._spoken.wait()
            return await self._answer(list(reversed(self._behind.values())), method, params)
        finally:
            self._early.discard(early)
            early.set_result(None)

    async def _on_notify(self, dctx: Any, method: str, params: Mapping[str, Any] | None) -> None:
        """What belongs to a call, and does not say to which, is passed on while only one is under way."""
        await self._hear(next(iter(self._behind.values())) if len(self._behind) == 1 else None, method, params)

    async def _answer(
        self, candidates: Sequence[Conversation], method: str, params: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        if method == "ping":
            return {}
        if method not in CAPABILITIES:
            raise MCPError(METHOD_NOT_FOUND, "Method not found", method)
        for one in candidates:
            if may_be_asked(one.capabilities, method, params):
                return await one.ask(method, params)
        told = f"Nobody is there to be asked: no call under way declared {lacking(method, params)}."
        raise MCPError(INVALID_REQUEST, told)

    async def _hear(self, behind: Conversation | None, method: str, params: Mapping[str, Any] | None) -> None:
        """Changes concern everybody; the rest concerns whoever is behind the call."""
        if method == _ACKNOWLEDGED:
            self._agree(params or {})
        elif method in _CHANGES:
            self._on_change(method, params or {})
        elif behind is not None and method not in ("notifications/cancelled", "notifications/progress"):
            try:
                await behind.tell(method, params)
            except Exception:  # the edge of the SDK's receive loop: one notice must not end it
                log.warning("mcp_notice_lost", method=method[:100], exc_info=True)

    def _agree(self, params: Mapping[str, Any]) -> None:
        """The server says which of what was wanted it will tell."""
        agreed = self._agreed.get(str((params.get("_meta") or {}).get(SUBSCRIPTION_ID_META_KEY)))
        if agreed is not None and not agreed.done():
            told = (params.get("notifications") or {}).get("resourceSubscriptions") or ()
            agreed.set_result(frozenset(str(uri) for uri in told))


class _Hearing:
    """What a server says on the way of a call, and who is behind that."""

    __slots__ = ("_behind", "_session")

    def __init__(self, session: RelaySession, behind: Conversation | None) -> None:
        self._session, self._behind = session, behind

    async def notice(self, method: str, params: Mapping[str, Any] | None) -> None:
        """It tells something."""
        await self._session._hear(self._behind, method, params)

    async def question(self, method: str, params: Mapping[str, Any] | None) -> dict[str, Any]:
        """It asks something."""
        return await self._session._answer([self._behind] if self._behind else [], method, params)


def _asking(question: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
    """The question as a task whose outcome is looked at even where whoever waited for it has gone."""
    task = asyncio.get_running_loop().create_task(question)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


def _went_wrong(task: asyncio.Task[Any]) -> bool:
    return not task.done() or task.cancelled() or task.exception() is not None


@asynccontextmanager
async def connected(
    transport: Any,
    capabilities: Mapping[str, Any],
    on_change: OnChange,
    *,
    prefer_legacy: bool = False,
    impatient: bool = False,
) -> AsyncIterator[RelaySession]:
    """A session over a transport's stream pair, its era agreed on: the newest, or the older one if preferred.

    ``impatient``: a server that does not answer the newest era's question soon is asked in the older one, too.
    """
    async with (
        transport as (read, write),
        # The short way is known only once the transport is open.
        RelaySession(
            read, write, capabilities, on_change, direct=getattr(transport, "direct", None), impatient=impatient
        ) as session,
    ):
        try:
            await (session.initialize() if prefer_legacy else negotiate_auto(session))
        finally:
            session.end_greeting()
        yield session
