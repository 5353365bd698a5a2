"""Java, as the extractor needs it."""

from collections.abc import Iterable

import tree_sitter_java
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

_TYPES = ("type_identifier", "scoped_type_identifier", "generic_type")
_TEST = frozenset({"Test", "ParameterizedTest", "RepeatedTest", "TestFactory", "TestTemplate", "Theory"})


def _words(node: Node) -> list[str]:
    modifiers = child_of("modifiers")(node)
    return [child.type for child in modifiers.children] if modifiers is not None else []


def _annotations(node: Node) -> Iterable[str]:
    modifiers = child_of("modifiers")(node)
    for child in modifiers.named_children if modifiers is not None else ():
        if child.type in ("marker_annotation", "annotation"):
            yield text(child.child_by_field_name("name"))


def _bases(node: Node) -> Iterable[str]:
    for child in node.named_children:
        if child.type in ("superclass", "super_interfaces", "extends_interfaces"):
            held = child.named_children[0] if child.named_child_count else child
            inner = held.named_children if held.type == "type_list" else [held]
            yield from (text(one) for one in inner if one.type in _TYPES)


def _anonymous_base(node: Node) -> Iterable[str]:
    made = node.parent
    yield text(made.child_by_field_name("type")) if made is not None else ""


def _is_anonymous(node: Node) -> bool:
    return node.parent is not None and node.parent.type == "object_creation_expression"


def _visible(node: Node, _name: str, container: str, _access: str) -> Visible:
    words = _words(node)
    if "public" in words or "protected" in words:
        return "public"
    in_interface = container == "class" and node.parent is not None and node.parent.type in _INTERFACES
    return "public" if in_interface and "private" not in words else "internal"


_INTERFACES = ("interface_body", "annotation_type_body")


def _import(node: Node, sink: Sink) -> None:
    path = text(child_of("scoped_identifier", "identifier")(node))
    star = child_of("asterisk")(node) is not None
    sink.imported("" if star else path.rpartition(".")[2], node, path, star=star)


def _variables(node: Node, sink: Sink) -> None:
    written = field_of("type")(node)
    declared = "" if text(written) == "var" else sink.type_of(written)
    for child in node.children_by_field_name("declarator"):
        value = "" if declared else sink.expression(child.child_by_field_name("value"))
        plural = child.child_by_field_name("dimensions") is not None
        sink.bind(
            text(child.child_by_field_name("name")),
            child,
            type_="" if plural else declared,
            value="" if plural else value,
        )


def _named(node: Node, sink: Sink) -> None:
    """A loop variable, a resource, a caught exception, ``x instanceof T t``."""
    written = field_of("type")(node) or field_of("right")(node)
    sink.bind(
        text(node.child_by_field_name("name")), node, type_="" if text(written) == "var" else sink.type_of(written)
    )


def _lambda(node: Node, sink: Sink) -> None:
    parameters = node.child_by_field_name("parameters")
    if parameters is None:
        return
    if parameters.type == "identifier":
        sink.bind(text(parameters), parameters)
    for child in parameters.named_children:
        if child.type == "identifier":
            sink.bind(text(child), child)
        else:
            sink.parameter(child)


def _constructor_call(node: Node, sink: Sink) -> None:
    word = text(node.child_by_field_name("constructor"))
    if word in ("super", "this"):
        sink.call(word, node, node.child_by_field_name("arguments"))


def _spread_names(node: Node) -> list[Node]:
    declarator = child_of("variable_declarator")(node)
    name = declarator.child_by_field_name("name") if declarator is not None else None
    return [name] if name is not None else []


def _record_fields(node: Node, sink: Sink) -> None:
    """The components of a record are fields with readers of the same name."""
    for parameter in within(node, "formal_parameter"):
        sink.bind(
            text(parameter.child_by_field_name("name")),
            parameter,
            type_=sink.type_of(parameter.child_by_field_name("type")),
        )


_CLASS = Define("class", bases=_bases, decorators=_annotations)
_METHOD = Define(
    "function",
    parameters=field_of("parameters"),
    result=field_of("type"),
    decorators=_annotations,
    static=lambda node: "static" in _words(node),
)

GRAMMAR = Grammar(
    language=Language(tree_sitter_java.language()),
    definitions={
        "class_declaration": _CLASS,
        "interface_declaration": _CLASS,
        "enum_declaration": _CLASS,
        "record_declaration": Define("class", parameters=field_of("parameters"), bases=_bases, decorators=_annotations),
        "annotation_type_declaration": _CLASS,
        "class_body": Define("class", name=lambda _: "", bases=_anonymous_base, when=_is_anonymous),
        "method_declaration": _METHOD,
        "constructor_declaration": _METHOD,
        "compact_constructor_declaration": _METHOD,
        "annotation_type_element_declaration": _METHOD,
    },
    calls={
        "method_invocation": Calls(object=field_of("object"), name=field_of("name")),
        "object_creation_expression": Calls(function=field_of("type"), new=True),
    },
    members={"field_access": (field_of("object"), field_of("field"))},
    names=frozenset({"identifier", "type_identifier", "scoped_identifier", "scoped_type_identifier", "generic_type"}),
    words={"this": "this", "super": "super"},
    through={"parenthesized_expression": lambda node: node.named_children[0] if node.named_child_count else None},
    instances={"cast_expression": field_of("type")},
    parameters={
        "formal_parameter": Parameter(),
        "spread_parameter": Parameter(names=_spread_names, variadic=True),
    },
    handlers={
        "package_declaration": lambda node, sink: sink.package(text(child_of("scoped_identifier", "identifier")(node))),
        "import_declaration": _import,
        "local_variable_declaration": _variables,
        "field_declaration": _variables,
        "enhanced_for_statement": _named,
        "resource": _named,
        "instanceof_expression": _named,
        "type_pattern": _named,
        "catch_formal_parameter": lambda node, sink: sink.bind(text(node.child_by_field_name("name")), node),
        "lambda_expression": _lambda,
        "explicit_constructor_invocation": _constructor_call,
    },
    comments=frozenset({"line_comment", "block_comment"}),
    visibility=_visible,
    environment=frozenset({"System.getenv"}),
    leaves=frozenset({"string_literal"}),
    test=lambda _, decorators: not _TEST.isdisjoint(one.rpartition(".")[2] for one in decorators),
)
extract = extractor(GRAMMAR)
