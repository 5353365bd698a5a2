"""The symbols and modules of a tree, with a record of what was read of them: what makes updates exact.

The base of the evaluator. While a file is linked, every read outside of it is noted as a ``Key``; when a change of
other files leaves the content of all these keys (``surface``) as it was, the file's links are what they were.
"""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence, Set
from typing import Any, TypeVar

from orchestrator.kg.facts import Compound, FileFacts, local_names
from orchestrator.kg.python.modules import ModuleIndex
from orchestrator.kg.python.surface import Key
from orchestrator.kg.python.symbols import Found, Symbol, places_in, symbols_of

T = TypeVar("T")
_MAX_NESTED = 24
_NOTHING: frozenset[Key] = frozenset()


class Tree:
    """What can be looked up in a tree; recorded where links will be made again after a change (``recording``)."""

    def __init__(self, facts: Mapping[str, FileFacts], modules: ModuleIndex, *, recording: bool = True) -> None:
        self.modules = modules
        self.recording = recording
        self.symbols: dict[str, list[Symbol]] = {}
        self.stars: dict[str, list[str]] = {}
        self.exports: dict[str, tuple[str, ...] | None] = {}
        self.compounds: dict[str, tuple[Compound, ...]] = {}
        self.stage = self.level = 0
        self.consulted: set[Key] = set()
        self._home = ""
        self._memo: dict[Hashable, Any] = {}
        self._depth = 0
        # Answers that depend on nothing but the facts, with what they read; each was computed as if nobody had asked.
        self._shared: dict[Hashable, tuple[Any, frozenset[Key]]] = {}
        # Shared answers by what they read, kept once a change has asked for it; and those that hold places in a file,
        # which an edit moves: numbers of compounds, lines.
        self._sharers: dict[Hashable, set[Hashable]] | None = None
        self._placed: dict[str, set[Hashable]] = {}
        # Files with symbols that are others than before.
        self._replaced: set[str] = set()
        self._noted: set[Hashable] = set()
        self._computing: dict[Hashable, int] = {}
        self._lowest = 0
        # Parameters as the call that is being followed gives them.
        self._environment: dict[tuple[Symbol, str], Found] = {}
        # Answers that hold while the one at a place of those being computed is not known yet.
        self._passing: dict[Hashable, tuple[tuple[Any, frozenset[Key]], int]] = {}
        self._passing_at: dict[int, list[Hashable]] = {}
        for path in sorted(facts):
            self.replace(path, facts[path])

    def begin(self, path: str) -> None:
        """Record from now on what is read outside of the file, and forget what only the last file needed."""
        self.consulted = set()
        self._noted = set()
        self._memo = {}
        self._home = path

    def replace(self, path: str, facts: FileFacts | None) -> None:
        """Take the new facts of a file; None: it is gone."""
        if facts is None:
            for table in (self.symbols, self.stars, self.exports, self.compounds):
                table.pop(path, None)
            self._replaced.add(path)
            return
        before = self.symbols.get(path, [])
        if _is_continued(before, facts):
            self.symbols[path] = symbols_of(path, facts, before)
        else:
            # Something is another kind of thing now: whatever holds it has to be found out anew.
            self._replaced.add(path)
            self.symbols[path] = symbols_of(path, facts)
        self.stars[path] = [found.module for found in facts.imports if found.star]
        self.exports[path] = facts.exports
        self.compounds[path] = facts.compounds

    def forget(self, paths: Collection[str], keys: Set[Key]) -> None:
        """Drop the shared answers that read these keys, and those that hold something of these files that moved."""
        if self._sharers is None:
            self._sharers = {}
            for key, (found, read) in self._shared.items():
                self._index(key, found, read)
        for path in self._replaced:
            for key in self._sharers.pop(path, ()):
                self._shared.pop(key, None)
        self._replaced.clear()
        for path in paths:
            for key in self._placed.pop(path, ()):
                self._shared.pop(key, None)
        for group in {key[0] or key for key in keys}:
            for key in [key for key in self._sharers.get(group, ()) if self._is_stale(key, keys)]:
                self._sharers[group].discard(key)
                self._shared.pop(key, None)

    def end_stage(self) -> None:
        """Drop what only the stage that is over could ask for again."""
        self._shared = {
            key: known
            for key, known in self._shared.items()
            if not (isinstance(key, tuple) and isinstance(key[-1], int) and isinstance(key[-2], int))
        }

    def _is_stale(self, key: Hashable, keys: Set[Key]) -> bool:
        known = self._shared.get(key)
        return known is None or not known[1].isdisjoint(keys)

    def _index(self, key: Hashable, found: Any, read: Set[Key]) -> None:
        """Find a shared answer by each file it read, each key that belongs to no file, each file it holds places of."""
        assert self._sharers is not None
        for group in {one[0] or one for one in read}:
            self._sharers.setdefault(group, set()).add(key)
        for path in places_in(key, found):
            self._placed.setdefault(path, set()).add(key)

    def shared(self, key: Hashable, compute: Callable[[], T], circular: T) -> T:
        """An answer that is computed apart from all that is going on, kept, and recorded as read where it is used.

        ``circular`` is what it sees of itself. What was computed on the way then depends on who asked: it is kept only
        until that one is answered.
        """
        known = self._shared.get(key)
        if known is None:
            passing = self._passing.get(key)
            if passing is not None:
                known, place = passing
                self._lowest = min(self._lowest, place)
            else:
                place = self._computing.get(key, -1)
                if place >= 0 or len(self._computing) >= _MAX_NESTED:
                    self._lowest = min(self._lowest, max(place, 0))
                    return circular
                known = self._apart(key, compute)
        if self.recording and key not in self._noted:
            self._noted.add(key)
            self.consulted |= known[1]
        return known[0]  # type: ignore[no-any-return]

    def staged(self, key: Hashable, compute: Callable[[], Found], circular: Found) -> Found:
        """``shared``, for answers that may depend on the stage and the level: those that do not are kept for all."""
        known = self._shared.get(key)
        if known is not None:
            if self.recording and key not in self._noted:
                self._noted.add(key)
                self.consulted |= known[1]
            return known[0]  # type: ignore[no-any-return]
        here = (key, self.stage, self.level)
        found = self.shared(here, compute, circular)
        if not found.open and here in self._shared:
            self._keep(key, self._shared[here])
        return found

    def _apart(self, key: Hashable, compute: Callable[[], T]) -> tuple[T, frozenset[Key]]:
        outer = self._memo, self._depth, self.consulted, self._noted, self._home, self._environment, self._lowest
        place = len(self._computing)
        self._memo, self._depth, self.consulted, self._noted, self._home = {}, 0, set(), set(), ""
        self._environment, self._lowest = {}, place
        self._computing[key] = place
        try:
            found = compute()
            known = found, frozenset(self.consulted) if self.recording else _NOTHING
        finally:
            del self._computing[key]
            for passing in self._passing_at.pop(place, ()):
                del self._passing[passing]
            lowest = self._lowest
            self._memo, self._depth, self.consulted, self._noted, self._home, self._environment, self._lowest = outer
            self._lowest = min(lowest, self._lowest)
        if lowest >= place:
            self._keep(key, known)
        else:
            self._passing[key] = known, lowest
            self._passing_at.setdefault(lowest, []).append(key)
        return known

    def _keep(self, key: Hashable, known: tuple[Any, frozenset[Key]]) -> None:
        self._shared[key] = known
        if self._sharers is not None:
            self._index(key, *known)

    def consult(self, symbol: Symbol, name: str) -> None:
        """Record that something of a symbol is read: a name bound in it, or one of the keys of ``surface``."""
        if self.recording and symbol.path != self._home:
            self.consulted.add((symbol.path, symbol.local, name))

    def root(self, path: str) -> Symbol:
        """The module of a file."""
        found = self.symbols[path][0]
        self.consult(found, "module-name")
        return found

    def consult_index(self, name: str) -> None:
        """Record that an index over the whole tree is read at one entry."""
        if self.recording:
            self.consulted.add(("", "", name))

    def find(self, name: str, importer: str) -> str | None:
        """The path of a module; the key stands for all that the module index says of a name."""
        if self.recording:
            self.consulted.add(("", importer or "/", name))
        return self.modules.find(name, importer)

    def relative(self, written: str, importer: str) -> str | None:
        """The absolute name of a module; it depends on the importer's own name."""
        if self.recording and importer != self._home:
            self.consulted.add((importer, "", "module-name"))
        return self.modules.relative(written, importer)


def _is_continued(before: Sequence[Symbol], facts: FileFacts) -> bool:
    """Whether what was defined in a file is the same kind of thing where it still is: what is gone, its keys tell."""
    if not before:
        return True
    kinds = dict(zip(local_names(facts), (one.kind for one in facts.definitions), strict=True))
    return all(kinds.get(symbol.local, symbol.definition.kind) == symbol.definition.kind for symbol in before)
