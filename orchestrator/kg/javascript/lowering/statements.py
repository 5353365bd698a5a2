"""Lower statements, functions and modules of JavaScript and TypeScript to the program of ``ir``.

Used by the extractor. Function declarations move to the start of their block, as they do when the program runs.
"""

from collections.abc import Callable, Sequence

from tree_sitter import Node

from orchestrator.kg.javascript import ir
from orchestrator.kg.javascript.lowering.expressions import FUNCTIONS, function, klass, lower
from orchestrator.kg.javascript.lowering.imports import export_from, exported_name, imported
from orchestrator.kg.javascript.lowering.operators import evaluated
from orchestrator.kg.javascript.lowering.patterns import pattern
from orchestrator.kg.javascript.lowering.syntax import type_name
from orchestrator.kg.javascript.lowering.writer import MAX_DEPTH, Body, Frame, Writer, one_line, text

_CLASSES = frozenset({"class_declaration", "abstract_class_declaration", "interface_declaration", "class"})
_DECLARED_FUNCTIONS = frozenset({"function_declaration", "generator_function_declaration"})


def function_body(w: Writer, waiting: Body) -> ir.Node:
    """The program of a function: parameters, names, statements."""
    node = waiting.node
    w.frames = [Frame(True)]
    parameters = node.child_by_field_name("parameters")
    single = node.child_by_field_name("parameter")
    listed = parameters.named_children if parameters is not None else [single] if single is not None else []
    patterns = [_parameter(w, one) for one in listed if one.type not in ("comment", "decorator")]
    properties = [one for one in (_parameter_property(one) for one in listed) if one]
    body = node.child_by_field_name("body")
    if body is not None and body.type == "statement_block":
        statements = block(w, body.named_children, 1)
    else:
        statements = [[ir.RETURN, lower(w, body, 1)]] if body is not None else []
    kinds = {one.type for one in node.children}
    flags = (node.type == "arrow_function") * ir.ARROW | ("async" in kinds) * ir.ASYNC
    flags |= ("*" in kinds or "generator" in node.type) * ir.GENERATOR
    names = list(w.frames.pop().names)
    returns = type_name(node.child_by_field_name("return_type"))
    own = text(node.child_by_field_name("name")) if node.type in ("function_expression", "generator_function") else ""
    return [ir.FUNCTION, flags, [one for one in patterns if one], names, properties + statements, returns, own]


def _parameter(w: Writer, node: Node) -> ir.Node:
    if node.type not in ("required_parameter", "optional_parameter"):
        return pattern(w, node, 1, "let")
    inner = node.child_by_field_name("pattern")
    if inner is not None and inner.type == "this":
        return []
    lowered = pattern(w, inner, 1, "let")
    value, declared = node.child_by_field_name("value"), type_name(node.child_by_field_name("type"))
    if value is not None:
        lowered = [ir.DEFAULT, lowered, lower(w, value, 1, text(inner))]
    return [ir.TYPED, lowered, declared] if declared else lowered


def _parameter_property(node: Node) -> ir.Node:
    """``constructor(private x: T)`` sets ``this.x``."""
    if not any(one.type in ("accessibility_modifier", "override_modifier", "readonly") for one in node.children):
        return []
    name, line = text(node.child_by_field_name("pattern")), node.start_point[0] + 1
    return [ir.ASSIGN, [ir.CHAIN, [ir.THIS], [[ir.MEMBER, name, line]]], [ir.NAME, name]]


# Blocks


def block(w: Writer, nodes: Sequence[Node], depth: int) -> list[ir.Node]:
    """The statements of a block whose names belong to the frame at hand."""
    if depth > MAX_DEPTH:
        if nodes:
            w.problem(nodes[0])
        return []
    hoisted: list[ir.Node] = []
    plain: list[ir.Node] = []
    for node in nodes:
        for one in statement(w, node, depth):
            (hoisted if one[0] in (ir.DECLARE, ir.IMPORT) else plain).append(one)
    return hoisted + plain


def inner_block(
    w: Writer, node: Node | None, depth: int, *first: Callable[[], None]
) -> tuple[list[str], list[ir.Node]]:
    """A block with names of its own. ``first`` runs inside of it, before its statements."""
    w.frames.append(Frame(False))
    for one in first:
        one()
    nodes = (
        []
        if node is None
        else node.named_children
        if node.type in ("statement_block", "class_static_block")
        else [node]
    )
    statements = block(w, nodes, depth + 1)
    return list(w.frames.pop().names), statements


def statement(w: Writer, node: Node, depth: int) -> list[ir.Node]:
    """What a statement does; most are one entry, some none, some several."""
    kind = node.type
    if kind == "expression_statement":
        inner = node.named_children[0] if node.named_child_count else None
        if inner is not None and inner.type == "internal_module":
            return _namespace(w, inner, depth)
        value = lower(w, inner, depth)
        return [value] if value[0] not in (ir.OTHER, ir.STRING, ir.NUMBER, ir.NAME) else []
    handler = _HANDLERS.get(kind)
    if handler is not None:
        return handler(w, node, depth)
    if kind in _CLASSES:
        return _class(w, node)
    if kind in _DECLARED_FUNCTIONS:
        return [[ir.DECLARE, _declared(w, node), function(w, node, "default")]]
    if kind in _NOTHING_RUNS:
        return []
    if kind in ("identifier", "ERROR"):
        return block(w, node.named_children, depth + 1) if kind == "ERROR" else []
    value = evaluated(w, node.named_children, depth)
    return [value] if value[0] == ir.ALL else []


