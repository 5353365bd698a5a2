"""Runs a program for an agent: argument list, own process group, bounded output, a time limit. Used by code-mods.

The group is killed whole when time is up or the caller is cancelled. The environment is minimal: our own settings and
secrets are not in it. It knows no particular program.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.core.child_process import end_child
from orchestrator.core.errors import AgentFailed, TimedOut

_INHERITED = ("PATH", "LANG", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Finished:
    """A program's end: its exit code and what it wrote."""

    exit_code: int
    output: bytes
    errors: str


async def run_program(
    command: Sequence[str], *, cwd: Path, timeout: float, max_output: int = 16 * 1024 * 1024
) -> Finished:
    """Run a program to its end, ``timeout`` in seconds; AgentFailed when it writes more than ``max_output`` bytes."""
    environment = {name: value for name, value in os.environ.items() if name in _INHERITED}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env={"HOME": "/nonexistent", "LC_ALL": "C.UTF-8", **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            output, errors = await asyncio.gather(_read(process.stdout, max_output), _read(process.stderr, max_output))
            code = await process.wait()
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise TimedOut(f"{command[0]} took longer than {timeout:g} s.", details={"seconds": timeout}) from error
    finally:
        await end_child(process)
    return Finished(code, output, errors.decode("utf-8", "replace"))


async def _read(stream: asyncio.StreamReader, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while chunk := await stream.read(_CHUNK):
        size += len(chunk)
        if size > most:
            raise AgentFailed(f"The program wrote more than {most} bytes.")
        parts.append(chunk)
    return b"".join(parts)
