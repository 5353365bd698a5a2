"""What the expressions of a Python file use: calls, names handed on, lambdas, comprehensions, by nodes of ``ast``.

The lower half of the extraction by ``ast``: it walks expressions in source order, outer before inner, as the walk
through a tree of tree-sitter does.
"""

import ast
from collections.abc import Callable
from functools import partial
from typing import Any

from orchestrator.kg.facts import Definition
from orchestrator.kg.python.bindings import Scope
from orchestrator.kg.python.by_ast.bindings import Names
from orchestrator.kg.python.by_ast.expressions import (
    COMPREHENSIONS,
    Comprehension,
    Parameter,
    arguments_of,
    is_bare_generator,
    parameters_of,
)
from orchestrator.kg.python.by_ast.source import Source
from orchestrator.kg.python.collected import Collected
from orchestrator.kg.python.expressions import MAX_ITEMS, can_matter

ON_CLASS = frozenset({"__new__", "__init_subclass__", "__class_getitem__"})


Handler = Callable[[Any, Any], None]


class Uses:
    """Visits expressions."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.found = Collected()
        self.names = Names(source, self.found.definitions, self._lambda_index)
        self.expression = self.names.expressions.of
        self._lambdas: dict[ast.Lambda, int] = {}
        self._lambdas_in: dict[int, int] = {}
        self.handlers = HANDLERS

    def watch(self, kinds: tuple[type[ast.expr], ...], seen: list[ast.expr]) -> None:
        """Keep every expression of some kinds that the walk comes through."""
        self.handlers = {**HANDLERS, **{kind: partial(_note, seen, HANDLERS[kind]) for kind in kinds}}

    def visit(self, node: ast.expr) -> None:
        """An expression and all in it."""
        handler = self.handlers.get(type(node))
        if handler is not None:
            handler(self, node)

    def visit_all(self, nodes: list[ast.expr] | tuple[ast.expr, ...]) -> None:
        """Several expressions."""
        handlers = self.handlers
        for node in nodes:
            handler = handlers.get(type(node))
            if handler is not None:
                handler(self, node)

    def end(self) -> None:
        """The file is read: what refers to itself lets go, so that the tree is freed now."""
        self.names.expressions.end()

    def _attribute(self, node: ast.Attribute) -> None:
        inner = node.value
        while type(inner) is ast.Attribute:
            inner = inner.value
        self.visit(inner)

    def _subscript(self, node: ast.Subscript) -> None:
        self.visit(node.value)
        key = node.slice
        if type(key) is ast.Tuple and not self.source.is_parenthesized(key):
            self.visit_all(key.elts)
        else:
            self.visit(key)

    def _slice(self, node: ast.Slice) -> None:
        self.visit_all([part for part in (node.lower, node.upper, node.step) if part is not None])

    def _binary(self, node: ast.BinOp) -> None:
        """From left to right, without recursion: sums may be long."""
        rights = [node.right]
        left = node.left
        while type(left) is ast.BinOp:
            rights.append(left.right)
            left = left.left
        self.visit(left)
        while rights:
            self.visit(rights.pop())

    def _compare(self, node: ast.Compare) -> None:
        self.visit(node.left)
        self.visit_all(node.comparators)

    def _formatted(self, node: ast.FormattedValue) -> None:
        self.visit(node.value)
        if node.format_spec is not None:
            self.visit(node.format_spec)

    # Calls and what is handed on

    def _call(self, node: ast.Call) -> None:
        function, scope = node.func, self.names.scope.index
        callee = self.expression(function)
        written = arguments_of(node)
        if callee != "?" and callee != "super":
            passed = self.names.expressions.passed(node, 0, written) if written else ""
            self.found.call(scope, callee, node.lineno, _count(written), passed)
            if passed:
                self.names.put(callee, passed, node.lineno)
        if is_bare_generator(node):
            self._refer_to([node.args[0].elt])  # type: ignore[attr-defined]
        elif written:
            self._refer_to([value for stars, value in written[:MAX_ITEMS] if stars[:1] != "*"])
        while type(function) is ast.Attribute:
            function = function.value
        if type(function) is not ast.Name:
            self.visit(function)
        handlers = self.handlers
        for _, value in written:
            handler = handlers.get(type(value))
            if handler is not None:
                handler(self, value)

    def _refer_to(self, values: list[ast.expr]) -> None:
        """Names handed on: as arguments, or in a list, tuple or dictionary that is not a table of data."""
        for value in values:
            kind = type(value)
            if kind is ast.Name or kind is ast.Attribute:
                self.found.refer(self.names.scope.index, self.expression(value), value.lineno)

    def _sequence(self, node: ast.List | ast.Tuple) -> None:
        is_value = not isinstance(node.ctx, ast.Store)
        if is_value and (type(node) is ast.List or self.source.is_parenthesized(node)):  # type: ignore[arg-type]
            self._refer_to(node.elts[:MAX_ITEMS])
        self.visit_all(node.elts)

    def _dict(self, node: ast.Dict) -> None:
        pairs = list(zip(node.keys, node.values, strict=True))
        self._refer_to([value for key, value in pairs[:MAX_ITEMS] if key is not None])
        for key, value in pairs:
            if key is not None:
                self.visit(key)
            self.visit(value)

    # Lambdas, comprehensions, generators

    def _lambda_index(self, node: ast.Lambda, depth: int = 0) -> int:
        """The definition of a lambda, made when it is first met: in an expression, or by the walk."""
        index = self._lambdas.get(node)
        if index is None:
            scope = self.names.scope.index
            number = self._lambdas_in[scope] = self._lambdas_in.get(scope, 0) + 1
            written = parameters_of(node.args)
            least, most = arity(written)
            index = self._lambdas[node] = len(self.found.definitions)
            self.found.definitions.append(
                Definition(
                    "function", f"<lambda{number}>", scope, node.lineno, node.end_lineno or node.lineno,
                    signature=self.source.until_colon(self.source.start(node) + len("lambda")),
                    least_args=least, most_args=most,
                    parameters=self.names.expressions.parameters(written, depth),
                )
            )  # fmt: skip
        return index

    def _lambda(self, node: ast.Lambda) -> None:
        index = self._lambda_index(node)
        around = self.names.scope
        self.enter(Scope(index, 0, 0, 0, around.self_name, around.owner))
        written = parameters_of(node.args)
        self.bind_parameters(self.found.definitions[index], written, method=False)
        self.found.is_result(index, self.expression(node.body))
        self.visit_parameters(written)
        self.visit(node.body)
        self.leave(around)

    def enter(self, scope: Scope) -> None:
        """Go into a definition."""
        scope.branches = len(self.names.branches)
        self.names.scope = scope
        self.names.expressions.scope = scope.index

    def leave(self, around: Scope) -> None:
        """Go back to the scope around."""
        self.names.scope = around
        self.names.expressions.scope = around.index

    def bind_parameters(self, definition: Definition, parameters: list[Parameter], *, method: bool) -> None:
        """Bind the parameters in the scope of their function."""
        for position, (stars, parameter, _) in enumerate(parameters):
            if parameter is None:
                continue
            if position == 0 and method:
                on_class = "classmethod" in definition.decorators or definition.name in ON_CLASS
                kind = "cls" if on_class else "self"
                self.names.bind(parameter.arg, kind, str(definition.parent), parameter.lineno)  # type: ignore[arg-type]
            else:
                declared = "" if stars else self.source.annotation(parameter.annotation)
                self.names.bind(parameter.arg, "parameter", declared, parameter.lineno)

    def visit_parameters(self, parameters: list[Parameter]) -> None:
        """Annotations and defaults."""
        for _, parameter, default in parameters:
            if parameter is not None and parameter.annotation is not None:
                self.visit(parameter.annotation)
            if default is not None:
                self.visit(default)

    def _comprehension(self, node: Comprehension) -> None:
        self.names.expressions.enter(node)
        if isinstance(node, ast.DictComp):
            self.visit_all((node.key, node.value))
        else:
            self.visit(node.elt)
        for clause in node.generators:
            self.loop(clause.target, clause.iter, clause.target.lineno)
            self.visit_all(clause.ifs)
        self.names.expressions.leave()

    def loop(self, target: ast.expr, iterated: ast.expr, line: int) -> None:
        """``for target in iterated``, with both."""
        over = self.expression(iterated)
        followed = f"{over}[*]" if can_matter(over) else ""
        self.names.target(target, "value", followed)
        if followed:
            self.found.implicit(self.names.scope.index, followed, line)
        self.visit(target)
        self.visit(iterated)

    def _walrus(self, node: ast.NamedExpr) -> None:
        self.names.target(node.target, "value", self.expression(node.value))
        self.visit(node.value)

    def _yield(self, node: ast.Yield | ast.YieldFrom) -> None:
        value = self.expression(node.value) if node.value is not None else "@None"
        self.found.yielded(self.names.scope.index, f"{value}[*]" if isinstance(node, ast.YieldFrom) else value)
        if node.value is not None:
            self.visit(node.value)


def _note(seen: list[ast.expr], handler: Handler, uses: Uses, node: ast.expr) -> None:
    seen.append(node)
    handler(uses, node)


def arity(parameters: list[Parameter]) -> tuple[int, int]:
    """The least and most arguments a function takes; -1 for any number."""
    least = most = 0
    for stars, parameter, default in parameters:
        if parameter is None:
            continue
        if stars:
            return least, -1
        least, most = least + (default is None), most + 1
    return least, most


def _count(written: list[tuple[str, ast.expr]]) -> int:
    """Arguments at a call site; -1 where a splat hides the number."""
    for stars, _ in written:
        if stars == "*" or stars == "**":
            return -1
    return len(written)


# Names and constants use nothing: whatever is not here is passed over.
HANDLERS: dict[type, Handler] = {
    ast.Attribute: Uses._attribute,
    ast.Call: Uses._call,
    ast.Subscript: Uses._subscript,
    ast.Slice: Uses._slice,
    ast.List: Uses._sequence,
    ast.Tuple: Uses._sequence,
    ast.Set: lambda uses, node: uses.visit_all(node.elts),
    ast.Dict: Uses._dict,
    ast.BinOp: Uses._binary,
    ast.BoolOp: lambda uses, node: uses.visit_all(node.values),
    ast.Compare: Uses._compare,
    ast.UnaryOp: lambda uses, node: uses.visit(node.operand),
    ast.IfExp: lambda uses, node: uses.visit_all((node.body, node.test, node.orelse)),
    ast.Lambda: Uses._lambda,
    ast.NamedExpr: Uses._walrus,
    ast.Yield: Uses._yield,
    ast.YieldFrom: Uses._yield,
    ast.Await: lambda uses, node: uses.visit(node.value),
    ast.Starred: lambda uses, node: uses.visit(node.value),
    ast.JoinedStr: lambda uses, node: uses.visit_all(node.values),
    ast.FormattedValue: Uses._formatted,
    **dict.fromkeys(COMPREHENSIONS, Uses._comprehension),
}
