"""Facts from one well-formed Python file, by the interpreter's own parser. Used by the extraction of Python.

Walks statements in source order with the scope it is in. Says the same as the walk through a tree of tree-sitter,
which reads what this cannot: broken files, Python 2, and syntax newer than the interpreter.
"""

import ast
import sys
import warnings

from orchestrator.kg.facts import Definition, FileFacts, ImportFact
from orchestrator.kg.python.bindings import Scope
from orchestrator.kg.python.by_ast.config_reads import KINDS, config_reads, mentions_config
from orchestrator.kg.python.by_ast.expressions import Parameter, parameters_of
from orchestrator.kg.python.by_ast.source import Source
from orchestrator.kg.python.by_ast.uses import Handler, Uses, arity
from orchestrator.kg.python.expressions import can_matter

Function = ast.FunctionDef | ast.AsyncFunctionDef


def extract_by_ast(text: bytes) -> FileFacts | None:
    """All facts of one file; None where it is not well-formed, or nested too deep for this."""
    if b"\r" in text and text.count(b"\r") != text.count(b"\r\n"):
        return None  # lines are counted otherwise there
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.decode("utf-8"))
        extractor = _Extractor(Source(text))
        try:
            facts = extractor.run(tree, text)
        finally:
            extractor.end()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return facts


class _Extractor(Uses):
    def run(self, tree: ast.Module, text: bytes) -> FileFacts:
        """Visit everything."""
        lines = text.count(b"\n")
        self.found.definitions.append(Definition("module", "", -1, 1, lines + 1, doc=self.source.docstring(tree.body)))
        read: list[ast.expr] = []
        if mentions_config(text):
            self.watch(KINDS, read)
        self._body(tree.body)
        lines += not text.endswith(b"\n") and bool(text)
        config = config_reads(read, self.found.definitions, self.names.bindings) if read else ()
        return self.found.facts(self.names, self.names.expressions.compounds, lines, (), config)

    def _body(self, statements: list[ast.stmt]) -> None:
        for one in statements:
            handler = _STATEMENTS.get(type(one))
            if handler is not None:
                handler(self, one)

    def _branch(self, *parts: list[ast.stmt]) -> None:
        """Statements that may not happen, or more than once; the branch is open already."""
        for part in parts:
            self._body(part)
        self.names.branches.pop()

    def _some(self, *nodes: ast.expr | None) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    # Names

    def _assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if type(target) is ast.Name and target.id == "__all__" and self.names.scope.index == 0:
                self._export(node.value)
            self.names.unpack(target, node.value)
            self.visit(target)
        self.visit(node.value)

    def _annotated(self, node: ast.AnnAssign) -> None:
        declared = self.source.annotation(node.annotation)
        if isinstance(node.target, ast.Name) and node.target.id == "__all__" and self.names.scope.index == 0:
            self._export(node.value)
        if declared and type(node.value) is not ast.Call:
            self.names.target(node.target, "type", declared)
        elif node.value is not None:
            self.names.unpack(node.target, node.value)
        self._some(node.target, node.annotation, node.value)

    def _export(self, value: ast.expr | None) -> None:
        bare = isinstance(value, ast.Tuple) and not self.source.is_parenthesized(value)
        if isinstance(value, ast.List | ast.Tuple) and not bare:
            constants = [one.value for one in value.elts if isinstance(one, ast.Constant)]
            self.found.exports = tuple(one for one in constants if isinstance(one, str))

    def _import(self, node: ast.Import) -> None:
        for one in node.names:
            top = one.name.partition(".")[0]
            self._imported(one.name, "", node.lineno)
            self.names.bind(one.asname or top, "import", one.name if one.asname else top, node.lineno)

    def _import_from(self, node: ast.ImportFrom) -> None:
        if node.module == "__future__":
            return
        module = "." * node.level + (node.module or "")
        for one in node.names:
            if one.name == "*":
                self._imported(module, "", node.lineno, star=True)
            else:
                self._imported(module, one.name, node.lineno)
                self.names.bind(one.asname or one.name, "from", f"{module}:{one.name}", node.lineno)

    def _imported(self, module: str, name: str, line: int, *, star: bool = False) -> None:
        self.found.imports.append(ImportFact(self.names.scope.index, module, name, line, star))

    # Branches and loops

    def _if(self, node: ast.If) -> None:
        """A chain of ``elif`` is walked without recursion."""
        self.names.branches.append(0)
        while True:
            self.visit(node.test)
            self._body(node.body)
            if len(node.orelse) != 1 or type(node.orelse[0]) is not ast.If:
                break
            node = node.orelse[0]
        self._branch(node.orelse)

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        self.names.branches.append(0)
        self.loop(node.target, node.iter, node.lineno)
        self._branch(node.body, node.orelse)

    def _while(self, node: ast.While) -> None:
        self.names.branches.append(0)
        self.visit(node.test)
        self._branch(node.body, node.orelse)

    def _try(self, node: ast.Try) -> None:
        self.names.branches.append(0)
        self._body(node.body)
        for handler in node.handlers:
            if handler.name and handler.type is not None:
                known = isinstance(handler.type, ast.Name | ast.Attribute)
                caught = self.expression(handler.type) if known else ""
                line = handler.type.end_lineno or handler.lineno
                unknown = caught[:1] in ("", "?")
                self.names.bind(handler.name, "unknown" if unknown else "type", "" if unknown else caught, line)
            self._some(handler.type)
            self._body(handler.body)
        self._branch(node.orelse, node.finalbody)

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            manager, target = self.expression(item.context_expr), item.optional_vars
            if can_matter(manager):
                scope, line = self.names.scope.index, item.context_expr.lineno
                self.found.implicit(scope, f"{manager}.__enter__", line)
                self.found.implicit(scope, f"{manager}.__exit__", line)
            if target is not None:
                self.names.target(target, "value", f"{manager}.__enter__()")
            self._some(item.context_expr, target)
        self._body(node.body)

    def _match(self, node: ast.Match) -> None:
        self.names.branches.append(0)
        self.visit(node.subject)
        for case in node.cases:
            self._some(case.guard)
            self._body(case.body)
        self.names.branches.pop()

    # What leaves a function

    def _return(self, node: ast.Return) -> None:
        value = self.expression(node.value) if node.value is not None else "@None"
        self.found.returned(self.names.scope.index, value, node.lineno)
        self._some(node.value)

    def _raise(self, node: ast.Raise) -> None:
        if isinstance(node.exc, ast.Name | ast.Attribute):
            self.found.implicit(self.names.scope.index, self.expression(node.exc), node.lineno)
        self._some(node.exc, node.cause)

    # Definitions

    def _decorators(self, node: Function | ast.ClassDef) -> list[tuple[str, int]]:
        found = []
        for one in node.decorator_list:
            found.append((self.expression(one), one.lineno))
            self.visit(one)
        return found

    def _define(self, node: Function | ast.ClassDef, definition: Definition, decorators: list[tuple[str, int]]) -> int:
        index = self.found.define(definition, decorators)
        self.names.bind(definition.name, "def", str(index), node.lineno)
        return index

    def _class(self, node: ast.ClassDef) -> None:
        decorators, around = self._decorators(node), self.names.scope
        arguments: list[tuple[str | None, ast.expr]] = [("", one) for one in node.bases]
        arguments += [(one.arg, one.value) for one in node.keywords]
        signature = self.source.bracketed(self._behind_name(node)) if arguments else ""
        bases = tuple("?" if name is None else self._base(one) for name, one in arguments if not name)
        definition = Definition(
            "class", node.name, around.index, node.lineno, node.end_lineno or node.lineno, signature=signature,
            doc=self.source.docstring(node.body), bases=bases,
        )  # fmt: skip
        index = self._define(node, definition, decorators)
        self.visit_all([one for _, one in arguments])
        self.enter(Scope(index, 0))
        self._body(node.body)
        self.leave(around)

    def _behind_name(self, node: Function | ast.ClassDef) -> int:
        """The byte behind the name of a definition, and what is in square brackets there."""
        generic = getattr(node, "type_params", None)
        if generic:
            return self.source.end(generic[-1])
        return self.source.behind_word(self.source.start(node), node.name)

    def _base(self, node: ast.expr) -> str:
        """A base class; ``Generic[T]`` counts as ``Generic``."""
        return self.expression(node.value if isinstance(node, ast.Subscript) else node)

    def _function(self, node: Function) -> None:
        decorators, around = self._decorators(node), self.names.scope
        parameters = parameters_of(node.args)
        least, most = arity(parameters)
        arrow = f" -> {self.source.one_line(node.returns, 100)}" if node.returns is not None else ""
        definition = Definition(
            "function", node.name, around.index, node.lineno, node.end_lineno or node.lineno,
            signature=self.source.bracketed(self._behind_name(node)) + arrow, doc=self.source.docstring(node.body),
            least_args=least, most_args=most, returns_type=self.source.annotation(node.returns),
            parameters=self.names.expressions.parameters(parameters),
        )  # fmt: skip
        index = self._define(node, definition, decorators)
        self.visit_parameters(parameters)
        self._some(node.returns)
        scope, method = Scope(index, 0, 0, 0, around.self_name, around.owner), self.found.is_method(index)
        if method:
            scope.self_name, scope.owner = _first_name(parameters), around.index
        self.enter(scope)
        self.bind_parameters(self.found.definitions[index], parameters, method=method)
        self._body(node.body)
        self.leave(around)


