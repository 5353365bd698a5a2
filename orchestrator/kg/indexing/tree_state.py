"""The state of a tree in memory: its files, their facts, the graph each file has, and how all that follows changes.

Used by the build, and by the indexer for the project and every view of it. After any sequence of changes the graphs are
those of a clean build, name by name. It reads no disk and writes none.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec

from orchestrator.kg.facts import FileFacts, FileLinks, Skipped, SourceFile
from orchestrator.kg.indexing.families import Families
from orchestrator.kg.indexing.side_by_side import Beside, Spread, Work, alone
from orchestrator.kg.rdf.graphs import GraphWriter, NamedGraph


class Content(NamedTuple):
    """What a path is: a file with facts where its language is read, or nothing but a reason why it is skipped."""

    file: SourceFile | None
    facts: FileFacts | None
    skipped: Skipped | None


class Counts(NamedTuple):
    """What one file adds to the report."""

    calls: int = 0
    may_call: int = 0
    unresolved: int = 0
    tests: int = 0
    sites: int = 0
    triples: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """What is remembered of a file's graph: its name, the outside names it points to, and its counts."""

    name: str
    externals: tuple[str, ...]
    counts: Counts


_Made = tuple[NamedGraph, Written]
# So many files are linked by one process at a time.
_PIECE = 16
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[_Made])


@dataclass(frozen=True, slots=True)
class Change:
    """From one set of graphs to another: names that go, and graphs that come."""

    removed: frozenset[str]
    added: Mapping[str, NamedGraph]


