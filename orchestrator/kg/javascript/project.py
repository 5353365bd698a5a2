"""All units of a tree: which files form them, in which order they run, what each of them found.

Used by the JavaScript linker. After a change only the units run again that contain a changed file, import something
else than before, read from a unit that is another one now, or used a function that is; the rest keeps its findings,
which are those it would have again.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from orchestrator.kg.facts import FileFacts, local_names
from orchestrator.kg.javascript import ir
from orchestrator.kg.javascript.circles import circles
from orchestrator.kg.javascript.modules import ModuleIndex
from orchestrator.kg.javascript.running.machine import Machine, Module
from orchestrator.kg.javascript.running.pairing import Reference, Version, keep
from orchestrator.kg.javascript.running.record import Record
from orchestrator.kg.javascript.running.unit import run_unit
from orchestrator.kg.javascript.running.values import Values
from orchestrator.kg.javascript.told import Numbers, mentioned, renumber, told

_PROGRAMS_KEPT = 2048


@dataclass(frozen=True, slots=True)
class Unit:
    """What running a unit gave. ``touched``: the files that it found something about; ``mentions``: definitions of
    other units that its findings name."""

    paths: tuple[str, ...]
    record: Record
    touched: frozenset[str]
    mentions: frozenset[Reference]


@dataclass(slots=True)
class _Round:
    """What an update has found so far. ``again``: units that are others for all who read from them; ``changed``:
    functions that are others for those who used them; ``shifted``: those that only stand elsewhere; ``numbers``:
    definitions that moved; all of them as before."""

    again: set[str] = field(default_factory=set)
    changed: set[Reference] = field(default_factory=set)
    shifted: set[Reference] = field(default_factory=set)
    gone: set[Reference] = field(default_factory=set)
    numbers: Numbers = field(default_factory=dict)
    ran: set[str] = field(default_factory=set)
    affected: set[str] = field(default_factory=set)


class Project:
    """Runs the units of a tree. ``facts`` are those of all files of the family, by path."""

    def __init__(self, facts: Mapping[str, FileFacts], everything: Collection[str]) -> None:
        self.facts = dict(facts)
        self.units: dict[str, Unit] = {}
        self._imports: dict[str, tuple[str, ...]] = {}
        self._meant: dict[str, list[str | None]] = {}  # what each import of a file means
        self._modules: dict[str, Module] = {}
        self._summaries: dict[tuple[str, int], Values] = {}
        self._contributors: dict[str, dict[str, None]] = {}
        self._programs: dict[str, list[ir.Node]] = {}
        # Files that are being changed as they were, and their local names.
        self._before: dict[str, FileFacts] = {}
        self._names_before: dict[str, list[str]] = {}
        self._names: dict[str, list[str]] = {}
        self._settle(everything)
        self._order()
        self._run(set(), set())

    def update(self, changed: Mapping[str, FileFacts | None], everything: Collection[str]) -> set[str]:
        """Take new facts; returns the files about which something else may have been found."""
        self._before = {path: self.facts[path] for path in changed if path in self.facts}
        self._names_before = {path: self.names(path) for path in self._before}
        for path, facts in changed.items():
            if facts is None:
                self.facts.pop(path, None)
            else:
                self.facts[path] = facts
            self._programs.pop(path, None)
            self._names.pop(path, None)
        before, meant = dict(self._imports), dict(self._meant)
        known = frozenset(everything) == self._everything and all(self._runs(path) for path in changed)
        if known and all(path in before for path in changed):
            for path in changed:
                self._imports[path] = self._imported(path)
        else:
            self._settle(everything)
        moved = {path for path in self._imports if path not in before or meant[path] != self._meant[path]}
        if moved or before.keys() != self._imports.keys():
            self._order()
        done = self._run(set(changed), moved)
        self._before, self._names_before = {}, {}
        return done.affected | changed.keys()

    def find(self, written: str, importer: str) -> str | None:
        """The file that an import means, if it is one of ours that runs."""
        path = self._index.find(written, importer)
        return path if path in self._imports else None

    def program(self, path: str) -> list[ir.Node]:
        """The program of a file, one entry per definition. Those read last are kept."""
        found = self._programs.pop(path, None)
        if found is None:
            found = orjson.loads(self.facts[path].program)
            if len(self._programs) >= _PROGRAMS_KEPT:
                del self._programs[next(iter(self._programs))]
        self._programs[path] = found
        return found

    def names(self, path: str) -> list[str]:
        """The local names of a file's definitions."""
        found = self._names.get(path)
        if found is None:
            found = self._names[path] = local_names(self.facts[path])
        return found

    def _earlier_names(self, path: str) -> list[str]:
        found = self._names_before.get(path)
        return self.names(path) if found is None else found

    def findings(self, path: str) -> Iterator[Record]:
        """The records that say something about a file, its own unit's first."""
        own = self._unit_of[path]
        yield self.units[own].record
        for name in sorted(self._contributors.get(path, ())):
            if name != own:
                yield self.units[name].record

    def _settle(self, everything: Collection[str]) -> None:
        """Which file imports which."""
        configs: dict[str, dict[str, Any]] = {
            path: orjson.loads(one.program) for path, one in self.facts.items() if not one.definitions
        }
        running = sorted(path for path, one in self.facts.items() if one.definitions)
        self._everything = frozenset(everything)
        self._index = ModuleIndex(self._everything, configs)
        self._imports = dict.fromkeys(running, ())
        for path in running:
            self._imports[path] = self._imported(path)

    def _runs(self, path: str) -> bool:
        return path in self.facts and bool(self.facts[path].definitions)

    def _imported(self, path: str) -> tuple[str, ...]:
        found = self._meant[path] = [self.find(one.module, path) for one in self.facts[path].imports]
        return tuple(dict.fromkeys(one for one in found if one is not None))

    def _order(self) -> None:
        """Units after those they import."""
        self._ordered = circles(self._imports)
        self._unit_of = {path: paths[0] for paths in self._ordered for path in paths}

    def _run(self, changed: set[str], moved: set[str]) -> _Round:
        """Run the units that must; tells the files about which they found something else than before.

        ``moved``: files with imports that mean something else now.
        """
        members = {paths[0]: paths for paths in self._ordered}
        now = _Round()
        for path, names in self._names_before.items():
            self._note_numbers(path, names, now)
        # Units of other files than before go first: what is forgotten of them must not be what a new one has found.
        for name in [one for one, unit in self.units.items() if members.get(one) != unit.paths]:
            now.affected |= self._forget(name)
        for paths in self._ordered:
            old = self.units.get(paths[0])
            if old is None:
                now.ran.add(paths[0])
                now.affected |= self._take(paths, self._machine(paths)).touched
                now.again.add(paths[0])
            elif not (changed | moved).isdisjoint(paths) or self._is_stale(old, now):
                now.ran.add(paths[0])
                self._run_again(old, now, alike=moved.isdisjoint(paths))
        if now.numbers:
            for unit in [unit for name, unit in self.units.items() if name not in now.ran]:
                if any(path in now.numbers for path, _ in unit.mentions):
                    self._renumber(unit, now.numbers)
        return now

    def _is_stale(self, unit: Unit, now: _Round) -> bool:
        record = unit.record
        if not now.changed.isdisjoint(record.used) or not now.gone.isdisjoint(unit.mentions):
            return True
        # Lines are kept where accessors run, and in functions that were made from another unit's program.
        if any(path in record.accessors or (path, at) in record.made for path, at in now.shifted & record.used):
            return True
        return bool(now.again) and not now.again.isdisjoint(self._read(unit))

    def _read(self, unit: Unit) -> set[str]:
        """The units that one read from."""
        read = unit.record.consulted.union(*(self._imports[path] for path in unit.paths))
        return {self._unit_of.get(path, path) for path in read}

    def _run_again(self, old: Unit, now: _Round, *, alike: bool) -> None:
        """Run a unit that ran before. Where it left the same (it may be ``alike``), what others hold of it stays."""
        before = self._version(old.paths, self._before)
        self._forget(old.paths[0])
        machine = self._machine(old.paths)
        after = Version(
            machine.modules, _own(machine), {path: self.program(path) for path in old.paths},
            {path: self.facts[path].program for path in old.paths}, {path: self.names(path) for path in old.paths},
        )  # fmt: skip
        kept = keep(before, after) if alike else None
        if kept is None:
            now.again.add(old.paths[0])
        else:
            now.changed |= kept.changed
            now.shifted |= kept.shifted
        new = self._take(old.paths, machine)
        if kept is not None:
            self._modules |= kept.modules
            self._summaries |= kept.summaries
        now.affected.update(old.paths)
        for path in old.touched | new.touched:
            if told(old.record, path, self._earlier_names) != told(new.record, path, self.names):
                now.affected.add(path)

    def _note_numbers(self, path: str, before: Sequence[str], now: _Round) -> None:
        """What moved, or went, when the definitions of a file were numbered anew."""
        names = self.names(path) if path in self.facts else []
        if before != names[: len(before)]:
            there = {name: at for at, name in enumerate(names)}
            now.gone |= {(path, at) for at, name in enumerate(before) if name not in there}
            now.numbers[path] = {at: there[name] for at, name in enumerate(before) if name in there}

    def _renumber(self, unit: Unit, numbers: Numbers) -> None:
        """Bring the findings of a unit that did not run again up to date with the numbers of what it names."""
        others = {path: of for path, of in numbers.items() if path not in unit.paths}
        record = renumber(unit.record, others)
        self.units[unit.paths[0]] = Unit(unit.paths, record, unit.touched, mentioned(record, unit.paths))

    def _version(self, paths: tuple[str, ...], before: Mapping[str, FileFacts]) -> Version:
        """What a unit left when it ran, and its files as they were then."""
        facts = {path: before.get(path) or self.facts[path] for path in paths}
        return Version(
            {path: self._modules[path] for path in paths},
            {ref: values for path in paths for ref, values in self._summaries_of(path).items()},
            {path: orjson.loads(one.program) if path in before else self.program(path) for path, one in facts.items()},
            {path: one.program for path, one in facts.items()},
            {path: self._earlier_names(path) for path in paths},
        )

    def _summaries_of(self, path: str) -> dict[Reference, Values]:
        return {ref: values for ref, values in self._summaries.items() if ref[0] == path}

    def _machine(self, paths: tuple[str, ...]) -> Machine:
        return run_unit(paths, self.program, self.find, self._modules, self._summaries)

    def _take(self, paths: tuple[str, ...], machine: Machine) -> Unit:
        """Keep what a unit left and found."""
        self._modules |= machine.modules
        self._summaries |= _own(machine)
        record = machine.record
        touched = frozenset(record.files().union(paths))
        unit = self.units[paths[0]] = Unit(paths, record, touched, mentioned(record, paths))
        for path in touched:
            self._contributors.setdefault(path, {})[paths[0]] = None
        return unit

    def _forget(self, name: str) -> frozenset[str]:
        old = self.units.pop(name, None)
        if old is None:
            return frozenset()
        for path in old.touched:
            self._contributors[path].pop(name, None)
        for path in old.paths:
            self._modules.pop(path, None)
        gone = set(old.paths)
        for ref in [ref for ref in self._summaries if ref[0] in gone]:
            del self._summaries[ref]
        return old.touched


def _own(machine: Machine) -> dict[Reference, Values]:
    """What the functions of a unit give back, as far as it found out."""
    return {ref: values for ref, values in machine.summaries.items() if ref[0] in machine.modules}
