"""C++, as the extractor needs it: C with namespaces, classes, and methods that stand outside of them."""

import re
from collections.abc import Iterator

import tree_sitter_cpp
from tree_sitter import Language, Node

from orchestrator.kg.facts import FileFacts
from orchestrator.kg.languages.declarators import (
    declaration,
    endless,
    function_name,
    function_of,
    has_body,
    include,
    name_of,
    parameter_names,
    parameters_of,
    struct_name,
    typedef,
)
from orchestrator.kg.languages.expressions import dotted
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
)

# Of these, the function is a method of the class that is named first.
_FIXTURES = frozenset({"TEST_F", "TEST_P", "TYPED_TEST", "TYPED_TEST_P"})
_TEST_MACROS = _FIXTURES | {"TEST", "TEST_CASE", "SCENARIO"}


def _path(node: Node) -> str:
    """The dotted name of what a function definition defines."""
    name = function_name(node)
    while name is not None and name.type == "template_function":
        name = name.child_by_field_name("name")
    if name is not None and name.type == "qualified_identifier":
        return "::".join(_parts(name))
    return "".join(text(name).split())


def _parts(name: Node) -> Iterator[str]:
    node: Node | None = name
    for _ in range(16):
        if node is None or node.type != "qualified_identifier":
            break
        yield dotted(text(node.child_by_field_name("scope")))
        node = node.child_by_field_name("name")
    yield "".join(text(node).split())


def _name(node: Node) -> str:
    name = _path(node)
    if name in _TEST_MACROS:
        return ".".join(_written(node)[1:] if name in _FIXTURES else _written(node))
    return name.rpartition("::")[2]


def _written(node: Node) -> list[str]:
    """What a macro is given."""
    parameters = parameters_of(node)
    return [dotted(text(one)) for one in (parameters.named_children if parameters is not None else ())]


def _owner(node: Node) -> str:
    path = _path(node)
    if path in _FIXTURES:
        return next(iter(_written(node)), "")
    return path.rpartition("::")[0].replace("::", ".").strip(".")


def _marks(node: Node) -> list[str]:
    return [name] if (name := _path(node)) in _TEST_MACROS else []


def _bases(node: Node) -> Iterator[str]:
    clause = child_of("base_class_clause")(node)
    for child in clause.named_children if clause is not None else ():
        if child.type in ("type_identifier", "qualified_identifier", "template_type"):
            yield text(child)


def _is_function(node: Node) -> bool:
    """Deleted functions define nothing."""
    return (
        function_of(node.child_by_field_name("declarator")) is not None
        and child_of("delete_method_clause")(node) is None
    )


def _is_pure(node: Node) -> bool:
    """``virtual … = 0``: there is no other definition."""
    return text(node.child_by_field_name("default_value")) == "0" and _is_function(node)


def _is_static(node: Node) -> bool:
    return any(child.type == "storage_class_specifier" and text(child) == "static" for child in node.named_children)


def _visible(node: Node, _name: str, container: str, access: str) -> Visible:
    if container == "class":
        around = access or _default_access(node)
        return "internal" if around == "private" else "public"
    return "internal" if _is_static(node) else "public"


def _default_access(node: Node) -> str:
    node_ = node.parent
    for _ in range(4):
        if node_ is None:
            break
        if node_.type in ("class_specifier", "struct_specifier", "union_specifier"):
            return "private" if node_.type == "class_specifier" else "public"
        node_ = node_.parent
    return "public"


def _field(node: Node, sink: Sink) -> None:
    if not _is_pure(node):
        declaration(node, sink)


def _access(node: Node, sink: Sink) -> None:
    """``public:``; the word before a base class is another thing."""
    if node.parent is not None and node.parent.type == "field_declaration_list":
        sink.access(text(node))


def _using(node: Node, sink: Sink) -> None:
    path = dotted(text(child_of("qualified_identifier", "identifier")(node)))
    if any(child.type == "namespace" for child in node.children):
        sink.alias("*", node, path)
    else:
        sink.alias(path.rpartition(".")[2], node, path)


def _loop(node: Node, sink: Sink) -> None:
    name = name_of(node.child_by_field_name("declarator"))
    written = field_of("type")(node)
    automatic = written is None or written.type == "placeholder_type_specifier"
    sink.bind(text(name), node, type_="" if automatic else sink.type_of(written))


