"""``python -m benchmarks.kg_load FOLDER``: loads a graph's snapshot as the query server does, and asks it one thing.

A process of its own, so that its cost is its own. Used by the benchmark of the cold build.
"""

import sys
from pathlib import Path

from orchestrator.kg.query.store import OxigraphStore
from orchestrator.kg.rdf.vocabulary import CODE
from orchestrator.kg.snapshot import GRAPH, current_folder


def main(folder: str) -> None:
    """Load it, and find that it has calls."""
    store = OxigraphStore(current_folder(Path(folder)) / GRAPH)
    found = store.query(f"ASK {{ ?s <{CODE}calls> ?o }}", substitutions={}, default_graphs=(), named_graphs=())
    assert found, "the graph has no calls"


if __name__ == "__main__":
    main(sys.argv[1])