class TreeState:
    """One state of a tree. Exhaust ``link_all`` once, then ``change`` it as often as needed (where ``recording``)."""

    def __init__(self, project_iri: str, contents: Mapping[str, Content], *, recording: bool) -> None:
        self.contents = dict(contents)
        self.facts = {path: one.facts for path, one in contents.items() if one.facts is not None}
        self.written: dict[str, Written] = {}
        self.writer = GraphWriter(project_iri, self.facts)
        self._outside: dict[str, int] = {}
        self._recording = recording
        self._paths = self._all_paths()
        self._families = Families(self.facts, _languages(contents), self._paths, recording=recording)

    def link_all(self, spread: Spread = alone, beside: Beside | None = None) -> Iterator[NamedGraph]:
        """The graph of every file, family by family, then those of what is outside. ``spread`` does the pieces.

        ``beside``: the small families are another process's, while this one finds out what flows in the largest.
        """
        for path in sorted(self.contents.keys() - self.facts.keys()):
            graph = self._write(path)
            if graph is not None:
                yield graph
        groups = self._families.groups()
        if beside is None or len(groups) < 2:
            for group in groups:
                yield from self._link_group(group, spread)
        else:
            *small, largest = groups
            with beside(self._linking([piece for group in small for piece in _pieces(group)])) as others:
                yield from self._link_group(largest, spread)
                yield from self._taken(others)
        for name in sorted(self._outside):
            yield self.writer.external(name)
        if self._recording:
            self._families.prepare()

    def _link_group(self, paths: Sequence[str], spread: Spread) -> Iterator[NamedGraph]:
        """The graphs of one family's files."""
        self._families.begin(paths[0])
        yield from self._taken(spread(self._linking(_pieces(paths))))

    def _linking(self, pieces: Sequence[Sequence[str]]) -> Work[Sequence[str], list[_Made]]:
        return Work(pieces, self._made, _ENCODER.encode, _DECODER.decode)

    def _taken(self, done: Iterable[tuple[Sequence[str], list[_Made]]]) -> Iterator[NamedGraph]:
        for piece, made in done:
            for path, one in zip(piece, made, strict=True):
                yield self._take(path, one)

    def _made(self, paths: Sequence[str]) -> list[_Made]:
        return [self._make(path, file) for path in paths if (file := self.contents[path].file) is not None]

    def change(self, changed: Mapping[str, Content | None]) -> Change:
        """Take new contents; None: the path is gone."""
        moved = any(
            (path in self._paths) != (one is not None and one.file is not None) for path, one in changed.items()
        )
        for path, one in changed.items():
            self.writer.forget(path)
            if one is None:
                self.contents.pop(path, None)
            else:
                self.contents[path] = one
            if one is None or one.facts is None:
                self.facts.pop(path, None)
            else:
                self.facts[path] = one.facts
        facts = {path: self.facts.get(path) for path in changed}
        if moved:
            self._paths = self._all_paths()
        affected = self._families.update(facts, _languages(changed), self._paths) | changed.keys()
        outside = set(self._outside)
        before = {self.written[path].name for path in affected if path in self.written}
        graphs = [graph for path in sorted(affected) if (graph := self._write(path)) is not None]
        graphs += [self.writer.external(name) for name in self._outside.keys() - outside]
        before |= {self.writer.external(name).name for name in outside - self._outside.keys()}
        after = {graph.name: graph for graph in graphs}
        return Change(
            frozenset(before - after.keys()), {name: one for name, one in after.items() if name not in before}
        )

    def names(self) -> set[str]:
        """The names of all graphs of this state. Costs as much as the tree is large."""
        outside = {self.writer.external(name).name for name in self._outside}
        return {one.name for one in self.written.values()} | outside

    def triples(self) -> int:
        """How many triples the graphs of this state hold."""
        outside = sum(self.writer.external(name).size for name in self._outside)
        return outside + sum(one.counts.triples for one in self.written.values())

    def texts_of(self, names: Collection[str]) -> dict[str, str]:
        """The N-Quads of some of the graphs, made again."""
        found: dict[str, str] = {}
        if names:
            files = (self.contents[path].file for path, one in self.written.items() if one.name in names)
            graphs = [self._linked(file)[0] for file in files if file is not None]
            graphs += [graph for one in self._outside if (graph := self.writer.external(one)).name in names]
            found = {graph.name: graph.quads for graph in graphs}
        return found

    def _write(self, path: str) -> NamedGraph | None:
        """Link a file and write its graph; None where the path is none any more."""
        old = self.written.pop(path, None)
        self._count_outside(old.externals if old is not None else (), -1)
        content = self.contents.get(path)
        if content is None or content.file is None:
            return None
        return self._take(path, self._make(path, content.file))

    def _make(self, path: str, file: SourceFile) -> _Made:
        """A file's graph, and what is remembered of it. Another process may do this."""
        graph, links = self._linked(file)
        externals = tuple(self.writer.external_names(links)) if links is not None else ()
        return graph, Written(graph.name, externals, _counts(self.contents[path].facts, links, graph))

    def _take(self, path: str, made: _Made) -> NamedGraph:
        graph, self.written[path] = made
        self._count_outside(made[1].externals, 1)
        content = self.contents[path]
        if not self._recording and content.facts is not None:
            self._let_go(path, content, content.facts)
        return graph

    def _let_go(self, path: str, content: Content, facts: FileFacts) -> None:
        """Nobody will link the file again: keep what others say of it and no more."""
        self._families.done(path)
        self.facts[path] = replace(
            facts, bindings=(), attributes=(), calls=(), references=(), imports=(), compounds=(), stores=(), program=""
        )
        self.contents[path] = content._replace(facts=None)

    def _linked(self, file: SourceFile) -> tuple[NamedGraph, FileLinks | None]:
        facts = self.facts.get(file.path)
        links = self._families.link(file.path) if facts is not None else None
        return self.writer.file(file, facts, links), links

    def _count_outside(self, names: Iterable[str], by: int) -> None:
        for name in names:
            users = self._outside.get(name, 0) + by
            if users:
                self._outside[name] = users
            else:
                del self._outside[name]

    def _all_paths(self) -> frozenset[str]:
        return frozenset(path for path, one in self.contents.items() if one.file is not None)


def _pieces(paths: Sequence[str]) -> list[Sequence[str]]:
    return [paths[at : at + _PIECE] for at in range(0, len(paths), _PIECE)]


def _languages(contents: Mapping[str, Content | None]) -> dict[str, str]:
    return {path: one.file.language for path, one in contents.items() if one is not None and one.file is not None}


def _counts(facts: FileFacts | None, links: FileLinks | None, graph: NamedGraph) -> Counts:
    if facts is None or links is None:
        return Counts(triples=graph.size)
    certain = sum(edge.certainty == "calls" for edge in links.edges)
    return Counts(
        calls=certain,
        may_call=len(links.edges) - certain,
        unresolved=sum(number for _, number in links.unresolved_sites),
        tests=len(links.tests),
        sites=len(facts.calls),
        triples=graph.size,
    )
