"""Programs without the wait for their imports: forked from one process per worker that has them.

Launchers of query servers and indexers run as they do in the service, and fixture servers as if Python had been started
on their files, over HTTP or, by a program that stands for them, over stdio; only the interpreter and what they load are
there already. ``kg/test_query_start.py`` and whatever
starts the whole service start from nothing. Run as ``python -m tests.launches SOCKET``; it ends when its standard input
does.
"""

import asyncio
import fcntl
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from orchestrator.core.child_process import OUTLIVES_ATTEMPTS
from orchestrator.core.errors import Unavailable

ROOT = Path(__file__).parents[1]
_THROUGH = ROOT / "tests" / "mcp" / "servers" / "through.py"
_SECONDS = 60


class Launches:
    """The near side: stands in for ``kg.query.daemons._start``. The process is started when it is first needed."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """End the process, if it was ever needed."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(30)
        if self._folder is not None:
            self._folder.cleanup()

    async def start(self, command: Sequence[str], more: Mapping[str, str]) -> None:
        """Run a launcher; raises Unavailable as the service's own way does."""
        reader, writer = await asyncio.open_unix_connection(str(self._listening()))
        try:
            environment = {**os.environ, OUTLIVES_ATTEMPTS: "yes", **more}
            told = {"launcher": command[2], "arguments": command[3:], "environment": environment}
            writer.write(json.dumps(told).encode() + b"\n")
            answer = json.loads(await asyncio.wait_for(reader.read(), _SECONDS))
        finally:
            writer.close()
        if answer["code"] != 0:
            raise Unavailable("the graph's server could not start", details={"stderr": answer["complaint"]})

    def run(self, program: Path, *arguments: str, environment: Mapping[str, str] = MappingProxyType({})) -> "Program":
        """Run a Python file that serves MCP by the SDK over HTTP."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_SECONDS)
            connection.connect(str(self._listening()))
            told = {"program": str(program), "arguments": arguments, "environment": os.environ | dict(environment)}
            connection.sendall(json.dumps(told).encode() + b"\n")
            return Program(int(connection.makefile().readline()))

    def through(self, program: Path, *arguments: str) -> list[str]:
        """The arguments of Python that run a file which serves MCP by the SDK over stdio."""
        return ["-S", "-E", str(_THROUGH), str(self._listening()), str(program), *arguments]

    def _listening(self) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="launches-")
        path = Path(self._folder.name) / "socket"
        if self._process is None:
            command = [sys.executable, "-m", "tests.launches", str(path)]
            self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE)
            deadline = time.monotonic() + _SECONDS
            while not path.exists():
                assert self._process.poll() is None, "the process that launches has ended"
                assert time.monotonic() < deadline, "the process that launches is not ready"
                time.sleep(0.02)
        return path


@dataclass(frozen=True)
class Program:
    """A running program."""

    pid: int

    def kill(self) -> None:
        """kill -9 it, and wait until it is gone."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                os.kill(self.pid, 0)
                time.sleep(0.002)
            raise AssertionError(f"process {self.pid} does not end")


LAUNCHES = Launches()
"""Of this worker."""


def _launch(told: dict[str, Any], connection: socket.socket) -> None:
    """One launcher, in a process of its own; its exit code is the answer."""
    pid, complaint, code = os.getpid(), "", 1
    try:
        code = sys.modules[told["launcher"]].main(told["arguments"])
    except BaseException:  # noqa: BLE001 - the edge of the process
        complaint = traceback.format_exc()
    if os.getpid() == pid:  # and not what the launcher left behind, which ends here too, long after
        connection.sendall(json.dumps({"code": code, "complaint": complaint}).encode())
    os._exit(code)


def _run(told: dict[str, Any], connection: socket.socket, streams: Sequence[int]) -> None:
    """One program, the leader of a session of its own; the answer is its pid, or the streams are its own."""
    os.setsid()
    if streams:
        _take_over(streams, connection)
        os.chdir(told["folder"])
    else:
        connection.sendall(f"{os.getpid()}\n".encode())
        connection.close()
    sys.argv = [told["program"], *told["arguments"]]
    try:
        runpy.run_path(told["program"], run_name="__main__")
    except BaseException:  # noqa: BLE001 - the edge of the process
        traceback.print_exc()
    finally:
        os._exit(0)


def _take_over(streams: Sequence[int], connection: socket.socket) -> None:
    """Be the process at the other end: speak by its streams, and end when it is gone (SIGIO ends a process)."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    fcntl.fcntl(connection, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(connection, fcntl.F_SETFL, os.O_ASYNC)


def serve(path: Path) -> None:
    """Take requests until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    draft = path.with_suffix(".draft")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(draft))
        listener.listen(128)
        draft.rename(path)
        while sys.stdin.fileno() not in select.select([listener, sys.stdin.fileno()], [], [])[0]:
            connection, _ = listener.accept()
            first, streams, _, _ = socket.recv_fds(connection, 1, 3)
            told = json.loads(first + connection.makefile("rb").readline())
            for module in (told["launcher"],) if "launcher" in told else ("mcp.server", "uvicorn"):
                importlib.import_module(module)
            gc.freeze()
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.environ.clear()
                os.environ.update(told["environment"])
                if "launcher" in told:
                    _launch(told, connection)
                else:
                    _run(told, connection, streams)
            connection.close()
            for stream in streams:
                os.close(stream)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
