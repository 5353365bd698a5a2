"""The tools of the MCP servers behind an endpoint, in one list with names of their own, deterministic.

Used by the MCP door. A server that is down hides only its own tools, and its standing says why. What the registry last
saw is enough for a list, so listing starts no server that is at rest; calling is the work of ``tool_calls``.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from orchestrator.core.caller import Caller
from orchestrator.core.errors import OrchestratorError, TimedOut
from orchestrator.core.routing import Health
from orchestrator.mcp.naming import SEPARATOR
from orchestrator.mcp.pins import is_approved
from orchestrator.mcp.pool import ServerPool
from orchestrator.mcp.result import ToolInfo
from orchestrator.services.call_gate import CallGate
from orchestrator.services.mcp_endpoint import EVERYTHING, Endpoint, labelled
from orchestrator.services.mcp_registry import McpRegistry
from orchestrator.services.server_entry import ServerEntry
from orchestrator.services.shown_tools import may_see

_MOST_TABLES = 1000
_MOST_VIEWS = 100
_MOST_LISTINGS = 4
_SHORTER = 5


@dataclass(frozen=True)
class OfferedTool:
    """One tool under the name it is offered by."""

    name: str
    entry: ServerEntry
    tool: ToolInfo
    unlisted: bool = False
    before: str = ""

    @property
    def names(self) -> tuple[str, str]:
        """The name before any rename, where there is one, and the one it is offered by."""
        return self.before or self.name, self.name

    @cached_property
    def mirrors_arguments(self) -> bool:
        """Whether its schema wants arguments repeated in headers."""
        return b'"x-mcp-header"' in self.tool.input_schema_json


@dataclass(frozen=True, slots=True)
class Standing:
    """How one server stands in a list. ``error`` is the error as our tree spells it."""

    server: str
    server_id: UUID
    status: str
    tools: int
    quarantined: int = 0
    error: Mapping[str, Any] | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Listing:
    """What a caller may call now, and how each server stands."""

    tools: tuple[OfferedTool, ...]
    servers: tuple[Standing, ...]


class _Now(NamedTuple):
    """How a server stands right now."""

    tools: Sequence[ToolInfo]
    quarantined: int = 0
    status: str = "ready"
    error: Mapping[str, Any] | None = None


@dataclass(slots=True)
class _Known:
    """What was made of the entries somebody sees; good for as long as they stay the same, for all who see the same."""

    entries: tuple[ServerEntry, ...]
    endpoint: Endpoint
    labels: Mapping[str, ServerEntry]
    tools: Mapping[str, OfferedTool]
    listings: list[tuple[list[_Now], list[Sequence[ToolInfo]], Listing]] = field(default_factory=list)

    def fits(self, entries: tuple[ServerEntry, ...], endpoint: Endpoint) -> bool:
        """Whether it was made of entries that say the same."""
        same = len(self.entries) == len(entries) and all(map(_same, self.entries, entries))
        if not same or self.endpoint != endpoint:
            return False
        # A probe makes entries anew. Known by what they are, they need not be read through at the next call.
        self.entries, self.endpoint = entries, endpoint
        return True


class McpCatalogue:
    """Merged lists of tools. ``seconds`` is how long a list waits for a server that has to be asked."""

    def __init__(self, registry: McpRegistry, pool: ServerPool, gate: CallGate, *, seconds: float = 0.5) -> None:
        self._registry = registry
        self._pool = pool
        self._gate = gate
        self._seconds = seconds
        self._tables: dict[tuple[UUID, str], _Known] = {}
        self._read: dict[tuple[UUID, str], tuple[tuple[ServerEntry, ...], Endpoint]] = {}
        self._asking: dict[tuple[UUID, str], tuple[ServerEntry, asyncio.Task[_Now], float]] = {}
        self._views: dict[tuple[str, tuple[UUID, ...]], _Known] = {}
        self._whole: dict[tuple[UUID, UUID | None], tuple[ServerEntry, _Now, _Now]] = {}

    async def listing(self, caller: Caller, endpoint: Endpoint = EVERYTHING, declared: str = "") -> Listing:
        """Every tool the caller may use here; servers that are not known to be well are asked, all at once.

        ``declared``: what its client said that it can be asked, as ``shown_tools`` writes it.
        """
        known = await self._known(caller, endpoint)
        entries = list(known.labels.values())
        found = [
            self._with_apart(entry, now) for entry, now in zip(entries, await self._found(caller, entries), strict=True)
        ]
        shown = [
            await self._gate.shown(caller, entry, _seen_with(declared, entry, now.tools))
            for entry, now in zip(entries, found, strict=True)
        ]
        for of_found, of_shown, listing in known.listings:
            if _said_same(of_found, found) and _shown_same(of_shown, shown):
                return listing
        made = self._listing(known, found, shown, [await self._note(entry) for entry in entries])
        # Those of what servers said before would keep all of its tools in memory.
        others = [one for one in known.listings if _said_same(one[0], found)]
        known.listings = [(found, shown, made), *others[: _MOST_LISTINGS - 1]]
        return made

    def _with_apart(self, entry: ServerEntry, now: _Now) -> _Now:
        """Also what the server shows only to clients that can be asked, so that it has the same name for all of them.

        The very same again for as long as nothing of it has changed.
        """
        if not entry.apart or now.status == "failed":
            return now
        key = (entry.id, entry.viewer)
        known, before, made = self._whole.get(key, (None, now, now))
        if known is entry and before.tools is now.tools and before[1:] == now[1:]:
            return made
        usual, pins = {tool.name for tool in now.tools}, entry.pins or {}
        more = {
            tool.name: tool
            for viewer, _, tool in entry.apart
            if viewer == entry.viewer and tool.name not in usual and is_approved(tool, pins)
        }
        made = now._replace(tools=(*now.tools, *(more[name] for name in sorted(more)))) if more else now
        if len(self._whole) >= _MOST_TABLES:
            self._whole.clear()
        self._whole[key] = entry, now, made
        return made

    async def _found(self, caller: Caller, entries: Sequence[ServerEntry]) -> list[_Now]:
        """What each server has; all that have to be asked are asked at once."""
        found = [await self._at_hand(caller, entry) for entry in entries]
        asked = [index for index, one in enumerate(found) if one is None]
        answers = await asyncio.gather(*(self._tools_soon(caller, entries[index]) for index in asked))
        for index, answer in zip(asked, answers, strict=True):
            found[index] = answer
        return [one for one in found if one is not None]

    def _listing(
        self, known: _Known, found: list[_Now], shown: list[Sequence[ToolInfo]], notes: list[str | None]
    ) -> Listing:
        parts = list(zip(known.labels.items(), found, shown, strict=True))
        offered = _offered(known.endpoint, ((label, entry, now.tools) for (label, entry), now, _ in parts))
        if not offered.keys() <= known.tools.keys():
            known.tools = {**known.tools, **offered}
        standings = (
            Standing(label, entry.id, now.status, len(left), now.quarantined, now.error, note)
            for ((label, entry), now, left), note in zip(parts, notes, strict=True)
        )
        # Names are given before anything is hidden: the same tool has the same name for everybody.
        hidden = {
            (entry.id, tool.name)
            for (_, entry), now, left in parts
            if left is not now.tools
            for tool in _set_aside(now.tools, left)
        }
        kept = (one for one in offered.values() if not hidden or (one.entry.id, one.tool.name) not in hidden)
        return Listing(tuple(kept), tuple(standings))

    async def find(self, caller: Caller, name: str, endpoint: Endpoint = EVERYTHING) -> OfferedTool | None:
        """The tool offered by this name; one that no list has shown yet is looked for on its server by the call."""
        known = await self._known(caller, endpoint)
        if (offered := known.tools.get(name)) is not None:
            return offered
        for label, entry in known.labels.items() if endpoint.prefix and not endpoint.read_only else ():
            rest = name.removeprefix(label + SEPARATOR)
            renamed = name in endpoint.renames
            if rest and rest != name and not renamed and endpoint.offers(ToolInfo(rest), name):
                return OfferedTool(name, entry, ToolInfo(rest))
        if endpoint.prefix and name not in endpoint.renames.values():
            return None
        await self.listing(caller, endpoint)
        listed = (await self._known(caller, endpoint)).tools.get(name)
        return listed or _unlisted(endpoint, tuple(known.labels.values()), name)

    async def servers(self, caller: Caller, endpoint: Endpoint = EVERYTHING) -> Mapping[str, ServerEntry]:
        """The servers behind an endpoint for this caller, by the label they have here."""
        return (await self._known(caller, endpoint)).labels

    def known_tool(self, caller: Caller, name: str, endpoint: Endpoint = EVERYTHING) -> OfferedTool | None:
        """As ``find``, from memory alone."""
        known = self._tables.get((caller.user_id, endpoint.name))
        return known.tools.get(name) if known else None

    async def _known(self, caller: Caller, endpoint: Endpoint) -> _Known:
        key = (caller.user_id, endpoint.name)
        kept, read = self._tables.get(key), self._read.get(key)
        everything = await self._registry.all()
        if kept is not None and read is not None and read[0] is everything and read[1] is endpoint:
            return kept  # nothing was read since, and no entry is one that users see differently
        projects = (endpoint.project_id,) if endpoint.project_id is not None else ()
        visible = await self._registry.visible(caller.user_id, projects)
        entries = tuple(entry for entry in visible if endpoint.shows(entry))
        self._remember(key, everything, entries, endpoint)
        if kept is not None and kept.fits(entries, endpoint):
            return kept
        # Whoever sees the same shares what was made of it: thousands of tools for each user would fill the memory.
        view = (endpoint.name, tuple(entry.id for entry in entries))
        shared = self._views.get(view)
        if shared is None or not shared.fits(entries, endpoint):
            labels = labelled(entries)
            offered = _offered(endpoint, ((label, entry, entry.tools) for label, entry in labels.items()))
            shared = _Known(entries, endpoint, labels, offered)
            if len(self._views) >= _MOST_VIEWS:
                self._views.clear()
            self._views[view] = shared
        if len(self._tables) >= _MOST_TABLES:
            self._tables.clear()
            self._read.clear()
        self._tables[key] = shared
        return shared

    def _remember(
        self, key: tuple[UUID, str], everything: tuple[ServerEntry, ...], entries: Sequence[ServerEntry],
        endpoint: Endpoint,
    ) -> None:  # fmt: skip
        """What a table was made of, unless it holds entries that change with what their user stores."""
        if any(entry.personal for entry in entries):
            self._read.pop(key, None)
        else:
            self._read[key] = everything, endpoint

    async def _note(self, entry: ServerEntry) -> str | None:
        """What whoever sees the server should know: that it was to run in a sandbox and does not."""
        sandboxed, why = await self._registry.sandboxing(entry)
        return f"runs without a sandbox: {why}" if sandboxed is False and entry.sandbox != "off" else None

    async def _at_hand(self, caller: Caller, entry: ServerEntry) -> _Now | None:
        """What is known of a server without asking it; None where it has to be asked."""
        if entry.transport == "builtin":
            return _Now(entry.tools)
        live = self._pool.state(entry.id, entry.credential(caller.user_id)).status
        if live == "idle" and entry.health == Health.HEALTHY and entry.pins is not None:
            return _Now(entry.tools, len(entry.seen) - len(entry.tools))
        try:
            fresh = self._pool.fresh_tools(await self._registry.definition(entry, caller.user_id))
        except OrchestratorError as error:
            return _Now((), 0, "failed", error.as_dict())
        return None if fresh is None else _Now(fresh.trusted, len(fresh.held))

    async def _tools_soon(self, caller: Caller, entry: ServerEntry) -> _Now:
        """What a server says within a moment; one that takes longer is asked on, and its tools are then announced.

        Who lists again meanwhile waits only for the rest of that moment: a slow one does not hold up every list.
        """
        key = (entry.id, entry.credential(caller.user_id))
        now = time.monotonic()
        known, asking, began = self._asking.get(key, (None, None, now))
        if asking is None or known is not entry:
            asking, began = asyncio.create_task(self._tools_now(caller, entry), name=f"mcp list {entry.name}"), now
            self._asking[key] = entry, asking, began
            asking.add_done_callback(lambda done: self._answered(key, done))
        left = max(began + self._seconds - now, self._seconds / _SHORTER)
        done, _ = await asyncio.wait({asking}, timeout=left)
        if done:
            return asking.result()
        # Slow is not dead: what it had when it was last asked can be called, and the call waits longer.
        self._pool.tell_when_listed(await self._registry.definition(entry, caller.user_id))
        late = TimedOut(f"MCP server {entry.name!r} is not ready yet", details={"seconds": self._seconds})
        return _Now(entry.tools, len(entry.seen) - len(entry.tools), "starting", late.as_dict())

    def _answered(self, key: tuple[UUID, str], asking: asyncio.Task[_Now]) -> None:
        if key in self._asking and self._asking[key][1] is asking:
            del self._asking[key]

    async def _tools_now(self, caller: Caller, entry: ServerEntry) -> _Now:
        try:
            found = await self._pool.sorted_tools(await self._registry.definition(entry, caller.user_id))
            return _Now(found.trusted, len(found.held))
        except OrchestratorError as error:
            return _Now((), 0, "failed", error.as_dict())


def _unlisted(endpoint: Endpoint, entries: tuple[ServerEntry, ...], name: str) -> OfferedTool | None:
    """The one server behind a face that hides nothing may know a tool that it does not list: it says so itself."""
    hides = endpoint.tools or endpoint.read_only or endpoint.renames or endpoint.prefix
    if len(entries) != 1 or hides or entries[0].transport == "builtin":
        return None
    return OfferedTool(name, entries[0], ToolInfo(name), unlisted=True)


def _seen_with(declared: str, entry: ServerEntry, tools: Sequence[ToolInfo]) -> Sequence[ToolInfo]:
    """What a client that declared this is shown of them; the very same sequence when that is all."""
    if not entry.apart:
        return tools
    usual = {tool.name for tool in entry.seen}
    own = [(words, tool.name) for viewer, words, tool in entry.apart if viewer == entry.viewer]
    hidden = {name for _, name in own} - usual - {name for words, name in own if may_see(words, declared)}
    left = [tool for tool in tools if tool.name not in hidden]
    return tools if len(left) == len(tools) else left


def _set_aside(tools: Iterable[ToolInfo], left: Iterable[ToolInfo]) -> list[ToolInfo]:
    """The tools that are not left."""
    names = {tool.name for tool in left}
    return [tool for tool in tools if tool.name not in names]


def _said_same(before: list[_Now], now: list[_Now]) -> bool:
    """Whether all servers say what they said."""
    return all(a.tools is b.tools and a[1:] == b[1:] for a, b in zip(before, now, strict=True))


def _shown_same(before: list[Sequence[ToolInfo]], now: list[Sequence[ToolInfo]]) -> bool:
    """Whether the same of it is shown."""
    return all(a is b or list(a) == list(b) for a, b in zip(before, now, strict=True))


def _same(one: ServerEntry, other: ServerEntry) -> bool:
    return one is other or one == other


def _offered(
    endpoint: Endpoint, parts: Iterable[tuple[str, ServerEntry, Iterable[ToolInfo]]]
) -> dict[str, OfferedTool]:
    flat = [(label, entry, tool) for label, entry, tools in parts for tool in tools]
    names = endpoint.names([(label, entry, tool.name) for label, entry, tool in flat])
    made = (
        OfferedTool(name, entry, tool, before=endpoint.plain(label, tool.name))
        for name, (label, entry, tool) in zip(names, flat, strict=True)
    )
    return {one.name: one for one in made if endpoint.offers(one.tool, *one.names)}
