"""The event loop of the API and the workers: uvloop, but programs are started as the standard library does it.

Used by ``cli.serving`` and ``worker``: it halves what a statement to the database costs the process that asks. Uvloop
copies the whole process for each program it starts, and everybody waits for that: with a few hundred megabytes in
memory ten times as long as ``vfork`` takes, which copies nothing. Where a kernel cannot watch a process by a
descriptor, uvloop's own way is taken.
"""

import asyncio
import os
import subprocess
from asyncio.base_subprocess import BaseSubprocessTransport
from collections.abc import Callable
from typing import Any

import uvloop


class Loop(uvloop.Loop):
    """Uvloop with another way to start programs."""

    async def subprocess_exec(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], asyncio.SubprocessProtocol],
        program: str,
        *args: str,
        stdin: int | None = subprocess.PIPE,
        stdout: int | None = subprocess.PIPE,
        stderr: int | None = subprocess.PIPE,
        **kwargs: Any,
    ) -> tuple[asyncio.SubprocessTransport, asyncio.SubprocessProtocol]:
        """Start a program, as ``asyncio`` describes it."""
        streams = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
        if not hasattr(os, "pidfd_open"):
            return await super().subprocess_exec(protocol_factory, program, *args, **streams, **kwargs)  # type: ignore[return-value]
        protocol, connected = protocol_factory(), self.create_future()
        child = _Child(
            self, protocol, (program, *args), False, stdin, stdout, stderr, 0, waiter=connected, **kwargs
        )  # fmt: skip
        self._tell_its_end(child)
        try:
            await connected
        except BaseException:
            child.close()
            await child._wait()
            raise
        return child, protocol

    def _tell_its_end(self, child: "_Child") -> None:
        """Have the child told once its process has ended."""
        descriptor = os.pidfd_open(child.process.pid)

        def ended() -> None:
            self.remove_reader(descriptor)
            os.close(descriptor)
            child._process_exited(child.process.wait())

        self.add_reader(descriptor, ended)


class _Child(BaseSubprocessTransport):
    """A process and its pipes."""

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process, which was started."""
        assert self._proc is not None
        return self._proc

    def _start(self, args: Any, shell: bool, stdin: Any, stdout: Any, stderr: Any, bufsize: int, **kwargs: Any) -> None:
        self._proc = subprocess.Popen(args, stdin=stdin, stdout=stdout, stderr=stderr, bufsize=bufsize, **kwargs)
