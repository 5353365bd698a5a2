"""Questions in the middle of a call, across the eras of the protocol.

A modern server answers a call with ``input_required`` and is called again with the answers. A client of the same era
does that round itself; for every other client it is done here, and so is following a task. Used by the supervisor.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from mcp import MCPError
from mcp_types import METHOD_NOT_FOUND

from orchestrator.core.errors import ServerMisbehaved
from orchestrator.mcp.builtin import ProgressFn
from orchestrator.mcp.relay import Conversation
from orchestrator.mcp.task_polling import Asked, finished
from orchestrator.mcp.tasks import is_task, takes_tasks

_MAX_ROUNDS = 10
_MAX_QUESTIONS = 20


class Patient:
    """A conversation whose questions stop the clock: a person may take longer to answer than a tool may take to run."""

    def __init__(self, behind: Conversation, clock: asyncio.Timeout) -> None:
        self._behind = behind
        self._clock = clock
        self._open = 0
        self._left = 0.0

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """Those of the client."""
        return self._behind.capabilities

    @property
    def info(self) -> Mapping[str, Any] | None:
        """The client."""
        return self._behind.info

    @property
    def log_level(self) -> str | None:
        """What it wants to hear."""
        return self._behind.log_level

    @property
    def answers_rounds(self) -> bool:
        """Whether the client does the rounds itself."""
        return self._behind.answers_rounds

    async def ask(self, method: str, params: Mapping[str, Any] | None) -> dict[str, Any]:
        """Its answer; the time until then does not count."""
        loop = asyncio.get_running_loop()
        if not self._open and (ends := self._clock.when()) is not None:
            self._left = ends - loop.time()
            self._clock.reschedule(None)
        self._open += 1
        try:
            return await self._behind.ask(method, params)
        finally:
            self._open -= 1
            if not self._open and not self._clock.expired():
                self._clock.reschedule(loop.time() + self._left)

    async def tell(self, method: str, params: Mapping[str, Any] | None) -> None:
        """Pass on a notification."""
        await self._behind.tell(method, params)


async def answered(
    session: Asked,
    method: str,
    params: Mapping[str, Any] | None,
    *,
    behind: Conversation | None,
    on_progress: ProgressFn | None = None,
    during: str = "",
) -> Mapping[str, Any]:
    """The result, after as many rounds of questions as it takes; a client of the modern era gets them as they are."""
    told = dict(params or {})
    for _ in range(_MAX_ROUNDS):
        wire = await session.request(method, told, behind=behind, on_progress=on_progress, during=during)
        if is_task(wire):
            if behind is not None and behind.answers_rounds and takes_tasks(behind.capabilities):
                return wire
            return await finished(session, wire, behind=behind, on_progress=on_progress, during=during or method)
        if wire.get("resultType") != "input_required" or (behind is not None and behind.answers_rounds):
            return wire
        if behind is None:
            raise ServerMisbehaved(
                f"{during or method!r} asks for input in the middle of a call, though this client did not offer to "
                "give any."
            )
        told["inputResponses"] = await _answers(wire.get("inputRequests") or {}, behind)
        told.pop("requestState", None)
        if "requestState" in wire:
            told["requestState"] = wire["requestState"]
    raise ServerMisbehaved(f"{during or method!r} asked for input {_MAX_ROUNDS} times and came to no end.")


async def _answers(questions: Mapping[str, Any], behind: Conversation) -> dict[str, Any]:
    if len(questions) > _MAX_QUESTIONS:
        raise ServerMisbehaved(f"A server asked {len(questions)} questions at once; at most {_MAX_QUESTIONS}.")
    answers: dict[str, Any] = {}
    for key, question in questions.items():
        method = question.get("method") if isinstance(question, Mapping) else None
        if not isinstance(method, str):
            raise MCPError(METHOD_NOT_FOUND, "A server asked something that is no request.")
        answers[key] = await behind.ask(method, question.get("params"))
    return answers
