"""Classes above and below each other, and methods by name, over all files of a tree. Used by the JavaScript linker."""

from collections.abc import Hashable

from orchestrator.kg.facts import SymbolRef
from orchestrator.kg.javascript.project import Project

_MAX_CLASSES = 200


class Hierarchy:
    """What one state of a project says about inheritance."""

    def __init__(self, project: Project) -> None:
        self._own: dict[SymbolRef, dict[str, SymbolRef]] = {}
        self._bases: dict[SymbolRef, list[SymbolRef]] = {}
        self._children: dict[SymbolRef, list[SymbolRef]] = {}
        self._methods: dict[str, list[tuple[SymbolRef, int]]] = {}
        for path in sorted(project.facts):
            self._index(project, path)
        for unit in sorted(project.units):
            for path, pairs in sorted(project.units[unit].record.extends.items()):
                for at, base in pairs:
                    self._extend(SymbolRef(path, at), base)

    def _index(self, project: Project, path: str) -> None:
        definitions = project.facts[path].definitions
        for index, one in enumerate(definitions):
            if one.kind != "function":
                continue
            ref, name = SymbolRef(path, index), one.name.rpartition(".")[2]
            if definitions[one.parent].kind == "class":
                self._own.setdefault(SymbolRef(path, one.parent), {}).setdefault(name, ref)
            elif name == one.name and not one.owner:
                continue
            if name.isidentifier() and name != "constructor":
                self._methods.setdefault(name, []).append((ref, one.most_args))

    def _extend(self, of: SymbolRef, base: SymbolRef) -> None:
        bases = self._bases.setdefault(of, [])
        if base not in bases:
            bases.append(base)
            self._children.setdefault(base, []).append(of)

    def methods(self, name: str) -> list[tuple[SymbolRef, int]]:
        """All methods of a name with the most arguments they take."""
        return self._methods.get(name, [])

    def below(self, of: SymbolRef, name: str) -> list[SymbolRef]:
        """The methods of that name in classes below one."""
        found: list[SymbolRef] = []
        waiting, seen = list(self._children.get(of, ())), {of}
        while waiting and len(seen) < _MAX_CLASSES:
            at = waiting.pop(0)
            if at in seen:
                continue
            seen.add(at)
            if name in self._own.get(at, {}):
                found.append(self._own[at][name])
            waiting += self._children.get(at, ())
        return found

    def above(self, of: SymbolRef, name: str) -> SymbolRef | None:
        """The nearest method of that name in the classes above one."""
        waiting, seen = list(self._bases.get(of, ())), {of}
        while waiting and len(seen) < _MAX_CLASSES:
            at = waiting.pop(0)
            if at in seen:
                continue
            seen.add(at)
            if name in self._own.get(at, {}):
                return self._own[at][name]
            waiting += self._bases.get(at, ())
        return None

    def changed_since(self, before: "Hierarchy") -> set[Hashable]:
        """The keys that links may have consulted and that mean something else now."""
        keys: set[Hashable] = {
            ("name", name)
            for name in self._methods.keys() | before._methods.keys()
            if self._methods.get(name) != before._methods.get(name)
        }
        if self._children != before._children or self._own != before._own:
            classes = self._children.keys() | before._children.keys()
            keys |= {("below", of) for of in classes}
            keys |= {("name", name) for own in (*self._own.values(), *before._own.values()) for name in own}
        return keys
