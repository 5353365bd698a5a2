"""Parse with tree-sitter and walk the tree, within a time limit. Used by the extractors of all languages.

Neither recurses: 10,000 nested brackets are a long loop. Nothing is understood here.
"""

import time
from collections.abc import Iterator

from tree_sitter import Language, Node, Parser, Tree

from orchestrator.kg.facts import NotExtractedError

PARSE_SECONDS = 10.0
_CHUNK = 1 << 20
_TRUSTED_SIZE = 256 * 1024
_NODES_PER_LOOK = 2_000


class TookTooLongError(NotExtractedError):
    """The parser did not finish a file in time."""

    reason = "took too long to parse"


def parse(language: Language, source: bytes, deadline: float, trusted: int = _TRUSTED_SIZE) -> Tree:
    """The syntax tree of UTF-8 source. Raises TookTooLongError past ``deadline`` (monotonic seconds).

    Source of up to ``trusted`` bytes is parsed without a look at the clock.
    """
    parser = Parser(language)
    if len(source) > trusted:
        # Only parsing by callback can be stopped, but the text of its nodes is slow to get: a trial run, for big files.
        try:
            parser.parse(
                lambda offset, _: source[offset : offset + _CHUNK],
                progress_callback=lambda _offset, _error: time.monotonic() > deadline,
            )
        except ValueError as error:
            raise TookTooLongError from error
    return parser.parse(source)


def walk(tree: Tree, deadline: float, wanted: frozenset[int], leaves: frozenset[int]) -> Iterator[Node]:
    """The nodes of wanted kinds in source order, outer before inner, and wherever the syntax is broken.

    A cursor, because queries cost the square of some broken inputs; kinds are compared as numbers, because most nodes
    are of no interest. Raises TookTooLongError past ``deadline`` (monotonic seconds).
    """
    broken = tree.root_node.has_error
    cursor = tree.walk()
    until_look = _NODES_PER_LOOK
    while True:
        node = cursor.node
        assert node is not None
        kind = node.kind_id
        if kind in wanted or (broken and (node.is_error or node.is_missing)):
            yield node
        until_look -= 1
        if not until_look:
            until_look = _NODES_PER_LOOK
            if time.monotonic() > deadline:
                raise TookTooLongError
        if (kind not in leaves and cursor.goto_first_child()) or cursor.goto_next_sibling():
            continue
        while cursor.goto_parent():
            if cursor.goto_next_sibling():
                break
        else:
            return


def kind_ids(language: Language, kinds: frozenset[str]) -> frozenset[int]:
    """The grammar's numbers of kinds; a name may have several."""
    names = ((number, language.node_kind_for_id(number)) for number in range(language.node_kind_count))
    return frozenset(number for number, name in names if name in kinds and language.node_kind_is_named(number))
