"""A tool call over REST: made here and now, only looked at (``dry_run``), or streamed with its progress and logs.

It passes the same gate as every other call. What a client of MCP could be asked in the middle of a call, one of REST
cannot: where a person must agree first it gets 428 with a digest to confirm.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from orchestrator.api.dependencies import ContainerDep, require
from orchestrator.bootstrap import Container
from orchestrator.core.call_record import digest_of
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import ConsentNeeded, InvalidInput, OrchestratorError
from orchestrator.core.jsonsafe import check_finite
from orchestrator.mcp.pool import Behind
from orchestrator.mcp.result import ToolResult
from orchestrator.services.call_gate import Door, ToolCall

router = APIRouter(tags=["mcps"])

Executor = Annotated[Caller, require(Scope.MCPS_EXECUTE)]

_FIRST_SECONDS = 0.5
_MOST_EVENTS = 256


class ExecuteIn(BaseModel):
    """A tool call."""

    model_config = ConfigDict(extra="forbid")

    tool: str = Field(min_length=1, max_length=200, description="The tool.")
    arguments: dict[str, Any] = Field(default_factory=dict, description="Its arguments.")
    project_id: UUID | None = Field(None, description="The project it may read.")
    timeout_seconds: float | None = Field(None, gt=0, le=600, description="Time limit; default: the server's.")
    dry_run: bool = Field(
        False, description="Check access, rules and arguments, say what would be called, call nothing."
    )
    confirm: str | None = Field(
        None, pattern=r"^[0-9a-f]{64}$",
        description="Where a person must agree (428): the `digest` of the problem, once somebody saw its question.",
    )  # fmt: skip
    always: bool = Field(False, description="With `confirm`: agree for good; needs the scope mcps:write.")


class ConsentOut(BaseModel):
    """What a person must agree to first."""

    digest: str = Field(description="What `confirm` has to be.")
    question: str = Field(description="What to show the person.")
    rule_id: UUID = Field(description="The rule that wants it.")
    may_always: bool = Field(description="Whether they may agree for good.")


class ExecuteOut(BaseModel):
    """What a tool answered, or with `dry_run` what would be called."""

    is_error: bool = Field(description="Whether the tool reported an error of its own.")
    content: list[dict[str, Any]] = Field(description="Content blocks as MCP defines them.")
    structured_content: Any | None = Field(None, description="Structured result, where the tool gives one.")
    meta: dict[str, Any] | None = Field(None, description="The `_meta` of the result, where the server gives one.")
    ms: float = Field(description="How long the call took, in milliseconds.")
    dry_run: bool = Field(False, description="Whether nothing was called.")
    server: str = Field(description="The server that was called, or with `dry_run` would be.")
    tool: str = Field(description="The tool.")
    arguments_digest: str = Field(description="SHA-256 of the canonical JSON of the arguments, as the record has it.")
    rule_id: UUID | None = Field(None, description="`dry_run`: the rule that decided, if any.")
    consent: ConsentOut | None = Field(None, description="`dry_run`: what a person would have to agree to first.")


class _Listener:
    """Whoever listens to a streamed call: it can be told things and asked nothing."""

    capabilities: Mapping[str, Any] = {}
    info: Mapping[str, Any] | None = None
    log_level: str | None = "info"
    answers_rounds = False

    def __init__(self) -> None:
        self.events: asyncio.Queue[ServerSentEvent | None] = asyncio.Queue(_MOST_EVENTS)

    async def ask(self, method: str, params: Mapping[str, Any] | None) -> dict[str, Any]:
        """Nobody is there to answer."""
        raise InvalidInput(
            f"the tool asks in the middle of the call ({method}), which REST cannot pass on", hint="call it over MCP"
        )

    async def tell(self, method: str, params: Mapping[str, Any] | None) -> None:
        """What the server logs during the call."""
        if method == "notifications/message":
            self.put("log", dict(params or {}))

    async def progress(self, done: float, total: float | None, message: str | None) -> None:
        """How far it is."""
        self.put("progress", {"done": done, "total": total, "message": message})

    def over(self, _: object) -> None:
        """The call has ended: whoever waits for an event need not."""
        if not self.events.full():
            self.events.put_nowait(None)

    def put(self, kind: str, data: Any) -> None:
        """An event for the stream; a slow reader misses the oldest steps, never the result."""
        if self.events.full():
            self.events.get_nowait()
        self.events.put_nowait(ServerSentEvent(orjson.dumps(data, default=str).decode(), event=kind))


@router.post(
    "/mcps/{server_id}/execute",
    summary="Call a tool",
    response_model=ExecuteOut,
    responses={
        200: {
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
            "description": "The answer, or a stream that ends with it.",
        },
        428: {"description": "A person must agree first: `details.question` and `details.digest`."},
    },
)
async def execute_tool(
    server_id: UUID, body: ExecuteIn, caller: Executor, container: ContainerDep, request: Request
) -> Any:
    """Call a tool over the pooled session and wait for its answer. A tool's own error is an answer with is_error.

    With `Accept: text/event-stream` the answer is a stream: events `progress` and `log`, then `result` or `error`.
    Hanging up cancels the call where it runs.
    """
    if body.always:
        caller.require(Scope.MCPS_WRITE)
    check_finite(body.arguments, "arguments")
    entry = await container.registry.get(caller, server_id)
    call = ToolCall(
        caller, Door.REST, entry, body.tool, body.arguments, project_id=body.project_id or caller.project_id,
        request_id=request.state.request_id, dry=body.dry_run, confirm=body.confirm, always=body.always,
    )  # fmt: skip
    if body.dry_run:
        return await _looked_at(container, call)
    if "text/event-stream" in request.headers.get("accept", ""):
        return await _streamed(container, call, body.timeout_seconds)
    started = time.perf_counter()
    result = await container.tool_calls.call(call, timeout=body.timeout_seconds)
    return _answer(call, result, started)


def _answer(call: ToolCall, result: ToolResult, started: float) -> ExecuteOut:
    wire = result.to_wire()
    return ExecuteOut(
        is_error=result.is_error,
        content=wire.get("content", []),
        structured_content=wire.get("structuredContent"),
        meta=wire.get("_meta"),
        ms=round((time.perf_counter() - started) * 1000, 2),
        **_named(call),
    )


async def _looked_at(container: Container, call: ToolCall) -> ExecuteOut:
    """What would be called, or the problem that stands in the way."""
    started = time.perf_counter()
    consent = None
    try:
        await container.gate.admit(call)
    except ConsentNeeded as needed:
        consent = ConsentOut.model_validate(needed.details, extra="ignore")
    await container.tool_calls.check(call)
    return ExecuteOut(
        is_error=False,
        content=[],
        ms=round((time.perf_counter() - started) * 1000, 2),
        dry_run=True,
        rule_id=call.rule_id,
        consent=consent,
        **_named(call),
    )


def _named(call: ToolCall) -> dict[str, str]:
    return {"server": call.entry.name, "tool": call.tool, "arguments_digest": digest_of(call.arguments)}


async def _streamed(container: Container, call: ToolCall, timeout: float | None) -> Response:
    """The stream. What stands in the way at the start is still an ordinary problem."""
    started = time.perf_counter()
    listener = _Listener()
    call.behind = Behind(listener, "")
    running = asyncio.create_task(
        container.tool_calls.call(call, timeout=timeout, on_progress=listener.progress), name="streamed tool call"
    )
    running.add_done_callback(listener.over)
    try:
        await asyncio.wait({running}, timeout=_FIRST_SECONDS)
    except asyncio.CancelledError:
        running.cancel()
        raise
    if running.done() and listener.events.qsize() <= 1:
        running.result()
    return EventSourceResponse(_events(call, running, listener, started), ping=15)


async def _events(
    call: ToolCall, running: asyncio.Task[ToolResult], listener: _Listener, started: float
) -> AsyncIterator[ServerSentEvent]:
    try:
        while not (running.done() and listener.events.empty()):
            event = await listener.events.get()
            if event is not None:
                yield event
        try:
            done = _answer(call, running.result(), started)
            yield ServerSentEvent(done.model_dump_json(), event="result")
        except OrchestratorError as error:
            told = error.as_dict() | {"status": error.status}
            yield ServerSentEvent(orjson.dumps(told, default=str).decode(), event="error")
    finally:
        running.cancel()
