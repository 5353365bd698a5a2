"""All graphs of a project on one query server: the snapshot, what changed since, what views share, and the views.

The store in memory holds the project's own graphs. A view (an attempt's worktree) is kept as the difference to them:
a child that answers for it takes the difference into its own copy of the memory, and shares all the rest.
Used by the query server and by export. Every change is read from disk: journal and shared graphs.
"""

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.core.errors import NotFound
from orchestrator.kg.journal import MAIN, Delta, length, read
from orchestrator.kg.query.growing import GrowingGraph
from orchestrator.kg.query.store import OxigraphStore
from orchestrator.kg.shared_graphs import Stamp, shared_files
from orchestrator.kg.snapshot import GRAPH


@dataclass(slots=True)
class _View:
    """The names of graphs that the project has and the view has not, and the other way round."""

    without: set[str] = field(default_factory=set)
    besides: set[str] = field(default_factory=set)


class Dataset:
    """The graphs of one snapshot's folder, followed as they change. One that is still written is waited for."""

    def __init__(self, folder: Path, snapshot: Path) -> None:
        self._folder, self._snapshot = folder, snapshot
        self.store = _loaded(folder, snapshot)
        self._offset = 0
        self._views: dict[str, _View] = {}
        self._texts: dict[str, str] = {}
        self._shared: dict[Path, tuple[Stamp, frozenset[str]]] = {}
        self.catch_up()

    def has_changed(self) -> bool:
        """Whether there is more on disk than was read. Cheap."""
        stamps = {path: stamp for path, (stamp, _) in self._shared.items()}
        return length(self._snapshot) > self._offset or shared_files(self._folder) != stamps

    def catch_up(self) -> bool:
        """Take in what changed on disk; returns whether anything did."""
        deltas, self._offset = read(self._snapshot, self._offset)
        for delta in deltas:
            self.apply(delta)
        return self._take_shared() or bool(deltas)

    def apply(self, delta: Delta) -> None:
        """One change of the project's graphs or of a view's."""
        if delta.view == MAIN:
            self._apply_to_main(delta)
        elif delta.ended:
            self._views.pop(delta.view, None)
        else:
            self._apply_to_view(self._views.setdefault(delta.view, _View()), delta)
        self._drop_unused_texts()

    def overlay(self, view: str) -> tuple[list[str], list[str]]:
        """What makes a view of a copy of the store: names to remove, and N-Quads to add. Raises NotFound."""
        known = self._views.get(view)
        if known is None:
            raise NotFound("the graph has no such view", field="view", hint="bring the view up to date first")
        return sorted(known.without), [self._texts[name] for name in sorted(known.besides)]

    def become(self, view: str) -> OxigraphStore:
        """The store, turned into that of a view; nothing can be applied afterwards. Raises NotFound."""
        without, besides = self.overlay(view) if view != MAIN else ([], [])
        for name in without:
            self.store.remove_graph(name)
        for quads in besides:
            self.store.add(quads)
        return self.store

    def _apply_to_main(self, delta: Delta) -> None:
        for name in delta.removed:
            keepers = [view for view in self._views.values() if name not in view.without]
            if keepers:
                self._texts[name] = self.store.graph_text(name)
            for view in self._views.values():
                view.without.discard(name)
            for view in keepers:
                view.besides.add(name)
            self.store.remove_graph(name)
        for name, text in delta.added.items():
            for view in self._views.values():
                if name in view.besides:
                    view.besides.discard(name)
                else:
                    view.without.add(name)
            self.store.add(text)

    def _apply_to_view(self, view: _View, delta: Delta) -> None:
        for name in delta.removed:
            if name in view.besides:
                view.besides.discard(name)
            else:
                view.without.add(name)
        for name, text in delta.added.items():
            if name in view.without:
                view.without.discard(name)
            else:
                view.besides.add(name)
                self._texts[name] = text

    def _drop_unused_texts(self) -> None:
        used = {name for view in self._views.values() for name in view.besides}
        for name in self._texts.keys() - used:
            del self._texts[name]

    def _take_shared(self) -> bool:
        """Replace the shared graphs whose file is another one now."""
        present = shared_files(self._folder)
        gone = [path for path, (stamp, _) in self._shared.items() if present.get(path) != stamp]
        for path in gone:
            for name in self._shared.pop(path)[1]:
                self.store.remove_graph(name)
        fresh = [path for path in present if path not in self._shared]
        for path in fresh:
            self._shared[path] = (present[path], self.store.add_file(path))
        return bool(gone or fresh)


def _loaded(folder: Path, snapshot: Path) -> OxigraphStore:
    """The snapshot's triples; the engine reads a whole file by itself, one that grows through us."""
    if snapshot.is_dir():
        return OxigraphStore(snapshot / GRAPH)
    with closing(GrowingGraph(folder, snapshot.name)) as graph:
        return OxigraphStore(graph)
