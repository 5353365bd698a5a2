"""The tasks extension of MCP at our door: calls that become tasks, and how clients follow, answer and stop them.

Used by ``mcp_door`` for clients of the modern era that declared it. A task is one of three: a task of the orchestrator,
a call that took long and was kept as one, or a task of a server behind us, which stays where it is.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from mcp import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp_types import HEADER_MISMATCH, INVALID_PARAMS, MISSING_REQUIRED_CLIENT_CAPABILITY

from orchestrator.api.mcp_conversation import Context, Late, Round, capabilities_of, info_of
from orchestrator.api.mcp_relay import Exchange, passed_on
from orchestrator.api.mcp_task_notices import MOST, noticing
from orchestrator.api.mcp_task_shapes import call_detailed, detailed, question_key, questions, seed
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Scope
from orchestrator.core.errors import IllegalTransition, NotFound, OrchestratorError, ServerMisbehaved, ToolFailed
from orchestrator.core.events import EventKind
from orchestrator.core.states import TERMINAL, TaskState
from orchestrator.mcp.pool import Behind
from orchestrator.mcp.result import ToolResult
from orchestrator.mcp.tasks import EXTENSION, is_task, takes_tasks, well_formed
from orchestrator.mcp.translate import original_error
from orchestrator.services.long_calls import LongCall, LongCalls
from orchestrator.services.mcp_catalogue import OfferedTool
from orchestrator.services.server_entry import ServerEntry
from orchestrator.services.task_handles import Handle, TaskHandles

OFFERED: dict[str, dict[str, Any]] = {EXTENSION: {}}
"""What a server declares that offers it."""
_MOST_DETAIL_BYTES = 64 * 1024
_MOVES = frozenset(
    {EventKind.QUEUED, EventKind.STARTED, EventKind.WAITING, EventKind.RETRY, EventKind.ANSWERED}
    | {EventKind.COMPLETED, EventKind.FAILED, EventKind.CANCELLED}
)
_OWN_LONG = frozenset({"create_task", "wait_task"})
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Follower:
    """A client that looks after its task: it can be asked by what it reads there, and by nothing else."""

    capabilities: Mapping[str, Any]
    info: Mapping[str, Any] | None
    log_level: str | None = None
    answers_rounds: bool = True

    async def ask(self, method: str, params: Mapping[str, Any] | None) -> dict[str, Any]:
        raise MCPError(INVALID_PARAMS, "Questions of a task are read with tasks/get.")

    async def tell(self, method: str, params: Mapping[str, Any] | None) -> None:
        """There is nothing on these requests to be told."""


class Tasks:
    """One per door."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._handles = TaskHandles(container.secretbox)
        self._rounds: dict[UUID, Round] = {}
        settings = container.settings
        self._long_calls = LongCalls(
            container.database, container.writer, container.wake, container.blobs,
            lease_seconds=settings.lease_seconds, heartbeat_seconds=settings.heartbeat_seconds,
            inline_bytes=settings.inline_result_bytes,
        )  # fmt: skip
        self.methods: Mapping[str, Callable[[Exchange], Awaitable[dict[str, Any]]]] = {
            "tasks/get": lambda exchange: self._answer(exchange, self._get),
            "tasks/update": lambda exchange: self._answer(exchange, self._update),
            "tasks/cancel": lambda exchange: self._answer(exchange, self._cancel),
        }

    async def aclose(self) -> None:
        """Give up the calls that are kept as tasks."""
        await self._long_calls.close()

    # Calls that become tasks.

    def late(self, exchange: Exchange, offered: OfferedTool, arguments: dict[str, Any]) -> Late | None:
        """What becomes of a call that takes long, where the client takes a task for an answer."""
        if not declares(exchange):
            return None

        async def adopt(one: Round) -> dict[str, Any] | None:
            definition = await self._container.registry.definition(offered.entry, exchange.caller.user_id)
            if takes_tasks(await self._container.pool.capabilities(definition)):
                return None  # a server that knows tasks decides by itself; and its answer may yet be one
            return await self._adopt(exchange, offered, arguments, one)

        return Late(self._container.settings.mcp_task_after_seconds, adopt)

    async def _adopt(
        self, exchange: Exchange, offered: OfferedTool, arguments: dict[str, Any], one: Round
    ) -> dict[str, Any]:
        call = LongCall(
            offered.entry.name, offered.entry.target_id, offered.tool.name, arguments,
            outcome=lambda: _outcome(one.call), give_up=one.call.cancel,
        )  # fmt: skip
        task_id = await self._long_calls.adopt(exchange.caller, call)
        self._rounds[task_id] = one
        one.call.add_done_callback(lambda _: self._rounds.pop(task_id, None))
        handle = self._handles.seal(Handle(exchange.caller.user_id, None, str(task_id)))
        return seed(await self._container.tasks.get(exchange.caller, task_id), handle)

    def handed_on(self, exchange: Exchange, entry: ServerEntry, wire: dict[str, Any]) -> dict[str, Any]:
        """A server's answer; where it is a task, under an id of ours."""
        if not is_task(wire):
            return wire
        handle = Handle(exchange.caller.user_id, entry.id, str(wire["taskId"]))
        return {**wire, "taskId": self._handles.seal(handle)}

    async def own(self, exchange: Exchange, name: str, wire: dict[str, Any]) -> dict[str, Any]:
        """An answer of one of our tools, or the task it is about, where the client rather follows that."""
        answered = "structuredContent" in wire and not wire.get("isError")
        if name not in _OWN_LONG or not answered or not declares(exchange):
            return wire
        row = await self._container.tasks.get(exchange.caller, UUID(wire["structuredContent"]["task_id"]))
        follows = row["user_id"] == exchange.caller.user_id and Scope.TASKS_READ in exchange.caller.scopes
        return seed(row, str(row["id"])) if follows and row["state"] not in TERMINAL else wire

    def arguments(self, exchange: Exchange, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Nobody waits in a call that becomes a task."""
        return {**arguments, "seconds": 0} if name == "wait_task" and declares(exchange) else arguments

    # What clients ask of tasks.

    async def _answer(
        self, exchange: Exchange, method: Callable[[Exchange, str], Awaitable[dict[str, Any]]]
    ) -> dict[str, Any]:
        if not declares(exchange):
            raise missing_capability()
        task_id = exchange.params.get("taskId")
        if not isinstance(task_id, str):
            raise MCPError(INVALID_PARAMS, "params.taskId must be a string.")
        header = exchange.ctx.request.headers.get(MCP_NAME_HEADER)  # type: ignore[union-attr]
        if decode_header_value(header) != task_id:
            raise MCPError(HEADER_MISMATCH, "The Mcp-Name header does not match params.taskId.")
        try:
            return await method(exchange, task_id)
        except NotFound as error:
            raise _unknown() from error
        except OrchestratorError as error:
            raise passed_on(error) from error

    async def _get(self, exchange: Exchange, task_id: str) -> dict[str, Any]:
        handle = self._handle(exchange, task_id)
        if handle is None:
            row = await self._own_row(exchange, task_id, Scope.TASKS_READ)
            return detailed(row, task_id, can_be_asked="elicitation" in capabilities_of(exchange.ctx))
        if handle.server_id is not None:
            wire = await self._ask_server(exchange, handle, "tasks/get", {})
            if not well_formed(wire):
                raise ServerMisbehaved("The server answered tasks/get with something that is no task.")
            return {**wire, "taskId": task_id}
        row = await self._row(exchange, handle.task_id)
        one = self._rounds.get(row["id"])
        wire = call_detailed(row, await self._whole_result(exchange, row), task_id)
        if one is not None and wire["status"] == "working" and (asked := one.open_questions()):
            return wire | {"status": "input_required", "inputRequests": asked}
        return wire

    async def _update(self, exchange: Exchange, task_id: str) -> dict[str, Any]:
        answers = exchange.params.get("inputResponses")
        if not isinstance(answers, Mapping):
            raise MCPError(INVALID_PARAMS, "params.inputResponses must be an object.")
        handle = self._handle(exchange, task_id)
        if handle is None:
            await self._answer_own(exchange, await self._own_row(exchange, task_id, Scope.TASKS_WRITE), answers)
        elif handle.server_id is not None:
            await self._ask_server(exchange, handle, "tasks/update", {"inputResponses": dict(answers)})
        elif (one := self._rounds.get((await self._row(exchange, handle.task_id))["id"])) is not None:
            one.take(exchange.ctx, answers)
        return {}

    async def _cancel(self, exchange: Exchange, task_id: str) -> dict[str, Any]:
        handle = self._handle(exchange, task_id)
        if handle is not None and handle.server_id is not None:
            await self._ask_server(exchange, handle, "tasks/cancel", {})
            return {}
        if handle is None:
            row = await self._own_row(exchange, task_id, Scope.TASKS_WRITE)
        else:
            row = await self._row(exchange, handle.task_id)
        try:
            await self._container.tasks.cancel(exchange.caller, row["id"])
        except IllegalTransition:
            return {}  # it has ended already, which is what was wanted
        return {}

    @asynccontextmanager
    async def noticing(self, exchange: Exchange) -> AsyncIterator[Context]:
        """The context of a client that listens; told of its tasks, too, where it named some."""
        wanted = (exchange.params.get("notifications") or {}).get("taskIds")
        if wanted and not declares(exchange):
            raise missing_capability()
        ids = [one for one in wanted if isinstance(one, str)][:MOST] if isinstance(wanted, list) else []
        agreed = {one: partial(self._changes_of, exchange, one) for one in ids if await self._is_own(exchange, one)}
        async with noticing(exchange.ctx, agreed) as ctx:
            yield ctx

    async def _is_own(self, exchange: Exchange, task_id: str) -> bool:
        try:
            UUID(task_id)
            await self._own_row(exchange, task_id, Scope.TASKS_READ)
        except (ValueError, MCPError, OrchestratorError):
            return False
        return True

    async def _changes_of(self, exchange: Exchange, task_id: str) -> AsyncIterator[dict[str, Any]]:
        """How a task of ours stands, now and whenever that changes, to its end."""
        asked = "elicitation" in capabilities_of(exchange.ctx)
        row = await self._container.tasks.get(exchange.caller, UUID(task_id))
        yield detailed(row, task_id, can_be_asked=asked)
        state = row["state"]
        async for event in self._container.events.follow(UUID(task_id), row["last_seq"]):
            if event.kind not in _MOVES:
                continue
            row = await self._container.tasks.get(exchange.caller, UUID(task_id))
            if row["state"] != state:
                state = row["state"]
                yield detailed(row, task_id, can_be_asked=asked)

    # Where tasks are.

    def _handle(self, exchange: Exchange, task_id: str) -> Handle | None:
        """What was sealed into an id; None for the plain id of a task of ours. Raises MCPError for neither."""
        try:
            UUID(task_id)
        except ValueError:
            handle = self._handles.open(task_id, exchange.caller.user_id)
            if handle is None or Scope.MCPS_EXECUTE not in exchange.caller.scopes:
                raise _unknown() from None
            return handle
        return None

    async def _own_row(self, exchange: Exchange, task_id: str, scope: Scope) -> Row:
        if scope not in exchange.caller.scopes:
            raise _unknown()
        return await self._row(exchange, task_id)

    async def _row(self, exchange: Exchange, task_id: str) -> Row:
        """A task of ours, which only its owner follows here."""
        row = await self._container.tasks.get(exchange.caller, UUID(task_id))
        if row["user_id"] != exchange.caller.user_id:
            raise _unknown()
        return row

    async def _whole_result(self, exchange: Exchange, row: Row) -> Mapping[str, Any]:
        if row["state"] != TaskState.COMPLETED:
            return {}
        whole = await self._container.tasks.result_of(exchange.caller, row["id"])
        return orjson.loads(whole) if isinstance(whole, bytes) else whole

    async def _ask_server(
        self, exchange: Exchange, handle: Handle, method: str, more: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        servers = await self._container.catalogue.servers(exchange.caller, exchange.endpoint)
        entry = next((one for one in servers.values() if one.id == handle.server_id), None)
        if entry is None:
            raise _unknown()
        params = {"taskId": handle.task_id, **more, **({"_meta": exchange.meta} if exchange.meta else {})}
        behind = Behind(_Follower(capabilities_of(exchange.ctx), info_of(exchange.ctx)), exchange.lane)
        definition = await self._container.registry.definition(entry, exchange.caller.user_id)
        try:
            return await self._container.pool.request(definition, method, params, behind=behind)
        except OrchestratorError as error:
            raise passed_on(error, definition.secrets) from error

    async def _answer_own(self, exchange: Exchange, row: Row, answers: Mapping[str, Any]) -> None:
        """Answer what a task of ours wants to know; what it does not ask (any more) is let be."""
        if question_key(row) not in questions(row) or not isinstance(answer := answers.get(question_key(row)), Mapping):
            return
        action, content = answer.get("action"), answer.get("content")
        given: Mapping[str, Any] = content if isinstance(content, Mapping) else {}
        tasks, caller = self._container.tasks, exchange.caller
        if row["state"] == TaskState.AWAITING_INPUT:
            text = given.get("answer")
            if action == "accept" and isinstance(text, str) and 0 < len(text) <= 20_000:
                await tasks.answer(caller, row["id"], text)
            elif action == "decline":
                await tasks.cancel(caller, row["id"])
        elif action in ("accept", "decline"):
            grant = action == "accept" and given.get("grant") is True
            patch = {"user_space": True, "fallback": True} if grant else {}
            await tasks.consent(caller, row["id"], grant=grant, patch=patch)


def declares(exchange: Exchange) -> bool:
    """Whether the client takes tasks for answers."""
    if not exchange.modern:
        return False
    declared = exchange.ctx.session.client_capabilities
    return declared is not None and takes_tasks({"extensions": declared.extensions})


def missing_capability() -> MCPError:
    """The error for a client that asks for tasks and did not say that it knows them."""
    needed: dict[str, Any] = {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
    return MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "Missing required client capability", needed)


def _unknown() -> MCPError:
    return MCPError(INVALID_PARAMS, "Task not found: it never existed, has expired, or belongs to somebody else.")


async def _outcome(call: "asyncio.Task[dict[str, Any]]") -> dict[str, Any]:
    """What a call answered, as a task of ours stores it: an error as an error, with all that a client must get."""
    try:
        await asyncio.wait({call})
    except asyncio.CancelledError:
        call.cancel()
        raise
    if call.cancelled():
        raise ToolFailed("the service was stopped, or gave the call up, while it ran")
    try:
        wire = call.result()
    except MCPError as error:
        raise _kept(error) from error
    except OrchestratorError as error:
        if original_error(error) is None:
            raise
        raise _kept(passed_on(error)) from error
    if wire.get("isError"):
        raise ToolFailed(ToolResult.from_wire(wire).text[:2000], details=_bounded("mcp_result", wire))
    return wire


def _kept(error: MCPError) -> ToolFailed:
    told = {"code": error.code, "message": error.message} | ({} if error.data is None else {"data": error.data})
    return ToolFailed(error.message[:2000], details=_bounded("mcp_error", told))


def _bounded(name: str, value: Any) -> dict[str, Any] | None:
    return {name: value} if len(orjson.dumps(value, default=str)) <= _MOST_DETAIL_BYTES else None
