"""Small readings of syntax: keys, types, arity, comments. Used by the lowering; they change nothing."""

import re

from tree_sitter import Node

from orchestrator.kg.javascript.lowering.writer import text

_MAX_DOC = 1000
_STAR = re.compile(r"(?m)^[ \t]*\*? ?")
_TAG = re.compile(r"(?m)^@\w+")
_WRAPPERS = frozenset({"type_annotation", "parenthesized_type", "readonly_type", "asserts_annotation"})
_NOTHING = frozenset({"null", "undefined", "void"})
_DECLARING = frozenset({"lexical_declaration", "variable_declaration", "export_statement", "variable_declarator"})


def string_value(node: Node) -> str:
    """What a string literal says; escapes are kept as they are written."""
    return text(node)[1:-1]


def plain_key(node: Node | None) -> str | None:
    """The key of a property, or None where it is computed from something unknown here."""
    if node is None:
        return None
    kind = node.type
    if kind == "string":
        return string_value(node)
    if kind == "computed_property_name":
        return plain_index(node.named_children[0]) if node.named_child_count else None
    return text(node)


def plain_index(node: Node) -> str | None:
    """The key that an index in brackets names by itself; well-known symbols are keys in brackets."""
    if node.type == "string":
        return string_value(node)
    if node.type == "number":
        return text(node)
    if node.type == "member_expression":
        written = text(node)
        return f"[{written}]" if written.startswith("Symbol.") and written.count(".") == 1 else None
    return None


def type_name(node: Node | None) -> str:
    """The one class a type names, as a dotted name, with "~" before it for a promise of it; "" for anything else."""
    while node is not None and node.type in _WRAPPERS and node.named_child_count:
        node = node.named_children[-1]
    if node is None:
        return ""
    if node.type in ("type_identifier", "nested_type_identifier"):
        return text(node)
    if node.type == "union_type":
        return _only_member(node)
    if node.type == "generic_type":
        name = text(node.child_by_field_name("name"))
        if name not in ("Promise", "Readonly", "Partial", "Required"):
            return name
        inner = node.child_by_field_name("type_arguments")
        named = type_name(inner.named_children[0]) if inner is not None and inner.named_child_count == 1 else ""
        return f"~{named}" if named and name == "Promise" and not named.startswith("~") else named
    return ""


def _only_member(union: Node) -> str:
    members = union.named_children
    if len(members) != 2:
        return ""
    real = [one for one in members if text(one) not in _NOTHING]
    return type_name(real[0]) if len(real) == 1 and real[0].type != "union_type" else ""


def arity(parameters: Node | None) -> tuple[int, int]:
    """The least and most arguments a function takes; -1 for any number."""
    if parameters is None:
        return 0, 0
    if parameters.type == "identifier":
        return 0, 1
    most = 0
    for parameter in parameters.named_children:
        pattern = parameter.child_by_field_name("pattern") or parameter
        if pattern.type == "rest_pattern":
            return 0, -1
        most += parameter.type not in ("comment", "decorator") and text(pattern) != "this"
    return 0, most


def documentation(node: Node) -> str:
    """The text of a ``/** … */`` comment right above a declaration, at most 1000 characters, before its first tag."""
    above: Node | None = node
    while above is not None and above.parent is not None and above.parent.type in _DECLARING:
        above = above.parent
    comment = above.prev_named_sibling if above is not None else None
    if comment is None or comment.type != "comment" or above is None:
        return ""
    if above.start_point[0] - comment.end_point[0] > 1:
        return ""
    written = text(comment)[: 4 * _MAX_DOC]
    if not written.startswith("/**"):
        return ""
    plain = _STAR.sub("", written[3:].removesuffix("*/")).strip()
    tag = _TAG.search(plain)
    return (plain[: tag.start()] if tag else plain).strip()[:_MAX_DOC]
