"""What the files of one family define, by name: types with members and bases, functions, variables, namespaces.

Made once from the facts of all files; used by the lookup of this package. Resolves nothing but which type a method
that stands outside of its class belongs to.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from posixpath import dirname
from typing import Any, NamedTuple

import orjson

from orchestrator.kg.facts import AttributeBinding, Binding, Definition, FileFacts, SymbolRef
from orchestrator.kg.languages.scoping import Scoping


class Symbol(NamedTuple):
    """A definition: the path of its file and its index in it."""

    path: str
    at: int

    @property
    def ref(self) -> SymbolRef:
        """The same, as links have it."""
        return SymbolRef(self.path, self.at)


class Written(NamedTuple):
    """An expression and where it stands."""

    path: str
    scope: int
    text: str


@dataclass(slots=True, eq=False)
class Type:
    """A class, struct, interface or trait; of several parts where the language allows it."""

    name: str
    parts: list[Symbol]
    members: dict[str, list[Symbol]] = field(default_factory=dict)
    fields: dict[str, list[tuple[str, AttributeBinding]]] = field(default_factory=dict)
    promised: dict[str, Written] = field(default_factory=dict)
    bases: list[Written] = field(default_factory=list)
    extended: list[Written] = field(default_factory=list)


@dataclass(slots=True)
class File:
    """A file's facts with what its language kept for the linker."""

    path: str
    facts: FileFacts
    namespace: str
    names: list[str]
    bound: dict[tuple[int, str], list[Binding]]
    children: dict[tuple[int, str], list[int]]
    statics: frozenset[int]
    tests: frozenset[int]
    soft: frozenset[int]
    local: frozenset[int]
    traits: list[tuple[int, str, str]]
    extended: list[tuple[int, str]]
    package: str


