"""Ends a child process and everything it started. Used by every outside world that runs a program.

For children that lead a session of their own (``start_new_session=True``). It starts nothing and reads nothing.
"""

import asyncio
import os
import signal
from contextlib import suppress

OUTLIVES_ATTEMPTS = "ORCHESTRATOR_OUTLIVES_ATTEMPTS"
"""Set in the environment of a process that others share: a worker does not end it with the attempt that started it."""


async def end_child(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of the child's group, whether or not its leader is gone, and reap the leader."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    # asyncio's wait() returns once the pipes are at their end too. A pipe that held more than anybody wanted to read
    # never gets there, nor does one that a stranger inherited: our ends are closed first.
    process._transport.close()  # type: ignore[attr-defined]
    await asyncio.shield(process.wait())
