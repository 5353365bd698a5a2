"""Lower expressions and patterns of JavaScript and TypeScript to the program of ``ir``.

Used by the lowering of statements and classes. Long chains and operators are loops, the rest recurses at most
``MAX_DEPTH`` deep; what lies deeper is left out and its line noted. Nothing is resolved here.
"""

from collections.abc import Callable, Sequence

from tree_sitter import Node

from orchestrator.kg.facts import ConfigRead, Definition, ImportFact
from orchestrator.kg.javascript import ir
from orchestrator.kg.javascript.lowering.jsx import element
from orchestrator.kg.javascript.lowering.operators import INERT, binary, evaluated, ternary, unary
from orchestrator.kg.javascript.lowering.patterns import pattern
from orchestrator.kg.javascript.lowering.syntax import (
    arity,
    documentation,
    plain_index,
    plain_key,
    string_value,
    type_name,
)
from orchestrator.kg.javascript.lowering.writer import (
    LINKS,
    MAX_DEPTH,
    MAX_ITEMS,
    MAX_TEXT,
    UNKNOWN,
    Body,
    Writer,
    one_line,
    short,
    text,
)

FUNCTIONS = frozenset(
    {"function_expression", "arrow_function", "generator_function", "function_declaration", "function",
     "generator_function_declaration", "method_definition"}
)  # fmt: skip
_DOCUMENTED = FUNCTIONS - {"function_expression", "arrow_function", "generator_function", "function"}
TEST_CALLS = frozenset({"it", "test", "specify", "fit", "xit", "xtest"})
_GROUP_CALLS = frozenset({"describe", "suite", "context", "fdescribe", "xdescribe"})
_LITERALS = {
    "regex": "RegExp", "true": "bool", "false": "bool", "null": "null", "undefined": "undefined", "meta_property": "?",
}  # fmt: skip


def lower(w: Writer, node: Node | None, depth: int, label: str = "") -> ir.Node:
    """An expression. ``label`` names a function, class or object that has no name of its own."""
    if node is None:
        return UNKNOWN
    kind = node.type
    if kind == "identifier":
        return [ir.NAME, text(node)]
    if depth > MAX_DEPTH:
        w.problem(node)
        return UNKNOWN
    if kind in LINKS:
        return chain(w, node, depth)
    handler = _HANDLERS.get(kind)
    if handler is not None:
        return handler(w, node, depth + 1, label)
    if kind in _LITERALS:
        return [ir.OTHER, _LITERALS[kind]]
    return evaluated(w, node.named_children, depth + 1)


# Functions and classes


def function(w: Writer, node: Node, label: str, anchor: Node | None = None, parent: int = -1) -> int:
    """Define a function; its body waits."""
    own = text(node.child_by_field_name("name")) if node.type != "method_definition" else ""
    parameters = node.child_by_field_name("parameters") or node.child_by_field_name("parameter")
    least, most = arity(parameters)
    returns = node.child_by_field_name("return_type")
    arrow = " =>" if node.type == "arrow_function" else ""
    signature = f"{one_line(parameters)}{one_line(returns)}{arrow}"
    at = w.define(
        Definition(
            "function",
            own or label or "<anonymous>",
            parent if parent >= 0 else w.scope,
            node.start_point[0] + 1,
            node.end_point[0] + 1,
            signature,
            documentation(anchor or node) if anchor is not None or node.type in _DOCUMENTED else "",
            least_args=least,
            most_args=most,
        )
    )
    w.waiting.append(Body(at, node))
    return at


def klass(w: Writer, node: Node, label: str, anchor: Node | None = None) -> int:
    """Define a class or an interface; its members wait."""
    name = text(node.child_by_field_name("name")) or label or "<anonymous>"
    heritage = next((one for one in node.named_children if one.type in ("class_heritage", "extends_type_clause")), None)
    at = w.define(
        Definition(
            "class", name, w.scope, node.start_point[0] + 1, node.end_point[0] + 1, one_line(heritage),
            documentation(anchor or node),
        )
    )  # fmt: skip
    w.waiting.append(Body(at, node))
    return at


