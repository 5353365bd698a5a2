"""Who binds a name and who means it: the scopes of one Python file by the language's own rules.

Used by the renaming code-mod. Built from the syntax tree alone: classes are skipped by inner functions, ``global`` and
``nonlocal`` redirect, comprehensions have scopes of their own, annotations in quotes count as code. It knows one file.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["module", "class", "function", "inner"]
How = Literal["name", "def", "alias", "declared", "param", "other"]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A name standing somewhere: read, written, defined, imported or declared. ``text`` is the f-string around it."""

    name: str
    node: ast.AST
    how: How
    binds: bool
    text: ast.JoinedStr | None = None
    shift: tuple[int, int] | None = None
    """For code in a quoted annotation: line and column of its first character."""


@dataclass(frozen=True, slots=True)
class Member:
    """``value.attribute`` somewhere."""

    node: ast.Attribute
    text: ast.JoinedStr | None = None
    shift: tuple[int, int] | None = None


@dataclass(eq=False)
class Scope:
    """A namespace. ``owner`` is the class or function it belongs to; ``inner`` are comprehensions and lambdas."""

    kind: Kind
    parent: "Scope | None"
    owner: ast.AST
    occurrences: list[Occurrence] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    children: list["Scope"] = field(default_factory=list)
    redirected: dict[str, Literal["global", "nonlocal"]] = field(default_factory=dict)
    bound: dict[str, list[Occurrence]] = field(default_factory=dict)

    def everything(self) -> Iterator["Scope"]:
        """This scope and all below it."""
        waiting = [self]
        while waiting:
            scope = waiting.pop()
            yield scope
            waiting.extend(scope.children)

    @property
    def module(self) -> "Scope":
        """The file's outermost scope."""
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    @property
    def qualname(self) -> str:
        """Dotted names of the classes and functions around, or an empty text for a module."""
        names = []
        scope: Scope | None = self
        while scope is not None:
            if isinstance(scope.owner, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                names.append(scope.owner.name)
            scope = scope.parent
        return ".".join(reversed(names))

    def resolve(self, name: str) -> "Scope | None":
        """The scope that a name used here belongs to; None for a builtin, a star import or nothing at all."""
        if self.redirected.get(name) == "global":
            return self.module if name in self.module.bound else None
        if name in self.bound and name not in self.redirected:
            return self
        scope = self.parent
        while scope is not None:
            if scope.kind != "class" and scope.redirected.get(name) == "global":
                return scope.module if name in scope.module.bound else None
            if scope.kind != "class" and name in scope.bound and name not in scope.redirected:
                return scope
            scope = scope.parent
        return None


class _Builder(ast.NodeVisitor):
    def __init__(self, tree: ast.Module) -> None:
        self.scope = Scope("module", None, tree)
        self._text: ast.JoinedStr | None = None
        self._shift: tuple[int, int] | None = None

    def _note(self, name: str, node: ast.AST, how: How, *, binds: bool, scope: Scope | None = None) -> None:
        scope = scope or self.scope
        made = Occurrence(name, node, how, binds, self._text, self._shift)
        scope.occurrences.append(made)
        if binds:
            redirect = scope.redirected.get(name)
            home = scope.module if redirect == "global" else scope
            home.bound.setdefault(name, []).append(made)

    def _inside(self, kind: Kind, owner: ast.AST) -> Scope:
        made = Scope(kind, self.scope, owner)
        self.scope.children.append(made)
        return made

    def _each(self, nodes: list[ast.expr] | list[ast.stmt]) -> None:
        for node in nodes:
            self.visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._note(node.name, node, "def", binds=True)
        self._each(node.decorator_list)
        self._signature(node.args)
        if node.returns is not None:
            self._annotation(node.returns)
        outer, self.scope = self.scope, self._inside("function", node)
        _declare(self.scope, node.body)
        self._parameters(node.args)
        self._each(node.body)
        self.scope = outer

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._signature(node.args)
        outer, self.scope = self.scope, self._inside("inner", node)
        self._parameters(node.args)
        self.visit(node.body)
        self.scope = outer

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._note(node.name, node, "def", binds=True)
        self._each(node.decorator_list)
        self._each(node.bases)
        self._each([keyword.value for keyword in node.keywords])
        outer, self.scope = self.scope, self._inside("class", node)
        _declare(self.scope, node.body)
        self._each(node.body)
        self.scope = outer

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        self.visit(node.generators[0].iter)
        outer, self.scope = self.scope, self._inside("inner", node)
        for number, part in enumerate(node.generators):
            self.visit(part.target)
            if number:
                self.visit(part.iter)
            self._each(part.ifs)
        self._each([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
        self.scope = outer

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehension  # noqa: N815

    def visit_Name(self, node: ast.Name) -> None:
        self._note(node.id, node, "name", binds=not isinstance(node.ctx, ast.Load))

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        home = self.scope
        while home.kind == "inner" and not isinstance(home.owner, ast.Lambda) and home.parent is not None:
            home = home.parent
        self._note(node.target.id, node.target, "name", binds=True, scope=home)
        self.visit(node.value)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.scope.members.append(Member(node, self._text, self._shift))
        self.visit(node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        outer, self._text = self._text, self._text or node
        self.generic_visit(node)
        self._text = outer

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.target)
        self._annotation(node.annotation)
        if node.value is not None:
            self.visit(node.value)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            name = alias.asname or (alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name)
            if name != "*":
                self._note(name, alias, "alias", binds=True)

    visit_ImportFrom = visit_Import  # noqa: N815

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> None:
        for name in node.names:
            self._note(name, node, "declared", binds=False)

    visit_Nonlocal = visit_Global  # noqa: N815

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self._note(node.name, node, "other", binds=True)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        if node.name:
            self._note(node.name, node, "other", binds=True)
        self.generic_visit(node)

    visit_MatchStar = visit_MatchAs  # noqa: N815

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest:
            self._note(node.rest, node, "other", binds=True)
        self.generic_visit(node)

    def _signature(self, args: ast.arguments) -> None:
        """What a signature evaluates outside of its function: defaults and annotations."""
        for default in (*args.defaults, *args.kw_defaults):
            if default is not None:
                self.visit(default)
        for arg in _all_args(args):
            if arg.annotation is not None:
                self._annotation(arg.annotation)

    def _parameters(self, args: ast.arguments) -> None:
        for arg in _all_args(args):
            self._note(arg.arg, arg, "param", binds=True)

    def _annotation(self, node: ast.expr) -> None:
        """An annotation is code, also in quotes, at any depth."""
        waiting: list[ast.AST] = [node]
        while waiting:
            part = waiting.pop()
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                self._quoted(part, part.value)
            elif isinstance(part, ast.Subscript) and _last_name(part.value) in ("Literal", "Annotated"):
                # Their strings are values; only the first part of Annotated is a type.
                inner = part.slice.elts[:1] if isinstance(part.slice, ast.Tuple) else []
                waiting += inner if _last_name(part.value) == "Annotated" else []
            else:
                waiting.extend(ast.iter_child_nodes(part))
        self.visit(node)

    def _quoted(self, node: ast.Constant, value: str) -> None:
        plain = node.end_lineno == node.lineno and (node.end_col_offset or 0) - node.col_offset == len(value) + 2
        if not plain or not value.isascii() or self._shift is not None:
            return
        try:
            parsed = ast.parse(value, mode="eval")
        except (SyntaxError, ValueError):
            return
        self._shift = (node.lineno, node.col_offset + 1)
        self.visit(parsed.body)
        self._shift = None


def _last_name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _all_args(args: ast.arguments) -> list[ast.arg]:
    rest = [arg for arg in (args.vararg, args.kwarg) if arg is not None]
    return [*args.posonlyargs, *args.args, *args.kwonlyargs, *rest]


def _declare(scope: Scope, body: list[ast.stmt]) -> None:
    """Note ``global`` and ``nonlocal`` before anything else: they hold for the whole scope."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Global | ast.Nonlocal):
            scope.redirected |= dict.fromkeys(node.names, "global" if isinstance(node, ast.Global) else "nonlocal")
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def scopes_of(tree: ast.Module) -> Scope:
    """The module's scope with all below it. Raises RecursionError for a tree nested too deeply."""
    builder = _Builder(tree)
    for statement in tree.body:
        builder.visit(statement)
    return builder.scope
