"""The calling side of processes that stay: query servers and indexers of this host, reached over unix sockets.

Starts one where none runs, once for all callers of this process; a lock file settles races between processes. A request
is one frame, and so is its answer. What is asked is the clients' business.
"""

import asyncio
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.core.child_process import OUTLIVES_ATTEMPTS
from orchestrator.core.errors import (
    BadQuery,
    Conflict,
    InvalidInput,
    NotAcceptable,
    NotFound,
    OrchestratorError,
    QueryRefused,
    TimedOut,
    TooLarge,
    Unavailable,
)
from orchestrator.kg.query.runtime_dir import CODE_ROOT
from orchestrator.kg.query.wire import read_answer, write_request

_ERRORS: dict[str, type[OrchestratorError]] = {
    error.code: error
    for error in (
        BadQuery, QueryRefused, NotAcceptable, TimedOut, TooLarge, Unavailable, NotFound, Conflict, InvalidInput,
    )
}  # fmt: skip
_LAUNCH_SECONDS = 60


class WentAwayError(Exception):
    """The server ended before it answered: what it was asked has happened as a whole or not at all."""


class Launches:
    """Launchers under way in this process, by the socket they are to bring."""

    def __init__(self) -> None:
        self._under_way: dict[Path, asyncio.Task[None]] = {}

    async def start(self, path: Path, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Run a launcher, or wait for the one that runs; ``environment`` is added to ours. Raises Unavailable."""
        task = self._under_way.get(path)
        if task is None:
            task = asyncio.create_task(_start(command, environment or {}))
            self._under_way[path] = task
            task.add_done_callback(lambda _: self._under_way.pop(path, None))
        await asyncio.shield(task)

    async def aclose(self) -> None:
        """Stop waiting for what is starting."""
        launches = list(self._under_way.values())
        for launch in launches:
            launch.cancel()
        await asyncio.gather(*launches, return_exceptions=True)


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: dict[str, Any], seconds: float
) -> tuple[dict[str, Any], bytes]:
    """Send one request and read its answer, or raise the error it tells of; Unavailable or WentAwayError if none."""
    try:
        async with asyncio.timeout(seconds):
            await write_request(writer, request)
            head, body = await read_answer(reader)
    except TimeoutError as error:
        raise Unavailable("the graph's server does not answer", details={"seconds": seconds}) from error
    except (ConnectionError, asyncio.IncompleteReadError) as error:
        raise WentAwayError from error
    finally:
        # Closing also tells the server to end what it does for us when we were cancelled.
        writer.close()
    if "error" in head:
        told = head["error"]
        kind = _ERRORS.get(told["code"], Unavailable)
        raise kind(told["message"], field=told.get("field"), hint=told.get("hint"), details=told.get("details"))
    return head, body


async def _start(command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run the launcher, which leaves a server behind and returns once its socket listens."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=CODE_ROOT, env={**os.environ, OUTLIVES_ATTEMPTS: "yes", **environment},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_LAUNCH_SECONDS):
            _, complaint = await process.communicate()
    except TimeoutError as error:
        message = "the graph's server did not start in time"
        raise Unavailable(message, details={"seconds": _LAUNCH_SECONDS}) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        words = complaint[-2000:].decode(errors="replace")
        raise Unavailable("the graph's server could not start", details={"stderr": words})
