"""Where the MCP door is: ``/mcp`` and ``/mcp/{name}``, found before anything of the framework looks at the request.

Plain ASGI around the application, whose layers a tool call would otherwise cross in both directions: they took a
seventh of it. Inside of the frame, and of CORS where pages elsewhere may call. Knows nothing of the protocol: that is
``mcp_door``.
"""

from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.api.mcp_door import McpDoor
from orchestrator.api.middleware import ANSWERED, RequestFrame
from orchestrator.api.problems import crashed, told
from orchestrator.core.errors import OrchestratorError

_PATH = "/mcp"


class McpPaths:
    """Hands the door its requests, and the application all others."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for the door."""
        name = _endpoint_name(scope["path"]) if scope["type"] == "http" else None
        if name is None:
            await self._app(scope, receive, send)
            return
        scope["path_params"] = {"name": name}
        scope["extensions"] = {}  # the layers around know heads and bodies, no answers in one piece
        await _through_the_door(scope, receive, send)


class DoorFirst(FastAPI):
    """The application, whose own layers requests for the door do not cross once ``open_door`` was called."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self._door: ASGIApp | None = None

    @property
    def is_watched(self) -> bool:
        """Whether somebody collects spans, measures or logs of OpenTelemetry, which the framework makes of requests."""
        return self._native_telemetry.enabled()

    def open_door(self, max_body_bytes: int) -> None:
        """From now on they cross the frame and nothing else; an error nobody expected is told as everywhere.

        Not where requests are watched: that takes the framework's layers.
        """
        self._door = None if self.is_watched else RequestFrame(_through_the_door, max_body_bytes=max_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        door = self._door
        name = _endpoint_name(scope["path"]) if door is not None and scope["type"] == "http" else None
        if door is None or name is None:
            await super().__call__(scope, receive, send)
            return
        scope["app"] = self
        scope["path_params"] = {"name": name}
        try:
            await door(scope, receive, send)
        except Exception as error:
            if not scope["state"].get(ANSWERED):
                await (await crashed(Request(scope), error))(scope, receive, send)
            raise


async def _through_the_door(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request for the door; its errors are problem documents like everybody's."""
    door: McpDoor = scope["app"].state.mcp_door
    try:
        await door.handle(scope, receive, send)
    except OrchestratorError as error:
        await told(Request(scope), error)(scope, receive, send)


def _endpoint_name(path: str) -> str | None:
    """The endpoint that a path names, "" for the one without a name; None for a path that is not the door's."""
    if not path.startswith(_PATH):
        return None
    rest = path[len(_PATH) :]
    if rest in ("", "/"):
        return ""
    return rest[1:] if rest[0] == "/" and "/" not in rest[1:] else None
