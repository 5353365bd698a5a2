"""Lower JSX: an element of a component is a use of that component with its properties. Used by ``expressions`` only.

Elements of the page itself (``<div>``) are nothing but what their attributes and children evaluate.
"""

from tree_sitter import Node

from orchestrator.kg.javascript import ir
from orchestrator.kg.javascript.lowering.writer import MAX_ITEMS, UNKNOWN, Writer, short, text


def element(w: Writer, node: Node, depth: int, _label: str) -> ir.Node:
    """An element with all that is in it."""
    opening = node if node.type == "jsx_self_closing_element" else node.child_by_field_name("open_tag")
    name = opening.child_by_field_name("name") if opening is not None else None
    attributes = [one for one in opening.named_children if one.type in ("jsx_attribute", "jsx_expression")] if (
        opening is not None
    ) else []  # fmt: skip
    written = text(name)
    site = w.call(node, short(written), -1) if written and (written[0].isupper() or "." in written) else -1
    entries = [_attribute(w, one, depth) for one in attributes[:MAX_ITEMS]]
    children = [] if opening is node else [one for one in node.named_children if one.type.startswith("jsx_")]
    inner = [
        w.lower(w, one, depth)
        for one in children[:MAX_ITEMS]
        if one.type in ("jsx_expression", "jsx_element", "jsx_self_closing_element")
    ]
    if site < 0:
        items = [one[2] for one in entries] + inner
        items = [one for one in items if one[0] not in (ir.OTHER, ir.STRING)]
        return [ir.ALL, items, "element"] if items else [ir.OTHER, "element"]
    return [ir.ELEMENT, w.lower(w, name, depth), [ir.OBJECT, entries], inner, site]


def _attribute(w: Writer, node: Node, depth: int) -> ir.Node:
    if node.type == "jsx_expression":
        inner = next((one for one in node.named_children if one.type == "spread_element"), None)
        return [ir.REST, None, w.lower(w, inner.named_children[0], depth) if inner is not None else UNKNOWN]
    parts = [one for one in node.named_children if one.type != "comment"]
    key = text(parts[0]) if parts else ""
    value = w.lower(w, parts[1], depth, f"<{key}>") if len(parts) > 1 else [ir.OTHER, "bool"]
    return [ir.VALUE, key, value]
