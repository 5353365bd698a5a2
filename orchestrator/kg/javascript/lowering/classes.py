"""Lower classes and interfaces to the program of ``ir``. Used by the extractor."""

from tree_sitter import Node

from orchestrator.kg.javascript import ir
from orchestrator.kg.javascript.lowering.expressions import FUNCTIONS, function, lower
from orchestrator.kg.javascript.lowering.statements import decorator, inner_block
from orchestrator.kg.javascript.lowering.syntax import plain_key, type_name
from orchestrator.kg.javascript.lowering.writer import Body, Frame, Writer, one_line, text

_KINDS = {"get": ir.GET, "set": ir.SET}


def class_body(w: Writer, waiting: Body) -> ir.Node:
    """The program of a class: its base, its members in order, the interfaces it names."""
    node = waiting.node
    base, interfaces = _heritage(w, node)
    members: list[ir.Node] = []
    body = node.child_by_field_name("body")
    decorators: list[Node] = []
    for child in body.named_children if body is not None else ():
        if child.type == "decorator":
            decorators.append(child)
            continue
        member = _member(w, child)
        if member:
            members.append(member)
        at = member[3][1] if member and member[3] is not None and member[3][0] == ir.FUNCTION else -1
        found = [*decorators, *(one for one in child.named_children if one.type == "decorator")]
        members += [[ir.INITIALIZER, True, "", decorator(w, one, at)] for one in found]
        decorators = []
    own = text(node.child_by_field_name("name"))
    return [ir.CLASS, own, base, members, interfaces]


def _heritage(w: Writer, node: Node) -> tuple[ir.Node | None, list[str]]:
    base: ir.Node | None = None
    interfaces: list[str] = []
    parts = [one for child in node.named_children if child.type == "class_heritage" for one in child.named_children]
    parts += [one for one in node.named_children if one.type == "extends_type_clause"]
    w.frames = [Frame(True)]
    for part in parts:
        if part.type == "extends_clause":
            base = lower(w, part.child_by_field_name("value"), 1)
        elif part.type in ("implements_clause", "extends_type_clause"):
            interfaces += [name for one in part.named_children if (name := type_name(one))]
        else:
            base = lower(w, part, 1)
    return base, interfaces


def _member(w: Writer, node: Node) -> ir.Node:
    kind = node.type
    words = {one.type for one in node.children if not one.is_named}
    if kind == "class_static_block":
        names, statements = inner_block(w, node.child_by_field_name("body"), 1)
        return [ir.INITIALIZER, True, "", [ir.BLOCK, names, statements]]
    if kind in ("field_definition", "public_field_definition"):
        return _field(w, node, static="static" in words)
    if kind != "method_definition":
        return []
    named = node.child_by_field_name("name")
    key = plain_key(named)
    written = key if key is not None else one_line(named, 60)
    at = function(w, node, written)
    _hide(w, node, written, at)
    how = next((_KINDS[one] for one in ("get", "set") if one in words), ir.METHOD)
    return [how, "static" in words, key if key is not None else lower(w, named, 1), [ir.FUNCTION, at]]


def _field(w: Writer, node: Node, *, static: bool) -> ir.Node:
    named = node.child_by_field_name("name") or node.child_by_field_name("property")
    key = plain_key(named)
    value = node.child_by_field_name("value")
    declared = type_name(node.child_by_field_name("type"))
    lowered: ir.Node | None = None
    if value is not None and value.type in FUNCTIONS:
        at = function(w, value, key or "", node)
        _hide(w, node, key or "", at)
        lowered = [ir.FUNCTION, at]
    elif value is not None:
        lowered = lower(w, value, 1, key or "")
    if declared:
        lowered = [ir.TYPED, lowered, declared]
    return [ir.FIELD, static, key if key is not None else lower(w, named, 1), lowered]


def _hide(w: Writer, node: Node, key: str, at: int) -> None:
    """``#x``, ``private x`` and ``protected x`` are nobody else's."""
    modifier = next((text(one) for one in node.children if one.type == "accessibility_modifier"), "")
    if key.startswith("#") or modifier in ("private", "protected"):
        w.definitions[at] = w.definitions[at]._replace(visibility="internal")