def _function(w: Writer, node: Node, _depth: int, label: str) -> ir.Node:
    return [ir.FUNCTION, function(w, node, label)]


def _class(w: Writer, node: Node, _depth: int, label: str) -> ir.Node:
    return [ir.CLASS, klass(w, node, label)]


# Literals


def _string(_w: Writer, node: Node, _depth: int, _label: str) -> ir.Node:
    if node.end_byte - node.start_byte > MAX_TEXT:
        return [ir.OTHER, "string"]
    return [ir.STRING, string_value(node)]


def _number(_w: Writer, node: Node, _depth: int, _label: str) -> ir.Node:
    return [ir.NUMBER, text(node)[:MAX_TEXT]]


def _template(w: Writer, node: Node, depth: int, _label: str) -> ir.Node:
    inner = [one for one in node.named_children if one.type == "template_substitution"]
    if not inner and node.end_byte - node.start_byte <= MAX_TEXT:
        return [ir.STRING, string_value(node)]
    return evaluated(w, [child for one in inner for child in one.named_children], depth, "string")


def _array(w: Writer, node: Node, depth: int, _label: str) -> ir.Node:
    items = [lower(w, one, depth) for one in node.named_children[:MAX_ITEMS] if one.type != "comment"]
    return [ir.ARRAY, items]


def _object(w: Writer, node: Node, depth: int, label: str) -> ir.Node:
    entries: list[ir.Node] = []
    for child in node.named_children[:MAX_ITEMS]:
        kind = child.type
        if kind == "shorthand_property_identifier":
            entries.append([ir.VALUE, text(child), [ir.NAME, text(child)]])
        elif kind == "spread_element":
            entries.append([ir.REST, None, lower(w, child.named_children[0], depth)])
        elif kind in ("pair", "method_definition"):
            entries.append(_entry(w, child, depth, label))
    return [ir.OBJECT, entries]


def _entry(w: Writer, node: Node, depth: int, label: str) -> ir.Node:
    named = node.child_by_field_name("key" if node.type == "pair" else "name")
    key = plain_key(named)
    written = key if key is not None else one_line(named, 60)
    inner = f"{label}.{written}" if label else written
    at = key if key is not None else lower(w, named, depth)
    if node.type == "pair":
        return [ir.VALUE, at, lower(w, node.child_by_field_name("value"), depth, inner)]
    how = next((one.type for one in node.children if one.type in ("get", "set")), "")
    return [{"get": ir.GETTER, "set": ir.SETTER}.get(how, ir.VALUE), at, [ir.FUNCTION, function(w, node, inner)]]


# Chains: names, members and calls


def chain(w: Writer, node: Node, depth: int) -> ir.Node:
    """``a.b(c)[d]``, however long, as a head and steps."""
    links: list[Node] = []
    at: Node | None = node
    while at is not None and at.type in LINKS:
        links.append(at)
        at = at.child_by_field_name("function" if at.type == "call_expression" else "object") or (
            at.named_children[0] if at.type == "non_null_expression" and at.named_child_count else None
        )
    head, written, steps = _head(w, at, depth), text(at) if at is not None and at.type in _NAMED else "?", []
    for link in reversed(links):
        kind = link.type
        if kind == "member_expression":
            key = text(link.child_by_field_name("property"))
            steps.append([ir.MEMBER, key, link.end_point[0] + 1])
            if written in _ENVIRONMENTS:
                w.config.append(ConfigRead(w.scope, key, "env", link.end_point[0] + 1))
            written = f"{written}.{key}"
        elif kind == "subscript_expression":
            index = link.child_by_field_name("index")
            name = plain_index(index) if index is not None else None
            key_node = name if name is not None else lower(w, index, depth + 1)
            steps.append([ir.MEMBER, key_node, link.end_point[0] + 1])
            if written in _ENVIRONMENTS and name is not None:
                w.config.append(ConfigRead(w.scope, name, "env", link.end_point[0] + 1))
            written = f"{written}.{name}" if name is not None and name.isidentifier() else f"{written}.?"
        elif kind == "call_expression":
            if at is not None and at.type == "import" and not steps:
                imported = _arguments(w, link, "import", depth)
                _note_require(w, link, "require", imported)
                head = [ir.IMPORT_CALL, imported[0]]
                continue
            arguments = _arguments(w, link, written, depth)
            _note_require(w, link, written, arguments)
            # The line of the arguments: all calls of a long chain start where the chain starts.
            place = link.child_by_field_name("arguments") or link
            steps.append([ir.CALL, arguments, w.call(place, short(written), _count(arguments))])
            written += "()"
    return [ir.CHAIN, head, steps] if steps else head


