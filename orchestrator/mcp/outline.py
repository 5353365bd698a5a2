"""Symbols of one source file with their lines, read with tree-sitter so that broken files still give what is whole.

Used by the built-in ``code`` server. Projects and certainty are not its business: the knowledge graph knows more.
"""

import re
from typing import Any

import tree_sitter_python
from tree_sitter import Language, Node, Parser

SUPPORTED = frozenset({".py", ".pyi", ".md"})
MAX_SYMBOLS = 5000

_PYTHON = Language(tree_sitter_python.language())
_HEADING = re.compile(rb"^(#{1,6})[ \t]+(.{1,300}?)[ \t#]*$")
_KINDS = {"class_definition": "class", "function_definition": "function"}


def outline_of(suffix: str, source: bytes) -> tuple[list[dict[str, Any]], bool]:
    """Symbols in the order of the file, and whether parts of it could not be understood. Blocking."""
    if suffix == ".md":
        return _headings(source), False
    tree = Parser(_PYTHON).parse(source)
    return _symbols(tree.root_node), tree.root_node.has_error


def _symbols(root: Node) -> list[dict[str, Any]]:
    """Definitions, depth first and without recursion: hostile files nest deeply."""
    found: list[dict[str, Any]] = []
    stack: list[tuple[Node, str, str]] = [(root, "", "")]
    while stack and len(found) < MAX_SYMBOLS:
        node, parent, parent_kind = stack.pop()
        kind = _KINDS.get(node.type)
        if kind is not None and (name := node.child_by_field_name("name")) is not None and name.text is not None:
            plain = name.text.decode("utf-8", "replace")
            qualified = f"{parent}.{plain}" if parent else plain
            shown = "method" if kind == "function" and parent_kind == "class" else kind
            found.append(
                {
                    "name": plain,
                    "qualified_name": qualified,
                    "kind": shown,
                    "start_line": node.start_point[0] + 1,
                    "end_line": node.end_point[0] + 1,
                }
            )
            parent, parent_kind = qualified, kind
        stack += [(child, parent, parent_kind) for child in reversed(node.named_children)]
    return found


def _headings(source: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    fenced = False
    for number, line in enumerate(source.splitlines(), 1):
        if line.lstrip().startswith((b"```", b"~~~")):
            fenced = not fenced
        elif not fenced and (match := _HEADING.match(line)) and len(found) < MAX_SYMBOLS:
            name = match[2].decode("utf-8", "replace")
            found.append({"name": name, "kind": f"heading {len(match[1])}", "start_line": number, "end_line": number})
    return found
