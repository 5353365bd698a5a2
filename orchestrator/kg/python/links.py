"""Links between definitions of a tree: calls with their certainty, imports, bases, overrides, references, tests.

Used by the build for Python. A call is ``calls`` only when the code leaves one possibility; several, overriding methods
and methods of the same name are ``mayCall`` candidates, at most eight per site. The rest is counted as unresolved.
"""

import re
from collections.abc import Collection, Hashable, Iterator, Mapping, Set

from orchestrator.kg.facts import Call, Edge, FileFacts, FileLinks, SymbolRef
from orchestrator.kg.python.evaluate import Evaluator
from orchestrator.kg.python.modules import ModuleIndex
from orchestrator.kg.python.steps import parts
from orchestrator.kg.python.surface import Key, changed_keys, surface
from orchestrator.kg.python.symbols import External, Found, Instance, Namespace, Opaque, Symbol, Value
from orchestrator.kg.python.tree_index import TreeIndex
from orchestrator.kg.readers import Readers

MAX_CANDIDATES = 8
_TEST_FILE = re.compile(r"(^|/)(tests?|testing)(/|\.py$)|(^|/)test_[^/]*\.py$|_test\.py$")


class Linker:
    """Makes the links of every file of a tree, and knows after a change which of them to make again."""

    def __init__(self, facts: Mapping[str, FileFacts], everything: Collection[str]) -> None:
        self._facts = dict(facts)
        self._everything = set(everything)
        self._evaluator = Evaluator(facts, ModuleIndex(everything, facts))
        self._index = TreeIndex(self._evaluator)

    @property
    def consulted(self) -> Set[Hashable]:
        """What the last ``link`` read outside of its file."""
        return self._evaluator.consulted

    def update(
        self, changed: Mapping[str, FileFacts | None], everything: Collection[str], readers: Readers
    ) -> set[str]:
        """Take new facts; returns the files whose links may differ now. See ``indexing.languages.UpdatableLinker``."""
        keys: set[Key] = set()
        for path, facts in changed.items():
            before = surface(path, self._facts[path]) if path in self._facts else {}
            keys |= changed_keys(before, surface(path, facts) if facts is not None else {})
            self._evaluator.replace(path, facts)
            if facts is None:
                self._facts.pop(path, None)
            else:
                self._facts[path] = facts
        affected = set(changed)
        if self._everything != set(everything):
            self._everything = set(everything)
            modules = ModuleIndex(everything, self._facts)
            keys |= self._evaluator.modules.changed_keys(modules, readers)
            affected |= {
                path for path, name in modules.names.items() if self._evaluator.modules.names.get(path) != name
            }
            self._evaluator.modules = modules
        affected |= readers.of(keys)
        ancestors = {key for path in sorted(affected) for key in self._index.replace(path)}
        return affected | readers.of(ancestors)

    def link(self, path: str) -> FileLinks:
        """The links that start in one file: a function of the facts alone, whatever was linked before."""
        self._evaluator.begin(path)
        facts, symbols = self._facts[path], self._evaluator.symbols[path]
        edges: list[Edge] = []
        names: dict[tuple[int, str], None] = {}
        sites: dict[int, int] = {}
        for call in facts.calls:
            scope = symbols[call.scope]
            found = self._evaluator.evaluate(scope, call.callee, call.line)
            made = list(self._edges(scope, call, found))
            edges += made
            if not call.implicit and not any(edge.certainty == "calls" for edge in made) and not _is_builtin(found):
                names[call.scope, _last_name(call.callee)] = None
                sites[call.scope] = sites.get(call.scope, 0) + 1
        return FileLinks(
            module_name=self._evaluator.modules.names[path],
            edges=tuple(edges),
            unresolved=tuple(names),
            unresolved_sites=tuple(sites.items()),
            references=tuple(self._references(path)),
            imports=tuple(self._imports(path)),
            extends=tuple(self._extends(symbols)),
            overrides=tuple(self._overrides(symbols)),
            decorated=tuple(self._decorated(symbols)),
            tests=frozenset(_tests(path, symbols)),
        )

    # Calls

    def _edges(self, scope: Symbol, call: Call, found: Found) -> Iterator[Edge]:
        targets = list(dict.fromkeys(target for value in found.values if (target := self._target(value)) is not None))
        name = _last_name(call.callee)
        if found.complete and len(found.values) == 1:
            value = found.values[0]
            made = value.ref if isinstance(value, Symbol) and value.definition.kind == "class" else None
            for target in targets:
                yield Edge(call.scope, "calls", (target,), self._rule(scope, call, target), call.line, name, made)
            overriding = self._overriding(scope, call, name)
            if targets and overriding:
                yield Edge(call.scope, "mayCall", overriding, "override", call.line, name)
        elif targets:
            yield Edge(call.scope, "mayCall", tuple(targets[:MAX_CANDIDATES]), "several", call.line, name)
        elif not found.complete and "." in call.callee and call.callee[-1] not in ")]" and not call.implicit:
            candidates = self._same_name(name, call.args)
            if candidates:
                yield Edge(call.scope, "mayCall", candidates, "sameName", call.line, name)

    def _target(self, value: Value) -> SymbolRef | None:
        """The definition that runs when the value is called."""
        if isinstance(value, External):
            return SymbolRef("", -1, value.name)
        if isinstance(value, Opaque | Namespace):
            return None
        if isinstance(value, Instance):
            return self._method_of(value, "__call__")
        if value.definition.kind == "class":
            return self._method_of(value.as_instance(), "__init__") or value.ref
        return value.ref if value.definition.kind == "function" else None

    def _method_of(self, instance: Instance, name: str) -> SymbolRef | None:
        for one in self._evaluator.attribute(instance, name).values:
            if isinstance(one, Symbol) and one.definition.kind == "function":
                return one.ref
        return None

    def _rule(self, scope: Symbol, call: Call, target: SymbolRef) -> str:
        """Why the edge is certain, by the shape of the call."""
        if call.decorator:
            return "decorator"
        if target.external:
            return "external"
        head, _, rest = call.callee.partition(".")
        if not rest:
            return "scope" if target.path == scope.path else "import"
        if head == "super()":
            return "super"
        receiver = self._evaluator.evaluate(scope, call.callee.rpartition(".")[0], call.line).values
        if receiver and isinstance(receiver[0], Instance):
            return "self" if head in ("self", "cls") and "." not in rest else "instance"
        return "class" if receiver and receiver[0].__class__ is Symbol and _is_class(receiver[0]) else "module"

    def _overriding(self, scope: Symbol, call: Call, name: str) -> tuple[SymbolRef, ...]:
        """Methods of subclasses that may run instead, when the receiver is some instance."""
        if "." not in call.callee or call.callee.startswith("super()"):
            return ()
        receiver = self._evaluator.evaluate(scope, call.callee.rpartition(".")[0], call.line)
        if len(receiver.values) != 1 or not isinstance(receiver.values[0], Instance):
            return ()
        found = (self._own_method(one, name) for one in self._index.subclasses(receiver.values[0].of))
        methods = tuple(dict.fromkeys(one.ref for one in found if one is not None))
        return methods if len(methods) <= MAX_CANDIDATES else ()

    def _own_method(self, of: Symbol, name: str) -> Symbol | None:
        self._evaluator.consult(of, name)
        for binding in of.names.get(name, ()):
            if binding.kind == "def":
                return of.siblings[int(binding.value)]
        return None

    def _same_name(self, name: str, arguments: int) -> tuple[SymbolRef, ...]:
        """All methods of that name that take so many arguments; none when they are too many to mean anything."""
        fitting = [one.ref for one in self._index.methods(name) if _takes(one, arguments)]
        return tuple(fitting) if len(fitting) <= MAX_CANDIDATES and not name.startswith("__") else ()

    # Everything else

    def _references(self, path: str) -> Iterator[tuple[int, SymbolRef]]:
        symbols, seen = self._evaluator.symbols[path], set()
        for one in self._facts[path].references:
            found = self._evaluator.evaluate(symbols[one.scope], one.value, one.line)
            if found.complete and len(found.values) == 1 and isinstance(found.values[0], Symbol):
                value = found.values[0]
                key = (one.scope, value.ref)
                if key not in seen and value.definition.kind != "module":
                    seen.add(key)
                    yield key

    def _imports(self, path: str) -> Iterator[tuple[int, SymbolRef]]:
        seen = set()
        for one in self._facts[path].imports:
            found = self._imported_module(path, one.module, one.name)
            if found is not None and (one.scope, found) not in seen and found.path != path:
                seen.add((one.scope, found))
                yield one.scope, found

    def _imported_module(self, path: str, written: str, name: str) -> SymbolRef | None:
        absolute = self._evaluator.relative(written, path) if written.startswith(".") else written
        if absolute is None:
            return None
        submodule = self._evaluator.find(f"{absolute}.{name}" if absolute else name, path) if name else None
        target = submodule or self._evaluator.find(absolute, path)
        if target is not None:
            return SymbolRef(target, 0)
        return SymbolRef("", -1, absolute) if not written.startswith(".") and absolute else None

    def _extends(self, symbols: list[Symbol]) -> Iterator[tuple[int, SymbolRef]]:
        for symbol in symbols:
            if symbol.definition.kind != "class":
                continue
            for base in self._evaluator.bases(symbol):
                if isinstance(base, Symbol):
                    yield symbol.index, base.ref
                elif isinstance(base, External):
                    yield symbol.index, SymbolRef("", -1, base.name)

    def _overrides(self, symbols: list[Symbol]) -> Iterator[tuple[int, SymbolRef]]:
        for symbol in symbols:
            owner = symbol.parent
            if symbol.definition.kind != "function" or owner is None or owner.definition.kind != "class":
                continue
            for ancestor in self._evaluator.mro(owner)[0][1:]:
                method = self._own_method(ancestor, symbol.definition.name)
                if method is not None:
                    yield symbol.index, method.ref
                    break

    def _decorated(self, symbols: list[Symbol]) -> Iterator[tuple[int, SymbolRef]]:
        for symbol in symbols:
            for written in symbol.definition.decorators:
                scope = symbol.parent or symbol
                found = self._evaluator.evaluate(scope, written.removesuffix("()"), symbol.definition.start_line)
                if found.complete and len(found.values) == 1:
                    value = found.values[0]
                    if isinstance(value, External):
                        yield symbol.index, SymbolRef("", -1, value.name)
                    elif isinstance(value, Symbol):
                        yield symbol.index, value.ref


def _tests(path: str, symbols: list[Symbol]) -> Iterator[int]:
    """Functions named as tests, in files named as tests."""
    if _TEST_FILE.search(path):
        for symbol in symbols:
            nested = symbol.parent is not None and symbol.parent.definition.kind == "function"
            if symbol.definition.kind == "function" and symbol.definition.name.startswith("test") and not nested:
                yield symbol.index


def _takes(method: Symbol, arguments: int) -> bool:
    """Whether a method called on an instance takes so many arguments; -1 is any number."""
    definition = method.definition
    bound = 0 if "staticmethod" in definition.decorators else 1
    if arguments < 0:
        return True
    return definition.least_args - bound <= arguments and (
        definition.most_args < 0 or arguments <= definition.most_args - bound
    )


def _is_class(value: Value) -> bool:
    return isinstance(value, Symbol) and value.definition.kind == "class"


def _is_builtin(found: Found) -> bool:
    return found.complete and all(isinstance(value, Opaque) for value in found.values) and bool(found.values)


def _last_name(callee: str) -> str:
    head, steps = parts(callee)
    named = [step for step in steps if step[0] == "."]
    return named[-1][1:] if named else head
