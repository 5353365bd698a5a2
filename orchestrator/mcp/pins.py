"""The approved hashes of one server's tools, and what follows from them: which tools are trusted, which are held.

Part of a server's definition, so every call and every list of the pool obeys it; made by the registry. Live definitions
are compared, those of the very session that a call uses. What is approved, and by whom, is decided by services.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from orchestrator.core.errors import ToolQuarantined
from orchestrator.mcp.result import ToolInfo

FirstSight = Callable[[tuple[ToolInfo, ...]], Awaitable[Mapping[str, str]]]
"""Stores what a server shows for the first time; returns what is approved from then on."""
Shown = Callable[[tuple[ToolInfo, ...], Mapping[str, object]], Awaitable[None]]
"""Told what a session shows that declared these capabilities, where some of it is not approved."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """A server's tools: those that may be listed and called, and those that wait for somebody to approve them."""

    trusted: tuple[ToolInfo, ...] = ()
    held: tuple[ToolInfo, ...] = ()


def sort_tools(tools: Iterable[ToolInfo], hashes: Mapping[str, str]) -> Sorted:
    """Each tool is trusted when its definition is the approved one, to the letter."""
    trusted: list[ToolInfo] = []
    held: list[ToolInfo] = []
    for tool in tools:
        (trusted if is_approved(tool, hashes) else held).append(tool)
    return Sorted(tuple(trusted), tuple(held))


def is_approved(tool: ToolInfo, hashes: Mapping[str, str]) -> bool:
    """Whether this is the approved definition of the tool."""
    return bool(tool.fingerprint) and hashes.get(tool.name) == tool.fingerprint


@dataclass(frozen=True, slots=True)
class Pins:
    """Approved hashes by tool; ``first_sight`` stands where nothing was ever seen of the server."""

    hashes: Mapping[str, str]
    first_sight: FirstSight | None = None
    on_shown: Shown | None = None

    async def note(self, tools: tuple[ToolInfo, ...], capabilities: Mapping[str, object]) -> None:
        """A session of a client that can be asked shows this list: what of it is held can be looked at from now on."""
        if self.on_shown is not None and sort_tools(tools, self.hashes).held:
            await self.on_shown(tools, capabilities)

    async def sort(self, tools: tuple[ToolInfo, ...]) -> Sorted:
        """A live list, sorted."""
        return sort_tools(tools, await self._approved(tools))

    def know(self, tool: ToolInfo | None) -> bool:
        """Whether this live definition is an approved one, as far as that can be said without asking anybody."""
        return tool is not None and self.first_sight is None and is_approved(tool, self.hashes)

    async def require(self, server: str, name: str, tool: ToolInfo | None, tools: tuple[ToolInfo, ...]) -> None:
        """Raise ToolQuarantined unless the live definition is the approved one. ``tool`` None: no list shows it."""
        hashes = await self._approved(tools)
        if tool is not None and is_approved(tool, hashes):
            return
        if tool is None:
            message = f"MCP server {server!r} does not list the tool {name[:100]!r}, so that nobody could approve it."
        elif name in hashes:
            message = f"The definition of tool {name[:100]!r} of MCP server {server!r} is not the approved one."
        else:
            message = f"The tool {name[:100]!r} of MCP server {server!r} is new and not approved yet."
        raise ToolQuarantined(
            message,
            field="tool",
            hint="Whoever may change the server's entry reads the difference and approves or rejects it.",
            details={"approved": hashes.get(name), "live": tool.fingerprint if tool else None},
        )

    async def _approved(self, tools: tuple[ToolInfo, ...]) -> Mapping[str, str]:
        return self.hashes if self.first_sight is None else await self.first_sight(tools)


class SortedLists:
    """Lists that were sorted: the very same again for the same list and pins, since others know it by that."""

    def __init__(self) -> None:
        self.kept: dict[tuple[UUID, str], tuple[tuple[ToolInfo, ...], Pins | None, Sorted]] = {}

    def of(self, key: tuple[UUID, str], tools: tuple[ToolInfo, ...], pins: Pins | None) -> Sorted:
        """A list, sorted by pins that know of it; without pins all is trusted."""
        kept = self.kept.get(key)
        if kept is None or kept[0] is not tools or kept[1] is not pins:
            found = Sorted(tools) if pins is None else sort_tools(tools, pins.hashes)
            kept = self.kept[key] = (tools, pins, found)
        return kept[2]
