"""Ruby, as the extractor needs it: classes are reopened, modules are mixed in, a bare name may be a call."""

import tree_sitter_ruby
from tree_sitter import Language, Node

from orchestrator.kg.languages.expressions import dotted
from orchestrator.kg.languages.extract import extractor
from orchestrator.kg.languages.grammar import Calls, Define, Grammar, Parameter, Sink, Visible, field_of, text, within

_ACCESS = frozenset({"private", "protected", "public", "module_function"})
_EXAMPLES = frozenset({"it", "specify", "example", "scenario", "test", "should"})
_MAX_EXAMPLE = 80
_MIXINS = frozenset({"include", "prepend"})
_ATTRIBUTES = frozenset({"attr_reader", "attr_writer", "attr_accessor"})
# Here names are made, which are no calls.
_MAKERS = (
    "method", "singleton_method", "method_parameters", "optional_parameter", "keyword_parameter", "splat_parameter",
    "hash_splat_parameter", "block_parameter", "alias", "undef", "setter", "left_assignment_list",
    "destructured_parameter",
)  # fmt: skip


def _visible(node: Node, name: str, _kind: str, access: str) -> Visible:
    around = node.parent
    if around is not None and around.type == "argument_list" and around.parent is not None:
        word = text(around.parent.child_by_field_name("method"))
        access = word if word in _ACCESS else access
    return "internal" if access in ("private", "protected") and node.type == "method" else "public"


def _call(node: Node, sink: Sink) -> None:
    """Words that are calls to the parser and declarations to people."""
    method, arguments = node.child_by_field_name("method"), node.child_by_field_name("arguments")
    if method is not None:
        sink.ignore(method)
    word = text(method)
    given = arguments.named_children if arguments is not None else []
    if node.child_by_field_name("receiver") is not None:
        return
    if word in ("require", "require_relative", "load") and given:
        path = "".join(text(one) for one in within(given[0], "string_content"))
        if path:
            sink.imported("", node, f"./{path}" if word == "require_relative" else path)
    elif word in _MIXINS and sink.in_class:
        sink.bases(dotted(text(one)) for one in given if one.type in ("constant", "scope_resolution"))
    elif word == "extend" and sink.in_class:
        if "self" in map(text, given):
            sink.access("module_function")
        sink.extends_class(dotted(text(one)) for one in given if one.type in ("constant", "scope_resolution"))
    elif word in _ATTRIBUTES and sink.in_class:
        for one in given:
            sink.bind(text(one).lstrip(":"), one, value=f"this.@{text(one).lstrip(':')}")


def _word(node: Node, sink: Sink) -> None:
    """A bare name: an access word, or perhaps a call; whether it is a local variable is told by its bindings."""
    word = text(node)
    if word in _ACCESS and sink.in_class:
        sink.access(word)
        return
    sink.call(word, node, None, soft=True)


def _made_names(node: Node, sink: Sink) -> None:
    """The names that are made here, not used."""
    name = node.child_by_field_name("name") if node.type != "alias" else None
    for child in [name] if name is not None else node.named_children:
        if child.type == "identifier":
            sink.ignore(child)


def _assignment(node: Node, sink: Sink) -> None:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None:
        return
    sink.ignore(left)
    if left.type in ("instance_variable", "class_variable"):
        sink.attribute(text(left), node, value=sink.expression(right))
    elif left.type in ("identifier", "constant"):
        sink.bind(text(left), node, value=sink.expression(right))
    else:
        for one in within(left, "identifier"):
            sink.bind(text(one), node)


def _names(node: Node, sink: Sink) -> None:
    """Parameters of blocks, loop and exception variables."""
    for one in within(node, "identifier"):
        sink.ignore(one)
        sink.bind(text(one), one)


def _super(node: Node, sink: Sink) -> None:
    sink.call("super", node, None)


def _environment(node: Node, sink: Sink) -> None:
    if text(node.child_by_field_name("object")) == "ENV" and node.named_child_count > 1:
        sink.configuration(node.named_children[1])


def _singleton(node: Node, sink: Sink) -> None:
    if text(node.child_by_field_name("value")) == "self":
        sink.enter(node, static=True)


def _block(node: Node, sink: Sink) -> None:
    # What a block defines belongs to whatever the block is run for, which only the reader of the method knows.
    if not sink.in_function:
        sink.enter(node, local=True)


def _is_example(node: Node) -> bool:
    """``it "does something" do … end``, of RSpec and Minitest::Spec, and ``test "…" do``."""
    return (
        node.child_by_field_name("receiver") is None
        and node.child_by_field_name("block") is not None
        and text(node.child_by_field_name("method")) in _EXAMPLES
        and bool(_example_name(node))
    )


def _example_name(node: Node) -> str:
    arguments = node.child_by_field_name("arguments")
    first = arguments.named_children[0] if arguments is not None and arguments.named_child_count else None
    if first is None or first.type != "string":
        return ""
    written = " ".join("".join(text(one) for one in within(first, "string_content")).split())
    return f"{text(node.child_by_field_name('method'))} {written[:_MAX_EXAMPLE]}"


def _superclass(node: Node) -> list[str]:
    held = node.child_by_field_name("superclass")
    return [text(held.named_children[0])] if held is not None and held.named_child_count else []


def _name_node(node: Node) -> list[Node]:
    name = node.child_by_field_name("name")
    return [name] if name is not None else []


_METHOD = Define("function", parameters=field_of("parameters"))

GRAMMAR = Grammar(
    language=Language(tree_sitter_ruby.language()),
    definitions={
        "module": Define("class"),
        "class": Define("class", bases=_superclass),
        "method": _METHOD,
        "call": Define("function", name=_example_name, when=_is_example, decorators=lambda _: ["it"]),
        "singleton_method": Define("function", parameters=field_of("parameters"), static=lambda _: True),
    },
    calls={"call": Calls(object=field_of("receiver"), name=field_of("method"))},
    members={},
    names=frozenset({"identifier", "constant", "scope_resolution", "instance_variable", "class_variable"}),
    words={"self": "this", "super": "super"},
    through={"parenthesized_statements": lambda node: node.named_children[-1] if node.named_child_count else None},
    parameters={
        "identifier": Parameter(names=lambda node: [node]),
        "optional_parameter": Parameter(names=_name_node, optional=lambda _: True),
        "keyword_parameter": Parameter(names=_name_node, optional=lambda _: True),
        "splat_parameter": Parameter(names=_name_node, variadic=True),
        "hash_splat_parameter": Parameter(names=_name_node, variadic=True),
        "block_parameter": Parameter(names=_name_node, optional=lambda _: True),
    },
    handlers={
        **dict.fromkeys(_MAKERS, _made_names),
        "call": _call,
        "identifier": _word,
        "assignment": _assignment,
        "operator_assignment": _assignment,
        "block_parameters": _names,
        "lambda_parameters": _names,
        "exception_variable": _names,
        "super": _super,
        "element_reference": _environment,
        "singleton_class": _singleton,
        "do_block": _block,
        "block": _block,
    },
    visibility=_visible,
    splats=frozenset({"splat_argument", "hash_splat_argument", "block_argument"}),
    environment=frozenset({"ENV.fetch"}),
    leaves=frozenset({"simple_symbol", "string_content"}),
    test=lambda name, decorators: name.startswith("test_") or "it" in decorators,
)
extract = extractor(GRAMMAR)
