"""Lower what is assigned to: names, members, and patterns that take values apart. Used by the lowering only."""

from tree_sitter import Node

from orchestrator.kg.javascript import ir
from orchestrator.kg.javascript.lowering.syntax import plain_key
from orchestrator.kg.javascript.lowering.writer import LINKS, MAX_DEPTH, MAX_ITEMS, UNKNOWN, Writer, text


def pattern(w: Writer, node: Node | None, depth: int, declare: str = "") -> ir.Node:
    """What is assigned to. ``declare``: the names in it are declared, as ``let`` or ``var``."""
    if node is None or depth > MAX_DEPTH:
        return UNKNOWN
    kind = node.type
    if kind in ("identifier", "shorthand_property_identifier_pattern", "shorthand_property_identifier"):
        if declare:
            w.declare(text(node), "var" if declare == "var" else "let")
        return [ir.NAME, text(node)]
    if kind in ("array_pattern", "array"):
        return [ir.ARRAY, _places(w, node, depth + 1, declare)]
    if kind in ("object_pattern", "object"):
        entries = [_property(w, one, depth + 1, declare) for one in node.named_children[:MAX_ITEMS]]
        return [ir.OBJECT, [one for one in entries if one]]
    if kind in ("rest_pattern", "spread_element"):
        return [ir.SPREAD, pattern(w, node.named_children[0], depth + 1, declare)]
    if kind in ("assignment_pattern", "object_assignment_pattern", "assignment_expression"):
        left = pattern(w, node.child_by_field_name("left"), depth + 1, declare)
        label = text(node.child_by_field_name("left")) if left[0] == ir.NAME else ""
        return [ir.DEFAULT, left, w.lower(w, node.child_by_field_name("right"), depth + 1, label)]
    if kind in ("parenthesized_expression", "non_null_expression", "as_expression") and node.named_child_count:
        return pattern(w, node.named_children[0], depth + 1, declare)
    return w.lower(w, node, depth + 1) if kind in LINKS else UNKNOWN


def _places(w: Writer, node: Node, depth: int, declare: str) -> list[ir.Node | None]:
    """The items of an array pattern, with None where a place is left out."""
    places: list[ir.Node | None] = []
    filled = False
    for child in node.children:
        if child.type == ",":
            if not filled:
                places.append(None)
            filled = False
        elif child.is_named and child.type != "comment":
            places.append(pattern(w, child, depth, declare))
            filled = True
    return places[:MAX_ITEMS]


def _property(w: Writer, node: Node, depth: int, declare: str) -> ir.Node:
    kind = node.type
    if kind in ("pair_pattern", "pair"):
        named = node.child_by_field_name("key")
        key = plain_key(named)
        inner = pattern(w, node.child_by_field_name("value"), depth, declare)
        return [key if key is not None else w.lower(w, named, depth), inner]
    if kind in ("rest_pattern", "spread_element"):
        return [None, pattern(w, node, depth, declare)]
    if kind in ("object_assignment_pattern", "assignment_expression", "assignment_pattern"):
        return [text(node.child_by_field_name("left")), pattern(w, node, depth, declare)]
    return [text(node), pattern(w, node, depth, declare)] if "identifier" in kind else []
