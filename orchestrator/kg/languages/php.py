"""PHP, as the extractor needs it: namespaces with backslashes, traits as bases, names in any case."""

from collections.abc import Iterator

import tree_sitter_php
from tree_sitter import Language, Node

from orchestrator.kg.languages.extract import extractor
from orchestrator.kg.languages.grammar import (
    Calls,
    Define,
    Grammar,
    Parameter,
    Sink,
    Visible,
    child_of,
    field_of,
    text,
    within,
)

_NAMES = ("name", "qualified_name", "relative_name")
_WORDS = {"$this": "this", "parent": "super", "self": "Self", "static": "Self"}


def _path(node: Node | None) -> str:
    return "".join(text(node).split()).strip("\\").replace("\\", ".")


def _bases(node: Node) -> Iterator[str]:
    for clause in node.named_children:
        if clause.type in ("base_clause", "class_interface_clause"):
            yield from (text(child) for child in clause.named_children if child.type in _NAMES)


def _attributes(node: Node) -> Iterator[str]:
    held = node.child_by_field_name("attributes")
    for one in within(held, "attribute") if held is not None else ():
        yield text(one.named_children[0])


def _visible(node: Node, _name: str, _kind: str, _access: str) -> Visible:
    word = text(child_of("visibility_modifier")(node))
    return "internal" if word in ("private", "protected") else "public"


def _namespace(node: Node, sink: Sink) -> None:
    if node.child_by_field_name("body") is None:
        sink.package(_path(node.child_by_field_name("name")))


def _use(node: Node, sink: Sink) -> None:
    prefix = _path(child_of("namespace_name")(node))
    for clause in within(node, "namespace_use_clause"):
        target = _path(child_of(*_NAMES)(clause))
        target = f"{prefix}.{target}" if prefix else target
        alias = text(clause.child_by_field_name("alias"))
        sink.imported(alias or target.rpartition(".")[2], node, target)


def _traits(node: Node, sink: Sink) -> None:
    sink.bases(sink.type_of(child) for child in node.named_children if child.type in _NAMES)


def _property(node: Node, sink: Sink) -> None:
    declared = sink.type_of(node.child_by_field_name("type"))
    for child in node.named_children:
        if child.type == "property_element":
            sink.bind(text(child.child_by_field_name("name")).lstrip("$"), child, type_=declared)


def _assignment(node: Node, sink: Sink) -> None:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None:
        return
    if left.type == "variable_name":
        sink.bind(text(left), node, value=sink.expression(right))
    elif left.type == "member_access_expression" and text(left.child_by_field_name("object")) == "$this":
        sink.attribute(text(left.child_by_field_name("name")), node, value=sink.expression(right))
    elif left.type == "list_literal":
        for one in within(left, "variable_name"):
            sink.bind(text(one), node)


def _promoted(node: Node, sink: Sink) -> None:
    name = text(node.child_by_field_name("name")).lstrip("$")
    sink.attribute(name, node, type_=sink.type_of(node.child_by_field_name("type")))


def _loop(node: Node, sink: Sink) -> None:
    for child in node.named_children[1:3]:
        for one in within(child, "variable_name") if child.type in ("variable_name", "pair", "by_ref") else ():
            sink.bind(text(one), node)


def _closure(node: Node, sink: Sink) -> None:
    parameters = node.child_by_field_name("parameters")
    for child in parameters.named_children if parameters is not None else ():
        sink.parameter(child)


def _environment(node: Node, sink: Sink) -> None:
    if node.named_child_count > 1 and text(node.named_children[0]) == "$_ENV":
        sink.configuration(node.named_children[1])


def _require(node: Node, sink: Sink) -> None:
    """A path in quotes, perhaps after ``__DIR__``."""
    parts = list(within(node, "string_content"))
    if len(parts) == 1 and not any(True for _ in within(node, "variable_name", "function_call_expression")):
        sink.imported("", node, f"./{text(parts[0]).lstrip('/')}")


def _made(node: Node) -> Node | None:
    return child_of(*_NAMES)(node)


_CLASS = Define("class", bases=_bases, decorators=_attributes)
_FUNCTION = Define(
    "function",
    parameters=field_of("parameters"),
    result=field_of("return_type"),
    decorators=_attributes,
    static=lambda node: child_of("static_modifier")(node) is not None,
)

GRAMMAR = Grammar(
    language=Language(tree_sitter_php.language_php()),
    definitions={
        "namespace_definition": Define("module", when=lambda node: node.child_by_field_name("body") is not None),
        "class_declaration": _CLASS,
        "interface_declaration": _CLASS,
        "trait_declaration": _CLASS,
        "enum_declaration": _CLASS,
        "anonymous_class": Define("class", name=lambda _: "", bases=_bases),
        "function_definition": _FUNCTION,
        "method_declaration": _FUNCTION,
    },
    calls={
        "function_call_expression": Calls(function=field_of("function")),
        "member_call_expression": Calls(object=field_of("object"), name=field_of("name")),
        "nullsafe_member_call_expression": Calls(object=field_of("object"), name=field_of("name")),
        "scoped_call_expression": Calls(object=field_of("scope"), name=field_of("name")),
        "object_creation_expression": Calls(function=_made, arguments=child_of("arguments"), new=True),
    },
    members={
        "member_access_expression": (field_of("object"), field_of("name")),
        "nullsafe_member_access_expression": (field_of("object"), field_of("name")),
    },
    names=frozenset({"name", "qualified_name", "relative_name", "variable_name", "relative_scope"}),
    through={
        "parenthesized_expression": lambda node: node.named_children[0] if node.named_child_count else None,
        "clone_expression": lambda node: node.named_children[0] if node.named_child_count else None,
    },
    parameters={
        "simple_parameter": Parameter(optional=lambda node: node.child_by_field_name("default_value") is not None),
        "property_promotion_parameter": Parameter(
            optional=lambda node: node.child_by_field_name("default_value") is not None
        ),
        "variadic_parameter": Parameter(variadic=True),
    },
    handlers={
        "namespace_definition": _namespace,
        "namespace_use_declaration": _use,
        "use_declaration": _traits,
        "property_declaration": _property,
        "assignment_expression": _assignment,
        "property_promotion_parameter": _promoted,
        "foreach_statement": _loop,
        "anonymous_function": _closure,
        "arrow_function": _closure,
        "subscript_expression": _environment,
        "catch_clause": lambda node, sink: sink.bind(
            text(node.child_by_field_name("name")), node, type_=sink.type_of(node.child_by_field_name("type"))
        ),
        "require_expression": _require,
        "require_once_expression": _require,
        "include_expression": _require,
        "include_once_expression": _require,
    },
    visibility=_visible,
    splats=frozenset({"variadic_unpacking"}),
    environment=frozenset({"getenv"}),
    leaves=frozenset({"string", "encapsed_string"}),
    tidy=lambda name: _WORDS.get(name, name),
    test=lambda name, decorators: name.startswith("test") or "Test" in decorators,
)
extract = extractor(GRAMMAR)
