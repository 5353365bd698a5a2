"""Keeps a SPARQL server's dataset equal to the graph of a folder: what changed since the last time, in one update.

Used by ``remote_queries``, in a thread, before a query that would miss something. File graphs are named by content
(after an ``@``), so names alone tell which are missing and which are left over; other graphs are replaced. What was
published last is kept in a graph of the dataset itself, where every process of the service finds it. A change larger
than one request may be is sent in several: only then can a query see a part of it.
"""

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx2
import orjson

from orchestrator.core.errors import Conflict, NotConfigured
from orchestrator.kg.journal import MAIN, length, read
from orchestrator.kg.query.names import iri, literal
from orchestrator.kg.query.remote import check, unreachable
from orchestrator.kg.shared_graphs import shared_files
from orchestrator.kg.snapshot import GRAPH, current_folder, current_snapshot, snapshot_folder

_MARK = "urn:orchestrator:published"
_VALUE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#value"
_LARGEST = 16 * 1024 * 1024
_SECONDS = 600.0


@dataclass(slots=True)
class _Published:
    """What a dataset shows: whose graph, which snapshot, how far into its journal, and which shared files."""

    folder: str
    snapshot: str = ""
    offset: int = 0
    shared: dict[str, dict[str, Any]] = field(default_factory=dict)

    def statement(self) -> str:
        """The update that writes this down."""
        told = orjson.dumps(
            {"folder": self.folder, "snapshot": self.snapshot, "offset": self.offset, "shared": self.shared}
        )
        return _put(_MARK, f"<{_MARK}> <{_VALUE}> {literal(told.decode())} .")


class RemoteDataset:
    """The endpoints of one dataset, for what we ourselves ask and change."""

    def __init__(self, query_url: str, update_url: str, client: httpx2.Client) -> None:
        self._query_url, self._update_url, self._client = query_url, update_url, client

    def values(self, sparql: str) -> list[str]:
        """The only column of a SELECT, as text."""
        answer = self._send(self._query_url, sparql, "application/sparql-query")
        told = orjson.loads(answer)
        name = told["head"]["vars"][0]
        return [row[name]["value"] for row in told["results"]["bindings"]]

    def update(self, text: str) -> None:
        """Run an update; a server does all of it or nothing."""
        self._send(self._update_url, text, "application/sparql-update")

    def _send(self, url: str, text: str, media_type: str) -> bytes:
        headers = {"Content-Type": media_type, "Accept": "application/sparql-results+json"}
        try:
            answer = self._client.post(url, content=text.encode(), headers=headers, timeout=_SECONDS)
        except httpx2.HTTPError as error:
            raise unreachable(error) from error
        check(answer.status_code, answer.content)
        return answer.content


def publish(folder: Path, dataset: RemoteDataset) -> None:
    """Bring the dataset up to date with the folder's own graph; views of it are not published.

    Raises NotFound before the first build, Conflict when the dataset holds another project's graph, NotConfigured when
    its default graph is not the union of its named graphs, and Unavailable.
    """
    with _one_at_a_time(folder):
        snapshot = current_folder(folder)
        before = _published(dataset)
        if before and before.folder != folder.name:
            raise Conflict("the SPARQL server's dataset holds the graph of another project")
        now = _Published(folder.name, snapshot.name)
        if before and before.snapshot == snapshot.name:
            now.offset = before.offset
            changes = _since(snapshot, now)
        else:
            changes = _from_anything(snapshot, dataset, now, before)
        _send(dataset, [*changes, *_shared(folder, before, now)], before, now)
        if not before and not dataset.values(f"SELECT ?v {{ <{_MARK}> ?p ?v }}"):
            raise NotConfigured(
                "the SPARQL server's default graph is not the union of its named graphs",
                hint="Oxigraph: serve --union-default-graph; Fuseki: tdb2:unionDefaultGraph true",
            )


def stamp_of(folder: Path) -> object:
    """What changes whenever there is something to publish. Cheap; None before the first build."""
    snapshot = current_snapshot(folder)
    if snapshot is None:
        return None
    return snapshot, length(snapshot_folder(folder, snapshot)), tuple(shared_files(folder).items())


