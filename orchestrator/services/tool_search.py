"""Finds the tools for a job among all that a caller may use: by words, and by meaning where embeddings are set up.

Used by the MCP door (``search_tools``) and its REST twin. It searches what the same caller may call at the same
endpoint, so nothing hidden can be found. Calling what was found is the work of ``tool_calls``.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.core.caller import Caller
from orchestrator.core.errors import ProviderFailed
from orchestrator.mcp.tool_index import ToolIndex
from orchestrator.services.embeddings import Embeddings, Vector, nearness
from orchestrator.services.mcp_catalogue import McpCatalogue, OfferedTool
from orchestrator.services.mcp_endpoint import EVERYTHING, Endpoint

MOST_FOUND = 50
_MOST_INDEXES = 100
_NEAREST = 100
# Reciprocal rank fusion: how fast a place in either ranking loses weight (Cormack and others, 2009).
_FUSION = 60


@dataclass(frozen=True, slots=True)
class Found:
    """The tools found, best first; how many there are to search, and by what they were ranked."""

    tools: tuple[OfferedTool, ...]
    matching: int
    searched: int
    ranked_by: str
    note: str = ""


class ToolSearch:
    """Searches catalogues; an index is kept for as long as its list stays the same."""

    def __init__(self, catalogue: McpCatalogue, embeddings: Embeddings | None = None) -> None:
        self._catalogue = catalogue
        self._embeddings = embeddings
        self._indexes: dict[tuple[object, ...], tuple[tuple[OfferedTool, ...], ToolIndex]] = {}

    async def find(
        self, caller: Caller, text: str, *, limit: int = 8, endpoint: Endpoint = EVERYTHING, declared: str = ""
    ) -> Found:
        """The best ``limit`` tools for what the text says, best first; ``declared`` as the catalogue takes it."""
        tools = (await self._catalogue.listing(caller, endpoint, declared)).tools
        by_name = {tool.name: tool for tool in tools}
        names = await self._by_words((caller.user_id, endpoint.name, declared), tools, text)
        matching, ranked_by, note = len(names), "words", ""
        if self._embeddings is not None:
            try:
                near = await self._by_meaning(self._embeddings, tools, text)
                names, ranked_by = _fused(names, near), "words and meaning"
            except ProviderFailed as error:
                note = f"ranked by words alone: {error.message}"
        found = tuple(by_name[name] for name in names[: min(limit, MOST_FOUND)])
        return Found(found, matching, len(tools), ranked_by, note)

    async def _by_words(self, key: tuple[object, ...], tools: tuple[OfferedTool, ...], text: str) -> list[str]:
        kept = self._indexes.get(key)
        if kept is None or not _same(kept[0], tools):
            made = await asyncio.to_thread(ToolIndex, [(tool.name, tool.tool) for tool in tools])
            if len(self._indexes) >= _MOST_INDEXES:
                self._indexes.clear()
            kept = self._indexes[key] = (tools, made)
        return await asyncio.to_thread(kept[1].ranked, text)

    async def _by_meaning(self, embeddings: Embeddings, tools: Sequence[OfferedTool], text: str) -> list[str]:
        vectors = await embeddings.of([text, *map(_described, tools)])
        return await asyncio.to_thread(
            _nearest, vectors[0], {t.name: v for t, v in zip(tools, vectors[1:], strict=True)}
        )


def _same(one: Sequence[OfferedTool], other: Sequence[OfferedTool]) -> bool:
    return len(one) == len(other) and all(
        a.name == b.name and a.tool is b.tool for a, b in zip(one, other, strict=True)
    )


def _described(offered: OfferedTool) -> str:
    tool = offered.tool
    return f"{offered.name}: {tool.title or ''} {tool.description or ''}"


def _nearest(asked: Vector, tools: Mapping[str, Vector]) -> list[str]:
    near = sorted(((-nearness(asked, vector), name) for name, vector in tools.items()))
    return [name for _, name in near[:_NEAREST]]


def _fused(*rankings: Sequence[str]) -> list[str]:
    """One ranking of several: high in any of them is high; of equals the first by name."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for place, name in enumerate(ranking):
            scores[name] = scores.get(name, 0.0) + 1.0 / (_FUSION + place)
    return sorted(scores, key=lambda name: (-scores[name], name))
