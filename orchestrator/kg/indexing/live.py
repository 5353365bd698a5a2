"""A project's graph that follows its files: the project's own tree and views of it, each step durable when it returns.

Used by the indexer process only, one per graph folder. The state in memory stands at one view at a time and moves to
the one that is asked for; what is on disk is compared by names of graphs, so it is right whoever wrote the snapshot.
It starts no process and knows no socket.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from orchestrator.core.errors import Conflict, NotFound
from orchestrator.kg.facts import FileFacts
from orchestrator.kg.indexing.build import index_graph, report_of
from orchestrator.kg.indexing.compact import compact
from orchestrator.kg.indexing.facts_cache import load_facts
from orchestrator.kg.indexing.observing import take_in
from orchestrator.kg.indexing.reading import facts_by_key, read_contents
from orchestrator.kg.indexing.scan import Scan, check_paths
from orchestrator.kg.indexing.tree_state import Change, Content, TreeState
from orchestrator.kg.journal import MAIN, Delta, append, length, read
from orchestrator.kg.snapshot import FACTS, NAMES, REPORT, current_snapshot, snapshot_folder
from orchestrator.kg.traces.ledger import Run
from orchestrator.kg.traces.observed import ObservedGraphs

_LONGEST_JOURNAL = 64 * 1024 * 1024


class News:
    """Who wants to know of a change: nobody, unless a subclass says so."""

    def coming(self) -> None:
        """Something is likely to change soon."""

    def written(self) -> None:
        """Others can read the change; whoever made it still waits for the disk."""


@dataclass(slots=True)
class _View:
    """A tree that is followed: where it lies, what is known of it, and the names of its graphs."""

    scan: Scan
    contents: dict[str, Content]
    names: frozenset[str] = frozenset()
    commit: str | None = None


@dataclass(slots=True)
class _Durable:
    """What the snapshot and its journal say: the names of each view's graphs."""

    snapshot: str
    names: dict[str, frozenset[str]] = field(default_factory=dict)

    def take(self, delta: Delta) -> None:
        """One record of the journal."""
        if delta.ended:
            self.names.pop(delta.view, None)
            return
        before = self.of(delta.view)
        self.names[delta.view] = (before - frozenset(delta.removed)) | delta.added.keys()

    def of(self, view: str) -> frozenset[str]:
        """A view that is new begins as a copy of the project's own."""
        return self.names.get(view, self.names[MAIN])


