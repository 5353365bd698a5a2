"""Parse Python with tree-sitter and walk the tree, within a time limit. Used by the Python extractor only.

Neither recurses: 10,000 nested brackets are a long loop. Nothing is understood here.
"""

import time
from collections.abc import Iterator

import tree_sitter_python
from tree_sitter import Language, Node, Parser, Tree

PARSE_SECONDS = 10.0
_CHUNK = 1 << 20
_TRUSTED_SIZE = 256 * 1024
_NODES_PER_LOOK = 20_000
_LANGUAGE = Language(tree_sitter_python.language())
# Nothing of interest lies below these.
_LEAVES = frozenset({"identifier", "comment", "dotted_name", "integer", "string_content", "string_start", "string_end"})


class TookTooLongError(Exception):
    """The parser did not finish a file in time."""


def walk(tree: Tree, deadline: float) -> Iterator[Node]:
    """Every node in source order, outer before inner. A cursor: queries cost the square of some broken inputs."""
    cursor = tree.walk()
    seen = 0
    while True:
        node = cursor.node
        assert node is not None
        yield node
        seen += 1
        if seen % _NODES_PER_LOOK == 0 and time.monotonic() > deadline:
            raise TookTooLongError
        if (node.type not in _LEAVES and cursor.goto_first_child()) or cursor.goto_next_sibling():
            continue
        while cursor.goto_parent():
            if cursor.goto_next_sibling():
                break
        else:
            return


def parse(source: bytes, deadline: float) -> Tree:
    """The syntax tree of UTF-8 source. Raises TookTooLongError past ``deadline`` (monotonic seconds)."""
    parser = Parser(_LANGUAGE)
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
