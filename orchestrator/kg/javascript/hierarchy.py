"""Classes above and below each other, and methods by name, over all files of a tree. Used by the JavaScript linker.

Definitions are known by path and local name, which stay when an edit moves numbers: an update that leaves these as they
were changes nothing here.
"""

from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from orchestrator.kg.facts import SymbolRef
from orchestrator.kg.javascript.project import Project

_MAX_CLASSES = 200
Name = tuple[str, str]


class _Part(NamedTuple):
    """What one file defines: methods by class and name, and methods by name with the most arguments they take."""

    own: dict[Name, dict[str, Name]]
    methods: dict[str, list[tuple[Name, int]]]


@dataclass(slots=True)
class _State:
    """One state of all files together."""

    own: dict[Name, dict[str, Name]] = field(default_factory=dict)
    methods: dict[str, list[tuple[Name, int]]] = field(default_factory=dict)
    bases: dict[Name, list[Name]] = field(default_factory=dict)
    children: dict[Name, list[Name]] = field(default_factory=dict)

    def extend(self, of: Name, base: Name) -> None:
        bases = self.bases.setdefault(of, [])
        if base not in bases:
            bases.append(base)
            self.children.setdefault(base, []).append(of)


class Hierarchy:
    """What a project says about inheritance."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._parts: dict[str, _Part] = {}
        self._numbers: dict[str, dict[str, int]] = {}
        self._extends: list[tuple[Name, Name]] = []
        self._state = _State()
        self.update(project.facts)

    def update(self, changed: Iterable[str]) -> set[Hashable]:
        """Look at these files anew; returns the keys that links may have consulted and that mean something else now."""
        differs = False
        for path in changed:
            self._numbers.pop(path, None)
            part = _part(self._project, path) if path in self._project.facts else None
            differs = differs or part != self._parts.get(path)
            if part is None:
                self._parts.pop(path, None)
            else:
                self._parts[path] = part
        extends = self._all_extends()
        if not differs and extends == self._extends:
            return set()
        before, self._extends, self._state = self._state, extends, self._joined(extends)
        return _differences(before, self._state)

    def below_key(self, of: SymbolRef) -> Hashable:
        """What is consulted where the classes below one are asked for."""
        return "below", self._name(of)

    def methods(self, name: str) -> list[tuple[SymbolRef, int]]:
        """All methods of a name with the most arguments they take."""
        return [(self._ref(one), most) for one, most in self._state.methods.get(name, ())]

    def below(self, of: SymbolRef, name: str) -> list[SymbolRef]:
        """The methods of that name in classes below one."""
        found: list[SymbolRef] = []
        start = self._name(of)
        waiting, seen = list(self._state.children.get(start, ())), {start}
        while waiting and len(seen) < _MAX_CLASSES:
            at = waiting.pop(0)
            if at in seen:
                continue
            seen.add(at)
            if name in self._state.own.get(at, {}):
                found.append(self._ref(self._state.own[at][name]))
            waiting += self._state.children.get(at, ())
        return found

    def above(self, of: SymbolRef, name: str) -> SymbolRef | None:
        """The nearest method of that name in the classes above one."""
        start = self._name(of)
        waiting, seen = list(self._state.bases.get(start, ())), {start}
        while waiting and len(seen) < _MAX_CLASSES:
            at = waiting.pop(0)
            if at in seen:
                continue
            seen.add(at)
            if name in self._state.own.get(at, {}):
                return self._ref(self._state.own[at][name])
            waiting += self._state.bases.get(at, ())
        return None

    def _name(self, ref: SymbolRef) -> Name:
        return (ref.path, self._project.names(ref.path)[ref.at]) if ref.path else ("", ref.external)

    def _ref(self, name: Name) -> SymbolRef:
        path, local = name
        numbers = self._numbers.get(path)
        if numbers is None:
            numbers = self._numbers[path] = {one: at for at, one in enumerate(self._project.names(path))}
        return SymbolRef(path, numbers[local])

    def _all_extends(self) -> list[tuple[Name, Name]]:
        """Every class with each of its bases, unit by unit."""
        return [
            (self._name(SymbolRef(path, at)), self._name(base))
            for unit in sorted(self._project.units)
            for path, pairs in sorted(self._project.units[unit].record.extends.items())
            for at, base in pairs
        ]

    def _joined(self, extends: Collection[tuple[Name, Name]]) -> _State:
        found = _State()
        for path in sorted(self._parts):
            found.own |= self._parts[path].own
            for name, methods in self._parts[path].methods.items():
                found.methods.setdefault(name, []).extend(methods)
        for of, base in extends:
            found.extend(of, base)
        return found


def _part(project: Project, path: str) -> _Part:
    part, definitions, names = _Part({}, {}), project.facts[path].definitions, project.names(path)
    for index, one in enumerate(definitions):
        if one.kind != "function":
            continue
        found, name = (path, names[index]), one.name.rpartition(".")[2]
        if definitions[one.parent].kind == "class":
            part.own.setdefault((path, names[one.parent]), {}).setdefault(name, found)
        elif name == one.name and not one.owner:
            continue
        if name.isidentifier() and name != "constructor":
            part.methods.setdefault(name, []).append((found, one.most_args))
    return part


def _differences(before: _State, after: _State) -> set[Hashable]:
    keys: set[Hashable] = {
        ("name", name)
        for name in before.methods.keys() | after.methods.keys()
        if before.methods.get(name) != after.methods.get(name)
    }
    if after.children != before.children or after.own != before.own:
        keys |= {("below", of) for of in after.children.keys() | before.children.keys()}
        keys |= {("name", name) for own in (*after.own.values(), *before.own.values()) for name in own}
    return keys
