"""C's way of declaring, inside out: what a declarator names. Used by the C and C++ files."""

from tree_sitter import Node

from orchestrator.kg.languages.grammar import Sink, field_of, text, within

_MAX_STEPS = 16
_NAMES = frozenset(
    {
        "identifier", "field_identifier", "type_identifier", "qualified_identifier", "operator_name",
        "destructor_name", "operator_cast", "template_function",
    }
)  # fmt: skip


def name_of(node: Node | None) -> Node | None:
    """The name inside a declarator."""
    for _ in range(_MAX_STEPS):
        if node is None or node.type in _NAMES:
            break
        below = node.child_by_field_name("declarator")
        node = below or (node.named_children[-1] if node.named_child_count else None)
    return node


def function_of(node: Node | None) -> Node | None:
    """The function declarator on the way to the name; None for variables and pointers to functions."""
    found: Node | None = None
    for _ in range(_MAX_STEPS):
        if node is None or node.type in _NAMES:
            return found
        if node.type == "parenthesized_declarator" and found is not None:
            return None
        if node.type == "function_declarator":
            found = node
        below = node.child_by_field_name("declarator")
        node = below or (node.named_children[-1] if node.named_child_count else None)
    return None


def function_name(node: Node) -> Node | None:
    """The name that a function definition defines."""
    declarator = node.child_by_field_name("declarator")
    if declarator is not None and declarator.type == "parenthesized_declarator":
        # With a macro before it, ``MACRO main(void)`` reads like a type and a name in brackets.
        return node.child_by_field_name("type")
    return name_of(declarator)


def endless(parameters: Node) -> bool:
    """Whether a macro takes any number of arguments."""
    return parameters.type == "preproc_params" and any(child.type == "..." for child in parameters.children)


def parameters_of(node: Node) -> Node | None:
    """The parameters of a function definition or declaration."""
    function = function_of(node.child_by_field_name("declarator"))
    return function.child_by_field_name("parameters") if function is not None else None


def parameter_names(node: Node) -> list[Node]:
    """What a parameter is called; none where it has no name."""
    declarator = node.child_by_field_name("declarator")
    name = name_of(declarator)
    return [name] if name is not None and name.type == "identifier" else []


def declaration(node: Node, sink: Sink, *, constructing: bool = True) -> None:
    """Variables, fields and promised functions. ``constructing``: values in brackets run a constructor."""
    written = field_of("type")(node)
    automatic = written is not None and written.type == "placeholder_type_specifier"
    declared = "" if automatic else sink.type_of(_specified(written))
    for child in node.children_by_field_name("declarator"):
        name = name_of(child)
        if name is None or name.type not in ("identifier", "field_identifier"):
            continue
        value = child.child_by_field_name("value")
        if function_of(child) is not None and value is None:
            sink.declare(text(name), node, declared)
            continue
        made = value is not None and value.type in ("argument_list", "initializer_list")
        plain = child.type == "init_declarator" and name == child.child_by_field_name("declarator")
        if constructing and made and declared and plain:
            sink.call(f"{declared}^", child, value, soft=True)
        plural = any(True for _ in within(child.child_by_field_name("declarator") or child, "array_declarator"))
        sink.bind(
            text(name),
            child,
            type_="" if plural else declared,
            value="" if declared or made or plural else sink.expression(value),
        )


def _specified(node: Node | None) -> Node | None:
    """``struct s { … } x`` has the type ``s``."""
    named = node.child_by_field_name("name") if node is not None and node.type.endswith("_specifier") else None
    return named or node


def include(node: Node, sink: Sink) -> None:
    """``#include`` of a path; a computed one says nothing."""
    path = node.child_by_field_name("path")
    if path is not None and path.type in ("string_literal", "system_lib_string"):
        written = text(path)
        sink.imported("", node, written.strip('"<>'), module=written)


def typedef(node: Node, sink: Sink) -> None:
    """``typedef struct s T``."""
    target = sink.type_of(_specified(node.child_by_field_name("type")))
    for child in node.children_by_field_name("declarator"):
        name = name_of(child)
        if name is not None and target and text(name) != target:
            sink.alias(text(name), node, target)


def typedef_name(node: Node) -> str:
    """What an unnamed struct is called by the typedef around it."""
    around = node.parent
    if around is None or around.type != "type_definition":
        return ""
    return text(name_of(around.child_by_field_name("declarator")))


def struct_name(node: Node) -> str:
    """The name of a struct, or of the typedef it stands in."""
    return text(node.child_by_field_name("name")) or typedef_name(node)


def has_body(node: Node) -> bool:
    """Whether a struct is defined, not only mentioned."""
    return node.child_by_field_name("body") is not None
