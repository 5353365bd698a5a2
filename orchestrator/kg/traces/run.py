"""What to add to a test command so that it is traced, and its traces afterwards. For whoever runs tests.

    with tempfile.TemporaryDirectory() as traces:
        environment |= tracing_environment(Path(traces), root, environment)
        …run the command…
        convert_coverage(Path(traces), root)  # of node; what Node wrote
        # then GraphUpdates.observe(…, traces), or an upload of joined(traces)

Nothing in the repository changes, and a command that is no Python program just leaves no trace. It runs nothing itself.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from orchestrator.core.errors import TooLarge
from orchestrator.kg.traces.read import MAX_BYTES, MAX_FILES

ROOT, FOLDER = "ORCHESTRATOR_TRACE_ROOT", "ORCHESTRATOR_TRACE_FOLDER"
INJECTED = Path(__file__).parent / "inject"


def tracing_environment(traces: Path, root: Path, environment: Mapping[str, str] = {}) -> dict[str, str]:
    """The variables to add for a program that works on the tree at ``root``; ``environment`` is what it has anyway.

    ``traces`` is an existing folder of this run's own. Python programs write their traces there, Node its coverage.
    """
    path = environment.get("PYTHONPATH", "")
    return {
        ROOT: os.fspath(root.absolute()),
        FOLDER: os.fspath(traces.absolute()),
        "PYTHONPATH": os.pathsep.join(filter(None, (os.fspath(INJECTED), path))),
        "NODE_V8_COVERAGE": os.fspath(traces.absolute()),
    }


def joined(traces: Path) -> bytes:
    """All traces of a run as one text. Raises TooLarge."""
    paths = sorted(path for path in traces.glob("*.trace") if path.is_file() and not path.is_symlink())
    if len(paths) > MAX_FILES or sum(path.stat().st_size for path in paths) > MAX_BYTES:
        raise TooLarge("the traces are too large", field="traces")
    return b"".join(_whole(path.read_bytes()) for path in paths)


def _whole(data: bytes) -> bytes:
    """Without the zeros at the end, and with an end of the last line; one that a kill tore is none a reader takes."""
    data = data.rstrip(b"\0")
    return data if not data or data.endswith(b"\n") else data + b"\n"
