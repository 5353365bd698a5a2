"""The process behind ``build_process``: one JSON request on stdin, JSON lines on stdout.

The lines are progress, then a report or an error. Knows nothing of who asked.
"""

import gc
import json
import os
import resource
import sys
from dataclasses import asdict
from pathlib import Path

from orchestrator.core.errors import OrchestratorError
from orchestrator.kg.indexing.build import Progress, build_graph


def main() -> int:
    """Build as asked. The exit code is 0 when a report or an error was told."""
    request = json.load(sys.stdin)
    limit = request["memory_bytes"]
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    gc.disable()  # what a build makes it keeps until it ends
    os.nice(5)  # a long build leaves the processors to whoever answers people
    try:
        report = build_graph(
            Path(request["root"]),
            Path(request["out"]),
            project_iri=request["project_iri"],
            commit=request["commit"],
            files=request["files"],
            progress=_tell_progress,
            may_fork=True,
        )
    except OrchestratorError as error:
        _tell("error", error.as_dict())
    else:
        _tell("report", report.as_dict())
    return 0


def _tell_progress(progress: Progress) -> None:
    _tell("progress", asdict(progress))


def _tell(what: str, value: object) -> None:
    # Paths may hold bytes that are no text; ASCII JSON escapes them.
    sys.stdout.write(json.dumps({what: value}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # All is told and flushed. To take millions of objects apart would cost seconds; the kernel drops them at once.
    os._exit(main())