def _first_name(parameters: list[Parameter]) -> str:
    """The name of the first parameter, with or without stars; "" where a lone star comes first."""
    _, first, _ = parameters[0] if parameters else ("", None, None)
    return first.arg if first is not None else ""


_STATEMENTS: dict[type, Handler] = {
    ast.Expr: lambda walk, node: walk.visit(node.value),
    ast.Assign: _Extractor._assign,
    ast.AnnAssign: _Extractor._annotated,
    ast.AugAssign: lambda walk, node: walk.visit_all((node.target, node.value)),
    ast.Return: _Extractor._return,
    ast.If: _Extractor._if,
    ast.For: _Extractor._for,
    ast.AsyncFor: _Extractor._for,
    ast.While: _Extractor._while,
    ast.Try: _Extractor._try,
    ast.TryStar: _Extractor._try,
    ast.With: _Extractor._with,
    ast.AsyncWith: _Extractor._with,
    ast.Match: _Extractor._match,
    ast.Raise: _Extractor._raise,
    ast.Assert: lambda walk, node: walk._some(node.test, node.msg),
    ast.Delete: lambda walk, node: walk.visit_all(node.targets),
    ast.Import: _Extractor._import,
    ast.ImportFrom: _Extractor._import_from,
    ast.Global: lambda walk, node: walk.names.scope.global_names.update(node.names),
    ast.Nonlocal: lambda walk, node: walk.names.scope.outer_names.update(node.names),
    ast.FunctionDef: _Extractor._function,
    ast.AsyncFunctionDef: _Extractor._function,
    ast.ClassDef: _Extractor._class,
}
if sys.version_info >= (3, 12):
    _STATEMENTS[ast.TypeAlias] = lambda walk, node: walk.visit(node.value)
