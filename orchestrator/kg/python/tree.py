"""The tree of tree-sitter for a Python file, and its nodes of interest. Used by the extraction of broken files only."""

from collections.abc import Iterator
from functools import cache

import tree_sitter_python
from tree_sitter import Language, Node, Tree

from orchestrator.kg import syntax

_LANGUAGE = Language(tree_sitter_python.language())
# Nothing of interest lies below these.
_LEAVES = frozenset({"identifier", "comment", "dotted_name", "integer", "string_content", "string_start", "string_end"})


def walk(tree: Tree, deadline: float, wanted: frozenset[str]) -> Iterator[Node]:
    """The named nodes of wanted kinds in source order, outer before inner, and wherever the syntax is broken."""
    return syntax.walk(tree, deadline, _ids(wanted), _ids(_LEAVES))


def parse(source: bytes, deadline: float) -> Tree:
    """The syntax tree of UTF-8 source. Raises TookTooLongError past ``deadline`` (monotonic seconds)."""
    return syntax.parse(_LANGUAGE, source, deadline)


@cache
def _ids(kinds: frozenset[str]) -> frozenset[int]:
    return syntax.kind_ids(_LANGUAGE, kinds)
