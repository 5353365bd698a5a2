"""Answers of a server that are no answers of the protocol, made into errors, so that nobody waits for better ones.

Used by the stdio transport for lines that are no message. What carries no id of a request is not known here.
"""

from mcp_types import ErrorData, JSONRPCError
from pydantic_core import from_json

from orchestrator.mcp.wire_errors import MISBEHAVED


def misshapen_answer(line: bytes) -> JSONRPCError | None:
    """The error for whoever asked, where a line is meant as an answer; else None."""
    try:
        message = from_json(line)
    except ValueError:
        return None
    if not isinstance(message, dict) or "method" in message or not message.keys() & {"result", "error"}:
        return None
    key = message.get("id")
    if isinstance(key, bool) or not isinstance(key, int | str):
        return None
    told = "the result is no object" if "result" in message else "the error is none of JSON-RPC"
    return JSONRPCError(jsonrpc="2.0", id=key, error=ErrorData(code=MISBEHAVED, message=told))
