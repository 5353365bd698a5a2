"""Facts from one Python file, by tree-sitter: tolerant of broken code, without recursion, the same for the same bytes.

The tree is walked once in source order with a stack of scopes. Used by the build.
Says only what the file itself says: nothing is resolved here.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tree_sitter import Node

from orchestrator.kg.facts import (
    AttributeBinding,
    Binding,
    BindingKind,
    Call,
    Definition,
    FileFacts,
    ImportFact,
    Reference,
)
from orchestrator.kg.python.expressions import (
    annotation,
    arity,
    base,
    count_arguments,
    docstring,
    expression,
    one_line,
    parameter_name,
    plain,
    text,
)
from orchestrator.kg.python.tree import PARSE_SECONDS, parse, walk

_MAX_PROBLEMS = 20
_MAX_RETURNS = 4
_MAX_ITEMS = 100
_BRANCHES = frozenset({"if_statement", "while_statement", "try_statement", "match_statement", "for_statement"})


@dataclass(slots=True, eq=False)
class _Scope:
    index: int
    start: int
    end: int = 0
    branches: int = 0
    self_name: str = ""
    owner: int = -1
    global_names: set[str] = field(default_factory=set)
    outer_names: set[str] = field(default_factory=set)


def extract(source: bytes) -> FileFacts:
    """All facts of one file. Raises TookTooLongError for a file the parser chokes on."""
    deadline = time.monotonic() + PARSE_SECONDS
    tree = parse(source, deadline)
    extractor = _Extractor(tree.root_node)
    return extractor.run(walk(tree, deadline, extractor.wanted))


class _Extractor:
    def __init__(self, root: Node) -> None:
        self._root = root
        self._definitions: list[Definition] = []
        self._bindings: list[Binding] = []
        self._attributes: list[AttributeBinding] = []
        self._calls: list[Call] = []
        self._references: list[Reference] = []
        self._imports: list[ImportFact] = []
        self._exports: tuple[str, ...] | None = None
        self._returns: dict[int, list[str]] = {}
        self._yields: set[int] = set()
        self._problems: set[int] = set()
        self._branches: list[int] = []
        self._decorators: list[str] = []
        self._pending: _Scope | None = None
        self._scope = _Scope(0, 0, root.end_byte + 1)
        self._scopes = [self._scope]
        self._handlers: dict[str, Callable[[Node], None]] = {
            "block": self._body,
            "function_definition": self._function,
            "class_definition": self._class,
            "decorator": self._decorator,
            "for_statement": lambda node: self._unknown(node.child_by_field_name("left")),
            "for_in_clause": lambda node: self._unknown(node.child_by_field_name("left")),
            "call": self._call,
            "assignment": self._assignment,
            "augmented_assignment": lambda node: self._unknown(node.child_by_field_name("left")),
            "named_expression": self._walrus,
            "as_pattern": self._alias,
            "lambda_parameters": self._lambda,
            "import_statement": self._import,
            "import_from_statement": self._from,
            "return_statement": self._return,
            "yield": lambda _: self._yields.add(self._scope.index),
            "global_statement": lambda node: self._scope.global_names.update(map(text, node.named_children)),
            "nonlocal_statement": lambda node: self._scope.outer_names.update(map(text, node.named_children)),
            "list": self._items,
            "tuple": self._items,
            "dictionary": self._items,
        }

    @property
    def wanted(self) -> frozenset[str]:
        """The kinds of nodes to be shown."""
        return _BRANCHES.union(self._handlers)

    def run(self, nodes: Iterable[Node]) -> FileFacts:
        """Visit the nodes in source order."""
        root = self._root
        broken = root.has_error
        self._definitions.append(Definition("module", "", -1, 1, root.end_point[0] + 1, doc=docstring(root)))
        for node in nodes:
            if broken and (node.is_error or node.is_missing):
                self._problems.add(node.start_point[0] + 1)
            kind = node.type
            self._leave(node.start_byte)
            if kind in _BRANCHES:
                self._branches.append(node.end_byte)
            handler = self._handlers.get(kind)
            if handler is not None:
                handler(node)
        return self._facts()

    def _leave(self, position: int) -> None:
        """Close the scopes and branches that end before ``position``."""
        while self._scope.end <= position:
            self._scopes.pop()
            self._scope = self._scopes[-1]
        while self._branches and self._branches[-1] <= position:
            self._branches.pop()

    def _facts(self) -> FileFacts:
        definitions = tuple(
            definition._replace(returns=tuple(self._returns.get(index, ())), has_yield=index in self._yields)
            if index in self._returns or index in self._yields
            else definition
            for index, definition in enumerate(self._definitions)
        )
        known = {binding.name for binding in self._bindings if binding.kind in ("def", "import", "from")} | {
            "self",
            "cls",
        }
        references = tuple(one for one in self._references if one.value.partition(".")[0] in known)
        return FileFacts(
            lines=self._root.end_point[0] + (1 if self._root.end_point[1] else 0),
            definitions=definitions,
            bindings=tuple(self._bindings),
            attributes=tuple(self._attributes),
            calls=tuple(self._calls),
            references=references,
            imports=tuple(self._imports),
            exports=self._exports,
            problems=tuple(sorted(self._problems)[:_MAX_PROBLEMS]),
        )

    # Names

    def _bind(self, name: str, kind: BindingKind, value: str, node: Node) -> None:
        scope, conditional = self._scope.index, len(self._branches) > self._scope.branches
        if name in self._scope.global_names:
            scope, conditional = 0, True
        elif name in self._scope.outer_names:
            scope, conditional = max(0, self._definitions[scope].parent), True
        self._bindings.append(Binding(scope, name, kind, value, node.start_point[0] + 1, conditional))

    def _unknown(self, node: Node | None) -> None:
        """Every name in a target gets a value that cannot be followed."""
        stack = [node] if node is not None else []
        while stack:
            target = stack.pop()
            if target.type == "identifier":
                self._bind(text(target), "unknown", "", target)
            elif target.type == "attribute":
                self._bind_attribute(target, "unknown", "")
            elif target.type != "subscript":
                stack.extend(reversed(target.named_children))

    def _bind_attribute(self, target: Node, kind: BindingKind, value: str) -> None:
        receiver, name = target.child_by_field_name("object"), target.child_by_field_name("attribute")
        if receiver is None or name is None or self._scope.owner < 0 or text(receiver) != self._scope.self_name:
            return
        line = target.start_point[0] + 1
        self._attributes.append(AttributeBinding(self._scope.owner, self._scope.index, text(name), kind, value, line))

    def _bind_target(self, target: Node, kind: BindingKind, value: str) -> None:
        if target.type == "identifier":
            self._bind(text(target), kind, value, target)
        elif target.type == "attribute":
            self._bind_attribute(target, kind, value)
        else:
            self._unknown(target)

    def _assignment(self, node: Node) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        declared = annotation(node.child_by_field_name("type"))
        if left is None:
            return
        while right is not None and right.type == "assignment":
            right = right.child_by_field_name("right")
        if left.type == "identifier" and left.text == b"__all__" and self._scope.index == 0:
            self._export(right)
        if left.type in ("pattern_list", "tuple_pattern") and right is not None:
            self._unpack(left, right)
        elif declared and (right is None or right.type != "call"):
            self._bind_target(left, "type", declared)
        elif right is not None:
            value = expression(right)
            self._bind_target(left, "unknown" if value == "?" else "value", value)

    def _unpack(self, left: Node, right: Node) -> None:
        targets, values = left.named_children, right.named_children
        if right.type in ("expression_list", "tuple") and len(targets) == len(values):
            for target, value in zip(targets, values, strict=True):
                self._bind_target(target, "value", expression(value))
        else:
            self._unknown(left)

    def _export(self, right: Node | None) -> None:
        if right is not None and right.type in ("list", "tuple"):
            strings = [child for child in right.named_children if child.type == "string"]
            self._exports = tuple(text(child).strip("\"'") for child in strings)

    def _walrus(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        if name is not None:
            self._bind(text(name), "value", expression(node.child_by_field_name("value")), name)

    def _alias(self, node: Node) -> None:
        """``with X() as y``, ``except E as e``, and patterns."""
        children = node.named_children
        alias = node.child_by_field_name("alias")
        if alias is None or not children:
            return
        target = alias.named_children[0] if alias.named_child_count else alias
        parent = node.parent
        if parent is not None and parent.type == "with_item" and target.type in ("identifier", "attribute"):
            self._bind_target(target, "value", expression(children[0]) + ".__enter__()")
        elif parent is not None and parent.type == "except_clause" and children[0].type in ("identifier", "attribute"):
            self._bind_target(target, "type", expression(children[0]))
        else:
            self._unknown(target)

    def _lambda(self, node: Node) -> None:
        for child in node.named_children:
            self._unknown(child.child_by_field_name("name") or child)

    # Definitions

    def _define(self, node: Node, definition: Definition) -> int:
        index = len(self._definitions)
        self._definitions.append(definition)
        self._bind(definition.name, "def", str(index), node)
        body = node.child_by_field_name("body")
        self._pending = _Scope(index, body.start_byte if body is not None else -1)
        return index

    def _class(self, node: Node) -> None:
        name, superclasses = node.child_by_field_name("name"), node.child_by_field_name("superclasses")
        bases = superclasses.named_children if superclasses is not None else []
        self._define(
            node,
            Definition(
                "class",
                text(name) if name is not None else "?",
                self._scope.index,
                node.start_point[0] + 1,
                node.end_point[0] + 1,
                signature=one_line(superclasses),
                doc=docstring(node.child_by_field_name("body")),
                decorators=self._take_decorators(),
                bases=tuple(base(one) for one in bases if one.type not in ("keyword_argument", "comment")),
            ),
        )

    def _function(self, node: Node) -> None:
        name, parameters = node.child_by_field_name("name"), node.child_by_field_name("parameters")
        result = node.child_by_field_name("return_type")
        least, most = arity(parameters)
        decorators = self._take_decorators()
        arrow = f" -> {one_line(result, 100)}" if result is not None else ""
        self._define(
            node,
            Definition(
                "function",
                text(name) if name is not None else "?",
                self._scope.index,
                node.start_point[0] + 1,
                node.end_point[0] + 1,
                signature=one_line(parameters) + arrow,
                doc=docstring(node.child_by_field_name("body")),
                decorators=decorators,
                least_args=least,
                most_args=most,
                returns_type=annotation(result),
            ),
        )
        assert self._pending is not None
        self._pending.self_name, self._pending.owner = self._scope.self_name, self._scope.owner
        self._parameters = parameters.named_children if parameters is not None else []
        if self._definitions[self._scope.index].kind == "class" and "staticmethod" not in decorators:
            first = parameter_name(self._parameters[0]) if self._parameters else ""
            self._pending.self_name, self._pending.owner = first, self._scope.index

    def _body(self, node: Node) -> None:
        """The scope opens at the body: defaults, decorators and bases belong to the scope around."""
        if self._pending is None or node.start_byte != self._pending.start:
            return
        scope, self._pending = self._pending, None
        scope.end, scope.branches = node.end_byte, len(self._branches)
        in_class = self._definitions[self._scope.index].kind == "class"
        self._scopes.append(scope)
        self._scope = scope
        definition = self._definitions[scope.index]
        if definition.kind == "function":
            self._bind_parameters(definition, method=in_class and "staticmethod" not in definition.decorators)

    def _bind_parameters(self, definition: Definition, *, method: bool) -> None:
        for position, parameter in enumerate(self._parameters):
            name = parameter_name(parameter)
            if not name:
                continue
            declared = annotation(parameter.child_by_field_name("type"))
            if position == 0 and method:
                on_class = "classmethod" in definition.decorators or definition.name in _ON_CLASS
                self._bind(name, "cls" if on_class else "self", str(definition.parent), parameter)
            elif declared and parameter.type in ("typed_parameter", "typed_default_parameter") and plain(parameter):
                self._bind(name, "type", declared, parameter)
            else:
                self._bind(name, "unknown", "", parameter)

    def _decorator(self, node: Node) -> None:
        child = node.named_children[0] if node.named_child_count else None
        written = expression(child)
        self._decorators.append(written)
        if child is not None and child.type != "call":
            self._calls.append(Call(self._scope.index, written, node.start_point[0] + 1, 1, decorator=True))

    def _take_decorators(self) -> tuple[str, ...]:
        taken, self._decorators = tuple(self._decorators), []
        return taken

    # Uses

    def _call(self, node: Node) -> None:
        callee, arguments = expression(node.child_by_field_name("function")), node.child_by_field_name("arguments")
        if callee not in ("?", "super"):
            line = node.start_point[0] + 1
            self._calls.append(Call(self._scope.index, callee, line, count_arguments(arguments)))
        if arguments is not None:
            self._items(arguments)

    def _items(self, node: Node) -> None:
        """Names handed on: as arguments, or in a list, tuple or dictionary that is not a table of data."""
        for child in node.named_children[:_MAX_ITEMS]:
            value = child.child_by_field_name("value") if child.type in ("keyword_argument", "pair") else child
            if value is not None and value.type in ("identifier", "attribute"):
                self._references.append(Reference(self._scope.index, expression(value), value.start_point[0] + 1))

    def _return(self, node: Node) -> None:
        values = self._returns.setdefault(self._scope.index, [])
        value = expression(node.named_children[0]) if node.named_child_count else "@None"
        if value not in values:
            values.append(value if len(values) < _MAX_RETURNS else "?")
            self._references.append(Reference(self._scope.index, value, node.start_point[0] + 1))

    def _import(self, node: Node) -> None:
        for child in node.named_children:
            name = child.child_by_field_name("name") if child.type == "aliased_import" else child
            alias = child.child_by_field_name("alias") if child.type == "aliased_import" else None
            module = text(name) if name is not None else ""
            if child.type not in ("aliased_import", "dotted_name") or not module:
                continue
            self._imports.append(ImportFact(self._scope.index, module, "", node.start_point[0] + 1, star=False))
            top = module.partition(".")[0]
            self._bind(text(alias) if alias is not None else top, "import", module if alias is not None else top, node)

    def _from(self, node: Node) -> None:
        source = node.child_by_field_name("module_name")
        if source is None:
            return
        module, line = "".join(text(source).split()), node.start_point[0] + 1
        for child in node.named_children:
            if child.type == "wildcard_import":
                self._imports.append(ImportFact(self._scope.index, module, "", line, star=True))
            elif child.id != source.id and child.type in ("dotted_name", "aliased_import"):
                name = child.child_by_field_name("name") if child.type == "aliased_import" else child
                alias = child.child_by_field_name("alias") if child.type == "aliased_import" else child
                if name is not None and alias is not None:
                    self._imports.append(ImportFact(self._scope.index, module, text(name), line, star=False))
                    self._bind(text(alias), "from", f"{module}:{text(name)}", node)


_ON_CLASS = frozenset({"__new__", "__init_subclass__", "__class_getitem__"})
