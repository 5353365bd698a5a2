"""Why a call failed, where it looks as if the server missed what its sandbox does not give: a hint beside the error.

Used by the supervisor and the session for enclosed local servers. What the server said stays as it is.
"""

import re
from dataclasses import replace

from orchestrator.mcp.result import HINT_KEY, ToolResult
from orchestrator.sandbox.wish import Wish

_MOST_READ = 4000
_READ_ONLY = re.compile(r"EROFS|read-only file ?system", re.IGNORECASE)
_NO_NETWORK = re.compile(
    r"ENETUNREACH|EAI_AGAIN|ENOTFOUND|ECONNREFUSED|getaddrinfo|network is unreachable|name resolution|"
    r"name or service not known|could not resolve|connection (issue|error|refused)|connection attempts failed",
    re.IGNORECASE,
)


def hint_for(text: str, wish: Wish) -> str | None:
    """What of the entry to look at, going by the words of an error; None where the sandbox is not to blame."""
    words = text[:_MOST_READ]
    if _READ_ONLY.search(words):
        return (
            "The server runs in a sandbox and may write only where `folders` of its entry says so: add the folder with "
            "access rw."
        )
    if wish.network != "full" and _NO_NETWORK.search(words):
        return (
            f"The server runs in a sandbox with network {wish.network}: set `network` of its entry to full if it is to "
            "reach others."
        )
    return None


def hinted(result: ToolResult, wish: Wish | None) -> ToolResult:
    """The result, with a hint in its ``_meta`` where it is an error that looks like the sandbox's; None: no sandbox."""
    if wish is None or not result.is_error or (hint := hint_for(result.text, wish)) is None:
        return result
    return replace(result, meta={**(result.meta or {}), HINT_KEY: hint})
