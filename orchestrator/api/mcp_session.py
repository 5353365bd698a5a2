"""One session of the older era as the short way knows it: its calls under way, and questions its client may answer.

Used by the short way and its replies. The SDK opens and ends sessions; here it is told that one is in use.
"""

import asyncio
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from mcp import MCPError
from mcp.server.connection import Connection
from mcp.server.streamable_http import StreamableHTTPServerTransport

from orchestrator.api.mcp_clients import Client

IDLE_SECONDS = 1800.0
_QUESTION = "orchestrator-"


@dataclass(eq=False)
class Session:
    """One session of the older era, as far as the short way knows it."""

    id: str
    owner: object
    connection: Connection
    transport: StreamableHTTPServerTransport
    client: Client
    plain_client: Client
    running: dict[str | int, asyncio.Task[Any]] = field(default_factory=dict)
    asked: dict[str, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)

    def hold(self) -> None:
        """As the SDK does it for its own requests: no session is idle while one is under way."""
        self.transport._requests_in_flight += 1
        if self.transport.idle_scope is not None:
            self.transport.idle_scope.deadline = math.inf

    def release(self) -> None:
        """It has ended."""
        transport, scope = self.transport, self.transport.idle_scope
        transport._requests_in_flight -= 1
        if scope is not None and not transport._requests_in_flight:
            scope.deadline = asyncio.get_running_loop().time() + IDLE_SECONDS  # the clock of its scopes here

    @contextmanager
    def question(self) -> Iterator[tuple[str, asyncio.Future[dict[str, Any]]]]:
        """A question under way: its id, and its answer to come."""
        key = _QUESTION + token_hex(8)
        answer = self.asked[key] = asyncio.get_running_loop().create_future()
        try:
            yield key, answer
        finally:
            del self.asked[key]

    def take(self, message: Mapping[str, Any]) -> bool:
        """An answer to a question of ours, or word that a request of ours is to be given up; else False."""
        if message.get("method") == "notifications/cancelled":
            params = message.get("params")
            request_id = params.get("requestId") if isinstance(params, Mapping) else None
            task = self.running.get(request_id) if isinstance(request_id, str | int) else None
            return task is not None and task.cancel()
        key = message.get("id")
        answer = self.asked.get(key) if isinstance(key, str) else None
        if answer is None or answer.done() or "method" in message:
            return False
        error = message.get("error")
        if isinstance(error, Mapping) and isinstance(error.get("code"), int):
            answer.set_exception(MCPError(error["code"], str(error.get("message", "")), error.get("data")))
        else:
            result = message.get("result")
            answer.set_result(dict(result) if isinstance(result, Mapping) else {})
        return True

    def end(self) -> None:
        """Calls of a session end with it."""
        for task in list(self.running.values()):
            task.cancel()
