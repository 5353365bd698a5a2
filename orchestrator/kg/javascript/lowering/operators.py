"""Lower operators. Used by ``expressions``; chains of them are loops, however long."""

from collections.abc import Sequence

from tree_sitter import Node

from orchestrator.kg.javascript import ir
from orchestrator.kg.javascript.lowering.writer import MAX_ITEMS, MAX_TEXT, Writer, text

# Types and the like: nothing in them runs.
INERT = frozenset(
    {"type_annotation", "type_arguments", "type_parameters", "comment", "jsx_text", "html_comment", "type_identifier",
     "predefined_type", "property_identifier", "statement_identifier", "accessibility_modifier", "empty_statement",
     "string_fragment", "escape_sequence", "override_modifier", "hash_bang_line", "jsx_closing_element"}
)  # fmt: skip


def evaluated(w: Writer, nodes: Sequence[Node], depth: int, kind: str = "?") -> ir.Node:
    """Several expressions of which only the effects matter; ``kind`` is the type of the value."""
    items = [w.lower(w, one, depth) for one in nodes[:MAX_ITEMS] if one.type not in INERT]
    items = [one for one in items if one[0] not in (ir.OTHER, ir.STRING, ir.NUMBER)]
    return [ir.ALL, items, kind] if items else [ir.OTHER, kind]


def binary(w: Writer, node: Node, depth: int, _label: str) -> ir.Node:
    """The left spine of one operator, however long."""
    operands: list[tuple[str, Node]] = []
    at: Node | None = node
    while at is not None and at.type == "binary_expression":
        sign, right = at.child_by_field_name("operator"), at.child_by_field_name("right")
        if right is not None:
            operands.append((sign.type if sign is not None else "", right))
        at = at.child_by_field_name("left")
    value = w.lower(w, at, depth)
    for operator, operand in reversed(operands):
        other = w.lower(w, operand, depth)
        if operator in ("||", "??"):
            value = [ir.OR, [*value[1], other]] if value[0] == ir.OR else [ir.OR, [value, other]]
        elif operator == "&&":
            value = _then(value, other)
        else:
            items = value[1] if value[0] == ir.ALL and value[2] else [value]
            value = [ir.ALL, [*items, other], "number" if operator != "+" else "?"]
    return value


def _then(first: ir.Node, second: ir.Node) -> ir.Node:
    """``first && second``: the value is the second, or something false."""
    maybe: ir.Node = [ir.EITHER, [[ir.OTHER, "undefined"], second]]
    return [ir.ALL, [*first[1], maybe], ""] if first[0] == ir.ALL and not first[2] else [ir.ALL, [first, maybe], ""]


def ternary(w: Writer, node: Node, depth: int, label: str) -> ir.Node:
    """``a ? b : c ? d : e``, however long."""
    tests, values = [], []
    at: Node | None = node
    while at is not None and at.type == "ternary_expression":
        tests.append(w.lower(w, at.child_by_field_name("condition"), depth))
        values.append(w.lower(w, at.child_by_field_name("consequence"), depth, label))
        at = at.child_by_field_name("alternative")
    values.append(w.lower(w, at, depth, label))
    return [ir.ALL, [*tests, [ir.EITHER, [[ir.OTHER, "undefined"], *values]]], ""]


def unary(w: Writer, node: Node, depth: int, _label: str) -> ir.Node:
    """``-1`` is a number; of other operators only what they evaluate matters."""
    operand = node.child_by_field_name("argument")
    if operand is not None and operand.type == "number" and text(node).startswith("-"):
        return [ir.NUMBER, text(node)[:MAX_TEXT]]
    return evaluated(w, node.named_children, depth, "bool")
