"""Rust, as the extractor needs it: modules are files, methods stand in ``impl`` blocks, ``use`` makes names."""

from collections.abc import Iterator

import tree_sitter_rust
from tree_sitter import Language, Node

from orchestrator.kg.languages.extract import extractor
from orchestrator.kg.languages.grammar import Calls, Define, Grammar, Parameter, Sink, Visible, field_of, text, within

_MAX_USES = 500


def _visible(node: Node, _name: str, container: str, _access: str) -> Visible:
    if container == "trait" or node.type == "function_signature_item":
        return "public"
    first = next((child for child in node.named_children if child.type == "visibility_modifier"), None)
    return "public" if first is not None and text(first) == "pub" else "internal"


def _impl(node: Node, sink: Sink) -> None:
    owner = sink.type_of(node.child_by_field_name("type"))
    trait = sink.type_of(node.child_by_field_name("trait"))
    if owner:
        sink.implements(owner, trait, node)
        sink.enter(node, owner=owner, trait=bool(trait))


def _trait_bases(node: Node) -> Iterator[str]:
    bounds = node.child_by_field_name("bounds")
    for child in bounds.named_children if bounds is not None else ():
        if child.type != "lifetime":
            yield text(child)


def _use(node: Node, sink: Sink) -> None:
    argument = node.child_by_field_name("argument")
    for name, target in _uses(argument, "") if argument is not None else ():
        if name == "*":
            sink.imported("", node, target, star=True)
        else:
            sink.imported(name, node, target)


def _uses(root: Node, start: str) -> Iterator[tuple[str, str]]:
    """Every name a use tree makes, with what it stands for; ``*`` for all names below."""
    stack = [(root, start)]
    for _ in range(_MAX_USES):
        if not stack:
            return
        node, prefix = stack.pop()
        if node.type == "scoped_use_list":
            below = _joined(prefix, text(node.child_by_field_name("path")))
            members = node.child_by_field_name("list")
            stack += [(child, below) for child in reversed(members.named_children if members is not None else [])]
        elif node.type == "use_list":
            stack += [(child, prefix) for child in reversed(node.named_children)]
        elif node.type == "use_as_clause":
            yield text(node.child_by_field_name("alias")), _joined(prefix, text(node.child_by_field_name("path")))
        elif node.type == "use_wildcard":
            yield "*", _joined(prefix, text(node.named_children[0]) if node.named_child_count else "")
        elif node.type == "self":
            yield prefix.rpartition(".")[2], prefix
        elif node.type in ("identifier", "scoped_identifier", "crate"):
            target = _joined(prefix, text(node))
            yield target.rpartition(".")[2], target


def _joined(prefix: str, path: str) -> str:
    path = "".join(path.split()).replace("::", ".").lstrip(".")
    return f"{prefix}.{path}" if prefix and path else prefix or path


def _let(node: Node, sink: Sink) -> None:
    pattern, declared = node.child_by_field_name("pattern"), sink.type_of(node.child_by_field_name("type"))
    if pattern is not None and pattern.type == "identifier":
        value = "" if declared else sink.expression(node.child_by_field_name("value"))
        sink.bind(text(pattern), node, type_=declared, value=value)
    else:
        _pattern(pattern, sink)


def _pattern(pattern: Node | None, sink: Sink) -> None:
    """Names that a pattern binds to something unknown; names of variants and constants are written in capitals."""
    for name in within(pattern, "identifier", "shorthand_field_identifier") if pattern is not None else ():
        if not text(name)[:1].isupper():
            sink.bind(text(name), name)


def _closure(node: Node, sink: Sink) -> None:
    for child in node.named_children:
        if child.type == "parameter":
            sink.parameter(child)
        else:
            _pattern(child, sink)


def _module(node: Node, sink: Sink) -> None:
    if node.child_by_field_name("body") is None:
        name = text(node.child_by_field_name("name"))
        sink.imported(name, node, f"self.{name}")


def _macro_calls(node: Node, sink: Sink) -> None:
    """Calls among the tokens given to a macro: ``a.b(…)`` and ``A::b(…)``, as far as tokens tell."""
    chain: list[str] = []
    joint = False
    for child in node.children:
        word = text(child) if child.type in ("identifier", "self", "super", "crate", ".", "::") else ""
        if child.type in (".", "::"):
            joint = True
        elif word:
            chain = [*chain[-8:], word] if joint else [word]
            joint = False
        else:
            if child.type == "token_tree" and chain and not joint and child.children[0].type == "(":
                sink.call(_chained(chain), child, child, soft=True)
            chain, joint = (["?"], False) if child.type == "token_tree" else ([], False)


