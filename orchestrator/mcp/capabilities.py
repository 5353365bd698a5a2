"""Capability tags of a server, derived from its tools where the registry entry declares none.

Used by services when an entry is registered or probed. Versions and parameters of capabilities are the entry's own
business; nothing is guessed from descriptions.
"""

import re
from collections.abc import Iterable, Sequence

from orchestrator.mcp.result import ToolInfo

META_KEY = "orchestrator/capabilities"

# What a tool's name says it can do, beside the name itself. First match of each row counts.
_BY_NAME: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), tag)
    for pattern, tag in (
        (r"git_(log|show|blame|history)", "git_history"),
        (r"git_(status|diff.*|branch|log|show)", "git_read"),
        (r"git_(add|commit|checkout|create_branch|reset|init|push|merge)", "git_write"),
        (r"(search|find|glob)_files?|list_directory|directory_tree|list_files?", "file_search"),
        (r"read_(text_|media_|multiple_)?files?|get_file_contents?", "file_read"),
        (r"(write|edit|create|move|delete)_files?|create_directory|str_replace.*", "file_write"),
        (r"grep|search_code|code_search", "code_search"),
        (r"outline|get_symbols?(_overview)?|document_symbols?", "code_outline"),
        (r"fetch|fetch_url|browse|navigate|http_get", "web_fetch"),
        (r"get_current_time|convert_time", "time"),
        (r"sparql|query_graph", "graph_query"),
        (r"(create|open)_pull_request", "pull_request"),
        (r"run_tests?|pytest", "test_run"),
    )
)
# A server that offers the key's part of file work can do the broader thing the seed's tasks ask for.
_IMPLIED = {"file_write": "file_operations"}


def derive_capabilities(tools: Iterable[ToolInfo], declared: Sequence[str] | None = None) -> tuple[str, ...]:
    """Sorted capability tags; what the entry declares wins and is returned as it is, without repetitions."""
    if declared:
        return tuple(dict.fromkeys(declared))
    tags: set[str] = set()
    for tool in tools:
        tags |= capabilities_of_tool(tool)
    return tuple(sorted(tags))


def capabilities_of_tool(tool: ToolInfo) -> set[str]:
    """Its own name, what its ``_meta`` declares, and what its name is known to mean."""
    meta = tool.extra.get("_meta")
    own = meta.get(META_KEY) if isinstance(meta, dict) else None
    tags = {tag for tag in own if isinstance(tag, str) and tag} if isinstance(own, list) else set()
    tags |= {tag for pattern, tag in _BY_NAME if pattern.fullmatch(tool.name)}
    return tags | {_IMPLIED[tag] for tag in tags if tag in _IMPLIED} | {tool.name}


def tools_for(capability: str, tools: Iterable[ToolInfo]) -> list[ToolInfo]:
    """The tools that offer a capability, one named exactly so first: how a task type finds its tool."""
    fitting = [tool for tool in tools if capability in capabilities_of_tool(tool)]
    return sorted(fitting, key=lambda tool: tool.name != capability)
