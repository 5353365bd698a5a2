"""Links between definitions of a family of languages: calls with their certainty, imports, bases, overrides, tests.

Used by the build. A call is ``calls`` only when the scoping rules leave one possibility; several, overriding methods
and methods of the same name are ``mayCall`` candidates, at most eight per site. The rest is counted as unresolved.
"""

from collections.abc import Collection, Hashable, Iterator, Mapping, Set
from dataclasses import dataclass, field

from orchestrator.kg.dependencies.facts import dependencies_of
from orchestrator.kg.facts import Call, Edge, FileFacts, FileLinks, SymbolRef
from orchestrator.kg.languages.callees import Callees
from orchestrator.kg.languages.imports import Imports
from orchestrator.kg.languages.lookup import Lookup
from orchestrator.kg.languages.scoping import Scoping
from orchestrator.kg.languages.surface import mentioned, shared_values, surface
from orchestrator.kg.languages.symbols import File, Symbol, Type, World, Written
from orchestrator.kg.languages.values import Builtin, Class, Found, Functions, Instance, Maker, Outside, Space
from orchestrator.kg.readers import Readers

MAX_CANDIDATES = 8


@dataclass(slots=True)
class _Sites:
    """What the calls of a file come to."""

    edges: list[Edge] = field(default_factory=list)
    names: dict[tuple[int, str], None] = field(default_factory=dict)
    unresolved: dict[int, int] = field(default_factory=dict)


