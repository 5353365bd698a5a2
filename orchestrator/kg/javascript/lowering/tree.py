"""The trees of JavaScript, TypeScript and TSX. Used by the extractor only."""

from typing import Literal

import tree_sitter_javascript
import tree_sitter_typescript
from tree_sitter import Language, Tree

from orchestrator.kg import syntax

Grammar = Literal["javascript", "typescript", "tsx"]

_LANGUAGES: dict[str, Language] = {
    "javascript": Language(tree_sitter_javascript.language()),
    "typescript": Language(tree_sitter_typescript.language_typescript()),
    "tsx": Language(tree_sitter_typescript.language_tsx()),
}


def parse(source: bytes, grammar: Grammar, deadline: float) -> Tree:
    """The syntax tree of UTF-8 source. Raises TookTooLongError past ``deadline`` (monotonic seconds)."""
    return syntax.parse(_LANGUAGES[grammar], source, deadline)
