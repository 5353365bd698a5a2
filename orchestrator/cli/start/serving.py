"""Serves the application by uvicorn, which at its end waits for open connections: streams are hung up first.

Used by the ``api`` command.
"""

import asyncio
from types import FrameType
from typing import Any

import uvicorn

from orchestrator.cli.start.http_protocol import HeadWithBody
from orchestrator.config import Settings
from orchestrator.event_loop import Loop

_GRACE_SECONDS = 5


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, application: Any) -> None:
        super().__init__(config)
        self._application = application

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """On a signal to stop; called outside of any task."""
        door = getattr(self._application.state, "mcp_door", None)
        if door is not None:
            asyncio.get_event_loop().call_soon_threadsafe(door.hang_up)
        super().handle_exit(sig, frame)


def serve(application: Any, settings: Settings) -> None:
    """Serve until a signal says stop."""
    config = uvicorn.Config(
        application,
        host=settings.host,
        port=settings.port,
        http=HeadWithBody,
        loop=f"{Loop.__module__}:{Loop.__name__}",
        log_config=None,  # the application configures logging, for itself and for uvicorn
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,  # a call under way gets so long
    )
    _Server(config, application).run()
