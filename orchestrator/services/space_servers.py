"""A user's Hugging Face Spaces that carry an MCP server: found on the Hub, and registered as servers with one call.

Used by the doors of Spaces. As a server a Space is called with the token its owner had linked when it was registered;
registering it again brings the present one. Spaces as places for heavy work are ``space_service``.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urljoin
from uuid import UUID

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict
from orchestrator.services.hf_service import HFService, Space
from orchestrator.services.mcp_registry import McpRegistry
from orchestrator.services.server_entry import ServerEntry
from orchestrator.services.space_service import GRADIO_MCP_PATH

TokenOf = Callable[[UUID], Awaitable[str | None]]

TAG = "mcp-server"
"""What the Hub tags a Space with that was launched as an MCP server."""
_MOST_ORGANIZATIONS = 20


@dataclass(frozen=True, slots=True)
class Candidate:
    """A Space that says it carries an MCP server. ``url`` is None while it has no application."""

    space: Space
    url: str | None
    registered: ServerEntry | None


class SpaceServers:
    """Finds and registers them."""

    def __init__(self, registry: McpRegistry, huggingface: HFService, token_of: TokenOf) -> None:
        self._registry = registry
        self._huggingface = huggingface
        self._token_of = token_of

    async def discover(self, caller: Caller) -> list[Candidate]:
        """The Spaces of the user and of their organisations that carry an MCP server, by name."""
        account = self._huggingface.for_token(await self._token_of(caller.user_id) or "")
        user = await account.whoami()
        found: dict[str, Space] = {}
        for author in (user.name, *user.organizations[:_MOST_ORGANIZATIONS]):
            found |= {space.id: space for space in await account.list_spaces(author, tag=TAG)}
        mine = await self._mine(caller)
        candidates = [(space, _url(space, GRADIO_MCP_PATH)) for _, space in sorted(found.items())]
        return [Candidate(space, url, mine.get(url or "")) for space, url in candidates]

    async def register(
        self, caller: Caller, space_id: str, *, name: str | None = None, mcp_path: str = GRADIO_MCP_PATH
    ) -> ServerEntry:
        """Register a Space as the caller's own server with their own token; one that is registered gets the token."""
        token = await self._token_of(caller.user_id) or ""
        space = await self._huggingface.for_token(token).space_info(space_id)
        url = _url(space, mcp_path)
        if url is None:
            raise Conflict(f"the Space {space.id} has no running application: it is {space.stage}", field="space_id")
        headers = {"Authorization": f"Bearer {token}"}
        known = (await self._mine(caller)).get(url)
        if known is not None:
            return await self._registry.change(caller, known.id, {"headers": headers})
        values = {
            "name": name or space.id.replace("/", "."), "transport": "streamable_http", "url": url,
            "headers": headers, "description": f"Hugging Face Space {space.id}",
        }  # fmt: skip
        return await self._registry.create(caller, values)

    async def _mine(self, caller: Caller) -> dict[str, ServerEntry]:
        entries = await self._registry.visible(caller.user_id)
        return {entry.url: entry for entry in entries if entry.owner_id == caller.user_id and entry.url}


def _url(space: Space, path: str) -> str | None:
    return urljoin(space.host, path) if space.host else None
