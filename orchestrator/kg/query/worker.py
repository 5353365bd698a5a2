"""One query, in a process of its own that ends with it: admit, run, serialise, answer. Forked by the query server.

Sets its own memory limit and gives up the right to open files or sockets, so the engine cannot reach a network even if
a text slipped past the guard. Wall time is the server's business: it kills this process.
"""

import hashlib
import os
import resource
import signal
import socket
import time
from ctypes import CDLL
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from orchestrator.core.errors import BadQuery, OrchestratorError, TooLarge
from orchestrator.kg.query.formats import GRAPH_FORMATS, RESULT_FORMATS, Kind, negotiate
from orchestrator.kg.query.guard import Admitted, admit
from orchestrator.kg.query.store import GraphStore, Results
from orchestrator.kg.query.wire import pack, unpack

# The byte a child sends the server before it answers: what was admitted (capitals: with FROM), or that it failed.
_KINDS: tuple[Kind, ...] = ("select", "ask", "construct", "describe")
ADMITTED = {kind[0].encode(): Admitted(kind) for kind in _KINDS} | {
    kind[0].upper().encode(): Admitted(kind, own_dataset=True) for kind in _KINDS
}
_CODES = {admitted: code for code, admitted in ADMITTED.items()}
_FAILED = b"-"
_PR_SET_PDEATHSIG = 1
_PREFIXES = {
    "c": "https://w3id.org/orchestrator/code#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "prov": "http://www.w3.org/ns/prov#",
    "dct": "http://purl.org/dc/terms/",
}


def fingerprint(request: dict[str, Any]) -> str:
    """What the server remembers an admitted text by."""
    return hashlib.sha256(request["query"].encode(errors="surrogatepass")).hexdigest()


def wait_and_answer(channel: socket.socket, store: GraphStore) -> None:
    """The whole life of a warm child: wait for one request on ``channel``, answer it on the socket that came along."""
    _die_with_parent()
    buffer = bytearray()
    connection: socket.socket | None = None
    while (frame := unpack(buffer)) is None:
        data, handles, _, _ = socket.recv_fds(channel, 1 << 16, 1)
        if not data:
            return
        buffer += data
        for handle in handles:
            connection = socket.socket(fileno=handle)
    if connection is None:
        return
    request, _ = frame
    head, body, admitted = _answer(request, store)
    # The kernel may refuse more memory than the limit to this frame too; it is then the server that reports it.
    frame_bytes = pack(head, body)
    channel.sendall(admitted)
    connection.sendall(frame_bytes)


def _answer(request: dict[str, Any], store: GraphStore) -> tuple[dict[str, Any], bytes, bytes]:
    """Head and body of the answer, and the byte for the server."""
    try:
        return _run(request, store)
    except OrchestratorError as error:
        return {"error": error.as_dict()}, b"", _FAILED
    except MemoryError:
        return {"error": memory_exceeded(request).as_dict()}, b"", _FAILED
    except Exception as error:  # noqa: BLE001 - the process edge: whatever it was, the caller is told
        return {"error": BadQuery(f"the query failed: {error}"[:2000], field="query").as_dict()}, b"", _FAILED


def memory_exceeded(request: dict[str, Any]) -> TooLarge:
    """The error for a query that took more memory than it may."""
    limit = request["limits"]["memory_bytes"]
    return TooLarge("the query needs more memory than it may take", field="query", details={"memory_bytes": limit})


def _run(request: dict[str, Any], store: GraphStore) -> tuple[dict[str, Any], bytes, bytes]:
    began = time.perf_counter()
    limits = request["limits"]
    limit_memory(limits["memory_bytes"])
    known = request["admitted"]
    admitted = ADMITTED[known.encode()] if known else admit(request["query"], store.has_graph)
    kind = admitted.kind
    give_up_files()
    media_type = negotiate(request["accept"], kind)
    results = store.query(
        request["query"],
        substitutions=request["substitutions"],
        default_graphs=request["default_graphs"],
        named_graphs=request["named_graphs"],
        own_dataset=admitted.own_dataset,
    )
    body, rows, truncated = _serialise(results, media_type, limits["rows"], limits["bytes"])
    answer = {"media_type": media_type, "kind": kind, "rows": rows, "truncated": truncated}
    return {"answer": answer | {"seconds": round(time.perf_counter() - began, 6)}}, body, _CODES[admitted]


def limit_memory(memory_bytes: int) -> None:
    """Bound the private memory this process may take beyond what it has."""
    limit = _data_bytes() + memory_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def give_up_files() -> None:
    """From now on no file and no socket can be opened; what is open stays usable."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def _data_bytes() -> int:
    """Private writable memory of this process, which RLIMIT_DATA counts."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    raise BadQuery("query limits need Linux's /proc")


def _die_with_parent() -> None:
    """Ask Linux to kill this process when the server dies, however it dies."""
    parent = os.getppid()
    CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


class _FullError(Exception):
    """The row limit is passed; what was collected stays good."""


class _Sink:
    """Collects a line-per-row serialisation; stops the engine at the row limit, so no more is computed than wanted."""

    def __init__(self, lines: int, size: int) -> None:
        self.parts: list[bytes] = []
        self._lines, self._size = lines, size

    def write(self, data: bytes) -> int:
        self.parts.append(bytes(data))
        self._lines -= data.count(b"\n")
        self._size -= len(data)
        if self._size < 0:
            raise TooLarge("the answer is larger than it may be", field="query")
        if self._lines < 0:
            raise _FullError
        return len(data)

    def flush(self) -> None:
        """Nothing is buffered."""


def _serialise(results: Results, media_type: str, rows: int, size: int) -> tuple[bytes, int, bool]:
    """Body, rows in it, and whether more were cut off.

    TSV and N-Triples write one row per line and lose nothing, so limits count there; other formats are made from that.
    """
    if isinstance(results, ox.QueryBoolean):
        return results.serialize(format=RESULT_FORMATS[media_type]) or b"", 1, False
    header = 1 if isinstance(results, ox.QuerySolutions) else 0
    sink = _Sink(rows + header, size)
    try:
        if isinstance(results, ox.QuerySolutions):
            results.serialize(sink, format=ox.QueryResultsFormat.TSV)  # type: ignore[arg-type]
        else:
            results.serialize(sink, format=ox.RdfFormat.N_TRIPLES)  # type: ignore[arg-type]
    except _FullError:
        pass
    lines = b"".join(sink.parts).split(b"\n")
    sink.parts.clear()
    truncated = len(lines) - 1 - header > rows
    kept = lines[: rows + header] if truncated else lines[:-1]
    table = b"\n".join(kept) + b"\n" if kept else b""
    body = _convert(table, media_type, tabular=bool(header))
    if len(body) > size:
        raise TooLarge("the answer is larger than it may be", field="query", details={"bytes": size})
    return body, len(kept) - header, truncated


def _convert(table: bytes, media_type: str, *, tabular: bool) -> bytes:
    if tabular:
        if media_type == "text/tab-separated-values":
            return table
        solutions = ox.parse_query_results(table, format=ox.QueryResultsFormat.TSV)
        assert isinstance(solutions, ox.QuerySolutions)
        return solutions.serialize(format=RESULT_FORMATS[media_type]) or b""
    if media_type == "application/n-triples":
        return table
    quads = ox.parse(table, format=ox.RdfFormat.N_TRIPLES)
    triples = (quad.triple for quad in quads)
    return ox.serialize(triples, format=GRAPH_FORMATS[media_type], prefixes=_PREFIXES) or b""
