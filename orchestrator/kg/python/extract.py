"""Facts from one Python file, by tree-sitter: tolerant of broken code, without recursion, the same for the same bytes.

The tree is walked once in source order with a stack of scopes. Used by the build.
Says only what the file itself says: nothing is resolved here.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from tree_sitter import Node

from orchestrator.kg.facts import Definition, FileFacts
from orchestrator.kg.python.bindings import Scope
from orchestrator.kg.python.by_ast.extract import extract_by_ast
from orchestrator.kg.python.by_ast.uses import ON_CLASS
from orchestrator.kg.python.collected import Collected
from orchestrator.kg.python.config_reads import config_reads
from orchestrator.kg.python.expressions import can_matter
from orchestrator.kg.python.imports import Imports
from orchestrator.kg.python.names import Names
from orchestrator.kg.python.syntax import (
    annotation,
    arity,
    count_arguments,
    docstring,
    one_line,
    parameter_name,
    plain,
    text,
)
from orchestrator.kg.python.tree import parse, walk
from orchestrator.kg.syntax import PARSE_SECONDS

_MAX_PROBLEMS = 20
_MAX_ITEMS = 100
_MAX_CHAIN = 32
_BRANCHES = frozenset({"if_statement", "while_statement", "try_statement", "match_statement", "for_statement"})
_COMPREHENSIONS = (
    "list_comprehension", "set_comprehension", "generator_expression", "dictionary_comprehension",
)  # fmt: skip


def extract(source: bytes) -> FileFacts:
    """All facts of one file. Raises TookTooLongError for a file the parser chokes on."""
    return extract_by_ast(source) or extract_by_tree_sitter(source)


def extract_by_tree_sitter(source: bytes) -> FileFacts:
    """All facts of a file that may be broken. Raises TookTooLongError for a file the parser chokes on."""
    deadline = time.monotonic() + PARSE_SECONDS
    tree = parse(source, deadline)
    extractor = _Extractor(tree.root_node)
    facts = extractor.run(walk(tree, deadline, extractor.wanted))
    return replace(facts, config=config_reads(source, tree, deadline, facts.definitions, facts.bindings))


class _Extractor:
    def __init__(self, root: Node) -> None:
        self._root = root
        self._found = Collected()
        self._definitions = self._found.definitions
        self._names = Names(root, self._definitions, self._lambda_index)
        self._expression = self._names.expressions.of
        self._imports = Imports(self._names, self._found.imports)
        self._problems: set[int] = set()
        self._decorators: list[tuple[str, int]] = []
        self._pending: Scope | None = None
        self._parameters: dict[int, Sequence[Node]] = {}
        self._lambdas: dict[int, int] = {}
        self._lambdas_in: dict[int, int] = {}
        self._handlers: dict[str, Callable[[Node], None]] = {
            "block": self._body,
            "function_definition": self._function,
            "class_definition": self._class,
            "lambda": self._lambda,
            "decorator": self._decorator,
            "for_statement": self._loop,
            "for_in_clause": self._loop,
            "call": self._call,
            "assignment": self._assignment,
            "named_expression": self._walrus,
            "as_pattern": self._alias,
            "with_item": self._with,
            "import_statement": self._imports.plain,
            "import_from_statement": self._imports.from_module,
            "return_statement": self._return,
            "raise_statement": self._raise,
            "yield": self._yield,
            "global_statement": lambda node: self._names.scope.global_names.update(map(text, node.named_children)),
            "nonlocal_statement": lambda node: self._names.scope.outer_names.update(map(text, node.named_children)),
            "list": self._items,
            "tuple": self._items,
            "dictionary": self._items,
            **dict.fromkeys(_COMPREHENSIONS, self._names.expressions.enter),
        }

    @property
    def wanted(self) -> frozenset[str]:
        """The kinds of nodes to be shown."""
        return _BRANCHES.union(self._handlers)

    def run(self, nodes: Iterable[Node]) -> FileFacts:
        """Visit the nodes in source order."""
        root, names = self._root, self._names
        broken = root.has_error
        self._definitions.append(Definition("module", "", -1, 1, root.end_point[0] + 1, doc=docstring(root)))
        for node in nodes:
            if broken and (node.is_error or node.is_missing):
                self._problems.add(node.start_point[0] + 1)
            kind = node.type
            names.leave(node.start_byte)
            if kind in _BRANCHES:
                names.branches.append(node.end_byte)
            handler = self._handlers.get(kind)
            if handler is not None:
                handler(node)
        lines = root.end_point[0] + (1 if root.end_point[1] else 0)
        problems = tuple(sorted(self._problems)[:_MAX_PROBLEMS])
        facts = self._found.facts(names, names.expressions.compounds, lines, problems)
        # Without its handlers nothing here refers to itself: the tree goes now, not when garbage is collected.
        self._handlers.clear()
        self._names.expressions.end()
        return facts

    # Names

    def _assignment(self, node: Node) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        declared = annotation(node.child_by_field_name("type"))
        if left is None:
            return
        for _ in range(_MAX_CHAIN):
            if right is None or right.type != "assignment":
                break
            right = right.child_by_field_name("right")
        if left.type == "identifier" and left.text == b"__all__" and self._names.scope.index == 0:
            self._export(right)
        if declared and (right is None or right.type != "call"):
            self._names.target(left, "type", declared)
        elif right is not None:
            self._names.unpack(left, right)

    def _export(self, right: Node | None) -> None:
        if right is not None and right.type in ("list", "tuple"):
            strings = [child for child in right.named_children if child.type == "string"]
            self._found.exports = tuple(text(child).strip("\"'") for child in strings)

    def _walrus(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        if name is not None:
            self._names.target(name, "value", self._expression(node.child_by_field_name("value")))

    def _alias(self, node: Node) -> None:
        """``with X() as y``, ``except E as e``, and patterns."""
        children = node.named_children
        alias = node.child_by_field_name("alias")
        if alias is None or not children:
            return
        target = alias.named_children[0] if alias.named_child_count else alias
        parent = node.parent
        if parent is not None and parent.type == "with_item":
            self._names.target(target, "value", self._expression(children[0]) + ".__enter__()")
        elif parent is not None and parent.type == "except_clause" and children[0].type in ("identifier", "attribute"):
            self._names.target(target, "type", self._expression(children[0]))
        else:
            self._names.target(target, "unknown", "")

    def _loop(self, node: Node) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        over = self._expression(right)
        followed = f"{over}[*]" if can_matter(over) else ""
        if left is not None:
            self._names.target(left, "value", followed)
        if followed:
            self._implicit(followed, node)

    def _with(self, node: Node) -> None:
        value = node.child_by_field_name("value")
        if value is not None and value.type == "as_pattern" and value.named_child_count:
            value = value.named_children[0]
        manager = self._expression(value)
        if can_matter(manager):
            self._implicit(f"{manager}.__enter__", node)
            self._implicit(f"{manager}.__exit__", node)

    def _raise(self, node: Node) -> None:
        raised = node.named_children[0] if node.named_child_count else None
        if raised is not None and raised.type in ("identifier", "attribute"):
            self._implicit(self._expression(raised), node)

    def _implicit(self, callee: str, node: Node) -> None:
        self._found.implicit(self._names.scope.index, callee, node.start_point[0] + 1)

    # Definitions

    def _define(self, node: Node, definition: Definition) -> int:
        decorators, self._decorators = self._decorators, []
        index = self._found.define(definition, decorators)
        self._names.bind(definition.name, "def", str(index), node.start_point[0] + 1)
        body = node.child_by_field_name("body")
        self._pending = Scope(index, body.start_byte if body is not None else -1)
        return index

    def _class(self, node: Node) -> None:
        name, superclasses = node.child_by_field_name("name"), node.child_by_field_name("superclasses")
        bases = superclasses.named_children if superclasses is not None else []
        self._define(
            node,
            Definition(
                "class",
                text(name) if name is not None else "?",
                self._names.scope.index,
                node.start_point[0] + 1,
                node.end_point[0] + 1,
                signature=one_line(superclasses),
                doc=docstring(node.child_by_field_name("body")),
                bases=tuple(self._base(one) for one in bases if one.type not in ("keyword_argument", "comment")),
            ),
        )

    def _base(self, node: Node) -> str:
        """A base class; ``Generic[T]`` counts as ``Generic``."""
        return self._expression(node.child_by_field_name("value") if node.type == "subscript" else node)

    def _function(self, node: Node) -> None:
        name, parameters = node.child_by_field_name("name"), node.child_by_field_name("parameters")
        result = node.child_by_field_name("return_type")
        least, most = arity(parameters)
        arrow = f" -> {one_line(result, 100)}" if result is not None else ""
        index = self._define(
            node,
            Definition(
                "function",
                text(name) if name is not None else "?",
                self._names.scope.index,
                node.start_point[0] + 1,
                node.end_point[0] + 1,
                signature=one_line(parameters) + arrow,
                doc=docstring(node.child_by_field_name("body")),
                least_args=least,
                most_args=most,
                returns_type=annotation(result),
                parameters=self._names.expressions.parameters(parameters),
            ),
        )
        assert self._pending is not None
        around = self._names.scope
        self._pending.self_name, self._pending.owner = around.self_name, around.owner
        # Lambdas among the defaults bind parameters of their own before the body begins.
        self._parameters[index] = named = parameters.named_children if parameters is not None else []
        if self._found.is_method(index):
            first = parameter_name(named[0]) if named else ""
            self._pending.self_name, self._pending.owner = first, around.index

    def _body(self, node: Node) -> None:
        """The scope opens at the body: defaults, decorators and bases belong to the scope around."""
        if self._pending is None or node.start_byte != self._pending.start:
            return
        scope, self._pending = self._pending, None
        scope.end = node.end_byte
        self._names.enter(scope)
        definition = self._definitions[scope.index]
        if definition.kind == "function":
            named = self._parameters.pop(scope.index, [])
            self._bind_parameters(definition, named, method=self._found.is_method(scope.index))

    def _bind_parameters(self, definition: Definition, named: Sequence[Node], *, method: bool) -> None:
        for position, parameter in enumerate(named):
            name = parameter_name(parameter)
            if not name:
                continue
            declared, line = annotation(parameter.child_by_field_name("type")), parameter.start_point[0] + 1
            if position == 0 and method:
                on_class = "classmethod" in definition.decorators or definition.name in ON_CLASS
                self._names.bind(name, "cls" if on_class else "self", str(definition.parent), line)
            elif declared and parameter.type in ("typed_parameter", "typed_default_parameter") and plain(parameter):
                self._names.bind(name, "parameter", declared, line)
            else:
                self._names.bind(name, "parameter", "", line)

    def _lambda_index(self, node: Node, depth: int = 0) -> int:
        """The definition of a lambda, made when it is first met: in an expression, or by the walk."""
        index = self._lambdas.get(node.id)
        if index is None:
            scope, parameters = self._names.scope.index, node.child_by_field_name("parameters")
            number = self._lambdas_in[scope] = self._lambdas_in.get(scope, 0) + 1
            least, most = arity(parameters)
            index = self._lambdas[node.id] = len(self._definitions)
            self._definitions.append(
                Definition(
                    "function", f"<lambda{number}>", scope, node.start_point[0] + 1, node.end_point[0] + 1,
                    signature=one_line(parameters), least_args=least, most_args=most,
                    parameters=self._names.expressions.parameters(parameters, depth),
                )
            )  # fmt: skip
        return index

    def _lambda(self, node: Node) -> None:
        index, parameters = self._lambda_index(node), node.child_by_field_name("parameters")
        around = self._names.scope
        self._names.enter(Scope(index, node.start_byte, node.end_byte, 0, around.self_name, around.owner))
        named = parameters.named_children if parameters is not None else []
        self._bind_parameters(self._definitions[index], named, method=False)
        self._found.is_result(index, self._expression(node.child_by_field_name("body")))

    def _decorator(self, node: Node) -> None:
        child = node.named_children[0] if node.named_child_count else None
        self._decorators.append((self._expression(child), node.start_point[0] + 1))

    # Uses

    def _call(self, node: Node) -> None:
        function, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        callee = self._expression(function)
        if callee not in ("?", "super"):
            passed = self._names.expressions.passed(arguments)
            line = node.start_point[0] + 1
            self._found.call(self._names.scope.index, callee, line, count_arguments(arguments), passed)
            if passed:
                self._names.put(callee, passed, line)
        if arguments is not None:
            self._items(arguments)

    def _items(self, node: Node) -> None:
        """Names handed on: as arguments, or in a list, tuple or dictionary that is not a table of data."""
        for child in node.named_children[:_MAX_ITEMS]:
            value = child.child_by_field_name("value") if child.type in ("keyword_argument", "pair") else child
            if value is not None and value.type in ("identifier", "attribute"):
                self._refer(self._expression(value), value)

    def _refer(self, value: str, node: Node) -> None:
        self._found.refer(self._names.scope.index, value, node.start_point[0] + 1)

    def _return(self, node: Node) -> None:
        value = self._expression(node.named_children[0]) if node.named_child_count else "@None"
        self._found.returned(self._names.scope.index, value, node.start_point[0] + 1)

    def _yield(self, node: Node) -> None:
        value = self._expression(node.named_children[0]) if node.named_child_count else "@None"
        if node.child_count > 1 and node.children[1].type == "from":
            value += "[*]"
        self._found.yielded(self._names.scope.index, value)