def withdraw(folder: Path, dataset: RemoteDataset) -> None:
    """Empty the dataset, if it is this folder's graph that it holds."""
    before = _published(dataset)
    if before and before.folder == folder.name:
        dataset.update("DROP ALL")


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    with (folder / "publish.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _published(dataset: RemoteDataset) -> _Published | None:
    found = dataset.values(f"SELECT ?v {{ GRAPH <{_MARK}> {{ <{_MARK}> <{_VALUE}> ?v }} }}")
    return _Published(**orjson.loads(found[0])) if found else None


def _since(snapshot: Path, now: _Published) -> Iterator[str]:
    """The changes in the journal that were not published yet."""
    deltas, now.offset = read(snapshot, now.offset)
    for delta in deltas:
        if delta.view == MAIN:
            yield from (_drop(name) for name in delta.removed)
            yield from (_put(name, _triples(text.splitlines())) for name, text in delta.added.items())


def _from_anything(snapshot: Path, dataset: RemoteDataset, now: _Published, before: _Published | None) -> Iterator[str]:
    """The changes from whatever the dataset holds to the snapshot and its journal."""
    there = set(dataset.values("SELECT DISTINCT ?g { GRAPH ?g { ?s ?p ?o } }")) - {_MARK}
    for file in (before.shared if before else {}).values():
        there -= set(file["graphs"])
    wanted = set()
    for name, lines in _graphs(snapshot / GRAPH):
        wanted.add(name)
        if name not in there or "@" not in name:
            yield _put(name, _triples(lines))
    yield from (_drop(name) for name in sorted(there - wanted))
    yield from _since(snapshot, now)


def _shared(folder: Path, before: _Published | None, now: _Published) -> Iterator[str]:
    """The changes of graphs that belong to the project and to no snapshot."""
    known = before.shared if before else {}
    present = shared_files(folder)
    for path, stamp in present.items():
        file = known.get(path.name)
        if file and tuple(file["stamp"]) == stamp:
            now.shared[path.name] = file
            continue
        graphs = dict(_graphs(path, gathered=True))
        now.shared[path.name] = {"stamp": list(stamp), "graphs": sorted(graphs)}
        yield from (_drop(name) for name in sorted(set(file["graphs"] if file else ()) - graphs.keys()))
        yield from (_put(name, _triples(lines)) for name, lines in graphs.items())
    for gone in known.keys() - {path.name for path in present}:
        yield from (_drop(name) for name in known[gone]["graphs"])


def _send(dataset: RemoteDataset, changes: list[str], before: _Published | None, now: _Published) -> None:
    """One update where it fits, ending with what is published then; a graph is never split between two."""
    if now == before:
        return
    waiting: list[str] = []
    size = 0
    for change in changes:
        if waiting and size + len(change) > _LARGEST:
            dataset.update(";\n".join(waiting))
            waiting, size = [], 0
        waiting.append(change)
        size += len(change)
    dataset.update(";\n".join([*waiting, now.statement()]))


def _graphs(path: Path, *, gathered: bool = False) -> Iterator[tuple[str, list[str]]]:
    """Names and lines of a file of N-Quads; graphs lie in one piece in a snapshot, not always in a shared file."""
    with path.open(encoding="utf-8") as file:
        if gathered:
            found: dict[str, list[str]] = {}
            for line in file:
                found.setdefault(_name(line), []).append(line)
            yield from found.items()
            return
        for name, lines in groupby(file, _name):
            yield name, list(lines)


def _name(line: str) -> str:
    """The graph at the end of a line of N-Quads as our writer makes them."""
    return line.rstrip().rpartition(" <")[2].partition(">")[0]


def _triples(lines: Iterable[str]) -> str:
    return "\n".join(f"{line.rstrip().rpartition(' <')[0]} ." for line in lines if line.strip())


def _put(name: str, triples: str) -> str:
    return f"DROP SILENT GRAPH {iri(name)} ;\nINSERT DATA {{ GRAPH {iri(name)} {{\n{triples}\n}} }}"


def _drop(name: str) -> str:
    return f"DROP SILENT GRAPH {iri(name)}"
