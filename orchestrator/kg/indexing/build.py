"""Build a project's graph: read files, extract facts, resolve links, write a snapshot, make it current.

Synchronous and CPU-bound: run it in a process that may be killed (``build_process``); a build that dies leaves the old
graph. Files whose content was seen by the previous build are not parsed again. Asks no network.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import orjson

from orchestrator.core.errors import InvalidInput
from orchestrator.kg.facts import FileFacts, NotExtractedError, Skipped, SourceFile
from orchestrator.kg.indexing.facts_cache import load_facts, save_facts
from orchestrator.kg.indexing.files import list_files, read_files
from orchestrator.kg.indexing.languages import BY_NAME, linkers
from orchestrator.kg.rdf.triples import TripleWriter
from orchestrator.kg.snapshot import FACTS, GRAPH, REPORT, current_snapshot, new_snapshot, snapshot_folder

_SKIPPED_SHOWN = 1000
_PROGRESS_EVERY = 0.2


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build is. ``done`` of ``total`` files in this phase."""

    phase: Literal["read", "resolve"]
    done: int
    total: int


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


@dataclass(slots=True)
class _Tree:
    """What reading found."""

    files: list[SourceFile] = field(default_factory=list)
    facts: dict[str, FileFacts] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    reused: int = 0


class _Ticker:
    """Tells progress a few times a second at most."""

    def __init__(self, progress: Callable[[Progress], None] | None) -> None:
        self._progress = progress
        self._last = 0.0

    def tell(self, phase: Literal["read", "resolve"], done: int, total: int) -> None:
        now = time.monotonic()
        if self._progress is not None and (done == total or now - self._last > _PROGRESS_EVERY):
            self._last = now
            self._progress(Progress(phase, done, total))


def build_graph(
    root: Path,
    out: Path,
    *,
    project_iri: str,
    commit: str,
    files: Sequence[str] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> BuildReport:
    """Build the graph of the tree at ``root`` into a new current snapshot below ``out``.

    ``files`` are paths relative to the root (all below it if None). Raises InvalidInput for a root that is no folder or
    a bad IRI, Conflict while another build of the same folder runs.
    """
    if not root.is_dir():
        raise InvalidInput(f"not a folder: {root.name}", field="root")
    began = time.perf_counter()
    ticker = _Ticker(progress)
    out.mkdir(parents=True, exist_ok=True)
    with new_snapshot(out, commit) as (snapshot, folder):
        paths = sorted(set(files)) if files is not None else list_files(root)
        tree = _read(root, paths, _previous_facts(out), ticker)
        read_at = time.perf_counter()
        counts = _write(tree, folder / GRAPH, project_iri, commit, ticker)
        written_at = time.perf_counter()
        kept = {_facts_key(file): tree.facts[file.path] for file in tree.files if file.path in tree.facts}
        save_facts(folder / FACTS, kept)
        ended = time.perf_counter()
        phases = {"read": read_at - began, "resolve_and_write": written_at - read_at, "save": ended - written_at}
        report = _report(snapshot, commit, tree, counts, {name: round(value, 3) for name, value in phases.items()})
        (folder / REPORT).write_bytes(orjson.dumps(report.as_dict()))
    return report


def _facts_key(file: SourceFile) -> str:
    """What facts are kept by: the same text means something else in another language, or to a newer extractor."""
    return f"{file.language}:{BY_NAME[file.language].version}:{file.blob}"


def _previous_facts(out: Path) -> dict[str, FileFacts]:
    snapshot = current_snapshot(out)
    return load_facts(snapshot_folder(out, snapshot) / FACTS) if snapshot is not None else {}


def _read(root: Path, paths: Sequence[str], known: Mapping[str, FileFacts], ticker: _Ticker) -> _Tree:
    tree = _Tree()
    for position, read in enumerate(read_files(root, paths), start=1):
        ticker.tell("read", position, len(paths))
        if isinstance(read, Skipped):
            tree.skipped.append(read)
            continue
        tree.files.append(read.file)
        if read.skipped is not None:
            tree.skipped.append(read.skipped)
        if read.text is None:
            continue
        facts = known.get(_facts_key(read.file))
        tree.reused += facts is not None
        try:
            tree.facts[read.file.path] = facts or BY_NAME[read.file.language].extract(read.text)
        except NotExtractedError as error:
            tree.skipped.append(Skipped(read.file.path, error.reason))
    return tree


@dataclass(slots=True)
class _Counts:
    calls: int = 0
    may_call: int = 0
    unresolved: int = 0
    tests: int = 0
    triples: int = 0


def _write(tree: _Tree, target: Path, project_iri: str, commit: str, ticker: _Ticker) -> _Counts:
    """Resolve and write file by file, so that only facts stay in memory, never triples."""
    everything = [file.path for file in tree.files]
    linked_by = linkers(tree.facts, {file.path: file.language for file in tree.files}, everything)
    writer = TripleWriter(project_iri, tree.facts)
    counts, externals = _Counts(), set[str]()
    with target.open("w", encoding="utf-8") as stream:

        def put(lines: list[str]) -> None:
            counts.triples += len(lines)
            stream.write("\n".join(lines) + "\n" if lines else "")

        for position, file in enumerate(tree.files, start=1):
            facts = tree.facts.get(file.path)
            links = linked_by[file.path].link(file.path) if facts is not None else None
            put(list(writer.file(file, facts, links)))
            if links is not None:
                externals |= writer.external_names(links)
                counts.calls += sum(edge.certainty == "calls" for edge in links.edges)
                counts.may_call += sum(edge.certainty == "mayCall" for edge in links.edges)
                counts.unresolved += sum(number for _, number in links.unresolved_sites)
                counts.tests += len(links.tests)
            ticker.tell("resolve", position, len(tree.files))
        put(list(writer.externals(externals)))
        put(list(writer.index(commit, tree.files, tree.skipped, datetime.now(UTC).isoformat())))
    return counts


def _report(snapshot: str, commit: str, tree: _Tree, counts: _Counts, phases: dict[str, float]) -> BuildReport:
    kinds = [definition.kind for facts in tree.facts.values() for definition in facts.definitions]
    return BuildReport(
        snapshot=snapshot,
        commit=commit,
        files=len(tree.files),
        parsed=len(tree.facts) - tree.reused,
        reused=tree.reused,
        lines=sum(facts.lines for facts in tree.facts.values()),
        modules=kinds.count("module"),
        classes=kinds.count("class"),
        functions=kinds.count("function"),
        tests=counts.tests,
        call_sites=sum(len(facts.calls) for facts in tree.facts.values()),
        calls=counts.calls,
        may_call=counts.may_call,
        unresolved_sites=counts.unresolved,
        triples=counts.triples,
        skipped_total=len(tree.skipped),
        skipped=tuple(tree.skipped[:_SKIPPED_SHOWN]),
        broken=tuple(path for path, facts in tree.facts.items() if facts.problems)[:_SKIPPED_SHOWN],
        seconds=round(sum(phases.values()), 3),
        phases=phases,
    )
