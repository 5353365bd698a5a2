"""Words and shapes of the tasks extension of MCP (``io.modelcontextprotocol/tasks``), for both sides of the gateway.

Used by ``relay``, ``task_polling`` and the MCP door. Nothing is asked or stored here.
"""

from collections.abc import Mapping
from typing import Any

EXTENSION = "io.modelcontextprotocol/tasks"
METHODS = frozenset({"tasks/get", "tasks/update", "tasks/cancel"})
STATUSES = frozenset({"working", "input_required", "completed", "failed", "cancelled"})
MAX_ID = 4096


def takes_tasks(capabilities: Mapping[str, Any] | None) -> bool:
    """Whether a client with these capabilities takes a task for an answer."""
    extensions = (capabilities or {}).get("extensions")
    return isinstance(extensions, Mapping) and EXTENSION in extensions


def taking_tasks(capabilities: Mapping[str, Any]) -> dict[str, Any]:
    """The same capabilities, with tasks among them."""
    return {**capabilities, "extensions": {**(capabilities.get("extensions") or {}), EXTENSION: {}}}


def is_task(wire: Mapping[str, Any]) -> bool:
    """Whether a result is a task instead."""
    return wire.get("resultType") == "task"


def well_formed(wire: Mapping[str, Any]) -> bool:
    """Whether a task can be followed at all: it has an id and a status of the protocol."""
    task_id = wire.get("taskId")
    return isinstance(task_id, str) and 0 < len(task_id) <= MAX_ID and wire.get("status") in STATUSES
