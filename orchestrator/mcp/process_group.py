"""Starting and ending a local server as a process group of its own, so that nothing it started outlives it.

Used by the stdio transport. POSIX only. It neither reads nor writes the server's pipes.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping
from contextlib import suppress

from orchestrator.core.errors import ServerUnreachable

_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "LANGUAGE")
_POLL_SECONDS = 0.01


def minimal_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """What a server may see of our environment, and what its entry adds: our own secrets stay ours."""
    inherited = {name: value for name, value in os.environ.items() if name in _INHERITED or name.startswith("LC_")}
    return {"PATH": os.defpath, **inherited, **extra}


def resolve_command(command: str, environment: Mapping[str, str]) -> str:
    """The program's path by the server's own PATH, or ServerUnreachable saying that there is none."""
    found = shutil.which(command, path=environment.get("PATH"))
    if found is None:
        raise ServerUnreachable(f"The command {command!r} was not found.", field="command")
    return found


def group_alive(group: int) -> bool:
    """Whether any process of the group is still there."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


async def end_group(group: int, *, grace_seconds: float, term_seconds: float = 1.0) -> None:
    """Wait for the group to leave on its own, then TERM, then KILL; returns when it is gone or was killed."""
    if await _gone_within(group, grace_seconds):
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGTERM)
    if await _gone_within(group, term_seconds):
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
    await _gone_within(group, 1.0)


async def _gone_within(group: int, seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while group_alive(group):
        if loop.time() >= deadline:
            return False
        await asyncio.sleep(_POLL_SECONDS)
    return True
