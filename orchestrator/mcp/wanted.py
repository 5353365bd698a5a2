"""What a request to a server of the newer era says beside itself: whose it is, and whether it may become a task.

Used by ``relay``. Pure: the request is changed, nothing is asked or stored.
"""

from collections.abc import Mapping
from typing import Any

from mcp.shared.dispatcher import CallOptions
from mcp.shared.inbound import MCP_NAME_HEADER, encode_header_value
from mcp_types import CLIENT_CAPABILITIES_META_KEY, CLIENT_INFO_META_KEY, LOG_LEVEL_META_KEY

from orchestrator.mcp.conversation import Conversation
from orchestrator.mcp.tasks import METHODS as TASK_METHODS
from orchestrator.mcp.tasks import takes_tasks, taking_tasks, well_formed


def speak_for(meta: dict[str, Any], behind: Conversation | None) -> None:
    """Say of a request whose it is."""
    if behind is None:
        return
    meta[CLIENT_CAPABILITIES_META_KEY] = dict(behind.capabilities)
    if (info := behind.info) is not None:
        meta[CLIENT_INFO_META_KEY] = info
    if behind.log_level is not None:
        meta[LOG_LEVEL_META_KEY] = behind.log_level


def mind_tasks(data: dict[str, Any], options: CallOptions, *, polled: bool) -> None:
    """What the tasks extension wants of a request: the task's id in a header, and ``polled`` calls may become tasks."""
    method, params = data["method"], data["params"]
    if method in TASK_METHODS:
        options.setdefault("headers", {})[MCP_NAME_HEADER] = encode_header_value(str(params.get("taskId")))
    if polled and (method == "tools/call" or method in TASK_METHODS):
        meta = params["_meta"]
        meta[CLIENT_CAPABILITIES_META_KEY] = taking_tasks(meta[CLIENT_CAPABILITIES_META_KEY])


def may_be_task(data: Mapping[str, Any], result: Mapping[str, Any]) -> bool:
    """Whether a task was to be expected and can be followed; anything else is judged as a result of its method."""
    meta = data["params"].get("_meta") or {}
    declared = takes_tasks(meta.get(CLIENT_CAPABILITIES_META_KEY))
    return data["method"] == "tools/call" and declared and well_formed(result)
