"""What modules give to those who import from them: re-exports, stars, submodules, namespace packages.

A floor of the evaluator: it asks for names of modules, and the floor above says what a name is bound to.
"""

from abc import abstractmethod

from orchestrator.kg.python.recording import Tree
from orchestrator.kg.python.symbols import UNKNOWN, External, Found, Namespace, Symbol, one


class Exports(Tree):
    """Finds what an import means."""

    @abstractmethod
    def bound(self, scope: Symbol, name: str, line: int) -> Found:
        """What a name that is bound in a scope can be."""

    def module(self, name: str, importer: str) -> Found:
        """A module by absolute name."""
        path = self.find(name, importer)
        if path is not None:
            return one(self.root(path))
        if self.modules.is_namespace(name):
            return one(Namespace(name))
        return UNKNOWN if self.modules.is_ours(name) else one(External(name))

    def imported(self, importer: str, module: str, name: str) -> Found:
        """What ``from module import name`` binds."""
        absolute = self.relative(module, importer) if module.startswith(".") else module
        if absolute is None:
            return UNKNOWN
        path = self.find(absolute, importer)
        if path is None:
            submodule = self.find(f"{absolute}.{name}" if absolute else name, importer)
            if submodule is not None:
                return one(self.root(submodule))
            ours = self.modules.is_ours(absolute) or module.startswith(".")
            return UNKNOWN if ours else one(External(f"{absolute}.{name}"))
        return self.member(self.root(path), name)

    def member(self, module: Symbol, name: str) -> Found:
        """A name of a module, as its importers see it."""
        if self._home == module.path:
            return self._member(module, name)
        return self.staged((module, name), lambda: self._member(module, name), UNKNOWN)

    def _member(self, module: Symbol, name: str) -> Found:
        self.consult(module, name)
        # A package that imports from its own submodule binds the name to what it imported, if that is there.
        found = self.bound(module, name, 0) if name in module.names else None
        if found is not None and found.values:
            return found
        self.consult(module, "module-name")
        submodule = self.find(f"{self.modules.names[module.path]}.{name}", module.path)
        if submodule is not None and module.path.endswith("__init__.py"):
            return one(self.root(submodule))
        return found or self.starred(module, name) or UNKNOWN

    def starred(self, module: Symbol, name: str) -> Found | None:
        """A name that ``from m import *`` brings into a module; None if none does."""
        self.consult(module, "*")
        if name.startswith("_") or not self.stars[module.path]:
            return None
        return self.once((module, f"*{name}"), lambda: self._starred(module, name))

    def _starred(self, module: Symbol, name: str) -> Found | None:
        for written in self.stars[module.path]:
            absolute = self.relative(written, module.path) if written.startswith(".") else written
            path = self.find(absolute, module.path) if absolute else None
            if path is None or path == module.path:
                continue
            exports, source = self.exports[path], self.root(path)
            self.consult(source, "*")
            if exports is not None and name not in exports:
                continue
            found = self.member(source, name)
            if found.values:
                return found
        return None

    @abstractmethod
    def once(self, key: object, compute: object) -> Found | None:
        """Compute what was not computed yet; None for what is being computed, and for what is nested too deep."""
