"""Build a project's graph: read files, extract facts, resolve links, write a snapshot, make it current.

Synchronous and CPU-bound: run it in a process that may be killed (``build_process``); a build that dies leaves the old
graph. Files whose content was seen by the previous build are not parsed again. Asks no network.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TextIO

import orjson

from orchestrator.core.errors import InvalidInput
from orchestrator.kg.facts import FileFacts, Skipped
from orchestrator.kg.indexing.facts_cache import load_facts, save_facts
from orchestrator.kg.indexing.files import list_files
from orchestrator.kg.indexing.reading import Reading, facts_by_key, reading
from orchestrator.kg.indexing.side_by_side import Beside, Spread, beside, processors, side_by_side
from orchestrator.kg.indexing.tree_state import Content, TreeState
from orchestrator.kg.rdf.graphs import NamedGraph
from orchestrator.kg.snapshot import FACTS, GRAPH, NAMES, REPORT, current_snapshot, new_snapshot, snapshot_folder
from orchestrator.kg.traces.observed import ObservedGraphs

_SKIPPED_SHOWN = 1000
# Fewer files are done before other processes have begun.
_LEAST = 200
_PROGRESS_EVERY = 0.2
# So many triples, some thirty megabytes, are given to the disk at a time.
_SYNCED = 100_000
# Seconds of a phase before its speed says anything; and a twentieth of its files.
_GUESSED_FROM = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build is: ``done`` of ``total`` files in this phase, and how long the rest of it may take.

    ``seconds_left`` is for this phase, at its speed so far; None while too little was seen to say.
    """

    phase: Literal["read", "resolve"]
    done: int
    total: int
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did. ``skipped`` lists at most 1000; ``skipped_total`` counts all."""

    snapshot: str
    commit: str
    files: int
    parsed: int
    reused: int
    lines: int
    modules: int
    classes: int
    functions: int
    tests: int
    call_sites: int
    calls: int
    may_call: int
    unresolved_sites: int
    triples: int
    skipped_total: int
    skipped: tuple[Skipped, ...]
    broken: tuple[str, ...]
    seconds: float
    phases: Mapping[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return asdict(self)


class _Ticker:
    """Tells progress a few times a second at most."""

    def __init__(self, progress: Callable[[Progress], None] | None) -> None:
        self._progress = progress
        self._last = 0.0
        self._phase, self._began = "", 0.0

    def tell(self, phase: Literal["read", "resolve"], done: int, total: int) -> None:
        now = time.monotonic()
        if phase != self._phase:
            self._phase, self._began = phase, now
        if self._progress is not None and (done == total or now - self._last > _PROGRESS_EVERY):
            self._last = now
            self._progress(Progress(phase, done, total, _seconds_left(now - self._began, done, total)))


def _seconds_left(spent: float, done: int, total: int) -> float | None:
    if done < total and (spent < _GUESSED_FROM or done * 20 < total):
        return None
    return round(spent * (total - done) / done, 1) if done else 0.0


def build_graph(
    root: Path,
    out: Path,
    *,
    project_iri: str,
    commit: str,
    files: Sequence[str] | None = None,
    progress: Callable[[Progress], None] | None = None,
    may_fork: bool = False,
) -> BuildReport:
    """Build the graph of the tree at ``root`` into a new current snapshot below ``out``.

    ``files`` are paths relative to the root (all below it if None). ``may_fork``: other processes may help; the caller
    has one thread only. Raises InvalidInput for a root that is no folder or a bad IRI, Conflict while another
    build of the same folder runs.
    """
    if not root.is_dir():
        raise InvalidInput(f"not a folder: {root.name}", field="root")
    began = time.perf_counter()
    ticker = _Ticker(progress)
    out.mkdir(parents=True, exist_ok=True)
    with new_snapshot(out, commit) as (snapshot, folder):
        paths = sorted(set(files)) if files is not None else list_files(root)
        processes = processors() if may_fork and len(paths) >= _LEAST else 1
        spread: Spread = partial(side_by_side, processes=processes, folder=folder)
        contents, parsed = _read(reading(root, paths, _previous_facts(out)), paths, spread, ticker)
        read_at = time.perf_counter()
        save_facts(folder / FACTS, facts_by_key(contents))
        saved_at = time.perf_counter()
        state = TreeState(project_iri, contents, recording=False)
        del contents  # the state lets facts go, file by file
        others: Beside | None = partial(beside, folder=folder) if processes > 1 else None
        graphs = chain(state.link_all(spread, others), (index_graph(state, commit),))
        triples = _write(state, folder, graphs, ticker) + _write_observed(state, out, folder, project_iri)
        ended = time.perf_counter()
        phases = {"read": read_at - began, "resolve_and_write": ended - saved_at, "save": saved_at - read_at}
        report = report_of(
            snapshot, commit, state, triples, parsed, {name: round(value, 3) for name, value in phases.items()}
        )
        (folder / REPORT).write_bytes(orjson.dumps(report.as_dict()))
    return report


def _previous_facts(out: Path) -> dict[str, FileFacts]:
    snapshot = current_snapshot(out)
    return load_facts(snapshot_folder(out, snapshot) / FACTS) if snapshot is not None else {}


def _read(work: Reading, paths: Sequence[str], spread: Spread, ticker: _Ticker) -> tuple[dict[str, Content], int]:
    """Every path's content, and how many files had to be parsed."""
    contents: dict[str, Content] = {}
    parsed = 0
    for _, found in spread(work):
        for path, content, fresh in found:
            contents[path] = content
            parsed += fresh
        ticker.tell("read", len(contents), len(paths))
    return {path: contents[path] for path in paths}, parsed