def _chained(chain: list[str]) -> str:
    head = {"self": "this"}.get(chain[0], chain[0])
    return ".".join([head, *chain[1:]])


def _field(node: Node, sink: Sink) -> None:
    sink.bind(text(node.child_by_field_name("name")), node, type_=sink.type_of(node.child_by_field_name("type")))


def _constant(node: Node, sink: Sink) -> None:
    if not sink.owned:
        _field(node, sink)


def _alias(node: Node, sink: Sink) -> None:
    # A type inside of an impl block or a trait is a member, which no bare name means.
    if not sink.in_class and not sink.owned:
        sink.alias(text(node.child_by_field_name("name")), node, sink.type_of(node.child_by_field_name("type")))


def _macro_name(node: Node) -> str:
    return text(node.child_by_field_name("name")) + "!"


def _macro(node: Node, sink: Sink) -> None:
    name = "".join(text(node.child_by_field_name("macro")).split()).replace("::", ".")
    if name and len(name) < 200:
        sink.call(f"{name}!", node, None, soft=True)


_FUNCTION = Define(
    "function",
    parameters=field_of("parameters"),
    result=field_of("return_type"),
    static=lambda node: not any(True for _ in within(node.child_by_field_name("parameters") or node, "self_parameter")),
)

GRAMMAR = Grammar(
    language=Language(tree_sitter_rust.language()),
    definitions={
        "mod_item": Define("module", when=lambda node: node.child_by_field_name("body") is not None),
        "struct_item": Define("class"),
        "enum_item": Define("class"),
        "union_item": Define("class"),
        "trait_item": Define("class", bases=_trait_bases),
        "function_item": _FUNCTION,
        "function_signature_item": _FUNCTION,
        "macro_definition": Define("function", name=_macro_name),
    },
    calls={"call_expression": Calls(function=field_of("function"))},
    members={"field_expression": (field_of("value"), field_of("field"))},
    names=frozenset({"identifier", "type_identifier", "scoped_identifier", "crate", "super"}),
    words={"self": "this"},
    through={
        "await_expression": lambda node: node.named_children[0] if node.named_child_count else None,
        "try_expression": lambda node: node.named_children[0] if node.named_child_count else None,
        "parenthesized_expression": lambda node: node.named_children[0] if node.named_child_count else None,
        "reference_expression": field_of("value"),
        "unary_expression": lambda node: node.named_children[0] if node.named_child_count else None,
        "generic_function": field_of("function"),
    },
    instances={"struct_expression": field_of("name"), "type_cast_expression": field_of("type")},
    parameters={
        "parameter": Parameter(
            names=lambda node: [one for one in node.children_by_field_name("pattern") if one.type == "identifier"]
        ),
        "self_parameter": Parameter(names=lambda _: [], receiver=True),
        "variadic_parameter": Parameter(names=lambda _: [], variadic=True),
    },
    handlers={
        "impl_item": _impl,
        "use_declaration": _use,
        "mod_item": _module,
        "extern_crate_declaration": lambda node, sink: sink.imported(
            text(node.child_by_field_name("alias") or node.child_by_field_name("name")),
            node,
            text(node.child_by_field_name("name")),
        ),
        "let_declaration": _let,
        "let_condition": lambda node, sink: _pattern(node.child_by_field_name("pattern"), sink),
        "match_pattern": lambda node, sink: _pattern(node, sink),
        "for_expression": lambda node, sink: _pattern(node.child_by_field_name("pattern"), sink),
        "closure_parameters": _closure,
        "field_declaration": _field,
        "enum_variant": lambda node, sink: sink.bind(text(node.child_by_field_name("name")), node),
        "static_item": _field,
        "const_item": _constant,
        "type_item": _alias,
        "token_tree": _macro_calls,
        "macro_invocation": _macro,
    },
    comments=frozenset({"line_comment", "block_comment"}),
    wrappers=frozenset({"Box", "Arc", "Rc", "Cow", "Pin", "MutexGuard", "RwLockReadGuard", "RwLockWriteGuard"}),
    visibility=_visible,
    before={"attribute_item": lambda node: next(within(node, "identifier", "scoped_identifier"), node)},
    environment=frozenset({"env.var", "env.var_os", "std.env.var", "std.env.var_os"}),
    leaves=frozenset({"string_literal", "raw_string_literal", "char_literal", "token_tree_pattern"}),
    test=lambda _, decorators: any(one.rpartition(".")[2] == "test" for one in decorators),
)
extract = extractor(GRAMMAR)
