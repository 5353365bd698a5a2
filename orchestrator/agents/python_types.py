"""Of which class an expression surely is, where the code says so plainly; None everywhere else.

Used by the renaming code-mod for methods. It believes ``self`` and ``cls``, calls of a class, annotations, and names
that are only ever given values of one class. Nothing is run, and nothing is guessed from names.
"""

import ast
from dataclasses import dataclass

from orchestrator.agents.python_project import ClassRef, Module, Project
from orchestrator.agents.python_scopes import Occurrence, Scope

_MOST_STEPS = 20


@dataclass(frozen=True)
class Known:
    """A class, or an instance of one; ``above`` for ``super()``, which starts at the class's bases."""

    of: ClassRef
    is_class: bool = False
    above: bool = False


class Types:
    """Answers for one project."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def of(self, module: Module, scope: Scope, node: ast.expr, steps: int = 0) -> Known | None:
        """What an expression surely is."""
        if steps > _MOST_STEPS:
            return None
        if isinstance(node, ast.Await | ast.NamedExpr | ast.Starred):
            return self.of(module, scope, node.value, steps + 1) if isinstance(node, ast.NamedExpr) else None
        named = self._project.meaning(module, scope, node) if isinstance(node, ast.Name | ast.Attribute) else None
        if isinstance(named, ClassRef):
            return Known(named, is_class=True)
        if isinstance(node, ast.Call):
            return self._call(module, scope, node, steps)
        if isinstance(node, ast.Name):
            return self._name(module, scope, node.id, steps)
        if isinstance(node, ast.Attribute):
            return self._field(module, scope, node, steps)
        return None

    def _call(self, module: Module, scope: Scope, node: ast.Call, steps: int) -> Known | None:
        if isinstance(node.func, ast.Name) and node.func.id == "super" and scope.resolve("super") is None:
            around = _class_around(scope)
            return Known(ClassRef(module, around), above=True) if around and not node.args else None
        made = self.of(module, scope, node.func, steps + 1)
        return Known(made.of) if made and made.is_class and not made.above else None

    def _name(self, module: Module, scope: Scope, name: str, steps: int) -> Known | None:
        home = scope.resolve(name)
        if home is None:
            return None
        found = [self._bound(module, home, made, steps) for made in home.bound[name]]
        first = found[0]
        same = first is not None and all(other == first for other in found)
        return first if same else None

    def _bound(self, module: Module, home: Scope, made: Occurrence, steps: int) -> Known | None:
        if made.how == "param":
            return self._parameter(module, home, made, steps)
        return self._assigned(module, home, made.node, steps) if made.how == "name" else None

    def _parameter(self, module: Module, home: Scope, made: Occurrence, steps: int) -> Known | None:
        arg, function = made.node, home.owner
        if not isinstance(arg, ast.arg):
            return None
        if arg.annotation is not None:
            outer = home.parent or home
            return self.annotated(module, outer, arg.annotation, steps + 1)
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) or home.parent is None:
            return None
        first = [*function.args.posonlyargs, *function.args.args][:1]
        if home.parent.kind != "class" or not first or first[0] is not arg:
            return None
        decorators = {d.id for d in function.decorator_list if isinstance(d, ast.Name)}
        if "staticmethod" in decorators:
            return None
        is_class = "classmethod" in decorators or function.name in ("__new__", "__init_subclass__")
        return Known(ClassRef(module, home.parent), is_class=is_class)

    def _assigned(self, module: Module, home: Scope, node: ast.AST, steps: int) -> Known | None:
        for statement in _statements(home):
            if isinstance(statement, ast.Assign) and any(target is node for target in statement.targets):
                return self.of(module, home, statement.value, steps + 1)
            if isinstance(statement, ast.AnnAssign) and statement.target is node:
                return self.annotated(module, home, statement.annotation, steps + 1)
        return None

    def _field(self, module: Module, scope: Scope, node: ast.Attribute, steps: int) -> Known | None:
        """``self.x`` where the class gives x values of one class only."""
        owner = self.of(module, scope, node.value, steps + 1)
        if owner is None or owner.is_class or owner.above:
            return None
        found = [self._given(owner.of, place, value, steps) for place, value in _fields(owner.of, node.attr)]
        first = found[0] if found else None
        return first if first is not None and all(other == first for other in found) else None

    def _given(self, owner: ClassRef, place: Scope, value: ast.expr | None, steps: int) -> Known | None:
        if value is None:
            return None
        if place is owner.scope:
            return self.annotated(owner.module, place, value, steps + 1)
        return self.of(owner.module, place, value, steps + 1)

    def annotated(self, module: Module, scope: Scope, node: ast.expr, steps: int = 0) -> Known | None:
        """The class an annotation names: ``C``, ``"C"``, ``C | None`` or ``Optional[C]``."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                node = ast.parse(node.value, mode="eval").body
            except (SyntaxError, ValueError):
                return None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            sides = [part for part in (node.left, node.right) if not _is_none(part)]
            return self.annotated(module, scope, sides[0], steps + 1) if len(sides) == 1 else None
        if isinstance(node, ast.Subscript) and _last(node.value) == "Optional":
            return self.annotated(module, scope, node.slice, steps + 1)
        named = self._project.meaning(module, scope, node)
        return Known(named) if isinstance(named, ClassRef) else None


def _class_around(scope: Scope) -> Scope | None:
    at: Scope | None = scope
    while at is not None and at.kind != "class":
        at = at.parent
    return at


def _statements(scope: Scope) -> list[ast.AST]:
    """Every statement of a scope itself, not of the functions and classes in it."""
    found: list[ast.AST] = []
    body = getattr(scope.owner, "body", [])
    waiting: list[ast.AST] = list(body) if isinstance(body, list) else []
    while waiting:
        node = waiting.pop()
        found.append(node)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.expr):
            waiting.extend(ast.iter_child_nodes(node))
    return found


def _fields(owner: ClassRef, name: str) -> list[tuple[Scope, ast.expr | None]]:
    """Where the class's own methods give a field a value, and its annotation; None for what cannot be followed."""
    found: list[tuple[Scope, ast.expr | None]] = []
    for node in _statements(owner.scope):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
            found.append((owner.scope, node.annotation))
    for method in owner.scope.children:
        for node in _statements(method):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if any(_is_own(method, target, name) for target in targets):
                found.append((method, node.value if isinstance(node, ast.Assign) else None))
    return found


def _is_own(method: Scope, target: ast.AST | None, name: str) -> bool:
    if not isinstance(target, ast.Attribute) or target.attr != name or not isinstance(target.value, ast.Name):
        return False
    args = getattr(method.owner, "args", None)
    return args is not None and [arg.arg for arg in args.args[:1]] == [target.value.id]


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _last(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
