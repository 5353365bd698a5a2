"""How one session hears of changes: asked for resource by resource in the older era, on one stream in the newer.

Used by ``session``. A modern server acknowledges what it will tell of; what it leaves out is an error for whoever
asked, since nothing would ever come. Lists are trusted for a while only, so a server that tells nothing is no fault.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from mcp import MCPError
from pydantic import ValidationError

from orchestrator.core.errors import Conflict
from orchestrator.mcp.relay import RelaySession


class Listening:
    """What is wanted of one server, and the stream on which a modern one tells it."""

    def __init__(self, name: str, on_end: Callable[[], None]) -> None:
        self._name = name
        self._on_end = on_end
        self._watched: set[str] = set()
        self._stream: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()

    def begin(self, client: RelaySession) -> None:
        """Hear of lists that change, where a modern server offers to tell."""
        offered = client.server_capabilities
        parts = (offered.tools, offered.prompts, offered.resources) if offered is not None else ()
        if client.modern and any(part is not None and part.list_changed for part in parts):
            self._open(client)

    async def subscribe(self, client: RelaySession, uri: str) -> None:
        """Have a modern server tell of every change of a resource. Raises Conflict where it does not."""
        async with self._one_at_a_time:
            known = uri in self._watched
            self._watched.add(uri)
            if uri not in await self._anew(client):
                if not known:
                    self._watched.discard(uri)
                raise untold(self._name, uri)

    async def unsubscribe(self, client: RelaySession, uri: str) -> None:
        """No longer."""
        async with self._one_at_a_time:
            self._watched.discard(uri)
            await self._anew(client)

    def close(self) -> None:
        """Hear no more."""
        if self._stream is not None:
            self._stream.cancel()

    async def _anew(self, client: RelaySession) -> frozenset[str]:
        """For more or less: the old stream ends once the new one stands, so that no change falls in between.

        Returns the resources that the server agrees to tell of.
        """
        before = self._stream
        try:
            return await self._open(client)
        finally:
            if before is not None:
                before.cancel()

    def _open(self, client: RelaySession) -> asyncio.Future[frozenset[str]]:
        """A stream; what is returned gets the resources the server agrees to."""
        agreed: asyncio.Future[frozenset[str]] = asyncio.get_running_loop().create_future()
        self._stream = asyncio.create_task(self._listen(client, agreed), name=f"mcp listen {self._name}")
        return agreed

    async def _listen(self, client: RelaySession, agreed: asyncio.Future[frozenset[str]]) -> None:
        wanted: dict[str, Any] = {f"{kind}ListChanged": True for kind in ("tools", "prompts", "resources")}
        if self._watched:
            wanted["resourceSubscriptions"] = sorted(self._watched)
        try:
            await client.listen(wanted, agreed)
        except (MCPError, ValidationError):
            return  # it does not tell of changes; what it told is trusted for a while only
        finally:
            if not agreed.done():
                agreed.set_result(frozenset())
            self._on_end()


def untold(server: str, uri: str) -> Conflict:
    """The error for whoever wants to hear of a resource of which its server tells nothing."""
    return Conflict(f"MCP server {server!r} does not tell of changes of {uri[:200]!r}.", field="uri")
