"""Messages of MCP as they go over stdio, and the headers that go with them over HTTP; pure functions.

Used by the stdio door. A line is read only to learn whose it is; what is sent on is the line itself. Errors made here
are those of a request that no service answered.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pydantic_core

from orchestrator.core.errors import Forbidden, InvalidInput, NotAuthenticated, OrchestratorError, TimedOut, Unavailable
from orchestrator.mcp.lines import Oversized

PARSE_ERROR, INVALID_REQUEST, INTERNAL_ERROR, HEADER_MISMATCH = -32700, -32600, -32603, -32020
_CODES = ((NotAuthenticated, -32010), (Forbidden, -32010), (TimedOut, -32001), (Unavailable, -32000),
          (InvalidInput, INVALID_REQUEST))  # fmt: skip
"""As the service and the SDK number them."""
_VERSION = "io.modelcontextprotocol/protocolVersion"
_NAMED_BY = {
    "tools/call": "name", "prompts/get": "name", "resources/read": "uri",
    "tasks/get": "taskId", "tasks/update": "taskId", "tasks/cancel": "taskId",
}  # fmt: skip
"""What the newer era repeats in ``Mcp-Name``."""
_LOOKS_ENCODED = re.compile(r"=\?base64\?.*\?=")
_PLAIN = re.compile(r"[\x20-\x7E]*")
_ID = rb'"id"\s*:\s*(-?\d{1,18}|"(?:[^"\\]|\\.){0,200}")'
_ID_FIRST = re.compile(rb"^\s*\{[^{}\[\]]*?" + _ID)
_ID_LAST = re.compile(rb"[,{]\s*" + _ID + rb"\s*\}\s*$")

RequestId = str | int


class Unreadable(Exception):
    """A line that is no message; ``answer`` says so to whoever sent it."""

    def __init__(self, code: int, said: str, request_id: RequestId | None = None) -> None:
        super().__init__(said)
        self.answer = _error(request_id, {"code": code, "message": said})


@dataclass(frozen=True, slots=True)
class Message:
    """One line, and what it says of itself."""

    line: bytes
    wire: Mapping[str, Any]

    @property
    def id(self) -> Any:
        """The id of a request or an answer."""
        return self.wire.get("id")

    @property
    def method(self) -> str | None:
        """The method; an answer has none."""
        return self.wire.get("method")

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters; nothing where they are no object."""
        told = self.wire.get("params")
        return told if isinstance(told, Mapping) else {}

    @property
    def version(self) -> str | None:
        """The revision a request of the newer era names; None in the older one."""
        meta = self.params.get("_meta")
        told = meta.get(_VERSION) if isinstance(meta, Mapping) else None
        return told if isinstance(told, str) else None


def read(line: bytes | Oversized) -> Message:
    """The message of a line. Raises Unreadable."""
    if isinstance(line, Oversized):
        found = _ID_FIRST.search(line.head) or _ID_LAST.search(line.tail)
        asks = b'"method"' in line.head + line.tail
        raise Unreadable(
            INVALID_REQUEST, "This message is too large.", json.loads(found[1]) if found and asks else None
        )
    try:
        wire = pydantic_core.from_json(line)
    except ValueError as error:
        raise Unreadable(PARSE_ERROR, f"This line is no JSON: {error}") from error
    if isinstance(wire, list):
        raise Unreadable(INVALID_REQUEST, "Messages come one by one: batches are not in the protocol any more.")
    if not isinstance(wire, dict) or wire.get("jsonrpc") != "2.0":
        raise Unreadable(INVALID_REQUEST, "This line is no message of JSON-RPC 2.0.", _id_of(wire))
    if "id" in wire and _id_of(wire) is None:
        raise Unreadable(INVALID_REQUEST, "The id of a message is a string or an integer.")
    if not isinstance(wire.get("method", ""), str):
        raise Unreadable(INVALID_REQUEST, "The method of a message is a string.", _id_of(wire))
    return Message(line, wire)


def routing_headers(message: Message) -> dict[str, str]:
    """What a request of the newer era repeats in headers, arguments of tools apart. Raises InvalidInput."""
    method, key = str(message.method), _NAMED_BY.get(str(message.method))
    headers = {"MCP-Protocol-Version": header_value(str(message.version)), "Mcp-Method": header_value(method)}
    name = message.params.get(key) if key else None
    return headers | ({"Mcp-Name": header_value(name)} if isinstance(name, str) else {})


def header_value(text: str) -> str:
    """A text as it may stand in a header; as the protocol writes what may not. Raises InvalidInput."""
    if _PLAIN.fullmatch(text) and text == text.strip() and not _LOOKS_ENCODED.fullmatch(text):
        return text
    try:
        return f"=?base64?{base64.b64encode(text.encode()).decode()}?="
    except UnicodeEncodeError as error:
        raise InvalidInput("A name holds half a character.") from error


def failure(request_id: RequestId | None, error: OrchestratorError) -> bytes:
    """The answer to a request that the service did not answer."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), INTERNAL_ERROR)
    said = f"{error.message} {error.hint}" if error.hint else error.message
    return _error(request_id, {"code": code, "message": said, "data": error.as_dict()})


def answered_as(wire: Mapping[str, Any], request_id: RequestId) -> bytes:
    """An answer under the id of the request it came for: refusals come without one."""
    return pydantic_core.to_json({**wire, "id": request_id}, inf_nan_mode="constants")


def notice(method: str, **params: Any) -> bytes:
    """A notification."""
    return pydantic_core.to_json({"jsonrpc": "2.0", "method": method} | ({"params": params} if params else {}))


def one_line(json_text: bytes) -> bytes:
    """The same JSON without line breaks, which stand between its parts only."""
    return json_text.replace(b"\r", b" ").replace(b"\n", b" ")


def _error(request_id: RequestId | None, error: Mapping[str, Any]) -> bytes:
    return pydantic_core.to_json({"jsonrpc": "2.0", "id": request_id, "error": error})


def _id_of(wire: object) -> RequestId | None:
    found = wire.get("id") if isinstance(wire, Mapping) else None
    return found if isinstance(found, str | int) and not isinstance(found, bool) else None
