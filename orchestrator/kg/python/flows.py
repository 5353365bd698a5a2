"""Who passes what to which function, and who puts what into which container or attribute: an index over the tree.

Filled from the calls that a first round of resolution could resolve, and read by the next one. Entries come in the
order of paths, so that nothing depends on which file was linked first. It evaluates nothing.
"""

from bisect import bisect_right
from collections.abc import Mapping
from typing import NamedTuple

from orchestrator.kg.facts import FileFacts, local_names
from orchestrator.kg.python.surface import Stable, turns_of
from orchestrator.kg.python.symbols import Symbol


class Passed(NamedTuple):
    """A call: arguments as written, read in a scope at a line. ``shift``: the first parameter is given otherwise."""

    scope: Symbol
    passed: str
    line: int
    shift: int


class Put(NamedTuple):
    """A value, as written, put at a key of a container, or at an attribute of (instances of) the class ``owner``,
    named by path and local name."""

    scope: Symbol
    key: str
    value: str
    line: int
    conditional: bool
    owner: str = ""


Entries = dict[str, list[Passed | Put]]
Told = tuple[str | int | bool, ...]


class Flows:
    """Entries by what they flow into."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[str, list[Passed | Put]]] = {}
        self._of_path: dict[str, Entries] = {}
        self._listed: Entries = {}

    def into(self, slot: str) -> list[Passed | Put]:
        """All that flows into something."""
        listed = self._listed.get(slot)
        if listed is None:
            by_path = self._entries.get(slot)
            if not by_path:
                return []
            listed = self._listed[slot] = [entry for path in sorted(by_path) for entry in by_path[path]]
        return listed

    def of(self, path: str) -> Mapping[str, list[Passed | Put]]:
        """All that comes from a file, by slot."""
        return self._of_path.get(path, {})

    def replace(self, path: str, entries: Mapping[str, list[Passed | Put]]) -> set[str]:
        """What comes from a file now; returns the slots that get entries, or got some before."""
        before = self._of_path.pop(path, {})
        for slot in before:
            del self._entries[slot][path]
        for slot, found in entries.items():
            self._entries.setdefault(slot, {})[path] = found
        if entries:
            self._of_path[path] = dict(entries)
        touched = before.keys() | entries.keys()
        for slot in touched:
            self._listed.pop(slot, None)
        return touched


class StableEntries:
    """The entries of one version of a file without numbers and lines, so that two versions can be compared."""

    def __init__(self, facts: FileFacts) -> None:
        self._stable = Stable(facts, local_names(facts))
        self._turns = turns_of(facts)

    def of(self, entries: Mapping[str, list[Passed | Put]]) -> dict[str, list[Told]]:
        """What each slot is told."""
        return {slot: [self._told(entry) for entry in found] for slot, found in entries.items()}

    def _told(self, entry: Passed | Put) -> Told:
        scope = entry.scope
        place = bisect_right(self._turns.get(scope.index, []), entry.line)
        if isinstance(entry, Passed):
            return scope.local, place, self._stable.expression(entry.passed), entry.shift
        written = self._stable.expression(entry.key), self._stable.expression(entry.value)
        return scope.local, place, *written, entry.conditional, entry.owner


# What is known before anything is.
NO_FLOWS = Flows()


def into_parameters(function: Symbol) -> str:
    """The slot of what is passed to a function."""
    return f"passed:{function.path}#{function.local}"


def into_container(scope: Symbol, ordinal: int) -> str:
    """The slot of what is put into a container, by its turn among those of its scope."""
    return f"put:{scope.path}#{scope.local}#{ordinal}"


def into_attribute(name: str) -> str:
    """The slot of what is put into attributes of a name from outside of their classes."""
    return f"put:.{name}"
