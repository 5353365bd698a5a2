"""``python -m benchmarks.kg_load FOLDER``: loads a graph's snapshot as the query server does, and asks it one thing.

A process of its own, so that its cost is its own. Used by the benchmark of the cold build.
"""

import os
import sys
import time
from pathlib import Path

from orchestrator.kg.query.dataset import Dataset
from orchestrator.kg.rdf.vocabulary import CODE
from orchestrator.kg.snapshot import current_snapshot, draft_of, snapshot_folder


def main(folder: Path) -> None:
    """Load it, also while it is written, and find that it has calls."""
    while not (snapshot := draft_of(folder) or current_snapshot(folder)):
        time.sleep(0.05)
    store = Dataset(folder, snapshot_folder(folder, snapshot)).store
    found = store.query(f"ASK {{ ?s <{CODE}calls> ?o }}", substitutions={}, default_graphs=(), named_graphs=())
    assert found, "the graph has no calls"
    os._exit(0)  # a server keeps its store: to take it apart is no part of the cost


if __name__ == "__main__":
    main(Path(sys.argv[1]))
