"""What a service's refusal means to whoever called it, and where a service is.

Used by the HTTP client of the commands and by the stdio door of MCP, which loads no HTTP client of theirs. It sends
nothing.
"""

import ipaddress
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

from orchestrator.core.errors import InvalidInput, NotAuthenticated, OrchestratorError, Unavailable

START_HINT = "Start one with `make run`, or name another with ORCHESTRATOR_URL."
LOG_IN_HINT = "Log in with `orchestrator login`, or set ORCHESTRATOR_TOKEN to a personal API token."


def problem_told(status: int, body: bytes) -> OrchestratorError:
    """The error a problem document tells of; by its status alone where it is none."""
    try:
        told = json.loads(body)
        code, detail = str(told["code"]), str(told["detail"])
    except (ValueError, KeyError, TypeError):
        told, code, detail = {}, "", f"The answer was HTTP {status} without an explanation."
    kind = _BY_CODE.get(code) or (NotAuthenticated if status == 401 else InvalidInput if status < 500 else Unavailable)
    hint = told.get("hint") or (LOG_IN_HINT if status == 401 else None)
    details = told.get("details")
    return kind(detail, field=told.get("field"), hint=hint, details=details if isinstance(details, dict) else None)


def _leaves(kind: type[OrchestratorError]) -> Iterator[type[OrchestratorError]]:
    for below in kind.__subclasses__():
        yield below
        yield from _leaves(below)


_BY_CODE = {kind.code: kind for kind in _leaves(OrchestratorError)}


def is_here(url: str) -> bool:
    """Whether an address is one of this machine, which no proxy can reach."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
