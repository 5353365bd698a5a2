"""Links between definitions of a tree: calls with their certainty, imports, bases, overrides, references, tests.

Used by the build for Python. Resolution has three stages: calls that need no knowledge of other calls; with what those
pass to functions and put into containers, more calls; and with all of that, the links. Each stage reads only what the
one before it found in the whole tree, so the links are the same whichever file is linked first.
"""

import re
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field

from orchestrator.kg.facts import Call, Edge, FileFacts, FileLinks, Store, SymbolRef
from orchestrator.kg.python.callsites import CallSites, own_method
from orchestrator.kg.python.evaluate import Evaluator
from orchestrator.kg.python.flows import (
    Entries,
    Flows,
    Passed,
    Put,
    StableEntries,
    Told,
    into_attribute,
    into_container,
    into_parameters,
)
from orchestrator.kg.python.modules import ModuleIndex
from orchestrator.kg.python.surface import Key, Surface, changed_keys, surface
from orchestrator.kg.python.symbols import Container, External, Found, Instance, Symbol, View
from orchestrator.kg.python.tree_index import TreeIndex
from orchestrator.kg.readers import Readers

_STAGES = 2
_SURFACES_KEPT = 16
_TEST_FILE = re.compile(r"(^|/)(tests?|testing)(/|\.py$)|(^|/)test_[^/]*\.py$|_test\.py$")


@dataclass(slots=True)
class _Feed:
    """What a file told the flows at one stage: entries that stay, those that a later stage may see otherwise."""

    settled: Entries = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)
    consulted: frozenset[Key] = frozenset()


