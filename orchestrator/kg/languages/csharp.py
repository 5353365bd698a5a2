"""C#, as the extractor needs it."""

from collections.abc import Iterator

import tree_sitter_c_sharp
from tree_sitter import Language, Node

from orchestrator.kg.languages.extract import extractor
from orchestrator.kg.languages.grammar import Calls, Define, Grammar, Parameter, Sink, Visible, child_of, field_of, text

_TEST = frozenset({"Fact", "Theory", "Test", "TestCase", "TestMethod", "DataTestMethod", "TestCaseSource"})
_TYPES = ("identifier", "generic_name", "qualified_name", "alias_qualified_name")


def _modifiers(node: Node) -> list[str]:
    return [text(child) for child in node.named_children if child.type == "modifier"]


def _attributes(node: Node) -> Iterator[str]:
    for held in node.named_children:
        if held.type == "attribute_list":
            yield from (text(child.child_by_field_name("name")) for child in held.named_children)


def _bases(node: Node) -> Iterator[str]:
    held = child_of("base_list")(node)
    for child in held.named_children if held is not None else ():
        if child.type == "primary_constructor_base_type":
            yield text(child.named_children[0])
        elif child.type in _TYPES:
            yield text(child)


def _visible(node: Node, _name: str, container: str, _access: str) -> Visible:
    modifiers = _modifiers(node)
    if "public" in modifiers or "protected" in modifiers:
        return "public"
    around = node.parent.parent if node.parent is not None else None
    in_interface = container == "class" and around is not None and around.type == "interface_declaration"
    return "public" if in_interface and "private" not in modifiers else "internal"


def _using(node: Node, sink: Sink) -> None:
    alias = node.child_by_field_name("name")
    paths = [child for child in node.named_children if child.type in _TYPES and child != alias]
    if paths:
        name = "".join(text(paths[-1]).split())
        sink.imported(text(alias), node, name, star=alias is None)


def _variables(node: Node, sink: Sink) -> None:
    written = field_of("type")(node)
    automatic = written is None or written.type == "implicit_type"
    declared = "" if automatic else sink.type_of(written)
    for child in node.named_children:
        if child.type == "variable_declarator":
            value = child.named_children[-1] if child.named_child_count > 1 else None
            sink.bind(
                text(child.child_by_field_name("name")),
                child,
                type_=declared,
                value="" if declared else sink.expression(value),
            )


def _typed(node: Node, sink: Sink) -> None:
    """A loop variable, a property, a pattern, ``out T x``."""
    name = node.child_by_field_name("left") or node.child_by_field_name("name")
    if name is not None and name.type == "identifier":
        sink.bind(text(name), node, type_=sink.type_of(node.child_by_field_name("type")))


def _lambda(node: Node, sink: Sink) -> None:
    parameters = node.child_by_field_name("parameters")
    if parameters is not None and not parameters.named_child_count:
        sink.bind(text(parameters), node)
    for child in parameters.named_children if parameters is not None else ():
        sink.parameter(child)


def _constructor_call(node: Node, sink: Sink) -> None:
    word = next((child.type for child in node.children if child.type in ("base", "this")), "")
    sink.call("super" if word == "base" else "this", node, child_of("argument_list")(node))


def _record_fields(node: Node) -> Node | None:
    return child_of("parameter_list")(node)


def _has_code(node: Node) -> bool:
    """A property with code of its own; others are fields."""
    accessors = node.child_by_field_name("accessors")
    coded = any(
        child.child_by_field_name("body") for child in (accessors.named_children if accessors is not None else ())
    )
    value = node.child_by_field_name("value")
    return coded or (value is not None and value.type == "arrow_expression_clause")


def _bound_name(node: Node) -> Node | None:
    """What ``x?.Name`` names."""
    binding = child_of("member_binding_expression")(node)
    return binding.child_by_field_name("name") if binding is not None else None


_CLASS = Define("class", bases=_bases, decorators=_attributes, parameters=_record_fields)
_METHOD = Define(
    "function",
    parameters=field_of("parameters"),
    result=lambda node: node.child_by_field_name("returns") or node.child_by_field_name("type"),
    decorators=_attributes,
    static=lambda node: "static" in _modifiers(node),
)

GRAMMAR = Grammar(
    language=Language(tree_sitter_c_sharp.language()),
    definitions={
        "namespace_declaration": Define("module"),
        "class_declaration": _CLASS,
        "interface_declaration": _CLASS,
        "struct_declaration": _CLASS,
        "record_declaration": _CLASS,
        "enum_declaration": _CLASS,
        "delegate_declaration": Define("class"),
        "method_declaration": _METHOD,
        "constructor_declaration": _METHOD,
        "local_function_statement": _METHOD,
        "property_declaration": Define(
            "function",
            result=field_of("type"),
            decorators=_attributes,
            when=_has_code,
            static=lambda node: "static" in _modifiers(node),
        ),
    },
    calls={
        "invocation_expression": Calls(function=field_of("function")),
        "object_creation_expression": Calls(function=field_of("type"), new=True),
    },
    members={
        "member_access_expression": (field_of("expression"), field_of("name")),
        "conditional_access_expression": (field_of("condition"), _bound_name),
    },
    names=frozenset({"identifier", "generic_name", "qualified_name", "alias_qualified_name"}),
    words={"this": "this", "base": "super"},
    through={
        "parenthesized_expression": lambda node: node.named_children[0] if node.named_child_count else None,
        "await_expression": lambda node: node.named_children[0] if node.named_child_count else None,
    },
    instances={"cast_expression": field_of("type"), "as_expression": field_of("right")},
    parameters={
        "parameter": Parameter(
            optional=lambda node: any(child.type == "=" for child in node.children),
        ),
    },
    endless=lambda node: any(child.type == "params" for child in node.children),
    handlers={
        "file_scoped_namespace_declaration": lambda node, sink: sink.package(text(node.child_by_field_name("name"))),
        "using_directive": _using,
        "variable_declaration": _variables,
        "foreach_statement": _typed,
        "property_declaration": _typed,
        "declaration_pattern": _typed,
        "declaration_expression": _typed,
        "catch_declaration": _typed,
        "lambda_expression": _lambda,
        "constructor_initializer": _constructor_call,
    },
    wrappers=frozenset({"Task", "ValueTask", "Lazy"}),
    visibility=_visible,
    environment=frozenset({"Environment.GetEnvironmentVariable", "System.Environment.GetEnvironmentVariable"}),
    leaves=frozenset({"string_literal", "verbatim_string_literal"}),
    test=lambda _, decorators: not _TEST.isdisjoint(one.rpartition(".")[2] for one in decorators),
)
extract = extractor(GRAMMAR)
