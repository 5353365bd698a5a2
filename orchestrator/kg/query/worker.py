"""Queries in a process that may be killed at any moment: admit, run, serialise, answer. Forked by the query server.

One query at a time; then it says that it is free, unless a query left it larger than a fresh fork. For each query it
limits its own memory and gives up opening files, so the engine reaches nothing even if a text slipped past the guard.
Wall time is the server's business: it kills this process.
"""

import contextlib
import hashlib
import os
import signal
import socket
import time
from ctypes import CDLL
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.core.errors import BadQuery, InvalidInput, OrchestratorError, QueryRefused, TooLarge
from orchestrator.kg.query.answers import serialise
from orchestrator.kg.query.formats import Kind, negotiate
from orchestrator.kg.query.guard import Admitted, admit
from orchestrator.kg.query.limits import data_bytes, give_up_files, lift_limits, limit_memory
from orchestrator.kg.query.scratch import ScratchStore, admit_writing, one_writer
from orchestrator.kg.query.store import GraphStore, Results
from orchestrator.kg.query.wire import pack, unpack

# The byte a child sends the server once it has answered: what was admitted (capitals: with FROM), that it failed, or
# that something else than a query is done.
_KINDS: tuple[Kind, ...] = ("select", "ask", "construct", "describe")
ADMITTED = {kind[0].encode(): Admitted(kind) for kind in _KINDS} | {
    kind[0].upper().encode(): Admitted(kind, own_dataset=True) for kind in _KINDS
}
_CODES = {admitted: code for code, admitted in ADMITTED.items()}
_FAILED, _DONE = b"-", b"."
# The byte it sends once the answer is out and it can take the next query.
FREE = b"+"
_REUSABLE_GROWTH = 64 * 1024 * 1024
_PR_SET_PDEATHSIG = 1


def fingerprint(request: dict[str, Any]) -> str:
    """What the server remembers an admitted text by."""
    text = f"{request['op']} {request.get('query', '')}"
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def answer_queries(channel: socket.socket, store: GraphStore) -> None:
    """The whole life of a child: requests come on ``channel``, each with the socket its answer goes to."""
    _die_with_parent()
    fresh = data_bytes()
    while (received := _receive(channel)) is not None:
        request, connection = received
        # What the engine made is taken apart once the answer is out: for many groups that takes a while.
        kept: list[Results] = []
        with connection:
            head, body, told = _answer(request, store, kept)
            # The kernel may refuse more memory than the limit to this frame too; it is then the server that reports it.
            told = _send(connection, pack(head, body), channel, told)
        kept.clear()
        lift_limits()
        if data_bytes() > fresh + _REUSABLE_GROWTH:
            channel.sendall(told)
            return
        channel.sendall(told + FREE)


def _send(connection: socket.socket, frame: bytes, channel: socket.socket, told: bytes) -> bytes:
    """Send an answer; returns what the server has yet to be told of it.

    The server is told afterwards, because waking it is time of whoever waits; but before, where the caller reads slower
    than we write: that is not the query's time.
    """
    try:
        sent = connection.send(frame, socket.MSG_DONTWAIT)
    except BlockingIOError:
        sent = 0
    except OSError:
        return told  # a caller that went away needs no answer
    if sent == len(frame):
        return told
    channel.sendall(told)
    with contextlib.suppress(OSError):
        connection.sendall(memoryview(frame)[sent:])
    return b""


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


def _answer(request: dict[str, Any], store: GraphStore, kept: list[Results]) -> tuple[dict[str, Any], bytes, bytes]:
    """Head and body of the answer, and the byte for the server."""
    try:
        return _run(request, store, kept)
    except OrchestratorError as error:
        return {"error": error.as_dict()}, b"", _FAILED
    except RuntimeError as error:  # the engine understood it and stumbled, over an unknown function for instance
        told = InvalidInput(f"the query cannot be evaluated: {error}"[:2000], field="query")
        return {"error": told.as_dict()}, b"", _FAILED
    except MemoryError:
        kept.clear()  # the error needs some itself
        return {"error": memory_exceeded(request).as_dict()}, b"", _FAILED
    except Exception as error:  # noqa: BLE001 - the process edge: whatever it was, the caller is told
        return {"error": BadQuery(f"the query failed: {error}"[:2000], field="query").as_dict()}, b"", _FAILED


def memory_exceeded(request: dict[str, Any]) -> TooLarge:
    """The error for a query that took more memory than it may."""
    limit = request["limits"]["memory_bytes"]
    return TooLarge("the query needs more memory than it may take", field="query", details={"memory_bytes": limit})


def _run(request: dict[str, Any], store: GraphStore, kept: list[Results]) -> tuple[dict[str, Any], bytes, bytes]:
    limit_memory(request["limits"]["memory_bytes"])
    if request["op"] == "scratch":
        return *_run_scratch(request, kept), _DONE
    known = request["admitted"]
    admitted = ADMITTED[known.encode()] if known else admit(request["query"], store.has_graph)
    for name in (*request["default_graphs"], *request["named_graphs"]):
        if not store.has_graph(name):
            raise QueryRefused(f"there is no graph <{name[:200]}> here", field="default-graph-uri")
    return *_run_query(request, store, admitted, kept), _CODES[admitted]


def _run_query(
    request: dict[str, Any], store: GraphStore, admitted: Admitted, kept: list[Results]
) -> tuple[dict[str, Any], bytes]:
    """An admitted query's answer; ``kept`` holds what the engine made until somebody lets go of it."""
    began = time.perf_counter()
    give_up_files()
    media_type = negotiate(request["accept"], admitted.kind)
    results = store.query(
        request["query"],
        substitutions=request["substitutions"],
        default_graphs=request["default_graphs"],
        named_graphs=request["named_graphs"],
        own_dataset=admitted.own_dataset,
        base_iri=request["base_iri"],
    )
    kept.append(results)
    limits = request["limits"]
    body, rows, truncated = serialise(results, media_type, limits["rows"], limits["bytes"])
    answer = {"media_type": media_type, "kind": admitted.kind, "rows": rows, "truncated": truncated}
    return {"answer": answer | {"seconds": round(time.perf_counter() - began, 6)}}, body


def _run_scratch(request: dict[str, Any], kept: list[Results]) -> tuple[dict[str, Any], bytes]:
    """Ask or change a scratch dataset."""
    path, action = Path(request["dataset"]), request["action"]
    if action == "query":
        scratch = ScratchStore(path)
        admitted = replace(admit(request["query"], scratch.has_graph), own_dataset=True)
        return _run_query(request, scratch, admitted, kept)
    if action == "read":
        media_type, body = ScratchStore(path).read(request["graph"], request["accept"])
        return {"answer": {"media_type": media_type}}, body
    admit_writing(request)
    with one_writer(path):
        scratch = ScratchStore(path)
        give_up_files()
        made = scratch.change(request)
        lift_limits()
        scratch.save()
    return {"answer": {"made": made}}, b""


def _die_with_parent() -> None:
    """Ask Linux to kill this process when the server dies, however it dies."""
    parent = os.getppid()
    CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
