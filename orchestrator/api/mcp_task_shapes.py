"""Our tasks as the tasks extension of MCP shows them: states, questions and results. Used by ``mcp_tasks_extension``.

``failed`` is for calls that ended in an error of the protocol, or of ours; a task that ended badly is ``completed``
with a result that says so, as the protocol wants it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from mcp_types import INTERNAL_ERROR

from orchestrator.api.task_models import TaskAccepted, TaskOut
from orchestrator.core.states import Reason, TaskState
from orchestrator.mcp.result import ToolResult

POLL_MS = 1000
_OURS = frozenset({Reason.INTERNAL_ERROR, Reason.LOST_WORKER})
_STATUS = {
    TaskState.PENDING: "working",
    TaskState.QUEUED: "working",
    TaskState.RUNNING: "working",
    TaskState.AWAITING_CONSENT: "input_required",
    TaskState.AWAITING_INPUT: "input_required",
    TaskState.COMPLETED: "completed",
    TaskState.FAILED: "completed",
    TaskState.CANCELLED: "cancelled",
}
Row = Mapping[str, Any]


def seed(row: Row, task_id: str) -> dict[str, Any]:
    """What a call answers that became a task."""
    return {"resultType": "task", **_common(row, task_id), "status": "working"}


def _common(row: Row, task_id: str) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "taskId": task_id,
        "createdAt": _instant(row["created_at"]),
        "lastUpdatedAt": _instant(row["updated_at"]),
        "ttlMs": None,
        "pollIntervalMs": POLL_MS,
    }
    said = row["waiting_for"] or (f"{row['state']}: {row['reason']}" if row["reason"] else row["state"])
    return wire | {"statusMessage": str(said)}


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def detailed(row: Row, task_id: str, *, can_be_asked: bool) -> dict[str, Any]:
    """A task of ours as ``tasks/get`` tells it."""
    state = TaskState(row["state"])
    wire = _common(row, task_id) | {"status": _STATUS[state]}
    if state in (TaskState.AWAITING_CONSENT, TaskState.AWAITING_INPUT):
        # Somebody who cannot be asked may answer elsewhere: in the console, or over REST.
        return wire | ({"inputRequests": questions(row)} if can_be_asked else {"status": "working"})
    if state == TaskState.FAILED and row["reason"] in _OURS:
        return wire | {"status": "failed", "error": _protocol_error(row["error"] or {})}
    if state in (TaskState.COMPLETED, TaskState.FAILED):
        result = ToolResult.of(orjson.loads(TaskOut.json_of(row)) | _links(row))
        return wire | {"result": result.to_wire() | {"isError": state == TaskState.FAILED}}
    return wire


def _links(row: Row) -> dict[str, Any]:
    """What ``create_task`` promises beside: the result must fit the schema of the tool that was called."""
    return TaskAccepted.of(row).model_dump(mode="json", include={"links", "would_help"})


def _protocol_error(error: Mapping[str, Any]) -> dict[str, Any]:
    told = str(error.get("message") or "the task was lost on our side")
    return {"code": INTERNAL_ERROR, "message": told, "data": dict(error)}


def questions(row: Row) -> dict[str, Any]:
    """What a task of ours wants to know, as requests of the protocol."""
    if row["state"] == TaskState.AWAITING_CONSENT:
        kind: dict[str, Any] = {"grant": {"type": "boolean", "title": "Go on", "description": "Whether it may go on."}}
    elif row["state"] == TaskState.AWAITING_INPUT:
        kind = {"answer": {"type": "string", "title": "Answer", "minLength": 1, "maxLength": 20_000}}
    else:
        return {}
    schema = {"type": "object", "properties": kind, "required": list(kind)}
    params = {"mode": "form", "message": str(row["waiting_for"]), "requestedSchema": schema}
    return {question_key(row): {"method": "elicitation/create", "params": params}}


def question_key(row: Row) -> str:
    """Never the same for two questions of one task."""
    return f"{row['state']}-{row['last_seq']}"


def call_detailed(row: Row, result: Mapping[str, Any], task_id: str) -> dict[str, Any]:
    """A call that was kept as a task: what the call itself would have answered. ``result`` is the whole stored one."""
    state = TaskState(row["state"])
    wire = _common(row, task_id) | {"status": _STATUS[state]}
    if state == TaskState.COMPLETED:
        return wire | {"result": {key: value for key, value in result.items() if key not in ("server", "tool")}}
    if state != TaskState.FAILED:
        return wire
    error = row["error"] or {}
    details = error.get("details") or {}
    if isinstance(told := details.get("mcp_error"), Mapping):
        return wire | {"status": "failed", "error": dict(told)}
    if isinstance(told := details.get("mcp_result"), Mapping):
        return wire | {"result": dict(told)}
    if row["reason"] in _OURS:
        return wire | {"status": "failed", "error": _protocol_error(error)}
    return wire | {"result": ToolResult.failure(str(error.get("message", "")), dict(error)).to_wire()}
