"""Regular expressions that strangers write, matched in linear time by pydantic's engine (Rust's ``regex``).

Used for JSON schemas and globs. What the engine cannot do (look-around, say) gives None, never a slow match.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import SchemaError

Matcher = Callable[[str], bool]


@lru_cache(maxsize=1024)
def linear_matcher(pattern: str) -> Matcher | None:
    """A search for the pattern, or None when the linear engine cannot offer it."""
    try:
        adapter = TypeAdapter(Annotated[str, Field(pattern=pattern)])
    except SchemaError:
        return None

    def matches(text: str) -> bool:
        try:
            adapter.validate_python(text)
        except ValidationError:
            return False
        return True

    return matches


_GLOB = re.compile(r"\*\*/|\*\*|\*|\?|\[!?[^\]/]+\]|[^*?\[]+|\[")
_WILD = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def glob_matcher(glob: str) -> Matcher | None:
    """A match of a whole path: ``*`` within one folder, ``**`` across; without a slash, of the name alone."""
    anywhere = "" if "/" in glob else "(?:.*/)?"
    return linear_matcher(f"(?s)^{anywhere}{''.join(_piece(found[0]) for found in _GLOB.finditer(glob))}$")


def _piece(piece: str) -> str:
    if piece in _WILD:
        return _WILD[piece]
    if len(piece) > 1 and piece[0] == "[" and piece[-1] == "]":
        negated = piece[1] == "!"
        members = re.sub(r"([\\\[\]^&~])", r"\\\1", piece[2 if negated else 1 : -1])
        return f"[{'^/' if negated else ''}{members}]"
    return re.escape(piece)
