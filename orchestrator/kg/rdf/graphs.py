"""Named graphs of a project: one per file, per thing outside, and one about the run. Used by the build and by updates.

A graph's name ends in a digest of its triples, so a name stands for one content for ever: two states of a tree share
every graph in which they agree, and what changed between them is the difference of two sets of names.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from orchestrator.kg.facts import FileFacts, FileLinks, Skipped, SourceFile
from orchestrator.kg.rdf.terms import path_part
from orchestrator.kg.rdf.triples import TripleWriter


class NamedGraph(NamedTuple):
    """An IRI (without brackets) and N-Quads as text, one line per quad."""

    name: str
    quads: str
    size: int


class GraphWriter:
    """Writes the named graphs of one project. ``facts`` are looked up when a file is written, so they may change."""

    def __init__(self, project_iri: str, facts: Mapping[str, FileFacts]) -> None:
        self._base = project_iri.rstrip("/#")
        self._triples = TripleWriter(project_iri, facts)

    def forget(self, path: str) -> None:
        """The facts of a file are about to be others."""
        self._triples.forget(path)

    def file(self, file: SourceFile, facts: FileFacts | None, links: FileLinks | None) -> NamedGraph:
        """The graph of one file; its name holds path, git blob id and digest."""
        prefix = f"{self._base}/file/{path_part(file.path)}@{file.blob}~"
        return _graph(prefix, self._triples.file(file, facts, links))

    def external_names(self, links: FileLinks) -> set[str]:
        """Names outside the tree that a file's links point to."""
        return self._triples.external_names(links)

    def external(self, name: str) -> NamedGraph:
        """The graph of one thing outside the tree."""
        return _graph(f"{self._base}/external/{path_part(name)}~", self._triples.external(name))

    def index(self, commit: str, files: Sequence[SourceFile], skipped: Sequence[Skipped], ended_at: str) -> NamedGraph:
        """The graph about the repository and this run."""
        return _graph(f"{self._base}/index@", self._triples.index(commit, files, skipped, ended_at))


def _graph(prefix: str, triples: Iterable[str]) -> NamedGraph:
    lines = list(triples)
    digest = hashlib.blake2b("\n".join(lines).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    tail = f" <{prefix}{digest}> .\n"
    return NamedGraph(prefix + digest, tail.join(lines) + tail if lines else "", len(lines))
