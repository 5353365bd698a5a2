"""The process of an agent: started enclosed where the kernel allows it, ended whole. Used by session and terminals.

Its environment is minimal, its pipes are bounded, the last it wrote to stderr is kept. It knows no protocol.
"""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from orchestrator.core.child_process import end_child
from orchestrator.core.errors import AgentFailed
from orchestrator.sandbox.ending import end, sweep
from orchestrator.sandbox.starter import Start, Starter
from orchestrator.sandbox.wish import Wish

_STDERR_BYTES = 8192
_CHUNK = 64 * 1024


class AgentProcess:
    """One running program with everything it started."""

    def __init__(self, process: asyncio.subprocess.Process, start: Start) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self.start = start
        self.writer = process.stdin
        self.reader = process.stdout
        self._stderr = b""
        self._listening = asyncio.create_task(self._listen(process.stderr), name="agent-stderr")

    @classmethod
    async def spawn(
        cls,
        starter: Starter,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        wish: Wish,
        cwd: Path,
        ours: Mapping[str, bool],
        line_bytes: int,
    ) -> "AgentProcess":
        """Start a program; AgentFailed when it cannot be, NotConfigured without a sandbox that must be."""
        start = await starter.start(command, environment=environment, wish=wish, cwd=str(cwd), ours=ours)
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *start.arguments, env=dict(environment), stdin=pipe, stdout=pipe, stderr=pipe, limit=line_bytes,
                start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            raise AgentFailed(f"The program could not be started: {error}.") from error
        return cls(process, start)

    @property
    def exit_code(self) -> int | None:
        """How it ended; negative: the signal it died of."""
        return self._process.returncode

    def how_it_ended(self) -> str:
        """For people: how it ended, with its last words."""
        code = self.exit_code
        if code is None:
            how = "closed its output"
        else:
            how = f"was killed by signal {-code}" if code < 0 else f"exited with status {code}"
        words = "\n".join(self._stderr.decode(errors="replace").strip().splitlines()[-8:])[-1500:]
        return f"{how}: {words}" if words else how

    async def exited(self) -> int:
        """Wait for its end; what it still says on stderr is heard first."""
        await asyncio.wait([self._listening], timeout=1.0)
        return await self._process.wait()

    async def stop(self, grace_seconds: float) -> None:
        """End it and all it started; returns when nothing is left. Not to be cancelled in the middle."""
        stopping = asyncio.create_task(self._stop(grace_seconds), name="agent-stop")
        try:
            await asyncio.shield(stopping)
        finally:
            # Cancelled or not, nothing may be left behind.
            while not stopping.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.shield(stopping)

    async def _stop(self, grace_seconds: float) -> None:
        with suppress(OSError, RuntimeError):
            self.writer.close()
        # A full pipe would keep it from leaving, and us from seeing that it left.
        draining = asyncio.create_task(self._drain())
        try:
            await end(self._process.pid, self._process.wait, grace_seconds=grace_seconds)
        finally:
            draining.cancel()
            self._listening.cancel()
            await asyncio.gather(draining, self._listening, return_exceptions=True)
            await end_child(self._process)
            if self.exit_code == -signal.SIGKILL:
                # Nobody was left to take what it started along.
                await asyncio.to_thread(sweep, self._process.pid)

    async def _drain(self) -> None:
        with suppress(ConnectionError):
            while await self.reader.read(_CHUNK):
                pass

    async def _listen(self, stderr: asyncio.StreamReader) -> None:
        with suppress(ConnectionError):
            while chunk := await stderr.read(_CHUNK):
                self._stderr = (self._stderr + chunk)[-_STDERR_BYTES:]
