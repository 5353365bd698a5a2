"""All units of a tree: which files form them, in which order they run, what each of them found.

Used by the JavaScript linker. After a change only the units run again that contain a changed file, import something
else than before, or read from a unit that ran again; the rest keeps its findings, which are those it would have again.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from orchestrator.kg.facts import FileFacts
from orchestrator.kg.javascript import ir
from orchestrator.kg.javascript.circles import circles
from orchestrator.kg.javascript.modules import ModuleIndex
from orchestrator.kg.javascript.running.machine import Module
from orchestrator.kg.javascript.running.record import Record
from orchestrator.kg.javascript.running.unit import run_unit
from orchestrator.kg.javascript.running.values import Values

_PROGRAMS_KEPT = 2048


@dataclass(frozen=True, slots=True)
class Unit:
    """What running a unit gave. ``touched``: the files that it found something about."""

    paths: tuple[str, ...]
    record: Record
    touched: frozenset[str]


class Project:
    """Runs the units of a tree. ``facts`` are those of all files of the family, by path."""

    def __init__(self, facts: Mapping[str, FileFacts], everything: Collection[str]) -> None:
        self.facts = dict(facts)
        self.units: dict[str, Unit] = {}
        self._imports: dict[str, tuple[str, ...]] = {}
        self._modules: dict[str, Module] = {}
        self._summaries: dict[tuple[str, int], Values] = {}
        self._contributors: dict[str, dict[str, None]] = {}
        self._programs: dict[str, list[ir.Node]] = {}
        self._settle(everything)
        self._order()
        self._run(set(self.facts))

    def update(self, changed: Mapping[str, FileFacts | None], everything: Collection[str]) -> set[str]:
        """Take new facts; returns the files about which something else may have been found."""
        for path, facts in changed.items():
            if facts is None:
                self.facts.pop(path, None)
            else:
                self.facts[path] = facts
            self._programs.pop(path, None)
        before = dict(self._imports)
        known = frozenset(everything) == self._everything and all(self._runs(path) for path in changed)
        if known and all(path in before for path in changed):
            for path in changed:
                self._imports[path] = self._imported(path)
        else:
            self._settle(everything)
        moved = {path for path, targets in self._imports.items() if before.get(path) != targets}
        if moved or before.keys() != self._imports.keys():
            self._order()
        return self._run(moved.union(changed)) | changed.keys()

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
        found = (self.find(one.module, path) for one in self.facts[path].imports)
        return tuple(dict.fromkeys(one for one in found if one is not None))

    def _order(self) -> None:
        """Units after those they import."""
        self._ordered = circles(self._imports)
        self._unit_of = {path: paths[0] for paths in self._ordered for path in paths}

    def _run(self, dirty: set[str]) -> set[str]:
        """Run the units that must; returns the files about which they found something, now or before."""
        members = {paths[0]: paths for paths in self._ordered}
        affected: set[str] = set()
        # Units of other files than before go first: what is forgotten of them must not be what a new one has found.
        for name in [one for one, unit in self.units.items() if members.get(one) != unit.paths]:
            affected |= self._forget(name)
        again: set[str] = set()
        for paths in self._ordered:
            name, old = paths[0], self.units.get(paths[0])
            same = old is not None and not dirty.intersection(paths)
            if same and old is not None and (not again or again.isdisjoint(self._read(old))):
                continue
            affected |= self._forget(name)
            affected |= self._run_one(paths)
            again.add(name)
        return affected

    def _read(self, unit: Unit) -> set[str]:
        """The units that one read from."""
        read = unit.record.consulted.union(*(self._imports[path] for path in unit.paths))
        return {self._unit_of.get(path, path) for path in read}

    def _run_one(self, paths: tuple[str, ...]) -> frozenset[str]:
        machine = run_unit(paths, self.program, self.find, self._modules, self._summaries)
        self._modules |= machine.modules
        self._summaries |= {ref: values for ref, values in machine.summaries.items() if ref[0] in machine.modules}
        record = machine.record
        touched = frozenset(record.files().union(paths))
        self.units[paths[0]] = Unit(paths, record, touched)
        for path in touched:
            self._contributors.setdefault(path, {})[paths[0]] = None
        return touched

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
