"""How a tool call ended, in a closed list of words, and the digest that stands for its arguments in every record.

Used by the gate, the record of calls and consent. Pure.
"""

from enum import StrEnum
from hashlib import sha256
from typing import Any

import orjson

from orchestrator.core.errors import (
    Cancelled,
    InvalidInput,
    NotFound,
    OrchestratorError,
    ServerMisbehaved,
    ServerUnreachable,
    TimedOut,
    ToolFailed,
    ToolQuarantined,
    Unavailable,
)
from orchestrator.core.jsonsafe import storable


class Outcome(StrEnum):
    """How a call ended. ``refused``: it was never made; the reason beside it says why."""

    OK = "ok"
    INPUT_REQUIRED = "input_required"
    TOOL_ERROR = "tool_error"
    INVALID_INPUT = "invalid_input"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    UNREACHABLE = "unreachable"
    MISBEHAVED = "misbehaved"
    FAILED = "failed"


ERRORS = frozenset(Outcome) - {Outcome.OK, Outcome.INPUT_REQUIRED, Outcome.REFUSED, Outcome.CANCELLED}
"""What counts as an error in statistics."""

_KINDS: tuple[tuple[type[OrchestratorError], Outcome], ...] = (
    (Cancelled, Outcome.CANCELLED),
    (ToolQuarantined, Outcome.REFUSED),
    (TimedOut, Outcome.TIMEOUT),
    (ServerUnreachable, Outcome.UNREACHABLE),
    (Unavailable, Outcome.UNREACHABLE),
    (ServerMisbehaved, Outcome.MISBEHAVED),
    (ToolFailed, Outcome.TOOL_ERROR),
    (InvalidInput, Outcome.INVALID_INPUT),
    (NotFound, Outcome.INVALID_INPUT),
)


def outcome_of(error: BaseException, *, admitted: bool) -> tuple[Outcome, str | None]:
    """The outcome and the code of what was raised; before a call was admitted an error of ours is a refusal."""
    if not isinstance(error, OrchestratorError):
        is_error = isinstance(error, Exception)
        return (Outcome.FAILED, "internal_error") if is_error else (Outcome.CANCELLED, None)
    if not admitted:
        return Outcome.REFUSED, error.code
    return next((outcome for kind, outcome in _KINDS if isinstance(error, kind)), Outcome.FAILED), error.code


def digest_of(value: Any) -> str:
    """SHA-256 of the canonical JSON: keys sorted, no spaces, UTF-8."""
    try:
        encoded = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # what is no JSON: half a surrogate pair, a number of more than 64 bits
        encoded = orjson.dumps(storable(value), option=orjson.OPT_SORT_KEYS)
    return sha256(encoded).hexdigest()
