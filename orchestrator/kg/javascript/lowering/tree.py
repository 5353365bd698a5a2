"""Parse JavaScript, TypeScript and TSX with tree-sitter, within a time limit. Used by the extractor only."""

import time
from typing import Literal

import tree_sitter_javascript
import tree_sitter_typescript
from tree_sitter import Language, Parser, Tree

from orchestrator.kg.facts import NotExtractedError

Grammar = Literal["javascript", "typescript", "tsx"]

PARSE_SECONDS = 10.0
_CHUNK = 1 << 20
_TRUSTED_SIZE = 256 * 1024
_LANGUAGES: dict[str, Language] = {
    "javascript": Language(tree_sitter_javascript.language()),
    "typescript": Language(tree_sitter_typescript.language_typescript()),
    "tsx": Language(tree_sitter_typescript.language_tsx()),
}


class TookTooLongError(NotExtractedError):
    """The parser did not finish a file in time."""

    reason = "took too long to parse"


def parse(source: bytes, grammar: Grammar, deadline: float) -> Tree:
    """The syntax tree of UTF-8 source. Raises TookTooLongError past ``deadline`` (monotonic seconds)."""
    parser = Parser(_LANGUAGES[grammar])
    if len(source) > _TRUSTED_SIZE:
        # Only parsing by callback can be stopped, but the text of its nodes is slow to get: a trial run, for big files.
        try:
            parser.parse(
                lambda offset, _: source[offset : offset + _CHUNK],
                progress_callback=lambda _offset, _error: time.monotonic() > deadline,
            )
        except ValueError as error:
            raise TookTooLongError from error
    return parser.parse(source)