def _lambda(node: Node, sink: Sink) -> None:
    parameters = field_of("declarator", "parameters")(node)
    for child in parameters.named_children if parameters is not None else ():
        sink.parameter(child)


def _initializer(node: Node, sink: Sink) -> None:
    """``Base(1)`` before a constructor's body."""
    name = node.named_children[0] if node.named_child_count else None
    arguments = child_of("argument_list", "initializer_list")(node)
    if name is not None and arguments is not None:
        sink.call(f"{dotted(text(name))}^", node, arguments, soft=True)


def _alias(node: Node, sink: Sink) -> None:
    target = sink.type_of(node.child_by_field_name("type"))
    sink.alias(text(node.child_by_field_name("name")), node, target)


def _first(node: Node) -> Node | None:
    return node.named_children[0] if node.named_child_count else None


_CLASS = Define("class", name=lambda node: dotted(struct_name(node)), bases=_bases, when=has_body)
_FUNCTION = Define(
    "function",
    name=_name,
    parameters=parameters_of,
    result=field_of("type"),
    owner=_owner,
    decorators=_marks,
    when=_is_function,
    static=_is_static,
)

GRAMMAR = Grammar(
    language=Language(tree_sitter_cpp.language()),
    definitions={
        "namespace_definition": Define("module", when=lambda node: node.child_by_field_name("name") is not None),
        "function_definition": _FUNCTION,
        "field_declaration": Define(
            "function", name=_name, parameters=parameters_of, result=field_of("type"), when=_is_pure
        ),
        "preproc_function_def": Define("function", parameters=field_of("parameters")),
        "class_specifier": _CLASS,
        "struct_specifier": _CLASS,
        "union_specifier": _CLASS,
        "enum_specifier": _CLASS,
    },
    calls={
        "call_expression": Calls(function=field_of("function")),
        "new_expression": Calls(function=field_of("type"), new=True),
        "compound_literal_expression": Calls(function=field_of("type"), arguments=field_of("value"), new=True),
    },
    members={"field_expression": (field_of("argument"), field_of("field"))},
    names=frozenset(
        {
            "identifier",
            "type_identifier",
            "field_identifier",
            "qualified_identifier",
            "template_function",
            "template_type",
        }
    ),
    words={"this": "this"},
    through={"parenthesized_expression": _first, "pointer_expression": field_of("argument")},
    instances={"cast_expression": field_of("type")},
    parameters={
        "parameter_declaration": Parameter(names=parameter_names),
        "optional_parameter_declaration": Parameter(names=parameter_names, optional=lambda _: True),
        "variadic_parameter_declaration": Parameter(names=parameter_names, variadic=True),
        "variadic_parameter": Parameter(names=lambda _: [], variadic=True),
        "identifier": Parameter(names=lambda node: [node]),
    },
    handlers={
        "declaration": declaration,
        "field_declaration": _field,
        "preproc_include": include,
        "type_definition": typedef,
        "access_specifier": _access,
        "using_declaration": _using,
        "alias_declaration": _alias,
        "namespace_alias_definition": lambda node, sink: sink.alias(
            text(node.child_by_field_name("name")), node, dotted(text(node.named_children[-1]))
        ),
        "for_range_loop": _loop,
        "lambda_expression": _lambda,
        "field_initializer": _initializer,
    },
    wrappers=frozenset({"unique_ptr", "shared_ptr", "weak_ptr", "scoped_refptr", "reference_wrapper"}),
    visibility=_visible,
    endless=endless,
    splats=frozenset({"parameter_pack_expansion"}),
    before={"template_declaration": lambda _: None},
    environment=frozenset({"getenv", "std.getenv"}),
    leaves=frozenset({"string_literal", "raw_string_literal", "preproc_arg"}),
    test=lambda _, decorators: not _TEST_MACROS.isdisjoint(decorators),
)
_extract = extractor(GRAMMAR)
# A macro between the word and the name of a class reads like a function to the grammar.
_EXPORTED = re.compile(
    rb"(\b(?:class|struct|union)\s+)([A-Z][A-Z0-9_]{2,}(?:\([^()\n]{0,100}\))?)"
    rb"(?=\s+[A-Za-z_]\w*\s*(?:final\b\s*)?[:{<])"
)


def extract(source: bytes) -> FileFacts:
    """The facts of a C++ file; macros that mark a class are read as spaces."""
    return _extract(_EXPORTED.sub(lambda found: found[1] + b" " * len(found[2]), source))
