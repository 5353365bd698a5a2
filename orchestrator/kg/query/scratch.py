"""Scratch datasets: small ones that their owner may write to, with all of SPARQL 1.1 Query, Update and Graph Store.

Runs inside a query process, which may be killed at any moment: a dataset is one N-Quads file, read for each request and
replaced whole by one that writes. It is standard in what a project's graph is not: the default graph is the unnamed
one, a graph without triples does not exist, and naming one that does not exist means an empty one.
"""

import fcntl
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from orchestrator.core.errors import BadQuery, Conflict, InvalidInput, NotFound, QueryRefused, TooLarge
from orchestrator.kg.query.formats import GRAPH_FORMATS, negotiate
from orchestrator.kg.query.guard import admit_update
from orchestrator.kg.query.names import node
from orchestrator.kg.query.store import OxigraphStore
from orchestrator.kg.query.updates import with_graphs

MAX_BYTES = 16 * 1024 * 1024
"""How large a dataset's file may become."""


class ScratchStore(OxigraphStore):
    """One dataset, in memory for one request."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._store = ox.Store()
        if path.exists():
            self._store.load(path=str(path), format=ox.RdfFormat.N_QUADS)

    def has_graph(self, name: str) -> bool:
        """Every graph is there, most of them empty."""
        return True

    def change(self, request: dict[str, Any]) -> bool:
        """Do what a writing request asks for; whether a graph was made by it."""
        action = request["action"]
        if action == "update":
            self.update(request)
        elif action == "remove":
            self.remove_graph(request["graph"])
        else:
            return self.write_graph(
                request["graph"], request["data"], request["media_type"], request["base_iri"], replace=action == "put"
            )
        return False

    def update(self, request: dict[str, Any]) -> None:
        """Run an update that was admitted, whole or not at all."""
        text = with_graphs(request["update"], request["default_graphs"], request["named_graphs"])
        try:
            self._store.update(text, base_iri=request["base_iri"])
        except SyntaxError as error:
            raise BadQuery(f"the update is not SPARQL 1.1: {str(error)[:300]}", field="update") from error
        except OSError as error:
            raise QueryRefused("updates reach this dataset only", field="update") from error
        except RuntimeError as error:
            raise Conflict(f"the update does not fit the dataset: {str(error)[:500]}", field="update") from error
        except ValueError as error:
            raise BadQuery(str(error)[:500], field="update") from error

    def read(self, graph: str | None, accept: str) -> tuple[str, bytes]:
        """Media type and bytes of a graph; None is the default graph, which is always there."""
        name = _graph(graph)
        if graph is not None and not self._store.contains_named_graph(name):
            raise NotFound("no such graph in this dataset")
        media_type = negotiate(accept, "construct")
        triples = (quad.triple for quad in self._store.quads_for_pattern(None, None, None, name))
        return media_type, ox.serialize(triples, format=GRAPH_FORMATS[media_type]) or b""

    def write_graph(self, graph: str | None, data: str, media_type: str, base_iri: str, *, replace: bool) -> bool:
        """Put triples into a graph, in place of what is there or beside it; whether the graph was made by that."""
        name, known = _graph(graph), ox.RdfFormat.from_media_type(media_type)
        if known is None or known.supports_datasets:
            raise InvalidInput(f"not a format of triples: {media_type[:100]}", field="content-type")
        made = graph is not None and not self._store.contains_named_graph(name)
        if replace:
            self._store.clear_graph(name)
        try:
            self._store.load(io.BytesIO(data.encode()), format=known, base_iri=base_iri, to_graph=name)
        except (SyntaxError, ValueError) as error:
            raise BadQuery(f"the body is not {known.name}: {str(error)[:300]}", field="body") from error
        return made

    def remove_graph(self, graph: str | None) -> None:
        """Remove a graph and its triples; the default graph is emptied."""
        name = _graph(graph)
        if graph is not None and not self._store.contains_named_graph(name):
            raise NotFound("no such graph in this dataset")
        self._store.remove_graph(name)

    def save(self) -> None:
        """Replace the dataset's file, whole or not at all. Raises TooLarge."""
        draft = self._path.with_suffix(f".{os.getpid()}")
        try:
            self._store.dump(output=str(draft), format=ox.RdfFormat.N_QUADS)
            if draft.stat().st_size > MAX_BYTES:
                raise TooLarge("a scratch dataset may not become that large", details={"bytes": MAX_BYTES})
            draft.replace(self._path)
        finally:
            draft.unlink(missing_ok=True)


@contextmanager
def one_writer(path: Path) -> Iterator[None]:
    """Writers of one dataset follow each other; the kernel frees the lock of a killed one."""
    with path.with_suffix(".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for left_over in path.parent.glob(f"{path.stem}.[0-9]*"):
            left_over.unlink(missing_ok=True)
        yield


def admit_writing(request: dict[str, Any]) -> None:
    """Refuse an update that reaches for more than its dataset."""
    if request["action"] == "update":
        admit_update(request["update"])


def _graph(name: str | None) -> ox.NamedNode | ox.DefaultGraph:
    return ox.DefaultGraph() if name is None else node(name)
