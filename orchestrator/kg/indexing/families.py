"""The linkers of a tree, one per family of languages, kept alive while files change.

Used by the tree's state. Linkers that cannot be updated are made again when a file of theirs, or the set of paths,
changes; then every file of the family counts as affected, and what did not change is seen from its triples.
"""

import gc
from collections.abc import Collection, Mapping

from orchestrator.kg.facts import FileFacts, FileLinks
from orchestrator.kg.indexing.languages import BY_NAME, Linker, MakeLinker, UpdatableLinker, for_one_build
from orchestrator.kg.readers import Readers


class Families:
    """Links files of any language we read. ``recording``: remember what each link read, as ``update`` needs it.

    Without it each file is linked once: a linker is made when its first file is linked, and goes when all are ``done``.
    """

    def __init__(
        self,
        facts: Mapping[str, FileFacts],
        languages: Mapping[str, str],
        everything: Collection[str],
        *,
        recording: bool = False,
    ) -> None:
        self._recording = recording
        self._everything = frozenset(everything) if recording else frozenset()
        self._has_left = False
        self._of: dict[str, _Family] = {}
        self._families: dict[MakeLinker, _Family] = {}
        members: dict[MakeLinker, dict[str, FileFacts]] = {}
        for path, one in facts.items():
            members.setdefault(BY_NAME[languages[path]].linker, {})[path] = one
        for make, own in sorted(members.items(), key=lambda member: len(member[1])):
            self._families[make] = _Family(make, own, everything, recording=recording)
            self._of |= dict.fromkeys(sorted(own), self._families[make])

    def link(self, path: str) -> FileLinks:
        """The links that start in one file."""
        return self._of[path].link(path, recording=self._recording)

    def begin(self, path: str) -> None:
        """Make the linker of a file, so that processes forked from now on have it."""
        if self._has_left:
            self._has_left = False
            _collect()
        self._of[path].begin()

    def done(self, path: str) -> None:
        """A file was linked, here or by another process, and will not be again."""
        self._has_left |= self._of.pop(path).done(path)

    def groups(self) -> list[list[str]]:
        """The files of each family, small ones first: so the fewest linkers are in memory with the largest."""
        return [family.paths() for family in self._families.values()]

    def prepare(self) -> None:
        """Do now what linkers put off until the first update, so that nobody who saved a file waits for it."""
        for family in self._families.values():
            if family.is_updatable:
                family.update({}, self._everything)

    def update(
        self, changed: Mapping[str, FileFacts | None], languages: Mapping[str, str], everything: Collection[str]
    ) -> set[str]:
        """Take new facts (None: no facts any more) and all paths; returns the files whose links may differ now."""
        paths = frozenset(everything)
        moved, self._everything = paths is not self._everything and paths != self._everything, paths
        by_family: dict[MakeLinker, dict[str, FileFacts | None]] = {make: {} for make in self._families}
        for path, one in changed.items():
            old = self._of.pop(path, None)
            if old is not None:
                by_family[old.make][path] = None
            if one is not None:
                make = BY_NAME[languages[path]].linker
                family = self._families.get(make)
                if family is None:
                    family = self._families[make] = _Family(make, {}, (), recording=True)
                by_family.setdefault(make, {})[path] = one
                self._of[path] = family
        affected: set[str] = set()
        for make, own in by_family.items():
            if own or moved:
                affected |= self._families[make].update(own, paths)
        return affected


class _Family:
    """The files of one linker."""

    def __init__(
        self, make: MakeLinker, facts: Mapping[str, FileFacts], everything: Collection[str], *, recording: bool
    ) -> None:
        self.make = make
        self._facts = dict(facts)
        self._linker: Linker | None = None
        self._everything = everything
        self._readers = Readers()
        if recording:
            self._linker = make(self._facts, everything)

    @property
    def is_updatable(self) -> bool:
        """Whether its linker lives on while files change."""
        return isinstance(self._linker, UpdatableLinker)

    def paths(self) -> list[str]:
        return sorted(self._facts)

    def begin(self) -> Linker:
        if self._linker is None:
            _spare_collector()
            self._linker = for_one_build(self.make)(dict(self._facts), self._everything)
        return self._linker

    def link(self, path: str, *, recording: bool) -> FileLinks:
        linker = self.begin()
        links = linker.link(path)
        if recording and isinstance(linker, UpdatableLinker):
            self._readers.record(path, linker.consulted)
        return links

    def done(self, path: str) -> bool:
        """Whether a linker went with it: no file is left."""
        del self._facts[path]
        if self._facts or self._linker is None:
            return False
        self._linker = None
        return True

    def update(self, changed: Mapping[str, FileFacts | None], everything: Collection[str]) -> set[str]:
        for path, one in changed.items():
            if one is None:
                self._facts.pop(path, None)
            else:
                self._facts[path] = one
        if not isinstance(self._linker, UpdatableLinker):
            self._linker = self.make(self._facts, everything)
            return set(self._facts)
        affected = self._linker.update(changed, everything, self._readers)
        for path, one in changed.items():
            if one is None:
                self._readers.forget(path)
        return affected & self._facts.keys()


# The process of a build runs without the collector of circular garbage: see ``worker``. What a linker leaves is worth
# one look all the same, at no more than what came after it.


def _spare_collector() -> None:
    if not gc.isenabled():
        gc.freeze()


def _collect() -> None:
    if not gc.isenabled():
        gc.collect()
