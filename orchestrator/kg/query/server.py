"""A small process that holds a project's graph in memory and answers queries in forked children, one at a time each.

Started on demand by the query client, shared by all processes of the host through a unix socket; a lock file keeps
it single. Children are forked ahead of need and used again, so a query does not wait for the fork. Kills a child that
passes its wall time or whose caller went away. A change of the graph is taken in between two events, so each child
sees all of it or nothing; a child serves one view. Ends when idle, when another snapshot is current, or when its folder
is gone. Single-threaded, because it forks; it parses no SPARQL and computes no answer itself.
"""

import contextlib
import gc
import os
import selectors
import signal
import socket
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.core.errors import BadQuery, NotFound, OrchestratorError, TimedOut, Unavailable
from orchestrator.kg.journal import MAIN
from orchestrator.kg.query.dataset import Dataset
from orchestrator.kg.query.guard import admit
from orchestrator.kg.query.limits import processor_seconds
from orchestrator.kg.query.wire import has_hung_up, pack, send_at_once, unpack
from orchestrator.kg.query.worker import ADMITTED, FREE, answer_queries, fingerprint, memory_exceeded
from orchestrator.kg.snapshot import current_snapshot, snapshot_folder

_TICK = 1.0
_SEND_SECONDS = 30.0
_REFUSING_SECONDS = 2.0
_MAX_RUNNING = max(2, 2 * (os.cpu_count() or 1))
_SPARE_SECONDS = 20.0
# So long a child may take to say that its caller, who hung up, has its answer.
_LEAVING_SECONDS = 0.25
# A change that was told of comes within so long, or is not waited for.
_EXPECTED_SECONDS = 5.0
# A query that has used the processor for longer gets out of the way of the others: it is theirs first.
_QUICK_SECONDS = 1.0
_SLOW_NICENESS = 10
_REMEMBERED = 2000


@dataclass(eq=False, slots=True)
class _Child:
    pid: int
    channel: socket.socket
    view: str
    state: int
    slow: bool = False


@dataclass(eq=False, slots=True)
class _Caller:
    connection: socket.socket
    buffer: bytearray = field(default_factory=bytearray)
    request: dict[str, Any] | None = None
    child: _Child | None = None
    used_before: float = 0.0
    look_again: float = 0.0
    deadline: float = 0.0
    answering: bool = False