class Linker:
    """Makes the links of every file of a tree, and knows after a change which of them to make again.

    ``recording`` is for trees that change; without it each file is linked once, and nothing is kept for a second time.
    """

    def __init__(self, facts: Mapping[str, FileFacts], everything: Collection[str], *, recording: bool = True) -> None:
        self._facts = dict(facts)
        self._everything = frozenset(everything)
        self._surfaces: dict[str, Surface] = {}
        # What the files edited last told the flows, and the last version of a file that was made comparable.
        self._tellings: dict[tuple[int, str], dict[str, list[Told]]] = {}
        self._stable: tuple[FileFacts, StableEntries] | None = None
        self._recording = recording
        self._evaluator = Evaluator(facts, ModuleIndex(everything, facts), recording=recording)
        self._index = TreeIndex(self._evaluator)
        self._evaluator.below = self._index.subclasses
        self._sites = CallSites(self._evaluator, self._index)
        # What each stage reads: nothing, what the first found, what the second found.
        self._flows = [Flows() for _ in range(_STAGES + 1)]
        self._feeds: dict[tuple[int, str], _Feed] = {}
        self._consulted: Set[Hashable] = frozenset()
        for stage in range(_STAGES):
            for path in self._facts:
                self._feed(stage, path)
            if not recording:
                self._end_stage(stage)

    @property
    def consulted(self) -> Set[Hashable]:
        """What the last ``link`` read outside of its file."""
        return self._consulted

    def update(
        self, changed: Mapping[str, FileFacts | None], everything: Collection[str], readers: Readers
    ) -> set[str]:
        """Take new facts; returns the files whose links may differ now. See ``indexing.languages.UpdatableLinker``."""
        keys: set[Key] = set()
        told = {(stage, path): self._told(stage, path) for path in changed for stage in range(_STAGES)}
        for path, facts in changed.items():
            before = self._surfaces.pop(path, None)
            if before is None:
                before = surface(path, self._facts[path]) if path in self._facts else {}
            after = surface(path, facts) if facts is not None else {}
            keys |= changed_keys(before, after)
            self._remember(path, after)
            self._evaluator.replace(path, facts)
            if facts is None:
                self._facts.pop(path, None)
            else:
                self._facts[path] = facts
        affected = set(changed)
        paths = frozenset(everything)
        if paths is not self._everything and paths != self._everything:
            self._everything = paths
            modules = ModuleIndex(everything, self._facts)
            keys |= self._evaluator.modules.changed_keys(modules, readers)
            affected |= {
                path for path, name in modules.names.items() if self._evaluator.modules.names.get(path) != name
            }
            self._evaluator.modules = modules
        self._evaluator.forget(changed, keys)
        affected |= readers.of(keys)
        self._evaluator.at_stage(0, self._flows[0])
        ancestors = {key for path in sorted(affected) for key in self._index.replace(path)}
        self._evaluator.forget((), ancestors)
        affected |= readers.of(ancestors)
        for stage in range(_STAGES):
            different: set[Key] = set()
            for path in sorted(affected):
                old = told[stage, path] if path in changed else self._told(stage, path)
                self._tellings.pop((stage, path), None)
                self._feed(stage, path)
                new = self._told(stage, path)
                if path in self._surfaces:
                    self._tellings[stage, path] = new
                different |= {("", "", slot) for slot in old.keys() | new.keys() if old.get(slot) != new.get(slot)}
            # Entries that read the same are of the same symbols: what was found out from them stays.
            self._evaluator.forget((), different)
            affected |= readers.of(different)
        return affected

    def _remember(self, path: str, after: Surface) -> None:
        """Keep what was seen of the files that were edited last: people save the same one again and again."""
        self._surfaces[path] = after
        if len(self._surfaces) > _SURFACES_KEPT:
            longest_ago = next(iter(self._surfaces))
            del self._surfaces[longest_ago]
            for stage in range(_STAGES):
                self._tellings.pop((stage, longest_ago), None)

    def _told(self, stage: int, path: str) -> dict[str, list[Told]]:
        """What a file tells the flows at a stage, without numbers and lines that an edit moves."""
        known = self._tellings.get((stage, path))
        if known is not None:
            return known
        facts, entries = self._facts.get(path), self._flows[stage + 1].of(path)
        if facts is None or not entries:
            return {}
        if self._stable is None or self._stable[0] is not facts:
            self._stable = facts, StableEntries(facts)
        return self._stable[1].of(entries)

    # What flows

    def _end_stage(self, stage: int) -> None:
        """Let go of what only an update would need."""
        self._evaluator.end_stage()
        self._flows[stage] = Flows()
        for path in self._facts:
            self._feeds.pop((stage - 1, path), None)
            if stage == _STAGES - 1:
                self._feeds.pop((stage, path), None)

    def _feed(self, stage: int, path: str) -> set[str]:
        """Tell the flows what a file passes and puts, as a stage sees it; returns the slots that read otherwise now."""
        later = self._flows[stage + 1]
        if path not in self._facts:
            self._feeds.pop((stage, path), None)
            return later.replace(path, {})
        evaluator, symbols = self._evaluator, self._evaluator.symbols[path]
        evaluator.begin(path)
        evaluator.at_stage(stage, self._flows[stage])
        facts, before = self._facts[path], self._feeds.get((stage - 1, path))
        feed = _Feed()
        if before is not None:
            feed.settled = {slot: list(entries) for slot, entries in before.settled.items()}
        entries: Entries = {}
        for call in facts.calls if before is None else before.calls:
            if call.passed:
                found = self._sites.value(symbols[call.scope], call)
                into = feed.settled if not found.open else entries
                feed.calls += [call] if found.open else []
                self._passed(symbols[call.scope], call, found, into)
        for store in facts.stores if before is None else before.stores:
            found = evaluator.evaluate(symbols[store.scope], store.base, store.line)
            feed.stores += [store] if found.open else []
            self._put(symbols[store.scope], store, found, feed.settled if not found.open else entries)
        feed.consulted = frozenset(evaluator.consulted)
        self._feeds[stage, path] = feed
        for slot, found_entries in feed.settled.items():
            entries[slot] = found_entries + entries.get(slot, [])
        return later.replace(path, entries)

    def _passed(self, scope: Symbol, call: Call, found: Found, into: Entries) -> None:
        for function, passed, shift in self._sites.functions(scope, call, found):
            if passed:
                into.setdefault(into_parameters(function), []).append(Passed(scope, passed, call.line, shift))

    def _put(self, scope: Symbol, store: Store, found: Found, into: Entries) -> None:
        named = store.key.startswith(".")
        for value in found.values:
            put = Put(scope, store.key, store.value, store.line, store.conditional)
            if named and isinstance(value, Instance | Symbol):
                owner = value.of if isinstance(value, Instance) else value
                if owner.is_class:
                    into.setdefault(into_attribute(store.key[1:]), []).append(put._replace(owner=owner.name))
            elif not named and isinstance(value, Container | View):
                container = value.of if isinstance(value, View) else value
                slot = into_container(container.scope, self._evaluator.ordinal(container))
                into.setdefault(slot, []).append(put)

    # Links

    def link(self, path: str) -> FileLinks:
        """The links that start in one file: a function of the facts alone, whatever was linked before."""
        self._evaluator.begin(path)
        self._sites.begin()
        self._evaluator.at_stage(_STAGES, self._flows[_STAGES])
        facts, symbols = self._facts[path], self._evaluator.symbols[path]
        edges: list[Edge] = []
        names: dict[tuple[int, str], None] = {}
        sites: dict[int, int] = {}
        for call in facts.calls:
            scope = symbols[call.scope]
            reached = self._sites.reached(scope, call, self._sites.value(scope, call))
            edges += reached.edges
            if not call.implicit and not reached.resolved:
                names[call.scope, reached.name] = None
                sites[call.scope] = sites.get(call.scope, 0) + 1
        links = FileLinks(
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
        if self._recording:
            fed: Iterable[frozenset[Key]] = (self._feeds[stage, path].consulted for stage in range(_STAGES))
            self._consulted = {key for key in self._evaluator.consulted.union(*fed) if key[0] != path}
        else:
            del self._facts[path]
        return links

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
                elif isinstance(base, External) and base.name != "?":
                    yield symbol.index, SymbolRef("", -1, base.name)

    def _overrides(self, symbols: list[Symbol]) -> Iterator[tuple[int, SymbolRef]]:
        for symbol in symbols:
            owner = symbol.parent
            if symbol.definition.kind != "function" or owner is None or owner.definition.kind != "class":
                continue
            for ancestor in self._evaluator.mro(owner)[1:]:
                method = (
                    own_method(self._evaluator, ancestor, symbol.definition.name)
                    if isinstance(ancestor, Symbol)
                    else None
                )
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
