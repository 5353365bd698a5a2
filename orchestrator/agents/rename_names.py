"""Renaming a function or class that is a plain name: in its own file by scopes, elsewhere by following imports.

Used by the renaming code-mod. A module that imports the name offers it on, so importers of importers are followed too.
Attributes are renamed only where the object before the dot is surely a module that offers the name.
"""

import ast
from dataclasses import dataclass

from orchestrator.agents.python_project import Module, Project
from orchestrator.agents.python_scopes import Scope
from orchestrator.agents.rename_plan import Plan
from orchestrator.core.errors import InvalidInput


@dataclass(frozen=True)
class _Importer:
    """A file with the imports that could bring the name into it."""

    module: Module
    named: list[tuple[Scope, ast.alias, ast.ImportFrom]]
    stars: list[ast.ImportFrom]


def _importer(module: Module, name: str) -> _Importer:
    named = [
        (scope, found.node, statement)
        for scope in module.scope.everything()
        for found in scope.occurrences
        if isinstance(found.node, ast.alias) and found.node.name == name
        if isinstance(statement := module.statement(found.node), ast.ImportFrom)
    ]
    return _Importer(module, named, [node for node in module.from_imports if node.names[0].name == "*"])


class NameRenaming:
    """Fills a plan for one name."""

    def __init__(self, project: Project, plan: Plan) -> None:
        self._project = project
        self._plan = plan
        self._offering: dict[str, Module] = {}
        self._waiting: list[Module] = []
        self._done: set[int] = set()
        self._importers: list[_Importer] = []

    def run(self, module: Module, home: Scope) -> None:
        """Rename the name bound in ``home``, and everything that surely means it."""
        self._rename(module, home, set())
        if home.kind == "module":
            self._offer(module)
            self._importers = self._find_importers()
        while self._waiting:
            offering = self._waiting.pop()
            for importer in self._importers:
                if importer.module.path != offering.path:
                    self._follow(importer, offering)
        if self._offering:
            for other in self._project.mentioning(self._plan.old):
                self._attributes(other)

    def _rename(self, module: Module, home: Scope, ours: set[int]) -> None:
        """Every occurrence that belongs to a scope; ``ours`` are the imports that brought the name there."""
        if id(home) in self._done:
            return
        self._done.add(id(home))
        plan = self._plan
        for bound in home.bound.get(plan.old, []):
            if isinstance(bound.node, ast.alias) and id(bound.node) not in ours:
                raise plan.refusal(module, bound.node, "binds the name by an import as well")
            if bound.how == "param":
                raise plan.refusal(module, bound.node, "is a parameter")
        plan.check_free(module, home)
        for scope in home.everything():
            for found in scope.occurrences:
                if found.name == plan.old and found.how != "alias" and scope.resolve(plan.old) is home:
                    plan.occurrence(module, found)

    def _offer(self, module: Module) -> None:
        """From now on the module offers the renamed thing to importers."""
        if module.path in self._offering:
            return
        if module.path.endswith("__init__.py") and self._project.is_module(f"{module.names[0]}.{self._plan.new}"):
            text = f"{module.names[0]}.{self._plan.new} is a module already"
            raise InvalidInput(f"{self._plan.old} cannot be renamed: {text}.", field="input.new_name")
        self._offering[module.path] = module
        self._waiting.append(module)
        for node in module.source.tree.body:
            self._exports(module, node)

    def _exports(self, module: Module, node: ast.stmt) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if not any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and part.value == self._plan.old:
                self._plan.string(module, part)

    def _find_importers(self) -> list["_Importer"]:
        modules = {m.path: m for m in (*self._project.mentioning(self._plan.old), *self._project.importing_all())}
        return [_importer(module, self._plan.old) for module in modules.values()]

    def _follow(self, importer: "_Importer", offering: Module) -> None:
        for scope, alias, statement in importer.named:
            if self._comes_from(importer.module, statement, offering):
                self._imported(importer.module, scope, alias)
        for star in importer.stars:
            if self._comes_from(importer.module, star, offering):
                self._starred(importer.module, star)

    def _comes_from(self, module: Module, statement: ast.ImportFrom, offering: Module) -> bool:
        dotted = self._project.imported(module, statement)
        if self._project.is_ambiguous(dotted, offering.path):
            why = f"{dotted} may be {offering.path} or another file; it was not changed"
            self._plan.doubt(module, statement.lineno, "import", why)
        found = self._project.find(dotted)
        return found is not None and found.path == offering.path

    def _imported(self, module: Module, scope: Scope, alias: ast.alias) -> None:
        old = self._plan.old
        if alias.asname not in (None, old):
            self._plan.imported(module, alias, keep=True)
            return
        ours = {id(b.node) for b in scope.bound.get(old, []) if self._is_ours(module, b.node)}
        # Where something else binds the same local name, as in a fallback for a missing library, it must stay.
        shared = any(id(bound.node) not in ours for bound in scope.bound.get(old, []))
        self._plan.imported(module, alias, keep=shared)
        if not shared:
            self._rename(module, scope, ours)
            if scope.kind == "module":
                self._offer(module)

    def _is_ours(self, module: Module, node: ast.AST) -> bool:
        if not isinstance(node, ast.alias) or node.name != self._plan.old:
            return False
        statement = module.statement(node)
        found = None
        if isinstance(statement, ast.ImportFrom):
            found = self._project.find(self._project.imported(module, statement))
        return found is not None and found.path in self._offering

    def _starred(self, module: Module, star: ast.ImportFrom) -> None:
        """``from m import *``: names that nothing in the file binds may come from there."""
        old, new = self._plan.old, self._plan.new
        if old in module.scope.bound:
            return
        used = [
            (scope, found)
            for scope in module.scope.everything()
            for found in scope.occurrences
            if found.name == old and scope.resolve(old) is None
        ]
        if used and self._other_stars(module, star):
            why = f"several star imports could bring {old}; it was not changed"
            self._plan.doubt(module, used[0][1].node.lineno, "star import", why)  # type: ignore[attr-defined]
            return
        for scope in module.scope.everything():
            for found in scope.occurrences:
                if found.name == new and (new in module.scope.bound or scope.resolve(new) is None):
                    raise self._plan.refusal(module, found.node, f"uses {new} and imports everything")
        for scope, found in used:
            if scope.resolve(new) is not None:
                raise self._plan.refusal(module, found.node, f"sees another {new}")
            self._plan.occurrence(module, found)
        self._offer(module)

    def _other_stars(self, module: Module, star: ast.ImportFrom) -> bool:
        for node in module.from_imports:
            if node is not star and node.names[0].name == "*":
                found = self._project.find(self._project.imported(module, node))
                if found is None or self._plan.old in found.scope.bound:
                    return True
        return False

    def _attributes(self, module: Module) -> None:
        for scope in module.scope.everything():
            for found in scope.members:
                if found.node.attr == self._plan.old:
                    whole = self._project.meaning(module, scope, found.node.value)
                    owner = self._project.find(whole) if isinstance(whole, str) else None
                    if owner is not None and owner.path in self._offering:
                        self._plan.member(module, found)