_NOTHING_RUNS = frozenset(
    {"comment", "empty_statement", "break_statement", "continue_statement", "debugger_statement",
     "type_alias_declaration", "function_signature", "hash_bang_line", "import_alias"}
)  # fmt: skip


def _declared(w: Writer, node: Node) -> str:
    name = text(node.child_by_field_name("name"))
    w.declare(name, "let")
    return name


def _class(w: Writer, node: Node) -> list[ir.Node]:
    name = _declared(w, node)
    at = klass(w, node, name or "default")
    decorators = [one for one in node.named_children if one.type == "decorator"]
    made: list[ir.Node] = [[ir.ASSIGN, [ir.NAME, name], [ir.CLASS, at]]]
    return made + [decorator(w, one, at) for one in decorators]


def decorator(w: Writer, node: Node, at: int) -> ir.Node:
    """``@x`` is a call of x, ``@x()`` of what x returns."""
    inner = node.named_children[0] if node.named_child_count else None
    bare = inner is None or inner.type != "call_expression"
    value = lower(w, inner, 1)
    site = w.call(node, one_line(inner, 60), 1, decorator=True) if bare else -1
    return [ir.DECORATE, at, value, site]


def _variables(w: Writer, node: Node, depth: int) -> list[ir.Node]:
    made: list[ir.Node] = []
    how = "var" if node.type == "variable_declaration" else "let"
    for one in node.named_children:
        if one.type != "variable_declarator":
            continue
        name, value = one.child_by_field_name("name"), one.child_by_field_name("value")
        target = pattern(w, name, depth, how)
        label = text(name) if target[0] == ir.NAME else ""
        declared = type_name(one.child_by_field_name("type"))
        if value is None and not declared:
            continue
        if value is not None and value.type in FUNCTIONS:
            lowered: ir.Node | None = [ir.FUNCTION, function(w, value, label, one)]
        else:
            lowered = lower(w, value, depth, label) if value is not None else None
        made.append([ir.ASSIGN, target, [ir.TYPED, lowered, declared] if declared else lowered])
    return made


def _block(w: Writer, node: Node, depth: int) -> list[ir.Node]:
    names, statements = inner_block(w, node, depth)
    return ([[ir.BLOCK, names, statements]] if names else statements) if statements else []


def _if(w: Writer, node: Node, depth: int) -> list[ir.Node]:
    """``if … else if …`` as tests, each followed by what it guards, however many there are."""
    made: list[ir.Node] = []
    at: Node | None = node
    while at is not None:
        if at.type != "if_statement":
            made.append([ir.IF, _guarded(w, at, depth)])
            break
        made.append(lower(w, at.child_by_field_name("condition"), depth))
        made.append([ir.IF, _guarded(w, at.child_by_field_name("consequence"), depth)])
        other = at.child_by_field_name("alternative")
        at = other.named_children[0] if other is not None and other.named_child_count else None
    return made


def _guarded(w: Writer, node: Node | None, depth: int) -> list[ir.Node]:
    names, statements = inner_block(w, node, depth)
    return [[ir.BLOCK, names, statements]] if names else statements


def _loop(w: Writer, node: Node, depth: int) -> list[ir.Node]:
    before: list[ir.Node] = []

    def head() -> None:
        initial = node.child_by_field_name("initializer")
        if initial is not None:
            before.extend(statement(w, initial, depth + 1))
        for field in ("condition", "increment"):
            part = node.child_by_field_name(field)
            if part is not None:
                before.extend([lower(w, part, depth + 1)])

    names, statements = inner_block(w, node.child_by_field_name("body"), depth, head)
    return [[ir.LOOP, names, before + statements]]


def _for_in(w: Writer, node: Node, depth: int) -> list[ir.Node]:
    right = lower(w, node.child_by_field_name("right"), depth)
    kind = next((one.type for one in node.children if one.type in ("const", "let", "var")), "")
    target: list[ir.Node] = []
    names, statements = inner_block(
        w,
        node.child_by_field_name("body"),
        depth,
        lambda: target.append(pattern(w, node.child_by_field_name("left"), depth, kind)),
    )
    if text(node.child_by_field_name("operator")) == "in":
        return [[ir.FOR_IN, target[0], right, names, statements]]
    return [[ir.FOR_OF, target[0], right, names, statements, w.call(node, "?.[Symbol.iterator]", 0)]]


def _switch(w: Writer, node: Node, depth: int) -> list[ir.Node]:
    made = [lower(w, node.child_by_field_name("value"), depth)]
    body = node.child_by_field_name("body")
    w.frames.append(Frame(False))
    for case in body.named_children if body is not None else ():
        value = case.child_by_field_name("value")
        nodes = [one for one in case.named_children if value is None or one.id != value.id]
        made.append([ir.IF, block(w, nodes, depth + 1)])
    return [[ir.BLOCK, list(w.frames.pop().names), made]]


