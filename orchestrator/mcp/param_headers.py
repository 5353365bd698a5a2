"""Which arguments of a tool call a client of the newer era repeats in headers (``x-mcp-header`` of a tool's schema).

Used by the stdio door of the command line, whose clients send no headers. The SDK's rules decide; loading it takes a
second, so this is loaded when a tool with such a schema is met.
"""

from collections.abc import Mapping
from typing import Any

from mcp.shared.inbound import find_invalid_x_mcp_header, mcp_param_headers, x_mcp_header_map

Map = dict[tuple[str, ...], str]


def header_map(schema: object) -> Map:
    """Which argument goes into which header; nothing for a schema that breaks the rules."""
    if not isinstance(schema, Mapping) or find_invalid_x_mcp_header(schema) is not None:
        return {}
    return dict(x_mcp_header_map(schema))


def headers_of(places: Map, arguments: object) -> dict[str, str]:
    """The headers of a call with these arguments."""
    return mcp_param_headers(places, arguments) if isinstance(arguments, Mapping) else {}


def of_list(tools: object) -> dict[str, Map]:
    """The tools of a list that want headers."""
    listed: list[Any] = tools if isinstance(tools, list) else []
    found = {str(one.get("name")): header_map(one.get("inputSchema")) for one in listed if isinstance(one, Mapping)}
    return {name: places for name, places in found.items() if places}
