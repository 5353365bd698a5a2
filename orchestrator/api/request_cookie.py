"""The cookie that carries a program's request from /oauth/authorize to the person's decision in the console.

Sealed, so that only we can make or read it; HttpOnly, ten minutes, and sent to the two routes of its own request only,
so that several programs can ask at once. Used by the authorize door and the account doors.
"""

from fastapi import Request, Response

from orchestrator.services.authorization_requests import REQUEST_SECONDS

_NAME = "orc_request"


def put(response: Response, request_id: str, sealed: str, *, secure: bool) -> None:
    """Hand the request to this browser."""
    response.set_cookie(
        _NAME, sealed, max_age=REQUEST_SECONDS, path=_path(request_id), httponly=True, samesite="lax",
        secure=secure,
    )  # fmt: skip


def read(request: Request) -> str | None:
    """The sealed request; None when this browser was handed none of that id."""
    return request.cookies.get(_NAME)


def clear(response: Response, request_id: str, *, secure: bool) -> None:
    """Take it back: it was decided."""
    response.delete_cookie(_NAME, path=_path(request_id), httponly=True, samesite="lax", secure=secure)


def _path(request_id: str) -> str:
    return f"/api/v1/user/applications/requests/{request_id}"
