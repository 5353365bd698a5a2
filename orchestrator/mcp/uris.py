"""URI templates of resources (RFC 6570), as far as telling which one a URI was made from. Used by the merged lists."""

from functools import lru_cache

from mcp.shared.uri_template import UriTemplate

_LONGEST = 2048


def fits(template: str, uri: str) -> bool:
    """Whether a URI can have been made from a template; one that cannot be read fits nothing."""
    if len(uri) > _LONGEST or len(template) > _LONGEST:
        return False
    parsed = _parsed(template)
    return parsed is not None and parsed.match(uri) is not None


@lru_cache(maxsize=2000)
def _parsed(template: str) -> UriTemplate | None:
    try:
        return UriTemplate.parse(template)
    except ValueError:
        return None
