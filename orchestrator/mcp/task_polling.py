"""Polls a server's task to its end, in the middle of the call that made it. Used by ``rounds``.

For everybody who cannot do so: clients of the older era, workers, the REST doors. Whoever gives the call up, or runs
into its time limit, cancels the task on its server.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

import structlog
from mcp import MCPError
from mcp_types import INTERNAL_ERROR

from orchestrator.core.errors import OrchestratorError, ServerMisbehaved, ToolFailed
from orchestrator.mcp.builtin import ProgressFn
from orchestrator.mcp.conversation import Conversation
from orchestrator.mcp.questions import require_askable
from orchestrator.mcp.tasks import well_formed

log = structlog.get_logger(__name__)

_POLL_SECONDS = (0.05, 1.0, 30.0)
"""Between two looks: at least, where the server says nothing, at most."""
_CANCEL_SECONDS = 5.0

_cancelling: set[asyncio.Task[None]] = set()


class Asked(Protocol):
    """A session."""

    async def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        behind: Conversation | None = None,
        on_progress: ProgressFn | None = None,
        during: str = "",
    ) -> Mapping[str, Any]:
        """One request."""


async def finished(
    session: Asked,
    created: Mapping[str, Any],
    *,
    behind: Conversation | None,
    on_progress: ProgressFn | None = None,
    during: str,
) -> Mapping[str, Any]:
    """The result of the task a server answered with; its error as an error."""
    task_id = str(created["taskId"])
    try:
        return await _followed(session, created, task_id, behind, on_progress, during)
    except asyncio.CancelledError:
        _cancel_soon(session, task_id, behind)
        raise


async def _followed(
    session: Asked,
    task: Mapping[str, Any],
    task_id: str,
    behind: Conversation | None,
    on_progress: ProgressFn | None,
    during: str,
) -> Mapping[str, Any]:
    answered: set[str] = set()
    said: object = None
    looks = 0
    while True:
        looks += 1
        await asyncio.sleep(_pause(task.get("pollIntervalMs")))
        task = await session.request("tasks/get", {"taskId": task_id}, behind=behind, during=during)
        if not well_formed(task):
            raise ServerMisbehaved(f"{during!r} became a task that cannot be followed: it lacks an id or a status.")
        if task["status"] in ("completed", "failed", "cancelled"):
            return _outcome(task, during)
        if task["status"] == "input_required":
            await _answer(session, task, task_id, behind, answered)
        if on_progress is not None and task.get("statusMessage") not in (None, said):
            said = task["statusMessage"]
            await on_progress(float(looks), None, str(said))


def _pause(milliseconds: object) -> float:
    least, usual, most = _POLL_SECONDS
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return usual
    return min(max(milliseconds / 1000, least), most)


def _outcome(task: Mapping[str, Any], during: str) -> Mapping[str, Any]:
    result = task.get("result")
    if task["status"] == "completed" and isinstance(result, Mapping):
        return result
    if task["status"] == "completed":
        raise ServerMisbehaved(f"The task of {during!r} is completed and has no result.")
    if task["status"] == "cancelled":
        raise ToolFailed(f"The task of {during!r} was cancelled on its server.")
    error = task.get("error")
    told: Mapping[str, Any] = error if isinstance(error, Mapping) else {}
    code = told.get("code")
    cause = MCPError(code if isinstance(code, int) else INTERNAL_ERROR, str(told.get("message", "")), told.get("data"))
    raise ToolFailed(f"{during!r} failed: {cause.message}"[:2000], details={"code": cause.code}) from cause


async def _answer(
    session: Asked, task: Mapping[str, Any], task_id: str, behind: Conversation | None, answered: set[str]
) -> None:
    """Ask whoever is behind the call what the task wants to know; each question once."""
    told = task.get("inputRequests")
    if not isinstance(told, Mapping):
        raise ServerMisbehaved("A task asks for input and names no question.")
    new = {key: question for key, question in told.items() if key not in answered}
    questions = require_askable(new, behind, "a task")
    answers: dict[str, Any] = {}
    for key, question in questions.items():
        assert behind is not None
        answers[key] = await behind.ask(str(question["method"]), question.get("params"))
        answered.add(key)
    if answers:
        await session.request("tasks/update", {"taskId": task_id, "inputResponses": answers}, behind=behind)


def _cancel_soon(session: Asked, task_id: str, behind: Conversation | None) -> None:
    """In the background and bounded, since the caller is on its way out."""
    cancelling = asyncio.create_task(_cancel(session, task_id, behind), name="mcp task cancel")
    _cancelling.add(cancelling)
    cancelling.add_done_callback(_cancelling.discard)


async def _cancel(session: Asked, task_id: str, behind: Conversation | None) -> None:
    try:
        async with asyncio.timeout(_CANCEL_SECONDS):
            await session.request("tasks/cancel", {"taskId": task_id}, behind=behind)
    except (OrchestratorError, TimeoutError) as error:
        log.info("mcp_task_not_cancelled", error=str(error)[:300])
