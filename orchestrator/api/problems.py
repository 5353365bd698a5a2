"""Errors as RFC 9457 problem documents with a stable ``code`` and the request id. Internals never leak.

Registered by ``main``; every door answers through it. What is not an OrchestratorError is logged and told as 500.
"""

import re
from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from orchestrator.core.errors import OrchestratorError

log = structlog.get_logger(__name__)

_TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    422: "Invalid input",
    424: "Credentials needed",
    428: "Consent needed",
    429: "Too many requests",
    500: "Internal error",
    502: "A server behind us failed",
    503: "Unavailable",
    504: "Timed out",
}
_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}


class Problem(BaseModel):
    """An RFC 9457 problem document."""

    type: str = Field(description="A URN naming the kind of problem: urn:orchestrator:problem:<code>.")
    title: str = Field(description="The kind in words.")
    status: int = Field(description="The HTTP status.")
    code: str = Field(description="Stable machine-readable code.")
    detail: str = Field(description="What went wrong this time.")
    field: str | None = Field(None, description="The part of the input at fault, dotted.")
    hint: str | None = Field(None, description="What would help.")
    details: Any | None = Field(None, description="More about this problem.")
    request_id: str | None = Field(None, description="Quote it when you report the problem.")


def problem(request: Request, status: int, code: str, detail: str, **more: Any) -> JSONResponse:
    """A problem answer."""
    body = {
        "type": f"urn:orchestrator:problem:{code}",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": getattr(request.state, "request_id", None),
    }
    headers: dict[str, str] = dict(more.pop("headers", None) or {})
    body |= {key: value for key, value in more.items() if value}
    return JSONResponse(body, status, headers=headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Answer every error of this application with a problem document."""
    app.add_exception_handler(OrchestratorError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, crashed)


async def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OrchestratorError)
    return told(request, error)


def told(request: Request, error: OrchestratorError) -> JSONResponse:
    """The answer that tells an error of ours."""
    headers = {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if "retry_after" in error.details:
        headers["Retry-After"] = str(int(error.details["retry_after"]) or 1)
    if error.status >= 500:
        log.warning("request_failed", code=error.code, error=error.message)
    return problem(
        request, error.status, error.code, error.message, field=error.field, hint=error.hint, details=error.details,
        headers=headers,
    )  # fmt: skip


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    faults = [{"field": _field(fault), "message": _message(fault)[:500]} for fault in error.errors()[:20]]
    first = faults[0] if faults else {"field": "body", "message": "invalid"}
    detail = f"{first['field']}: {first['message']}"
    return problem(request, 422, "invalid_input", detail, field=first["field"], details={"errors": faults})


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return refused(request, error)


def refused(request: Request, error: HTTPException) -> JSONResponse:
    """The answer that tells a refusal of the framework's kind."""
    if error.status_code == 400:
        # The framework's word for a body it could not read at all: nested too deeply, or a broken form.
        detail = "body: cannot be read as what its content type says, or is nested too deeply"
        return problem(request, 422, "invalid_input", detail, field="body")
    code = _CODES.get(error.status_code, f"http_{error.status_code}")
    headers: Mapping[str, str] = error.headers or {}
    return problem(request, error.status_code, code, str(error.detail), headers=headers)


async def crashed(request: Request, error: Exception) -> JSONResponse:
    """The answer to a request during which something happened that nobody expected."""
    log.error("request_crashed", path=request.url.path, exc_info=error)
    return problem(request, 500, "internal_error", "something went wrong on our side; the log has it")


def _field(fault: Mapping[str, Any]) -> str:
    # Where JSON breaks off is a character's number and no field.
    return "body" if fault["type"] == "json_invalid" else _dotted(fault["loc"])


_PLACES = frozenset({"body", "query", "path", "header", "cookie"})
_TAG = re.compile(r"(?:str|int|float|bool|[A-Z]\w*|(?:constrained|function|tagged|lax|json|is|list|dict|set)[-\[].*)")
"""How pydantic names the alternatives of a union in a location. Fields of ours are in small letters, without dashes."""


def _dotted(location: tuple[Any, ...]) -> str:
    """The field as its caller wrote it: without the place it stands in, and without alternatives of a type."""
    place, *rest = location or ("body",)
    if place not in _PLACES:
        rest = list(location)
    if place == "header":
        return ".".join(str(part) for part in rest)[:200]
    parts = [str(part) for part in rest if isinstance(part, int) or not _TAG.fullmatch(str(part))]
    return ".".join(parts)[:200] or str(place)


def _message(fault: Mapping[str, Any]) -> str:
    if fault["type"] == "json_invalid":
        return f"not JSON: {fault.get('ctx', {}).get('error', 'it breaks off')} at character {fault['loc'][-1]}"
    return str(fault["msg"])
