"""Queries in a process that may be killed at any moment: admit, run, serialise, answer. Forked by the query server.

One query at a time; then it says that it is free, unless a query left it larger than a fresh fork. For each query it
limits its own memory and gives up opening files, so the engine reaches nothing even if a text slipped past the guard.
Wall time is the server's business: it kills this process.
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

from orchestrator.core.errors import BadQuery, OrchestratorError, TooLarge
from orchestrator.kg.query.answers import serialise
from orchestrator.kg.query.formats import Kind, negotiate
from orchestrator.kg.query.guard import Admitted, admit
from orchestrator.kg.query.store import GraphStore
from orchestrator.kg.query.wire import pack, unpack

# The byte a child sends the server before it answers: what was admitted (capitals: with FROM), or that it failed.
_KINDS: tuple[Kind, ...] = ("select", "ask", "construct", "describe")
ADMITTED = {kind[0].encode(): Admitted(kind) for kind in _KINDS} | {
    kind[0].upper().encode(): Admitted(kind, own_dataset=True) for kind in _KINDS
}
_CODES = {admitted: code for code, admitted in ADMITTED.items()}
_FAILED = b"-"
# The byte it sends once the answer is out and it can take the next query.
FREE = b"+"
_REUSABLE_GROWTH = 64 * 1024 * 1024
_PR_SET_PDEATHSIG = 1


def fingerprint(request: dict[str, Any]) -> str:
    """What the server remembers an admitted text by."""
    return hashlib.sha256(request["query"].encode(errors="surrogatepass")).hexdigest()


def answer_queries(channel: socket.socket, store: GraphStore) -> None:
    """The whole life of a child: requests come on ``channel``, each with the socket its answer goes to."""
    _die_with_parent()
    fresh = _data_bytes()
    while (received := _receive(channel)) is not None:
        request, connection = received
        with connection:
            head, body, told = _answer(request, store)
            # The kernel may refuse more memory than the limit to this frame too; it is then the server that reports it.
            frame = pack(head, body)
            channel.sendall(told)
            connection.sendall(frame)
        lift_limits()
        if _data_bytes() > fresh + _REUSABLE_GROWTH:
            return
        channel.sendall(FREE)


def _receive(channel: socket.socket) -> tuple[dict[str, Any], socket.socket] | None:
    """The next request and where to answer; None when the server is gone."""
    buffer = bytearray()
    connection: socket.socket | None = None
    while (frame := unpack(buffer)) is None:
        data, handles, _, _ = socket.recv_fds(channel, 1 << 16, 1)
        if not data:
            return None
        buffer += data
        for handle in handles:
            connection = socket.socket(fileno=handle)
    return None if connection is None else (frame[0], connection)


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
    body, rows, truncated = serialise(results, media_type, limits["rows"], limits["bytes"])
    answer = {"media_type": media_type, "kind": kind, "rows": rows, "truncated": truncated}
    return {"answer": answer | {"seconds": round(time.perf_counter() - began, 6)}}, body, _CODES[admitted]


def limit_memory(memory_bytes: int) -> None:
    """Bound the private memory this process may take beyond what it has."""
    _soft(resource.RLIMIT_DATA, _data_bytes() + memory_bytes)
    _soft(resource.RLIMIT_CORE, 0)


def give_up_files() -> None:
    """From now on no file and no socket can be opened; what is open stays usable."""
    _soft(resource.RLIMIT_NOFILE, 0)


def lift_limits() -> None:
    """What limit_memory and give_up_files set is over, until the next query."""
    for kind in (resource.RLIMIT_DATA, resource.RLIMIT_NOFILE):
        _soft(kind, resource.getrlimit(kind)[1])


def _soft(kind: int, limit: int) -> None:
    """Set a limit that this process may lift again; nothing a query's text can do sets limits."""
    resource.setrlimit(kind, (limit, resource.getrlimit(kind)[1]))


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
