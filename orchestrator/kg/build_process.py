"""Runs a graph build in a child process, so that it can be killed and never blocks an event loop.

Used by the build task. The request goes in by standard input, progress comes back as JSON lines, the report as the last
one. Started as ``python -m orchestrator.kg.build_process``.
"""

import asyncio
import dataclasses
import json
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.core.errors import InvalidInput, OrchestratorError, Unavailable
from orchestrator.kg.build import Progress, build_graph

_LINE_LIMIT = 16 * 1024 * 1024
_STDERR_LINES = 20


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build: a checkout's files (all, or those named) into the graph's folder."""

    root: Path
    out: Path
    project_iri: str
    commit: str
    files: Sequence[str] | None = None


async def build_in_process(
    request: BuildRequest, *, on_progress: Callable[[dict[str, Any]], None] | None = None
) -> dict[str, Any]:
    """Build and return the report. Cancelling kills the child; the graph that was there stays."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LINE_LIMIT,
        start_new_session=True,
    )
    try:
        return await _talk(child, request, on_progress)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()


async def _talk(
    child: asyncio.subprocess.Process, request: BuildRequest, on_progress: Callable[[dict[str, Any]], None] | None
) -> dict[str, Any]:
    assert child.stdin and child.stdout and child.stderr
    child.stdin.write(json.dumps(dataclasses.asdict(request), default=str).encode() + b"\n")
    child.stdin.close()
    last_words: deque[str] = deque(maxlen=_STDERR_LINES)
    listening = asyncio.create_task(_keep_last(child.stderr, last_words))
    try:
        async for line in child.stdout:
            told = json.loads(line)
            if "report" in told:
                report: dict[str, Any] = told["report"]
                return report
            if "error" in told:
                raise _as_error(told["error"])
            if on_progress:
                on_progress(told["progress"])
    finally:
        listening.cancel()
    raise Unavailable("the graph build died", details={"last_words": list(last_words)})


async def _keep_last(stream: asyncio.StreamReader, lines: deque[str]) -> None:
    async for line in stream:
        lines.append(line.decode("utf-8", "replace").rstrip()[:500])


def _as_error(told: dict[str, Any]) -> OrchestratorError:
    return InvalidInput(told["message"], field=told.get("field"))


def main() -> None:
    """The child's side."""
    raw = json.loads(sys.stdin.readline())
    request = BuildRequest(**{**raw, "root": Path(raw["root"]), "out": Path(raw["out"])})

    def say(**told: Any) -> None:
        sys.stdout.write(json.dumps(told, default=str) + "\n")
        sys.stdout.flush()

    def progress(step: Progress) -> None:
        say(progress=dataclasses.asdict(step))

    try:
        report = build_graph(
            request.root,
            request.out,
            project_iri=request.project_iri,
            commit=request.commit,
            files=request.files,
            progress=progress,
        )
    except OrchestratorError as error:
        say(error=error.as_dict())
        return
    say(report=dataclasses.asdict(report))


if __name__ == "__main__":
    main()
