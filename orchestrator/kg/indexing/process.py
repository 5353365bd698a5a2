"""Run a build in a process of its own, so that it can be cancelled, and tell its progress as it goes.

Used by services from an event loop. The child reads one JSON request on stdin and writes JSON lines on stdout.
Cancelling the call kills the child and what it started; the graph that was there stays.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.core.child_process import end_child
from orchestrator.core.errors import (
    Conflict,
    InvalidInput,
    OrchestratorError,
    TimedOut,
    ToolFailed,
    Unavailable,
)
from orchestrator.kg.query.runtime_dir import CODE_ROOT

_LINE_LIMIT = 16 * 1024 * 1024
_ERRORS: dict[str, type[OrchestratorError]] = {error.code: error for error in (Conflict, InvalidInput, Unavailable)}


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build; see ``build.build_graph``. ``memory_bytes`` bounds the process, ``seconds`` its wall time."""

    root: Path
    out: Path
    project_iri: str
    commit: str
    files: Sequence[str] | None = None
    memory_bytes: int = 4 * 1024 * 1024 * 1024
    seconds: float = 3600.0


async def build_in_process(
    request: BuildRequest, *, on_progress: Callable[[dict[str, Any]], None] | None = None
) -> dict[str, Any]:
    """Build and return the report as JSON has it. Progress is ``{phase, done, total}``.

    Raises what ``build_graph`` raises, TimedOut past its seconds, ToolFailed when the process dies.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "orchestrator.kg.indexing.worker",
        cwd=CODE_ROOT, limit=_LINE_LIMIT, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(request.seconds):
            return await _converse(process, request, on_progress)
    except TimeoutError as error:
        raise TimedOut("the graph build took too long", details={"seconds": request.seconds}) from error
    finally:
        if process.returncode is None:
            await end_child(process)


async def _converse(
    process: asyncio.subprocess.Process, request: BuildRequest, on_progress: Callable[[dict[str, Any]], None] | None
) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    complaint = asyncio.create_task(process.stderr.read(64 * 1024))
    try:
        process.stdin.write(_encode(request))
        with suppress(ConnectionError):  # it died: its exit says more
            await process.stdin.drain()
        process.stdin.close()
        async for line in process.stdout:
            told = json.loads(line)
            if "report" in told:
                report: dict[str, Any] = told["report"]
                await process.wait()
                return report
            if "error" in told:
                raise _as_error(told["error"])
            if on_progress is not None:
                on_progress(told["progress"])
        code, words = await process.wait(), (await complaint).decode(errors="replace")
        raise ToolFailed("the graph build died", details={"exit": code, "stderr": words[-2000:]})
    finally:
        complaint.cancel()


def _encode(request: BuildRequest) -> bytes:
    told = {
        "root": os.fspath(request.root.resolve()),
        "out": os.fspath(request.out.resolve()),
        "project_iri": request.project_iri,
        "commit": request.commit,
        "files": list(request.files) if request.files is not None else None,
        "memory_bytes": request.memory_bytes,
    }
    return json.dumps(told).encode()


def _as_error(told: dict[str, Any]) -> OrchestratorError:
    kind = _ERRORS.get(told["code"], ToolFailed)
    return kind(told["message"], field=told.get("field"), hint=told.get("hint"), details=told.get("details"))
