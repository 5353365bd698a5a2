"""Our clients as those who can be asked in the middle of a call, in both eras of the protocol. Used by the MCP door.

A client of the older era is asked over its own stream. One of the modern era gets ``input_required`` for a result and
calls again with the answers; where the server behind us waits meanwhile, its call waits here.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from mcp import MCPError
from mcp.server.context import ServerRequestContext
from mcp.shared.message import ServerMessageMetadata
from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    INVALID_PARAMS,
    INVALID_REQUEST,
    LOG_LEVEL_META_KEY,
    Notification,
    Request,
)
from mcp_types import methods as wire_methods
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel, RootModel, ValidationError

from orchestrator.core.errors import InvalidInput
from orchestrator.mcp.answers import check_answer

Context = ServerRequestContext[Any, Any]
Run = Callable[["Round"], Coroutine[Any, Any, dict[str, Any]]]

_STATE = "orchestrator:"
_CAPABILITIES, _INFO = "orchestrator.capabilities", "orchestrator.info"
_SECONDS = 600.0
_MOST = 1000
_LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
_ANSWERS_AS_OF = "2025-11-25"


class _Wire(RootModel[dict[str, Any]]):
    """An answer as it came."""


def capabilities_of(ctx: Context) -> dict[str, Any]:
    """What the client declared, in wire form."""
    if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
        told = (ctx.meta or {}).get(CLIENT_CAPABILITIES_META_KEY)
        # As it came, where the SDK found it well-formed.
        return told if isinstance(told, dict) and ctx.session.client_capabilities is not None else {}
    return dict(_kept(ctx, _CAPABILITIES, ctx.session.client_capabilities))


def info_of(ctx: Context) -> dict[str, Any] | None:
    """Who the client says it is, in wire form."""
    params = ctx.session.client_params
    if params is None:
        return None
    if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
        told = (ctx.meta or {}).get(CLIENT_INFO_META_KEY)
        return told if isinstance(told, dict) else None
    return dict(_kept(ctx, _INFO, params.client_info))


def _kept(ctx: Context, name: str, declared: BaseModel | None) -> dict[str, Any]:
    """What was declared when the session opened, written out once."""
    kept: dict[str, Any] = ctx.session._connection.state
    if name not in kept:
        kept[name] = declared.model_dump(by_alias=True, mode="json", exclude_none=True) if declared else {}
    found: dict[str, Any] = kept[name]
    return found


async def tell(ctx: Context, method: str, params: Mapping[str, Any] | None) -> None:
    """A notification on the stream of the request, as it came."""
    notification = Notification[dict[str, Any], str](method=method, params=dict(params or {}))
    await ctx.session.send_notification(cast("Any", notification), related_request_id=ctx.request_id)


class Direct:
    """A client of the older era."""

    answers_rounds = False

    def __init__(self, ctx: Context, level: str = "debug") -> None:
        self._ctx = ctx
        self.log_level: str | None = level
        self.capabilities: Mapping[str, Any] = capabilities_of(ctx)
        self.info: Mapping[str, Any] | None = info_of(ctx)

    async def ask(self, method: str, params: Mapping[str, Any] | None) -> dict[str, Any]:
        """Its answer, asked on the stream of the call. MCPError, for the server that asked, where it fits no form."""
        request = Request[dict[str, Any], str](method=method, params=dict(params or {}))
        where = ServerMessageMetadata(related_request_id=self._ctx.request_id)
        answer = (await self._ctx.session.send_request(cast("Any", request), _Wire, metadata=where)).root
        await _must_fit(method, params or {}, answer, "result")
        return answer

    async def tell(self, method: str, params: Mapping[str, Any] | None) -> None:
        """Pass it on; log messages below the level it set stay here."""
        if method != "notifications/message" or _at_least(self.log_level, params):
            await tell(self._ctx, method, params)


class Told:
    """A client of the modern era that is told things. One that declared nothing cannot be asked, so it is no more."""

    answers_rounds = True

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.capabilities: Mapping[str, Any] = capabilities_of(ctx)
        self.info: Mapping[str, Any] | None = info_of(ctx)
        wanted = (ctx.meta or {}).get(LOG_LEVEL_META_KEY)
        self.log_level: str | None = None if wanted is None else str(wanted)

    async def ask(self, method: str, _params: Mapping[str, Any] | None) -> dict[str, Any]:
        """Raise what a server gets that asks nevertheless."""
        raise MCPError(INVALID_REQUEST, f"The client declared nothing that it could be asked, so not {method}.")

    async def tell(self, method: str, params: Mapping[str, Any] | None) -> None:
        """Pass it on while a request is under way; log messages only where it asked for them."""
        if method != "notifications/message" or (self.log_level and _at_least(self.log_level, params)):
            await tell(self._ctx, method, params)


class Round(Told):
    """A client that can be asked, and the call that waits for its answers between two of its requests."""

    def __init__(self, ctx: Context, run: Run) -> None:
        super().__init__(ctx)
        self._questions: dict[str, tuple[str, Mapping[str, Any], asyncio.Future[dict[str, Any]]]] = {}
        self._asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._number = 0
        self.call = asyncio.create_task(run(self), name="mcp call with questions")

    async def ask(self, method: str, params: Mapping[str, Any] | None) -> dict[str, Any]:
        """Its answer, which comes with a later request."""
        self._number += 1
        key = str(self._number)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._questions[key] = (method, dict(params or {}), answer)
        if not self._asked.done():
            self._asked.set_result(None)
        try:
            return await answer
        finally:
            self._questions.pop(key, None)

    async def outcome(self, seconds: float | None = None) -> dict[str, Any] | None:
        """The call's result, or None: it has questions, or takes longer. A cancelled wait cancels the call."""
        awaited: set[asyncio.Future[Any]] = {self.call, self._asked}
        try:
            await asyncio.wait(awaited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.call.cancel()
            raise
        return self.call.result() if self.call.done() else None

    def questions(self, state: str) -> dict[str, Any]:
        """The open questions as a result of the protocol."""
        return {"resultType": "input_required", "inputRequests": self.open_questions(), "requestState": state}

    def open_questions(self) -> dict[str, Any]:
        """What is asked and not answered yet, by key."""
        return {
            key: {"method": method, "params": params}
            for key, (method, params, answer) in self._questions.items()
            if not answer.done()
        }

    async def check(self, answers: Mapping[str, Any]) -> None:
        """MCPError for a form that is not filled in as it asks; it can be answered once more."""
        for key, (method, params, future) in list(self._questions.items()):
            answer = answers.get(key)
            if not isinstance(answer, Mapping) or future.done():
                continue
            await _must_fit(method, params, answer, f"inputResponses.{key}")

    def take(self, ctx: Context, answers: Mapping[str, Any]) -> None:
        """Answers of a later request. Raises MCPError for one that is none."""
        self._ctx = ctx
        for key, (method, _, future) in list(self._questions.items()):
            answer = answers.get(key)
            if answer is None or future.done():
                continue
            try:
                with suppress(KeyError):
                    wire_methods.validate_client_result(method, _ANSWERS_AS_OF, answer)
            except ValidationError as error:
                raise MCPError(INVALID_PARAMS, f"inputResponses.{key} does not answer {method}.") from error
            future.set_result(dict(answer))
        if all(future.done() for _, _, future in self._questions.values()):
            self._asked = asyncio.get_running_loop().create_future()


@dataclass(frozen=True, slots=True)
class Late:
    """What becomes of a call that takes longer than ``seconds``: ``adopt`` keeps it and answers for it, or not."""

    seconds: float
    adopt: Callable[[Round], Awaitable[dict[str, Any] | None]]


class Rounds:
    """The calls that wait for answers."""

    def __init__(self, *, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._waiting: dict[str, tuple[object, Round, asyncio.TimerHandle]] = {}

    async def begin(self, ctx: Context, owner: object, run: Run, late: Late | None = None) -> dict[str, Any]:
        """Start a call; its result or its first questions. ``owner`` says who may answer, and to what."""
        return await self._result(Round(ctx, run), owner, late)

    async def go_on(
        self, ctx: Context, owner: object, state: str, answers: Mapping[str, Any], late: Late | None = None
    ) -> dict[str, Any]:
        """The result, or the next questions. Raises MCPError for a state that is not known to this owner."""
        waiting = self._waiting.get(state)
        if waiting is None or waiting[0] != owner:
            raise MCPError(INVALID_PARAMS, "This requestState is unknown or has expired: call again from the start.")
        _, one, timer = waiting
        await one.check(answers)
        if self._waiting.get(state) is not waiting:
            raise MCPError(INVALID_PARAMS, "This requestState is unknown or has expired: call again from the start.")
        one.take(ctx, answers)
        timer.cancel()
        del self._waiting[state]
        return await self._result(one, owner, late)

    def close(self) -> None:
        """Give up every call that waits."""
        for _, one, timer in self._waiting.values():
            timer.cancel()
            one.call.cancel()
        self._waiting.clear()

    async def _result(self, one: Round, owner: object, late: Late | None) -> dict[str, Any]:
        result = await one.outcome(late.seconds if late else None)
        if result is None and late and not one.open_questions():
            result = await late.adopt(one) or await one.outcome()
        if result is not None:
            return result
        if len(self._waiting) >= _MOST:
            one.call.cancel()
            raise MCPError(INVALID_PARAMS, "Too many calls wait for answers; try again later.")
        state = _STATE + secrets.token_urlsafe(24)
        timer = asyncio.get_running_loop().call_later(self._seconds, self._expire, state)
        self._waiting[state] = (owner, one, timer)
        return one.questions(state)

    def _expire(self, state: str) -> None:
        _, one, _ = self._waiting.pop(state)
        one.call.cancel()


async def _must_fit(method: str, params: Mapping[str, Any], answer: Mapping[str, Any], place: str) -> None:
    try:
        await check_answer(method, params, answer, place)
    except InvalidInput as error:
        raise MCPError(INVALID_PARAMS, error.message, error.as_dict()) from error


def is_ours(state: object) -> bool:
    """Whether a requestState was given out here, not by a server behind us."""
    return isinstance(state, str) and state.startswith(_STATE)


def _at_least(level: str | None, params: Mapping[str, Any] | None) -> bool:
    told = (params or {}).get("level")
    return told not in _LEVELS or level not in _LEVELS or _LEVELS.index(told) >= _LEVELS.index(level)
