"""Turns the SDK's errors into ours. Used by ``session``; what is no ``MCPError`` is translated where it is caught."""

from typing import Any

from mcp import MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    REQUEST_TIMEOUT,
    UNSUPPORTED_PROTOCOL_VERSION,
)

from orchestrator.core.errors import (
    CredentialsNeeded,
    InvalidInput,
    NotConfigured,
    OrchestratorError,
    ServerMisbehaved,
    ServerUnreachable,
    TimedOut,
    ToolFailed,
)
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.wire_errors import ANSWER_TOO_LARGE, CREDENTIALS, DENIED, EXPIRED, MISBEHAVED, UNREACHABLE

_OURS = frozenset(
    {ANSWER_TOO_LARGE, CREDENTIALS, DENIED, EXPIRED, MISBEHAVED, UNREACHABLE, CONNECTION_CLOSED, REQUEST_TIMEOUT}
)
"""Codes that tell of the connection, not of the request."""


class SessionExpired(ServerUnreachable):
    """The server forgot the session before it looked at the request: asking again on a new one is safe."""


def translate(error: MCPError, definition: ServerDefinition, words: str, *, during: str) -> OrchestratorError:
    """Our error for an answer that is an error; ``during`` is the tool or method that was asked."""
    name = f"MCP server {definition.name!r}"
    message = _redacted(error.message, definition)
    said = f" It said: {words}" if words else ""
    match error.code:
        case code if (code == CONNECTION_CLOSED and "byte limit" in message) or code == ANSWER_TOO_LARGE:
            return ServerMisbehaved(f"The answer of {name} to {during!r} is too large: {message}.")
        case code if code in (CONNECTION_CLOSED, UNREACHABLE):
            return ServerUnreachable(f"{name} cannot be reached: {message}.{said}")
        case code if code == EXPIRED:
            return SessionExpired(f"{name} says that the session has expired.")
        case code if code in (CREDENTIALS, DENIED):
            return _denied(error, name, message)
        case code if code == REQUEST_TIMEOUT:
            return TimedOut(f"{name} did not answer {during!r} in time.{said}")
        case code if code in (MISBEHAVED, PARSE_ERROR, UNSUPPORTED_PROTOCOL_VERSION):
            return ServerMisbehaved(f"{name} broke the protocol at {during!r}: {message}.")
        case code if code == METHOD_NOT_FOUND:
            return ServerMisbehaved(f"{name} does not know what it offered: {during!r} ({message}).")
        case code if code == INVALID_PARAMS and during != "start":
            return InvalidInput(f"{name} refused the arguments of {during!r}: {message}", field="arguments")
        case code if during == "start":
            return ServerUnreachable(f"{name} refused the connection: {message} ({code}).{said}")
        case code:
            return ToolFailed(f"{during!r} of {name} failed: {message}", details={"code": code})


def _denied(error: MCPError, name: str, message: str) -> OrchestratorError:
    """Our own error again, which the SDK carried as data, or what to set in the entry."""
    if error.code == CREDENTIALS:
        told = error.data
        return CredentialsNeeded(told["message"], hint=told.get("hint"), details=told.get("details"))
    hint = "Set the headers of this entry, usually Authorization, to what the server wants."
    if "OAuth" in message:
        hint = "Set oauth of this entry to shared or per_user, then connect."
    return NotConfigured(f"{name} refused our credentials ({message}).", hint=hint)


def original_error(error: BaseException | None) -> tuple[int, str, Any] | None:
    """Code, message and data as the server gave them, where an error of ours was made of its own; else None."""
    cause = error.__cause__ if error is not None else None
    if not isinstance(cause, MCPError) or cause.code in _OURS:
        return None
    return cause.code, cause.message, cause.data


def _redacted(message: str, definition: ServerDefinition) -> str:
    for secret in definition.secrets:
        message = message.replace(secret, "***")
    return message[:2000]