class QueryServer:
    """The event loop of one server."""

    def __init__(self, folder: Path, snapshot: str, listener: socket.socket, path: Path, idle_seconds: float) -> None:
        self._folder, self._snapshot = folder, snapshot
        self._listener, self._path = listener, path
        self._idle_seconds = idle_seconds
        self._selector = selectors.DefaultSelector()
        self._callers: set[_Caller] = set()
        self._waiting: deque[_Caller] = deque()
        self._warm: deque[_Child] = deque()
        self._ending: list[int] = []
        self._state = 0
        self._expecting = 0.0
        self._admitted: OrderedDict[str, str] = OrderedDict()
        self._stopping = False
        self._last_used = time.monotonic()
        self._last_look = 0.0

    def serve(self) -> None:
        """Load the graph, while it is written if need be, then answer until there is a reason to end."""
        self._dataset = Dataset(self._folder, snapshot_folder(self._folder, self._snapshot))
        # The first parse builds the grammar: once here, not in every child.
        admit("ASK {}", self._dataset.store.has_graph)
        gc.collect()
        gc.freeze()
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._refill()
        self._last_used = time.monotonic()
        while not self._finished():
            # Children first: what a child has said explains why its caller hung up.
            for key, _ in sorted(self._selector.select(self._pause()), key=lambda ready: not _is_child(ready[0])):
                self._handle(key)
            self._enforce_deadlines()
            self._bury()
            self._yield_to_others()
            self._start_waiting()

    def refuse_all(self, error: OrchestratorError) -> None:
        """Tell everybody who asks in the next moments why there is no service."""
        self._listener.settimeout(_REFUSING_SECONDS)
        with contextlib.suppress(TimeoutError):
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(_REFUSING_SECONDS)
                with contextlib.suppress(OSError), connection:
                    connection.recv(1 << 16)  # closing on unread words could lose ours
                    connection.sendall(pack({"error": error.as_dict()}))

    def _finished(self) -> bool:
        """Whether to end now; the socket is taken away first, then whoever still got in is served."""
        now = time.monotonic()
        if now - self._last_look > _TICK:
            self._last_look = now
            replaced = current_snapshot(self._folder) != self._snapshot
            idle = not self._callers and now - self._last_used > self._idle_seconds
            self._stopping = self._stopping or replaced or idle
            if not self._stopping and self._dataset.has_changed():
                self._catch_up()
        if not self._stopping:
            return False
        self._path.unlink(missing_ok=True)
        self._accept_pending()
        return not self._callers

    def _pause(self) -> float:
        deadlines = [caller.deadline for caller in self._callers if caller.deadline]
        deadlines += [caller.look_again for caller in self._running() if caller.child and not caller.child.slow]
        nearest = min(deadlines, default=time.monotonic() + _TICK)
        return max(0.0, min(_TICK, nearest - time.monotonic()))

    def _handle(self, key: selectors.SelectorKey) -> None:
        if key.data is None:
            self._accept_pending()
        elif _is_child(key):
            self._hear_child(key.data)
        elif key.data in self._callers:
            self._hear_caller(key.data)

    def _accept_pending(self) -> None:
        self._listener.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                connection, _ = self._listener.accept()
                # Blocking, because the mode is shared with the child that answers; reads here ask not to wait.
                connection.setblocking(True)
                caller = _Caller(connection, deadline=time.monotonic() + _SEND_SECONDS)
                self._callers.add(caller)
                self._selector.register(connection, selectors.EVENT_READ, caller)

    def _hear_caller(self, caller: _Caller) -> None:
        try:
            data = caller.connection.recv(1 << 16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            self._see_off(caller)
            return
        if caller.request is not None:
            return
        caller.buffer += data
        try:
            frame = unpack(caller.buffer)
        except (ValueError, RecursionError):
            self._tell(caller, BadQuery("the request cannot be read, or is too large", field="query"))
            return
        if frame is not None:
            self._take(caller, frame[0])

    def _see_off(self, caller: _Caller) -> None:
        """A caller hung up. If a child is at work it most likely has its answer, as the child is about to say."""
        if caller.child is None:
            self._drop(caller)
            return
        self._selector.unregister(caller.connection)
        if not caller.answering:
            caller.deadline = min(caller.deadline, time.monotonic() + _LEAVING_SECONDS)

    def _take(self, caller: _Caller, request: dict[str, Any]) -> None:
        self._last_used = time.monotonic()
        caller.buffer.clear()
        if request.get("op") in ("stop", "expect", "refresh"):
            self._keep_house(request["op"])
            send_at_once(caller.connection, pack({"answer": {}}))
            self._drop(caller)
            return
        request["admitted"] = self._admitted.get(fingerprint(request))
        caller.request = request
        caller.deadline = time.monotonic() + request["queue_seconds"]
        self._waiting.append(caller)

    def _keep_house(self, op: str) -> None:
        if op == "stop":
            self._stopping = True
            self._path.unlink(missing_ok=True)
        elif op == "refresh":
            self._catch_up()
        else:
            # Memory that a child shares is copied where it changes: those that wait go before, not while it does.
            self._expecting = time.monotonic() + _EXPECTED_SECONDS
            self._let_go_of_warm()

    def _start_waiting(self) -> None:
        """Hand waiting queries to warm children, then fork new ones, so the fork is never in a query's way."""
        while self._waiting and len(self._running()) < _MAX_RUNNING:
            caller = self._waiting.popleft()
            if caller in self._callers:
                self._start(caller)
        self._refill()

    def _start(self, caller: _Caller) -> None:
        request = caller.request or {}
        try:
            child = self._child_for(request.get("view", MAIN))
        except NotFound as error:
            self._tell(caller, error)
            return
        frame = pack(request)
        try:
            sent = socket.send_fds(child.channel, [frame], [caller.connection.fileno()])
            child.channel.sendall(frame[sent:])
        except OSError:
            # A warm child that died is replaced; the query has not run, so it waits for the next one.
            self._reap(child)
            self._waiting.appendleft(caller)
            return
        now = time.monotonic()
        caller.child, caller.used_before = child, processor_seconds(child.pid)
        caller.deadline, caller.look_again = now + request["limits"]["seconds"], now + _QUICK_SECONDS
        self._selector.register(child.channel, selectors.EVENT_READ, caller)

    def _hear_child(self, caller: _Caller) -> None:
        assert caller.child is not None
        told = caller.child.channel.recv(2)  # what was admitted, that it is free, or both
        if told[:1] not in (b"", FREE):
            caller.answering = True
            self._remember(caller.request or {}, told[:1])
            caller.deadline = time.monotonic() + _SEND_SECONDS
        if told.endswith(FREE):
            self._take_back(caller, caller.child)
        if told:
            return
        self._selector.unregister(caller.child.channel)
        status = self._reap(caller.child)
        caller.child = None
        request = caller.request or {}
        if caller.answering:
            self._drop(caller)
        elif os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGABRT, signal.SIGKILL):
            self._tell(caller, memory_exceeded(request))
        else:
            self._tell(caller, BadQuery("the query engine could not handle this query", field="query"))

    def _take_back(self, caller: _Caller, child: _Child) -> None:
        """A child that has answered serves again, unless the graph has changed since it was forked, or it was slow."""
        self._selector.unregister(child.channel)
        caller.child = None
        self._drop(caller)
        if child.state != self._state or child.slow:
            self._end(child)
            return
        self._warm.append(child)
        if len(self._warm) > (0 if self._stopping else _MAX_RUNNING):
            self._end(self._warm.popleft())

    def _remember(self, request: dict[str, Any], told: bytes) -> None:
        """A text that was admitted once need not be parsed for admission again: it depends on nothing but the text."""
        if told in ADMITTED:
            self._admitted[fingerprint(request)] = told.decode()
            while len(self._admitted) > _REMEMBERED:
                self._admitted.popitem(last=False)

    def _enforce_deadlines(self) -> None:
        now = time.monotonic()
        for caller in [caller for caller in self._callers if caller.deadline and caller.deadline <= now]:
            if caller.child is None and caller.request is None:
                self._drop(caller)
            elif caller.child is None:
                self._tell(caller, Unavailable("too many queries are running on this graph"))
            elif caller.answering:
                self._drop(caller)
            else:
                seconds = (caller.request or {})["limits"]["seconds"]
                self._tell(caller, TimedOut(f"the query ran longer than {seconds} s", details={"seconds": seconds}))

    def _yield_to_others(self) -> None:
        """Take precedence from queries that have worked for a while; a process cannot get it back, so it is used up."""
        now = time.monotonic()
        for caller in self._running():
            if caller.child is None or caller.child.slow or caller.look_again > now:
                continue
            left = _QUICK_SECONDS - (processor_seconds(caller.child.pid) - caller.used_before)
            caller.look_again = now + max(left, 0.05)
            if left <= 0:
                caller.child.slow = True
                os.setpriority(os.PRIO_PROCESS, caller.child.pid, _SLOW_NICENESS)

    def _tell(self, caller: _Caller, error: OrchestratorError) -> None:
        send_at_once(caller.connection, pack({"error": error.as_dict()}))
        self._drop(caller)

    def _drop(self, caller: _Caller) -> None:
        """Forget a caller; a query still running for it is killed."""
        self._kill(caller)
        self._callers.discard(caller)
        with contextlib.suppress(KeyError):
            self._selector.unregister(caller.connection)
        caller.connection.close()
        self._last_used = time.monotonic()

    def _kill(self, caller: _Caller) -> None:
        if caller.child is not None:
            self._selector.unregister(caller.child.channel)
            self._end(caller.child)
            caller.child = None

    def _end(self, child: _Child) -> None:
        """Kill a child and go on: giving its memory back takes the kernel a while, and nobody should wait for that."""
        os.kill(child.pid, signal.SIGKILL)
        child.channel.close()
        self._ending.append(child.pid)

    def _bury(self) -> None:
        """Take the exit statuses of children that have ended by now."""
        self._ending = [pid for pid in self._ending if os.waitpid(pid, os.WNOHANG)[0] == 0]

    def _reap(self, child: _Child) -> int:
        """End a child if it still runs, and take its exit status."""
        pid, status = os.waitpid(child.pid, os.WNOHANG)
        if pid == 0:
            if not has_hung_up(child.channel):
                os.kill(child.pid, signal.SIGKILL)
            _, status = os.waitpid(child.pid, 0)
        child.channel.close()
        return status

    def _running(self) -> list[_Caller]:
        return [caller for caller in self._callers if caller.child is not None]

    def _refill(self) -> None:
        """Keep one child ahead. One that has worked holds memory of its own, so spare ones go once nobody asks."""
        wanted = not self._stopping and time.monotonic() > self._expecting
        if wanted and not any(child.view == MAIN for child in self._warm):
            self._warm.append(self._fork(MAIN))
        while len(self._warm) > 1 and time.monotonic() - self._last_used > _SPARE_SECONDS:
            self._end(self._warm.popleft())

    def _catch_up(self) -> None:
        """Take in what changed on disk. Children that wait see the graph as it was: others take their place."""
        self._expecting = 0.0
        if self._dataset.catch_up():
            self._state += 1
            self._let_go_of_warm()

    def _let_go_of_warm(self) -> None:
        while self._warm:
            self._end(self._warm.popleft())

    def _child_for(self, view: str) -> _Child:
        """A child that serves the view: the one used last, because its memory is warm. Raises NotFound."""
        for child in reversed(self._warm):
            if child.view == view:
                self._warm.remove(child)
                return child
        return self._fork(view)

    def _fork(self, view: str) -> _Child:
        if view != MAIN:
            self._dataset.overlay(view)  # raises here, not in the child
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            self._be_child(theirs, view)
        theirs.close()
        return _Child(pid, ours, view, self._state)

    def _be_child(self, channel: socket.socket, view: str) -> None:
        """Everything of the server but its memory is let go, so the child holds no caller's connection open."""
        code = 1
        try:
            os.closerange(3, channel.fileno())
            os.closerange(channel.fileno() + 1, 1 << 20)
            answer_queries(channel, self._dataset.become(view))
            code = 0
        finally:
            os._exit(code)


def _is_child(key: selectors.SelectorKey) -> bool:
    """Whether it is a child, not a caller or the listener, that has something to say."""
    return key.data is not None and key.data.child is not None and key.fileobj is key.data.child.channel