def _write(state: TreeState, folder: Path, graphs: Iterable[NamedGraph], ticker: _Ticker) -> int:
    """Write graph by graph, so that only facts stay in memory, never triples. Returns the number of triples."""
    triples, written, following = 0, 0, _SYNCED
    total = sum(one.file is not None for one in state.contents.values())
    with (folder / GRAPH).open("w", encoding="utf-8") as stream, (folder / NAMES).open("w", encoding="utf-8") as names:
        for position, graph in enumerate(graphs, start=1):
            stream.write(graph.quads)
            names.write(graph.name + "\n")
            triples += graph.size
            if triples >= following:
                written, following = _begin_to_sync(stream, written), triples + _SYNCED
            ticker.tell("resolve", min(position, total), total)
    return triples


def _begin_to_sync(stream: TextIO, start: int) -> int:
    """Have the disk begin with what was written since ``start``: in the end all of it is waited for."""
    stream.flush()
    end = os.fstat(stream.fileno()).st_size
    if sys.platform == "linux":
        # What is not on disk yet is sent there, without waiting; it stays in memory, where the query server reads it.
        os.posix_fadvise(stream.fileno(), start, end - start, os.POSIX_FADV_DONTNEED)
    return end


def _write_observed(state: TreeState, out: Path, folder: Path, project_iri: str) -> int:
    """Add what was seen to run in this very tree. Returns the number of triples."""
    blobs = {path: one.file.blob for path, one in state.contents.items() if one.file is not None}
    observed = ObservedGraphs(out, project_iri).graphs(blobs)
    with (folder / GRAPH).open("a", encoding="utf-8") as stream, (folder / NAMES).open("a", encoding="utf-8") as names:
        stream.writelines(observed.values())
        names.writelines(f"{name}\n" for name in observed)
    return sum(quads.count("\n") for quads in observed.values())


def index_graph(state: TreeState, commit: str) -> NamedGraph:
    """The graph about a state of the tree and when it was made."""
    files = [one.file for one in state.contents.values() if one.file is not None]
    skipped = [one.skipped for one in state.contents.values() if one.skipped is not None]
    return state.writer.index(commit, files, skipped, datetime.now(UTC).isoformat())


def report_of(
    snapshot: str, commit: str, state: TreeState, triples: int, parsed: int, phases: Mapping[str, float]
) -> BuildReport:
    """What there is to say of a state of the tree and how it was made."""
    facts = state.facts.values()
    skipped = [one.skipped for one in state.contents.values() if one.skipped is not None]
    kinds = Counter(definition.kind for one in facts for definition in one.definitions)
    counts = [one.counts for one in state.written.values()]
    return BuildReport(
        snapshot=snapshot,
        commit=commit,
        files=sum(one.file is not None for one in state.contents.values()),
        parsed=parsed,
        reused=len(facts) - parsed,
        lines=sum(one.lines for one in facts),
        modules=kinds["module"],
        classes=kinds["class"],
        functions=kinds["function"],
        tests=sum(one.tests for one in counts),
        call_sites=sum(one.sites for one in counts),
        calls=sum(one.calls for one in counts),
        may_call=sum(one.may_call for one in counts),
        unresolved_sites=sum(one.unresolved for one in counts),
        triples=triples,
        skipped_total=len(skipped),
        skipped=tuple(skipped[:_SKIPPED_SHOWN]),
        broken=tuple(path for path, one in state.facts.items() if one.problems)[:_SKIPPED_SHOWN],
        seconds=round(sum(phases.values()), 3),
        phases=phases,
    )
