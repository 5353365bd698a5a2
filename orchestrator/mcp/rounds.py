"""Questions in the middle of a call, across the eras of the protocol.

A modern server answers a call with ``input_required`` and is called again with the answers. A client of the same era
does that round itself; for every other client it is done here, and so is following a task. Used by the supervisor.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from orchestrator.core.errors import ServerMisbehaved
from orchestrator.mcp.builtin import ProgressFn
from orchestrator.mcp.conversation import Conversation
from orchestrator.mcp.questions import require_askable
from orchestrator.mcp.task_polling import Asked, finished
from orchestrator.mcp.tasks import is_task, takes_tasks

_MAX_ROUNDS = 10


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
        if wire.get("resultType") != "input_required":
            return wire
        questions = require_askable(wire.get("inputRequests") or {}, behind, during or method)
        if behind is not None:
            if behind.answers_rounds:
                return wire
            told["inputResponses"] = {
                key: await behind.ask(str(question["method"]), question.get("params"))
                for key, question in questions.items()
            }
        told.pop("requestState", None)
        if "requestState" in wire:
            told["requestState"] = wire["requestState"]
    raise ServerMisbehaved(f"{during or method!r} asked for input {_MAX_ROUNDS} times and came to no end.")