class Linker:
    """Makes the links of every file of a family."""

    def __init__(self, facts: Mapping[str, FileFacts], everything: Collection[str], scoping: Scoping) -> None:
        self._facts = dict(facts)
        self._rules = scoping
        self._everything = frozenset(everything)
        self._words: dict[str, frozenset[str]] = {}
        self._start()

    def _start(self) -> None:
        self._world = World(self._facts, self._everything, self._rules)
        self._lookup = Lookup(self._world)
        self._callees = Callees(self._world, self._lookup)
        self._imports = Imports(self._world, self._lookup)
        self._attach()
        self._lookup.prepare()
        self._subtypes: dict[int, list[Type]] = {}
        for held in self._world.types.values():
            for type_ in held:
                for ancestor in self._lookup.ancestors(type_)[0][1:]:
                    self._subtypes.setdefault(id(ancestor), []).append(type_)

    @property
    def consulted(self) -> Set[Hashable]:
        """Nothing by key: what a change can matter to is found by the words of the other files."""
        return frozenset()

    def update(
        self, changed: Mapping[str, FileFacts | None], everything: Collection[str], readers: Readers
    ) -> set[str]:
        """Take in new facts (None: gone) and all paths; returns the files whose links may differ now."""
        paths = frozenset(everything)
        moved = self._rules.files_of_import is not None and paths != self._everything
        names = None if moved else self._changed_functions(changed)
        self._everything = paths
        for path, one in changed.items():
            self._words.pop(path, None)
            if one is None:
                self._facts.pop(path, None)
            else:
                self._facts[path] = one
        if names is not None and not names:
            for path in changed:
                self._world.replace(path, self._facts[path])
            self._lookup.forget()
            self._imports = Imports(self._world, self._lookup)
            return set(changed)
        self._start()
        if names is None or self._is_followed(names):
            return {*self._facts, *changed}
        return {*changed, *(path for path in self._facts if not names.isdisjoint(self._mentioned(path)))}

    def _changed_functions(self, changed: Mapping[str, FileFacts | None]) -> set[str] | None:
        """The names of functions that are not what they were; None where something else changed that others read."""
        names: set[str] = set()
        for path, one in changed.items():
            old = self._facts.get(path)
            if one is None or old is None:
                return None
            before, after = surface(old), surface(one)
            if before.rest != after.rest:
                return None
            names |= {self._rules.fold(name) for name, _ in before.functions ^ after.functions}
        return names

    def _is_followed(self, names: set[str]) -> bool:
        """Whether files may depend on a function that they do not mention: a constructor, or what makes a value."""
        constructor = self._rules.constructor
        if constructor and self._rules.fold(constructor) in names:
            return True
        return any(not names.isdisjoint(shared_values(one, self._rules.fold)) for one in self._facts.values())

    def _mentioned(self, path: str) -> frozenset[str]:
        held = self._words.get(path)
        if held is None:
            held = self._words[path] = mentioned(self._facts[path], self._rules.fold)
        return held

    def _attach(self) -> None:
        """Give methods that stand outside of their class to it, and bases that are added elsewhere."""
        world = self._world
        for path, file in world.files.items():
            for scope, of, trait in file.traits:
                for type_ in self._types(path, scope, of):
                    type_.bases.append(Written(path, scope, trait))
            for index, definition in enumerate(file.facts.definitions):
                if not definition.owner:
                    continue
                types = self._types(path, definition.parent, definition.owner)
                if len(types) == 1:
                    world.add_member(types[0], Symbol(path, index))
                elif not types and definition.owner in world.spaces:
                    world.add_function(file, index)
            self._lookup.forget()

    def _types(self, path: str, scope: int, written: str) -> list[Type]:
        found = self._lookup.evaluate(path, scope, written, types=True)
        return [value.type for value in found.values if isinstance(value, Class)]

    def link(self, path: str) -> FileLinks:
        """The links that start in one file."""
        facts = self._facts[path]
        if not facts.definitions:
            return dependencies_of(facts)
        file = self._world.files[path]
        self._lookup.forget()
        sites = self._calls(file)
        return FileLinks(
            module_name=file.namespace or file.package or path.rpartition(".")[0] or path,
            prefix=file.namespace,
            edges=tuple(sites.edges),
            unresolved=tuple(sites.names),
            unresolved_sites=tuple(sites.unresolved.items()),
            references=(),
            imports=tuple(self._imports.of(file)),
            extends=tuple(dict.fromkeys(self._extends(file))),
            overrides=tuple(self._overrides(file)),
            decorated=tuple(dict.fromkeys(self._decorated(file))),
            tests=frozenset(self._tests(file)),
            members=tuple(self._members(file)),
        )

    # Calls

    def _calls(self, file: File) -> _Sites:
        sites = _Sites()
        for at, call in enumerate(file.facts.calls):
            soft = at in file.soft
            if soft and self._is_variable(file, call):
                continue
            found = self._doubted(call, self._callees.of(file.path, call))
            made = list(self._edges(file, call, found, soft=soft))
            sites.edges += made
            certain = any(edge.certainty == "calls" for edge in made)
            if not certain and not soft and not self._is_no_call(found):
                sites.names[call.scope, _last_name(call.callee)] = None
                sites.unresolved[call.scope] = sites.unresolved.get(call.scope, 0) + 1
        return sites

    def _doubted(self, call: Call, found: Found) -> Found:
        """A block may run for another object, whose methods come before functions of no class."""
        if not self._rules.blocks or "." in call.callee:
            return found
        rivals = self._world.by_last_name.get(self._rules.fold(call.callee), ())
        free = any(isinstance(value, Functions) and value.receiver is None for value in found.values)
        return Found(found.values, found.complete and not (free and len(rivals) > 1))

    def _is_variable(self, file: File, call: Call) -> bool:
        """Whether a word that may be a call is a variable bound in the functions around."""
        scope, name = call.scope, call.callee
        while scope >= 0 and "." not in name:
            if any(one.kind != "def" for one in file.bound.get((scope, name), ())):
                return True
            scope = file.facts.definitions[scope].parent
        return False

    def _is_no_call(self, found: Found) -> bool:
        """Functions of the language itself, and conversions to a type."""
        converts = self._rules.calls_type == "converts"
        return bool(found.values) and all(
            isinstance(value, Builtin) or (converts and isinstance(value, Class)) for value in found.values
        )

    def _edges(self, file: File, call: Call, found: Found, *, soft: bool) -> Iterator[Edge]:
        name = _last_name(call.callee)
        if call.callee in ("super", "this") and not self._rules.invoked:
            found = self._chained(file, call)
        made = [self._made(value, call) for value in found.values]
        targets = list(dict.fromkeys(target for value in found.values for target in self._targets(value, call)))
        certain = found.complete and len(found.values) == 1
        if certain and len(targets) == 1:
            yield Edge(call.scope, "calls", (targets[0],), self._rule(file, call, found), call.line, name, made[0])
            overriding = self._overriding(call, found)
            if overriding:
                yield Edge(call.scope, "mayCall", overriding, "override", call.line, name)
        elif targets:
            yield Edge(call.scope, "mayCall", tuple(targets[:MAX_CANDIDATES]), "several", call.line, name)
        elif not soft and not found.complete and not call.callee.endswith("^"):
            candidates = self._same_name(call, name)
            if candidates:
                yield Edge(call.scope, "mayCall", candidates, "sameName", call.line, name)

    def _chained(self, file: File, call: Call) -> Found:
        """``super(…)`` and ``this(…)``: a constructor, or the method of the same name further up."""
        owner = self._lookup.owner(file.path, call.scope)
        if owner is None:
            return Found()
        if call.callee == "super" and self._rules.bare_super == "method":
            name = file.facts.definitions[call.scope].name
            return self._lookup.evaluate(file.path, call.scope, f"super.{name}")
        if call.callee == "this":
            return Found((Maker(owner),), complete=True)
        bases, complete = self._lookup.ancestors(owner)
        return Found(tuple(Maker(one) for one in bases[1:2]), complete)

    def _made(self, value: object, call: Call) -> SymbolRef | None:
        """The class of which the call makes an instance."""
        makes = isinstance(value, Maker) or (
            isinstance(value, Class) and self._rules.calls_type == "makes"
        ) or (isinstance(value, Instance) and call.callee.endswith("^"))  # fmt: skip
        if not makes or call.callee in ("super", "this"):
            return None
        assert isinstance(value, Maker | Class | Instance)
        return value.type.parts[0].ref

    def _targets(self, value: object, call: Call) -> list[SymbolRef]:
        """The definitions that run when the value is called."""
        if isinstance(value, Outside):
            return [SymbolRef("", -1, value.name)]
        if isinstance(value, Functions):
            return [one.ref for one in value.symbols]
        if isinstance(value, Maker) or (isinstance(value, Instance) and call.callee.endswith("^")):
            return self._callees.constructors(value.type, call.args)
        if isinstance(value, Class) and self._rules.calls_type == "makes":
            return self._callees.constructors(value.type, call.args)
        return []

    def _rule(self, file: File, call: Call, found: Found) -> str:
        """Why the edge is certain, by the shape of the call."""
        value = found.values[0]
        if isinstance(value, Outside):
            return "external"
        receiver = call.callee.rpartition(".")[0]
        if call.callee == "super" or receiver == "super":
            return "super"
        if not receiver:
            if isinstance(value, Functions) and value.receiver is not None:
                return "instance" if self._rules.invoked and call.callee != "this" else "self"
            paths = self._paths(value)
            return "scope" if file.path in paths else "import"
        if receiver in ("this", "Self"):
            return "self"
        of = self._lookup.evaluate(file.path, call.scope, receiver).values
        if of and isinstance(of[0], Instance):
            return "self" if self._is_self(file, call.scope, receiver) else "instance"
        return "module" if of and isinstance(of[0], Space) else "class"

    def _is_self(self, file: File, scope: int, name: str) -> bool:
        return any(one.kind == "self" for one in file.bound.get((scope, name), ()))

    def _paths(self, value: object) -> set[str]:
        if isinstance(value, Functions):
            return {one.path for one in value.symbols}
        if isinstance(value, Class | Instance | Maker):
            return {one.path for one in value.type.parts}
        return set()

    def _overriding(self, call: Call, found: Found) -> tuple[SymbolRef, ...]:
        """Methods of subtypes that may run instead, when the receiver is some instance."""
        value = found.values[0]
        if not isinstance(value, Functions) or value.receiver is None or call.callee.startswith("super"):
            return ()
        target = value.symbols[0]
        if self._world.is_static(target):
            return ()
        name = self._rules.fold(self._world.definition(target).name)
        found_in = self._subtypes.get(id(value.receiver), ())
        methods = [one for type_ in found_in for one in type_.members.get(name, ())]
        fitting = [one.ref for one in self._callees.fitting(tuple(methods), call.args) if one != target]
        fitting = list(dict.fromkeys(fitting))
        return tuple(fitting) if len(fitting) <= MAX_CANDIDATES else ()

    def _same_name(self, call: Call, name: str) -> tuple[SymbolRef, ...]:
        """All methods, or functions, of that name that take the arguments; none when too many to mean anything."""
        held = self._world.by_last_name.get(self._rules.fold(name), ())
        method = "." in call.callee
        fitting = [
            one.ref for one in held if (one in self._world.owners) == method and self._callees.takes(one, call.args)
        ]
        return tuple(fitting) if len(fitting) <= MAX_CANDIDATES else ()

    # Everything else

    def _extends(self, file: File) -> Iterator[tuple[int, SymbolRef]]:
        for index in range(1, len(file.facts.definitions)):
            type_ = self._world.type_of.get(Symbol(file.path, index))
            if type_ is None:
                continue
            # Bases told elsewhere are told here when this is the first part of the type.
            first = type_.parts[0] == Symbol(file.path, index)
            own = set(file.facts.definitions[index].bases)
            for base in type_.bases:
                if first or (base.path == file.path and base.text in own):
                    found = self._lookup.evaluate(base.path, base.scope, base.text, types=True)
                    yield from ((index, ref) for ref in self._refs(found) if ref != type_.parts[0].ref)

    def _refs(self, found: Found) -> Iterator[SymbolRef]:
        for value in found.values[:1] if found.complete else ():
            if isinstance(value, Class):
                yield value.type.parts[0].ref
            elif isinstance(value, Outside):
                yield SymbolRef("", -1, value.name)

    def _overrides(self, file: File) -> Iterator[tuple[int, SymbolRef]]:
        for index in range(1, len(file.facts.definitions)):
            symbol = Symbol(file.path, index)
            owner, definition = self._world.owners.get(symbol), file.facts.definitions[index]
            if owner is None or self._world.is_static(symbol) or definition.name == owner.name.rpartition(".")[2]:
                continue
            for ancestor in self._lookup.ancestors(owner)[0][1:]:
                held = [
                    one
                    for one in ancestor.members.get(self._rules.fold(definition.name), ())
                    if self._alike(one, symbol)
                ]
                if held:
                    yield index, held[0].ref
                    break

    def _alike(self, one: Symbol, other: Symbol) -> bool:
        """Whether two methods of a name take equally many arguments, where that tells them apart."""
        if self._world.is_static(one) or one == other:
            return False
        first, second = self._world.definition(one), self._world.definition(other)
        same = (first.least_args, first.most_args) == (second.least_args, second.most_args)
        return same or not self._rules.overloads

    def _decorated(self, file: File) -> Iterator[tuple[int, SymbolRef]]:
        for index, definition in enumerate(file.facts.definitions):
            for written in definition.decorators:
                for name in (written, f"{written}Attribute"):
                    refs = list(self._refs(self._lookup.evaluate(file.path, definition.parent, name, types=True)))
                    if refs:
                        yield index, refs[0]
                        break

    def _tests(self, file: File) -> Iterator[int]:
        """Functions that look like tests, in files that look like those of tests."""
        if self._rules.test_files is None or self._rules.test_files.search(file.path):
            yield from sorted(file.tests)

    def _members(self, file: File) -> Iterator[tuple[int, SymbolRef]]:
        for index, definition in enumerate(file.facts.definitions):
            owner = self._world.owners.get(Symbol(file.path, index))
            if definition.owner and owner is not None:
                yield index, owner.parts[0].ref


def _last_name(callee: str) -> str:
    return callee.rstrip("^()").rpartition(".")[2]