class LiveGraph:
    """The graph below a folder. Raises NotFound where nothing was built yet."""

    def __init__(self, folder: Path, project_iri: str, news: News | None = None) -> None:
        self._folder = folder
        self._news = news or News()
        self._project_iri = project_iri
        self._observed = ObservedGraphs(folder, project_iri)
        self._durable = _Durable("")
        self._facts: dict[str, FileFacts] = {}
        self._views: dict[str, _View] = {}
        self._state: TreeState | None = None
        self._at = MAIN

    def update(
        self,
        root: Path,
        *,
        view: str = MAIN,
        commit: str = "",
        paths: Collection[str] | None = None,
        only: Collection[str] | None = None,
        going_on: bool = False,
    ) -> dict[str, Any]:
        """Bring a view up to date with the tree at ``root``; ``paths`` are those that may have changed, None: any.

        ``only`` are all paths of the tree, None: every file below the root. Where nothing is known of the root yet it
        is read whole, whatever ``paths`` says; with ``going_on`` that is a Conflict: the caller knows ``only``.
        Returns what was done: ``changed`` files, how many were ``parsed``, graphs ``added`` and ``removed``, and the
        seconds each phase took.
        """
        clock = _Clock()
        check_paths(paths or ())
        check_paths(only or ())
        self._follow_snapshot()
        clock.lap("load")
        changed, parsed = self._read(view, root, paths, only, going_on=going_on)
        clock.lap("read")
        texts = self._move(view, changed)
        clock.lap("link")
        delta = self._delta(view, texts, commit)
        if delta is not None:
            append(snapshot_folder(self._folder, self._durable.snapshot), delta, self._news.written)
            self._durable.take(delta)
        clock.lap("write")
        told = {"view": view, "changed": len(changed), "parsed": parsed, "snapshot": self._durable.snapshot}
        counts = {"added": len(delta.added), "removed": len(delta.removed)} if delta else {"added": 0, "removed": 0}
        return {**told, **counts, "phases": clock.phases}

    def observe(
        self,
        root: Path,
        traces: Path,
        run: Run,
        *,
        view: str = MAIN,
        commit: str = "",
        only: Collection[str] | None = None,
    ) -> dict[str, Any]:
        """Take in what a run in the tree at ``root`` was seen to do; returns what is told of it, and what is not."""
        self.update(root, view=view, commit=commit, only=only)
        told = take_in(self._folder, traces, run, self._views[view].contents)
        return told | self.update(root, view=view, commit=commit, paths=[], going_on=True)

    def report(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """The report of the project's own graph, after an update of it that told ``told``; kept beside the snapshot."""
        assert self._state is not None
        assert self._at == MAIN
        commit = self._views[MAIN].commit or ""
        triples = self._state.triples() + index_graph(self._state, commit).size
        made = report_of(self._durable.snapshot, commit, self._state, triples, told["parsed"], told["phases"])
        folder = snapshot_folder(self._folder, self._durable.snapshot)
        draft = folder / f".{REPORT}"
        draft.write_bytes(orjson.dumps(made.as_dict()))
        draft.replace(folder / REPORT)
        return made.as_dict()

    def tidy(self, most: int = _LONGEST_JOURNAL) -> bool:
        """Begin a new snapshot if the journal is longer than ``most`` bytes, and say whether it was. For idle times."""
        snapshot = current_snapshot(self._folder)
        if not snapshot or snapshot != self._durable.snapshot:
            return False
        old = snapshot_folder(self._folder, snapshot)
        if length(old) <= most:
            return False
        compact(self._folder, old, self._durable.of(MAIN))
        self._follow_snapshot()
        return True

    def end_view(self, view: str) -> None:
        """Nobody asks the view any more."""
        self._follow_snapshot()
        if view == self._at and MAIN in self._views:
            self._move(MAIN, {})
        self._views.pop(view, None)
        if view != MAIN and view in self._durable.names:
            delta = Delta(view=view, ended=True)
            append(snapshot_folder(self._folder, self._durable.snapshot), delta)
            self._durable.take(delta)

    def _follow_snapshot(self) -> None:
        """Look at the snapshot that is current now, if it is another one than before."""
        snapshot = current_snapshot(self._folder)
        if snapshot is None:
            raise NotFound("this project has no knowledge graph yet", hint="generate it first")
        if snapshot == self._durable.snapshot:
            return
        at = snapshot_folder(self._folder, snapshot)
        if not (at / NAMES).exists():
            raise NotFound("this graph was built by an older version", hint="generate it again")
        names = frozenset((at / NAMES).read_text("utf-8").split("\n")) - {""}
        durable = _Durable(snapshot, {MAIN: names})
        for delta in read(at)[0]:
            durable.take(delta)
        self._facts |= load_facts(at / FACTS)
        self._durable = durable

    def _read(
        self, view: str, root: Path, paths: Collection[str] | None, only: Collection[str] | None, *, going_on: bool
    ) -> tuple[dict[str, Content | None], int]:
        """What is other than it was, by path (None: gone), and how many files had to be parsed."""
        known = self._views.get(view)
        fresh = known is None or known.scan.root != root
        if fresh and going_on:
            raise Conflict("nothing is known of this tree yet", hint="update it whole first")
        if known is None or fresh:
            base = known or self._views.get(MAIN)
            known = self._views[view] = _View(Scan(root), dict(base.contents) if base is not None else {})
        suspects = known.scan.changed(None if fresh else paths, only)
        if fresh:
            suspects |= known.contents.keys()
        if suspects:
            self._news.coming()
        there = [path for path in sorted(suspects) if known.scan.has(path)]
        changed: dict[str, Content | None] = {}
        parsed = 0
        for path, content, was_parsed in read_contents(root, there, self._facts):
            parsed += was_parsed
            if content != known.contents.get(path):
                changed[path] = content
        changed |= {path: None for path in suspects - set(there) if path in known.contents}
        self._facts |= facts_by_key({path: one for path, one in changed.items() if one is not None})
        return changed, parsed

    def _move(self, view: str, changed: Mapping[str, Content | None]) -> dict[str, str]:
        """Bring the state to the view as it is now; returns the texts of graphs that were made on the way."""
        target = self._views[view]
        before = self._views.get(self._at)
        try:
            if self._state is None or before is None:
                _take(target.contents, changed)
                return self._begin(view)
            texts: dict[str, str] = {}
            if self._at != view:
                way = _difference(before.contents, target.contents)
                texts |= _texts(self._state.change(way))
                self._at = view
                target.names = frozenset(self._state.names())
            _take(target.contents, changed)
            change = self._state.change(changed) if changed else Change(frozenset(), {})
            target.names = (target.names - change.removed) | change.added.keys()
        except BaseException:
            # Half-way between two states it is neither: the next update begins anew, from what is on disk.
            self._state = None
            self._views.clear()
            raise
        return texts | _texts(change)

    def _begin(self, view: str) -> dict[str, str]:
        """Link everything once; texts are kept only of graphs that are not durable yet."""
        target, durable = self._views[view], self._durable.of(view)
        self._state, self._at = None, view
        state = TreeState(self._project_iri, target.contents, recording=True)
        texts = {graph.name: graph.quads for graph in state.link_all() if graph.name not in durable}
        target.names = frozenset(state.names())
        self._state = state
        return texts

    def _delta(self, view: str, texts: Mapping[str, str], commit: str) -> Delta | None:
        """From what is durable to what is there now; None when that is the same."""
        assert self._state is not None
        target, durable = self._views[view], self._durable.of(view)
        observed = self._observed.graphs(_blobs(target.contents)) if self._observed.has_any() else {}
        present = target.names | observed.keys() if observed else target.names
        gone, fresh = durable - present, present - durable
        prefix = f"{self._project_iri.rstrip('/#')}/index@"
        if not fresh and target.commit == commit and all(name.startswith(prefix) for name in gone):
            return None
        target.commit = commit
        index = index_graph(self._state, commit)
        known = {**texts, **observed, index.name: index.quads}
        added = fresh if index.name in durable else fresh | {index.name}
        known |= self._state.texts_of(added - known.keys())
        return Delta(tuple(sorted(gone - {index.name})), {name: known[name] for name in sorted(added)}, view)


class _Clock:
    """Seconds by phase."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.phases: dict[str, float] = {}

    def lap(self, phase: str) -> None:
        """The phase ends now."""
        now = time.perf_counter()
        self.phases[phase] = round(now - self._last, 6)
        self._last = now


def _take(contents: dict[str, Content], changed: Mapping[str, Content | None]) -> None:
    for path, one in changed.items():
        if one is None:
            contents.pop(path, None)
        else:
            contents[path] = one


def _blobs(contents: Mapping[str, Content]) -> dict[str, str]:
    return {path: one.file.blob for path, one in contents.items() if one.file is not None}


def _difference(before: Mapping[str, Content], after: Mapping[str, Content]) -> dict[str, Content | None]:
    return {path: after.get(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def _texts(change: Change) -> dict[str, str]:
    return {name: graph.quads for name, graph in change.added.items()}