class World:
    """Everything the files of a family define."""

    def __init__(self, facts: Mapping[str, FileFacts], everything: Collection[str], scoping: Scoping) -> None:
        self.everything = frozenset(everything)
        self.scoping = scoping
        self.files: dict[str, File] = {}
        self.types: dict[str, list[Type]] = {}
        self.functions: dict[str, list[Symbol]] = {}
        self.variables: dict[str, list[tuple[str, Binding]]] = {}
        self.promised: dict[str, list[tuple[str, Binding]]] = {}
        self.namespaces: dict[str, list[str]] = {}
        self.exports: dict[tuple[str, str], list[tuple[str, Binding]]] = {}
        self.owners: dict[Symbol, Type] = {}
        self.type_of: dict[Symbol, Type] = {}
        self.by_last_name: dict[str, list[Symbol]] = {}
        self._manifests = {
            path: orjson.loads(one.program or "{}") for path, one in facts.items() if not one.definitions
        }
        for path in sorted(facts):
            if facts[path].definitions:
                self._add(path, facts[path])

    def definition(self, symbol: Symbol) -> Definition:
        """The facts of a symbol."""
        return self.files[symbol.path].facts.definitions[symbol.at]

    def is_static(self, symbol: Symbol) -> bool:
        """Whether a function belongs to its class, not to an instance; in C, to its file."""
        return symbol.at in self.files[symbol.path].statics

    def root_of(self, path: str, manifest: str) -> tuple[str, str] | None:
        """The nearest folder around a path that holds the manifest, and the name the manifest gives to it."""
        folder = dirname(path)
        while True:
            found = f"{folder}/{manifest}" if folder else manifest
            if found in self._manifests and self._manifests[found].get("project"):
                return folder, self._manifests[found]["project"]
            if not folder:
                return None
            folder = dirname(folder)

    def is_local(self, symbol: Symbol) -> bool:
        """Whether a function is known only near where it stands, such as one in a block."""
        return symbol.at in self.files[symbol.path].local

    @cached_property
    def by_file_name(self) -> dict[str, list[str]]:
        """All paths of the tree by their last part."""
        found: dict[str, list[str]] = {}
        for path in sorted(self.everything):
            found.setdefault(path.rpartition("/")[2], []).append(path)
        return found

    @cached_property
    def spaces(self) -> set[str]:
        """All namespaces, and what their names start with."""
        return {name[:at] for name in self.namespaces for at in _ends(name)}

    # Making it

    def _add(self, path: str, facts: FileFacts) -> None:
        file = self.files[path] = self._file(path, facts)
        self._open_namespace(file.namespace, path)
        for index in range(1, len(facts.definitions)):
            self._define(file, index)
        self._bindings(file)

    def replace(self, path: str, facts: FileFacts) -> None:
        """New facts of a file that look the same to all other files."""
        if facts.definitions:
            self.files[path] = self._file(path, facts)

    def _file(self, path: str, facts: FileFacts) -> File:
        kept: dict[str, Any] = orjson.loads(facts.program or "{}")
        package = kept.get("package", "")
        namespace = self.scoping.namespace(path, package, self)
        bound: dict[tuple[int, str], list[Binding]] = {}
        for binding in facts.bindings:
            bound.setdefault((binding.scope, binding.name), []).append(binding)
        children: dict[tuple[int, str], list[int]] = {}
        for index, definition in enumerate(facts.definitions):
            if not definition.owner:
                children.setdefault((definition.parent, self.scoping.fold(definition.name)), []).append(index)
        return File(
            path=path,
            facts=facts,
            namespace=namespace,
            names=list(_names(facts, namespace)),
            bound=bound,
            children=children,
            statics=frozenset(kept.get("statics", ())),
            tests=frozenset(kept.get("tests", ())),
            soft=frozenset(kept.get("soft", ())),
            local=frozenset(kept.get("local", ())),
            extended=[(scope, name) for scope, name in kept.get("extended", ())],
            traits=[(scope, of, trait) for scope, of, trait in kept.get("traits", ())],
            package=package,
        )

    def _open_namespace(self, name: str, path: str) -> None:
        held = self.namespaces.setdefault(self.scoping.fold(name), [])
        if not held or held[-1] != path:
            held.append(path)

    def _define(self, file: File, index: int) -> None:
        definition, symbol = file.facts.definitions[index], Symbol(file.path, index)
        name = self.scoping.fold(file.names[index])
        if definition.kind == "module":
            self._open_namespace(file.names[index], file.path)
        elif definition.kind == "class":
            self._define_type(symbol, name, definition)
        elif not definition.owner:
            around = self.type_of.get(Symbol(file.path, definition.parent))
            if around is not None:
                self.add_member(around, symbol)
            elif file.facts.definitions[definition.parent].kind == "module":
                self.functions.setdefault(name, []).append(symbol)
                self._remember(symbol, definition)

    def _define_type(self, symbol: Symbol, name: str, definition: Definition) -> None:
        held = self.types.setdefault(name, [])
        if not held or not self.scoping.reopened:
            held.append(Type(name, []))
        type_ = held[-1]
        type_.parts.append(symbol)
        type_.bases += [Written(symbol.path, definition.parent, base) for base in definition.bases]
        self.type_of[symbol] = type_

    def add_member(self, type_: Type, symbol: Symbol) -> None:
        """A function that belongs to a type."""
        definition = self.definition(symbol)
        type_.members.setdefault(self.scoping.fold(definition.name), []).append(symbol)
        self.owners[symbol] = type_
        self._remember(symbol, definition)

    def add_function(self, file: File, index: int) -> None:
        """A function of a namespace that it names itself."""
        symbol = Symbol(file.path, index)
        self.functions.setdefault(self.scoping.fold(file.names[index]), []).append(symbol)
        self._remember(symbol, self.definition(symbol))

    def _remember(self, symbol: Symbol, definition: Definition) -> None:
        self.by_last_name.setdefault(self.scoping.fold(definition.name), []).append(symbol)

    def _bindings(self, file: File) -> None:
        fold = self.scoping.fold
        for binding in file.facts.bindings:
            around = file.facts.definitions[binding.scope]
            name = fold(f"{file.names[binding.scope]}.{binding.name}" if file.names[binding.scope] else binding.name)
            type_ = self.type_of.get(Symbol(file.path, binding.scope))
            if type_ is not None and binding.kind == "def":
                type_.promised.setdefault(fold(binding.name), Written(file.path, binding.scope, binding.value))
            elif around.kind != "module":
                continue
            elif binding.kind == "def":
                self.promised.setdefault(name, []).append((file.path, binding))
            elif binding.kind in ("value", "type", "unknown"):
                self.variables.setdefault(name, []).append((file.path, binding))
            else:
                self.exports.setdefault((fold(file.names[binding.scope]), fold(binding.name)), []).append(
                    (file.path, binding)
                )
        for scope, name in file.extended:
            type_ = self.type_of.get(Symbol(file.path, scope))
            if type_ is not None:
                type_.extended.append(Written(file.path, scope, name))
        for attribute in file.facts.attributes:
            type_ = self.type_of.get(Symbol(file.path, attribute.owner))
            if type_ is not None:
                type_.fields.setdefault(attribute.name, []).append((file.path, attribute))


def _ends(name: str) -> Iterator[int]:
    yield from (at for at, char in enumerate(name) if char == ".")
    yield len(name)


def _names(facts: FileFacts, namespace: str) -> Iterator[str]:
    """The full name of each definition of a file."""
    names: list[str] = []
    for definition in facts.definitions:
        around = names[definition.parent] if definition.parent > 0 else namespace
        names.append(".".join(filter(None, (around, definition.owner, definition.name))))
    yield from names
