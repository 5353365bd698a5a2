"""The linkers of a tree, one per family of languages, kept alive while files change.

Used by the tree's state. Linkers that cannot be updated are made again when a file of theirs, or the set of paths,
changes; then every file of the family counts as affected, and what did not change is seen from its triples.
"""

from collections.abc import Collection, Mapping

from orchestrator.kg.facts import FileFacts, FileLinks
from orchestrator.kg.indexing.languages import BY_NAME, MakeLinker, UpdatableLinker, for_one_build
from orchestrator.kg.readers import Readers


class Families:
    """Links files of any language we read. ``recording``: remember what each link read, as ``update`` needs it."""

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
        self._of: dict[str, _Family] = {}
        self._families: dict[MakeLinker, _Family] = {}
        members: dict[MakeLinker, dict[str, FileFacts]] = {}
        for path, one in facts.items():
            members.setdefault(BY_NAME[languages[path]].linker, {})[path] = one
        for make, own in members.items():
            self._families[make] = _Family(make, own, everything, recording=recording)
            self._of |= dict.fromkeys(own, self._families[make])

    def link(self, path: str) -> FileLinks:
        """The links that start in one file."""
        return self._of[path].link(path, recording=self._recording)

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
        moved, self._everything = paths != self._everything, paths
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
        self._linker = (make if recording else for_one_build(make))(self._facts, everything)
        self._readers = Readers()

    @property
    def is_updatable(self) -> bool:
        """Whether its linker lives on while files change."""
        return isinstance(self._linker, UpdatableLinker)

    def link(self, path: str, *, recording: bool) -> FileLinks:
        links = self._linker.link(path)
        if recording and isinstance(self._linker, UpdatableLinker):
            self._readers.record(path, self._linker.consulted)
        return links

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
