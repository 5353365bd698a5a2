"""The console's session cookie and the guard against cross-site requests that goes with it.

Used by the caller dependency and the account routes. The cookie is HttpOnly, SameSite=Lax, and Secure where the service
is reached by https. Requests that change something must carry the session's CSRF token and may come only from our own
pages. Requests with a bearer token never get here.
"""

from urllib.parse import urlsplit

from fastapi import Request, Response

from orchestrator.bootstrap import Container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.errors import Forbidden

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DAY = 24 * 3600


def cookie_name(settings: Settings, name: str = "orc_session") -> str:
    """The cookie's name; over https browsers keep a ``__Host-`` cookie from being set by a neighbouring host."""
    return f"__Host-{name}" if is_secure(settings) else name


def is_secure(settings: Settings) -> bool:
    """Whether users reach the service by https."""
    return settings.base_url.startswith("https://")


def read(request: Request, settings: Settings) -> str | None:
    """The value of the session cookie; None when the browser sent none."""
    return request.cookies.get(cookie_name(settings))


def set_session(response: Response, settings: Settings, secret: str) -> None:
    """Put the session cookie on the browser, for as long as an unused session lives."""
    response.set_cookie(
        cookie_name(settings), secret, max_age=settings.refresh_token_days * _DAY, path="/",
        secure=is_secure(settings), httponly=True, samesite="lax",
    )  # fmt: skip


def clear_session(response: Response, settings: Settings) -> None:
    """Take the session cookie off the browser."""
    response.delete_cookie(cookie_name(settings), path="/", secure=is_secure(settings), httponly=True, samesite="lax")


def guard(request: Request, container: Container, caller: Caller) -> None:
    """Raise Forbidden when a request with a session cookie could have been made by another site."""
    if request.method in _SAFE_METHODS:
        return
    require_own_origin(request, container.settings)
    given = request.headers.get("x-csrf-token", "")
    if caller.session_id is None or not container.tokens.csrf_matches(caller.session_id, given):
        hint = "send the csrf_token of GET /api/v1/user/profile"
        raise Forbidden("the X-CSRF-Token header is missing or of another session", field="X-CSRF-Token", hint=hint)


def require_own_origin(request: Request, settings: Settings) -> None:
    """Raise Forbidden when the browser says that the request comes from a page that is not ours."""
    origin = request.headers.get("origin")
    if origin is None:
        if request.headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
            return
        raise Forbidden("requests from other sites are refused", field="Sec-Fetch-Site")
    allowed = {_origin(settings.base_url), *(part.strip().rstrip("/") for part in settings.cors_origins.split(","))}
    if origin not in allowed and urlsplit(origin).netloc != request.headers.get("host"):
        raise Forbidden("requests from other origins are refused", field="Origin")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
