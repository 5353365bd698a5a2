"""The graphs of what was seen: for each file of a tree, the calls and tests seen in the very versions the tree has.

Used by builds and by the indexer, for the project's tree and for every view. Names are those of their content, as for
all graphs, so an edit takes away what was seen of the old version, and the old content brings it back.
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from orchestrator.kg.rdf.terms import LABEL, TYPE, code, integer, literal, moment, path_part
from orchestrator.kg.rdf.vocabulary import PROV
from orchestrator.kg.traces.ledger import FileSeen, Ledger, Run, load_ledger, stamp
from orchestrator.kg.traces.match import Symbol
from orchestrator.kg.traces.read import Version


class ObservedGraphs:
    """The graphs that a project's ledger gives, by name. Made once per tree that is followed; keeps what it wrote."""

    def __init__(self, folder: Path, project_iri: str) -> None:
        self._folder = folder
        self._base = project_iri.rstrip("/#")
        self._stamp: tuple[int, int] | None = None
        self._ledger = Ledger()
        self._others: dict[Version, tuple[Version, ...]] = {}
        self._written: dict[tuple[Version, frozenset[Version]], tuple[str, str]] = {}
        self._runs: tuple[str, str] | None = None

    def has_any(self) -> bool:
        """Whether anything was ever seen to run."""
        self._follow()
        return bool(self._others)

    def graphs(self, blobs: Mapping[str, str]) -> dict[str, str]:
        """N-Quads by graph name for a tree whose files (by path) have these blob ids. Empty where nothing was seen."""
        self._follow()
        found: dict[str, str] = {}
        used: dict[tuple[Version, frozenset[Version]], tuple[str, str]] = {}
        for version, others in self._others.items():
            if blobs.get(version.path) != version.blob:
                continue
            current = frozenset(one for one in others if blobs.get(one.path) == one.blob)
            key = (version, current)
            used[key] = self._written.get(key) or self._write(version, current)
            found.update([used[key]] if used[key][1] else [])
        self._written |= used
        if found and self._runs is not None:
            found.update([self._runs])
        return found

    def _follow(self) -> None:
        now = stamp(self._folder)
        if now != self._stamp:
            self._stamp, self._ledger = now, load_ledger(self._folder)
            self._written.clear()
            self._others = {version: _others(one) for version, one in self._ledger.files.items()}
            lines = [line for run in self._ledger.runs for line in self._run(run)]
            self._runs = self._graph("traces", lines) if lines else None

    def _write(self, version: Version, current: frozenset[Version]) -> tuple[str, str]:
        one = self._ledger.files[version]
        lines = sorted({*self._calls(version, one, current), *self._covered(version, one, current)})
        return self._graph(f"observed/{path_part(version.path)}@{version.blob}", lines)

    def _graph(self, name: str, lines: list[str]) -> tuple[str, str]:
        digest = hashlib.blake2b("\n".join(lines).encode(), digest_size=8).hexdigest()
        iri = f"{self._base}/{name}~{digest}"
        return iri, "".join(f"{line} <{iri}> .\n" for line in lines)

    def _calls(self, version: Version, one: FileSeen, current: frozenset[Version]) -> Iterator[str]:
        for name, found in one.calls.items():
            caller = self._symbol(Symbol(version, name))
            for target, call in found.items():
                if target.file not in current:
                    continue
                callee = self._symbol(target)
                yield f"{caller} {code('observedCall')} {callee}"
                mark = "" if name else "#"
                seen = f"{caller[:-1]}{mark};observed;{path_part(target.file.path)}%23{path_part(target.name)}>"
                yield f"{seen} {TYPE} {code('Observation')}"
                yield f"{seen} {code('seenFrom')} {caller}"
                yield f"{seen} {code('seenTo')} {callee}"
                yield f"{seen} {code('seenRuns')} {integer(call.runs)}"
                yield f"{seen} {code('lastSeen')} {self._run_iri(call.last)}"
                if call.line:
                    yield f"{seen} {code('startLine')} {integer(call.line)}"

    def _covered(self, version: Version, one: FileSeen, current: frozenset[Version]) -> Iterator[str]:
        for name, found in one.covered.items():
            targets = [(target, last) for target, last in found.items() if target.file in current]
            for target, last in targets:
                subject = self._symbol(Symbol(version, name)) if name else self._run_iri(last)
                yield f"{subject} {code('covers')} {self._symbol(target)}"
            if name:
                yield f"{self._symbol(Symbol(version, name))} {TYPE} {code('TestCase')}"

    def _run(self, run: Run) -> Iterator[str]:
        node = self._run_iri(run.id)
        yield f"{node} {TYPE} {code('TraceRun')}"
        yield f"{node} {TYPE} <{PROV}Activity>"
        yield f"{node} {LABEL} {literal(run.label)}"
        yield f"{node} <{PROV}endedAtTime> {moment(datetime.fromisoformat(run.ended_at))}"
        yield f"{node} {code('staleFiles')} {integer(run.stale)}"
        yield f"{node} {code('leftOut')} {integer(run.left_out)}"
        if run.task:
            yield f"{node} <{PROV}wasInformedBy> <{self._base}/task/{path_part(run.task)}>"

    def _run_iri(self, run: str) -> str:
        return f"<{self._base}/trace/{path_part(run)}>"

    def _symbol(self, symbol: Symbol) -> str:
        name = f"#{path_part(symbol.name)}" if symbol.name else ""
        return f"<{self._base}/symbol/{path_part(symbol.file.path)}{name}>"


def _others(one: FileSeen) -> tuple[Version, ...]:
    """Every version of a file that calls and tests of this one lead to."""
    called = {target.file for found in one.calls.values() for target in found}
    return tuple(sorted(called | {target.file for found in one.covered.values() for target in found}))