def _try(w: Writer, node: Node, depth: int) -> list[ir.Node]:
    tried = _guarded(w, node.child_by_field_name("body"), depth)
    handler, last = node.child_by_field_name("handler"), node.child_by_field_name("finalizer")
    caught: ir.Node | None = None
    names: list[str] = []
    statements: list[ir.Node] = []
    if handler is not None:
        targets: list[ir.Node] = []
        parameter = handler.child_by_field_name("parameter")
        first = (lambda: targets.append(pattern(w, parameter, depth, "let"))) if parameter is not None else lambda: None
        names, statements = inner_block(w, handler.child_by_field_name("body"), depth, first)
        caught = targets[0] if targets else None
    finally_ = _guarded(w, last.child_by_field_name("body"), depth) if last is not None else []
    return [[ir.TRY, tried, caught, names, statements, finally_]]


def _returned(w: Writer, node: Node, depth: int) -> list[ir.Node]:
    value = lower(w, node.named_children[0], depth) if node.named_child_count else [ir.OTHER, "undefined"]
    return [[ir.RETURN, value]]


def _labeled(w: Writer, node: Node, depth: int) -> list[ir.Node]:
    body = node.child_by_field_name("body")
    return statement(w, body, depth + 1) if body is not None and depth < MAX_DEPTH else []


# TypeScript


def _enum(w: Writer, node: Node, _depth: int) -> list[ir.Node]:
    return [[ir.ASSIGN, [ir.NAME, _declared(w, node)], [ir.OTHER, "enum"]]]


def _namespace(w: Writer, node: Node, depth: int) -> list[ir.Node]:
    named = node.child_by_field_name("name")
    if named is None or named.type == "string":
        return []
    w.declare(text(named), "let")
    outer, w.prefix = w.prefix, f"{w.prefix}{text(named)}."
    names, statements = inner_block(w, node.child_by_field_name("body"), depth)
    w.prefix = outer
    return [[ir.NAMESPACE, text(named), names, statements]]


def _ambient(w: Writer, node: Node, depth: int) -> list[ir.Node]:
    """``declare``: something that exists elsewhere. Classes and namespaces have a shape to tell, the rest has none."""
    return [one for child in node.named_children if child.type in _CLASSES for one in statement(w, child, depth)]


# Modules


def _export(w: Writer, node: Node, depth: int) -> list[ir.Node]:
    w.is_module = True
    source, declaration = node.child_by_field_name("source"), node.child_by_field_name("declaration")
    is_default = any(one.type == "default" for one in node.children)
    if source is not None:
        return export_from(w, node, source)
    if declaration is not None:
        return _exported_declaration(w, declaration, depth, is_default=is_default)
    value = node.child_by_field_name("value")
    if value is not None:
        w.exported["default"] = None
        return [[ir.EXPORT_VALUE, "default", lower(w, value, depth, "default")]]
    made: list[ir.Node] = []
    for child in node.named_children:
        if child.type == "export_clause":
            for one in child.named_children:
                name, alias = one.child_by_field_name("name"), one.child_by_field_name("alias")
                if name is not None:
                    made.append([ir.EXPORT, exported_name(alias or name), text(name)])
    if not made and any(one.type == "=" for one in node.children) and node.named_child_count:
        return [[ir.EXPORT_EQUALS, lower(w, node.named_children[-1], depth, "exports")]]
    w.exported.update(dict.fromkeys(str(one[1]) for one in made))
    return made


def _exported_declaration(w: Writer, declaration: Node, depth: int, *, is_default: bool) -> list[ir.Node]:
    before = set(w.frames[-1].names)
    made = statement(w, declaration, depth)
    for one in declaration.parent.named_children if declaration.parent is not None else ():
        if one.type == "decorator":
            target = next((entry[2][1] for entry in made if entry[0] == ir.ASSIGN and entry[2][0] == ir.CLASS), -1)
            made.append(decorator(w, one, target))
    named = text(declaration.child_by_field_name("name"))
    names = [named] if named else [name for name in w.frames[-1].names if name not in before]
    if is_default:
        made.append([ir.EXPORT, "default", names[0] if names else ""])
        w.exported["default"] = None
        return made
    w.exported.update(dict.fromkeys(names))
    return made + [[ir.EXPORT, name, name] for name in names]


_HANDLERS: dict[str, Callable[[Writer, Node, int], list[ir.Node]]] = {
    "lexical_declaration": _variables,
    "variable_declaration": _variables,
    "statement_block": _block,
    "if_statement": _if,
    "for_statement": _loop,
    "while_statement": _loop,
    "do_statement": _loop,
    "for_in_statement": _for_in,
    "switch_statement": _switch,
    "try_statement": _try,
    "return_statement": _returned,
    "labeled_statement": _labeled,
    "import_statement": imported,
    "export_statement": _export,
    "enum_declaration": _enum,
    "internal_module": _namespace,
    "module": _namespace,
    "ambient_declaration": _ambient,
}
