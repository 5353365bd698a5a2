"""Takes the traces of a run into a project's ledger, in words of the tree the run was made in.

Used by the live graph, which has the facts of that very tree. What ran in another version of a file is not told.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.kg.facts import FileFacts
from orchestrator.kg.indexing.tree_state import Content
from orchestrator.kg.traces.ledger import Run, load_ledger, save_ledger
from orchestrator.kg.traces.match import match
from orchestrator.kg.traces.read import Version, read_folder

_SHOWN = 20


def take_in(folder: Path, traces: Path, run: Run, contents: Mapping[str, Content]) -> dict[str, Any]:
    """Add a run to the ledger below ``folder``; returns what was seen, and what was not told and why.

    Raises TooLarge where the traces are. A run that was taken in before, by its id, is not counted again.
    """

    def facts_of(version: Version) -> FileFacts | None:
        content = contents.get(version.path)
        same = content is not None and content.file is not None and content.file.blob == version.blob
        return content.facts if content is not None and same else None

    seen = match(read_folder(traces), facts_of)
    ledger = load_ledger(folder)
    run = ledger.add(run, seen)
    save_ledger(folder, ledger)
    return {
        "run": run.id,
        "calls": len(seen.calls),
        "tests": sum(test is not None for test in seen.covered),
        "covered": len({function for functions in seen.covered.values() for function in functions}),
        "stale": sorted(seen.stale)[:_SHOWN],
        "stale_files": run.stale,
        "unknown_code": len(seen.unknown),
        "left_out": run.left_out,
    }
