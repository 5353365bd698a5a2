"""Go, as the extractor needs it: packages are folders, methods stand outside of their types, case is visibility."""

import re

import tree_sitter_go
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

_TEST = re.compile(r"(?:Test|Benchmark|Fuzz|Example)(?:[^a-z]\w*)?")


def _receiver(node: Node) -> str:
    parameter = next(within(node, "parameter_declaration"), None)
    written = text(field_of("type")(parameter)) if parameter is not None else ""
    return written.lstrip("*( ").partition("[")[0].rstrip(") ")


def _visible(node: Node, name: str, _kind: str, _access: str) -> Visible:
    owner = node.child_by_field_name("receiver")
    names = [name, _receiver(owner)] if owner is not None else [name]
    return "public" if all(one[:1].isupper() for one in names) else "internal"


def _receiver_name(node: Node) -> str:
    receiver = node.child_by_field_name("receiver")
    return _receiver(receiver) if receiver is not None else ""


def _import(node: Node, sink: Sink) -> None:
    target = text(node.child_by_field_name("path")).strip('"`')
    name = text(node.child_by_field_name("name"))
    parts = target.split("/")
    last = parts[-2] if len(parts) > 1 and re.fullmatch(r"v\d+", parts[-1]) else parts[-1]
    if name not in ("_", "."):
        sink.imported(name or re.sub(r"\.v\d+$|^go-|[-.]go$", "", last).replace("-", "_"), node, target)
    else:
        sink.imported("", node, target, star=name == ".")


def _values(node: Node, sink: Sink) -> None:
    """``a, b := f()`` and ``a, b := x, y``."""
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None or right is None:
        return
    names, values = left.named_children, right.named_children
    for at, name in enumerate(names):
        alone = len(values) == 1 and at == 0
        value = _value(values[at], sink) if alone or len(values) == len(names) else ""
        if name.type == "identifier" and text(name) != "_":
            sink.bind(text(name), name, value=value)


def _value(node: Node, sink: Sink) -> str:
    """``new(T)`` makes a T; other values are expressions."""
    arguments = node.child_by_field_name("arguments")
    if node.type == "call_expression" and text(node.child_by_field_name("function")) == "new" and arguments is not None:
        made = sink.type_of(arguments.named_children[0] if arguments.named_child_count else None)
        return f"{made}^" if made else ""
    return sink.expression(node)


def _variable(node: Node, sink: Sink) -> None:
    declared = sink.type_of(node.child_by_field_name("type"))
    value = node.child_by_field_name("value")
    values = value.named_children if value is not None else []
    names = node.children_by_field_name("name")
    for at, name in enumerate(names):
        fits = len(values) == len(names) or (len(values) == 1 and at == 0)
        sink.bind(text(name), name, type_=declared, value=_value(values[at], sink) if fits and not declared else "")


def _field(node: Node, sink: Sink) -> None:
    declared = sink.type_of(node.child_by_field_name("type"))
    names = node.children_by_field_name("name")
    for name in names:
        sink.bind(text(name), name, type_=declared)
    if not names and declared:
        sink.bases([declared])
        sink.bind(declared.rpartition(".")[2], node, type_=declared)


def _range(node: Node, sink: Sink) -> None:
    left = node.child_by_field_name("left")
    for name in left.named_children if left is not None else ():
        sink.bind(text(name), name)


def _switch(node: Node, sink: Sink) -> None:
    """In ``switch x := y.(type)`` x has another type in every branch."""
    alias = node.child_by_field_name("alias")
    for name in alias.named_children if alias is not None else ():
        sink.bind(text(name), name)


def _closure(node: Node, sink: Sink) -> None:
    parameters = node.child_by_field_name("parameters")
    for parameter in parameters.named_children if parameters is not None else ():
        sink.parameter(parameter)


def _receiver_variable(node: Node) -> Node | None:
    receiver = node.child_by_field_name("receiver")
    parameter = next(within(receiver, "parameter_declaration"), None) if receiver is not None else None
    return parameter.child_by_field_name("name") if parameter is not None else None


GRAMMAR = Grammar(
    language=Language(tree_sitter_go.language()),
    definitions={
        "type_spec": Define("class"),
        "function_declaration": Define("function", parameters=field_of("parameters"), result=field_of("result")),
        "method_declaration": Define(
            "function",
            parameters=field_of("parameters"),
            result=field_of("result"),
            owner=_receiver_name,
            receiver=_receiver_variable,
        ),
        "method_elem": Define("function", parameters=field_of("parameters"), result=field_of("result")),
    },
    calls={"call_expression": Calls(function=field_of("function"))},
    members={"selector_expression": (field_of("operand"), field_of("field"))},
    names=frozenset({"identifier", "type_identifier", "package_identifier"}),
    through={
        "parenthesized_expression": lambda node: node.named_children[0] if node.named_child_count else None,
        "unary_expression": field_of("operand"),
        "type_instantiation_expression": field_of("type"),
        "generic_type": field_of("type"),
    },
    instances={"composite_literal": field_of("type"), "type_assertion_expression": field_of("type")},
    parameters={
        "parameter_declaration": Parameter(),
        "variadic_parameter_declaration": Parameter(variadic=True),
    },
    handlers={
        "package_clause": lambda node, sink: sink.package(text(child_of("package_identifier")(node))),
        "import_spec": _import,
        "short_var_declaration": _values,
        "var_spec": _variable,
        "const_spec": _variable,
        "field_declaration": _field,
        "type_elem": lambda node, sink: sink.bases(map(sink.type_of, node.named_children[:1])),
        "type_alias": lambda node, sink: sink.alias(
            text(node.child_by_field_name("name")), node, sink.type_of(node.child_by_field_name("type"))
        ),
        "range_clause": _range,
        "type_switch_statement": _switch,
        "func_literal": _closure,
    },
    visibility=_visible,
    splats=frozenset({"variadic_argument"}),
    environment=frozenset({"os.Getenv", "os.LookupEnv"}),
    leaves=frozenset({"interpreted_string_literal", "raw_string_literal"}),
    test=lambda name, _: _TEST.fullmatch(name) is not None,
)
extract = extractor(GRAMMAR)