_NAMED = frozenset({"identifier", "this", "super", "meta_property"})
_ENVIRONMENTS = frozenset({"process.env", "import.meta.env"})


def _note_require(w: Writer, link: Node, callee: str, arguments: list[ir.Node]) -> None:
    if callee == "require" and len(arguments) == 1 and arguments[0][0] == ir.STRING:
        w.imports.append(ImportFact(w.scope, arguments[0][1], "", link.start_point[0] + 1, star=False))


def _head(w: Writer, node: Node | None, depth: int) -> ir.Node:
    return UNKNOWN if node is None or node.type == "import" else lower(w, node, depth + 1)


def _count(arguments: list[ir.Node]) -> int:
    return -1 if any(one[0] == ir.SPREAD for one in arguments) else len(arguments)


def _arguments(w: Writer, link: Node, callee: str, depth: int) -> list[ir.Node]:
    arguments = link.child_by_field_name("arguments")
    if arguments is None:
        return []
    if arguments.type == "template_string":
        return [[ir.OTHER, "?"], evaluated(w, arguments.named_children, depth + 1)]
    nodes = [one for one in arguments.named_children[:MAX_ITEMS] if one.type != "comment"]
    label = _argument_label(callee, nodes)
    return [lower(w, one, depth + 1, label) for one in nodes] or ([[ir.OTHER, "?"]] if callee == "import" else [])


def _argument_label(callee: str, arguments: Sequence[Node]) -> str:
    """What a function handed to a call is known by: a test by its title, others by who takes them."""
    head, last = callee.partition(".")[0].removesuffix("()"), callee.removesuffix("()").rpartition(".")[2]
    if (
        (head in TEST_CALLS or head in _GROUP_CALLS)
        and arguments
        and arguments[0].type in ("string", "template_string")
    ):
        return f"{head} {' '.join(string_value(arguments[0]).split())}"
    return f"<{last.removesuffix('()')}>" if last and not last.startswith("?") else "<anonymous>"


def _new(w: Writer, node: Node, depth: int, _label: str) -> ir.Node:
    made = node.child_by_field_name("constructor")
    callee = lower(w, made, depth)
    arguments = _arguments(w, node, one_line(made, 60), depth)
    written = one_line(made, MAX_TEXT)
    plain = written if written.replace(".", "").replace("_", "").replace("$", "").isalnum() else "?"
    return [ir.NEW, callee, arguments, w.call(node, plain, _count(arguments))]


# Operators


def _inner(w: Writer, node: Node, depth: int, label: str) -> ir.Node:
    inner = next((one for one in node.named_children if one.type not in INERT), None)
    return lower(w, inner, depth, label)


def _assignment(w: Writer, node: Node, depth: int, _label: str) -> ir.Node:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    name, parent = target_label(w, left)
    if right is not None and right.type in FUNCTIONS and parent >= 0:
        value: ir.Node = [ir.FUNCTION, function(w, right, name, node.parent, parent)]
    else:
        value = lower(w, right, depth, name)
    return [ir.ASSIGN, pattern(w, left, depth), value]


