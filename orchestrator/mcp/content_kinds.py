"""Results as they are judged: the plainest are known to be right, and content of kinds yet to come is set aside.

Used by ``relay``, whose check knows a closed list of kinds and costs a tenth of a call. A gateway is older than some of
its servers and clients: what a block of a future kind means is between those two, so it passes.
"""

from collections.abc import Mapping
from typing import Any

_KINDS = frozenset({"text", "image", "audio", "resource", "resource_link"})
_PLAIN = frozenset({"content", "structuredContent", "isError", "resultType", "_meta"})
_STAND_IN = {"type": "text", "text": ""}


def judged(method: str, result: Mapping[str, Any]) -> Mapping[str, Any]:
    """The result with stand-ins for such blocks; the very same where there are none."""
    if method == "tools/call":
        return _without_future(result)
    if method != "prompts/get" or not isinstance(messages := result.get("messages"), list):
        return result
    return {**result, "messages": [_of_message(one) for one in messages]}


def surely_right(method: str, result: Mapping[str, Any]) -> bool:
    """Whether this is a tool's plain text, with an object beside it or none: a right result in every revision."""
    if method != "tools/call" or not result.keys() <= _PLAIN or result.get("resultType", "complete") != "complete":
        return False
    content = result.get("content")
    return (
        isinstance(content, list)
        and all(map(_is_plain_text, content))
        and isinstance(result.get("isError", False), bool)
        and isinstance(result.get("structuredContent", {}), dict)
        and isinstance(result.get("_meta", {}), dict)
    )


def _is_plain_text(block: object) -> bool:
    return type(block) is dict and len(block) == 2 and block.get("type") == "text" and type(block.get("text")) is str


def _of_message(message: object) -> object:
    if not isinstance(message, Mapping):
        return message
    content = message.get("content")
    return {**message, "content": _STAND_IN} if _is_future(content) else message


def _without_future(result: Mapping[str, Any]) -> Mapping[str, Any]:
    blocks = result.get("content")
    if not isinstance(blocks, list) or not any(map(_is_future, blocks)):
        return result
    return {**result, "content": [_STAND_IN if _is_future(one) else one for one in blocks]}


def _is_future(block: object) -> bool:
    if not isinstance(block, Mapping):
        return False
    kind = block.get("type")
    return isinstance(kind, str) and bool(kind) and kind not in _KINDS
