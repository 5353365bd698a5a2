"""Asks a client of the MCP endpoint to have its user open an address: a server behind us wants their log-in first.

Used by the MCP door. A client that can be asked to open addresses is asked as its era has it: by the error that lists
what to open, or by ``input_required``, after which it calls again. Every other client gets the address in words.
"""

import secrets
from typing import Any

from mcp import MCPError
from mcp_types import URL_ELICITATION_REQUIRED

from orchestrator.api.mcp_conversation import capabilities_of
from orchestrator.api.mcp_relay import Exchange
from orchestrator.core.errors import CredentialsNeeded

_STATE = "orchestrator-login:"


def asked_to_log_in(exchange: Exchange, error: CredentialsNeeded) -> dict[str, Any] | None:
    """The question, for a client of the modern era that has not been asked yet; None where words have to do.

    Raises MCPError for a client of the older era that can be asked.
    """
    url = error.details.get("url")
    elicitation = capabilities_of(exchange.ctx).get("elicitation") or {}
    if not isinstance(url, str) or elicitation.get("url") is None or was_asked(exchange):
        return None
    question = {"mode": "url", "message": error.message, "url": url}
    if not exchange.modern:
        question["elicitationId"] = secrets.token_urlsafe(16)
        raise MCPError(URL_ELICITATION_REQUIRED, error.message, {"elicitations": [question]})
    asked = {"login": {"method": "elicitation/create", "params": question}}
    return {"resultType": "input_required", "inputRequests": asked, "requestState": f"{_STATE}{secrets.token_hex(8)}"}


def was_asked(exchange: Exchange) -> bool:
    """Whether this call comes again after its user was asked to log in."""
    return str(exchange.params.get("requestState", "")).startswith(_STATE)


def more_of(exchange: Exchange) -> dict[str, Any]:
    """All further parameters of a call, for the server behind us; which asked for no log-in and gets no answer."""
    ours = {"name", "arguments"} | ({"requestState", "inputResponses"} if was_asked(exchange) else set())
    return {key: value for key, value in exchange.forwarded.items() if key not in ours}