def _augmented(w: Writer, node: Node, depth: int, _label: str) -> ir.Node:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    operator = text(node.child_by_field_name("operator"))
    value = lower(w, right, depth, target_label(w, left)[0])
    if operator in ("||=", "??=", "&&="):
        return [ir.ASSIGN, pattern(w, left, depth), [ir.EITHER, [lower(w, left, depth), value]]]
    return [ir.ALL, [lower(w, left, depth), value], "?"]


def target_label(w: Writer, target: Node | None) -> tuple[str, int]:
    """What a function assigned to the target is called, and the definition it belongs to where the target says so."""
    written = text(target) if target is not None and target.type in ("identifier", "member_expression") else ""
    written = "".join(written.split())[:MAX_TEXT]
    owner, found, method = written.partition(".prototype.")
    if found and "." not in method:
        at = w.named(owner)
        return (method, at) if at >= 0 else (f"{owner}.{method}", -1)
    if written in ("module.exports", "exports"):
        return "", -1
    for prefix in ("module.exports.", "exports.", "this."):
        written = written.removeprefix(prefix)
    return written, -1


def _typed(w: Writer, node: Node, depth: int, label: str) -> ir.Node:
    """``x as T``, ``x satisfies T`` and ``<T>x``."""
    named = node.named_children
    at, written = (0, -1) if node.type != "type_assertion" else (-1, 0)
    if not named:
        return UNKNOWN
    value, name = lower(w, named[at], depth, label), type_name(named[written]) if len(named) > 1 else ""
    return [ir.TYPED, value, name] if name else value


def _one(code: int) -> Callable[[Writer, Node, int, str], ir.Node]:
    def lowered(w: Writer, node: Node, depth: int, label: str) -> ir.Node:
        return [code, _inner(w, node, depth, label)]

    return lowered


def _yield(w: Writer, node: Node, depth: int, label: str) -> ir.Node:
    return [ir.YIELD, _inner(w, node, depth, label), any(one.type == "*" for one in node.children)]


def _effects(kind: str) -> Callable[[Writer, Node, int, str], ir.Node]:
    def lowered(w: Writer, node: Node, depth: int, _label: str) -> ir.Node:
        return evaluated(w, node.named_children, depth, kind)

    return lowered


def _sequence(w: Writer, node: Node, depth: int, _label: str) -> ir.Node:
    return [ir.ALL, [lower(w, one, depth) for one in node.named_children[:MAX_ITEMS]], ""]


_HANDLERS: dict[str, Callable[[Writer, Node, int, str], ir.Node]] = {
    "this": lambda _w, _n, _d, _l: [ir.THIS],
    "super": lambda _w, _n, _d, _l: [ir.SUPER],
    "property_identifier": lambda _w, node, _d, _l: [ir.STRING, text(node)],
    "computed_property_name": _inner,
    "string": _string,
    "number": _number,
    "template_string": _template,
    "template_substitution": _inner,
    "array": _array,
    "object": _object,
    "function_expression": _function,
    "function": _function,
    "arrow_function": _function,
    "generator_function": _function,
    "class": _class,
    "new_expression": _new,
    "parenthesized_expression": _inner,
    "expression_statement": _inner,
    "binary_expression": binary,
    "ternary_expression": ternary,
    "assignment_expression": _assignment,
    "augmented_assignment_expression": _augmented,
    "as_expression": _typed,
    "satisfies_expression": _typed,
    "type_assertion": _typed,
    "await_expression": _one(ir.AWAIT),
    "spread_element": _one(ir.SPREAD),
    "yield_expression": _yield,
    "unary_expression": unary,
    "update_expression": _effects("number"),
    "sequence_expression": _sequence,
    "jsx_element": element,
    "jsx_self_closing_element": element,
    "jsx_expression": _inner,
    "jsx_namespace_name": lambda _w, _n, _d, _l: UNKNOWN,
}
