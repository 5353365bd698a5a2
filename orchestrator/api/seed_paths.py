"""The paths as the first documents wrote them: ``/api/tasks`` is answered as ``/api/v1/tasks``.

Plain ASGI in front of the routes. Including every router a second time would do the same, and double what each process
builds at its start and what each request is compared with.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

_PREFIX = "/api/"
_VERSIONED = "/api/v1"


class SeedPaths:
    """Rewrites unversioned API paths."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, unversioned API paths with their version."""
        path = scope.get("path", "")
        if path.startswith(_PREFIX) and not path.startswith(f"{_VERSIONED}/") and path != _VERSIONED:
            raw = scope.get("raw_path") or path.encode()
            scope = {**scope, "path": _VERSIONED + path[4:], "raw_path": _VERSIONED.encode() + raw[4:]}
        await self._app(scope, receive, send)
