"""``python -m benchmarks.repositories COMMAND [NAME…]``: our graph of repositories nobody here wrote, checked by hand.

``build`` fetches, builds, validates and draws a sample; ``show`` prints the calls of a sample to read; ``table`` writes
the page's table from the samples. FOLDER names where sources and graphs are kept (a temporary folder without it).
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import pyoxigraph as ox

from benchmarks.repositories.sampling import draw, load, save, to_read
from benchmarks.repositories.shapes import violations
from benchmarks.repositories.sources import REPOSITORIES, Repository, fetch
from benchmarks.repositories.table import write_page
from orchestrator.kg.indexing.process import BuildRequest, build_in_process
from orchestrator.kg.snapshot import GRAPH, current_folder

_FIGURES = ("files", "lines", "classes", "functions", "calls", "may_call", "triples", "skipped_total", "seconds")


def _build(one: Repository, folder: Path) -> None:
    source, graph = fetch(one, folder / "sources"), folder / "graphs" / one.name
    request = BuildRequest(source, graph, f"urn:orchestrator:project:{one.name}", one.version)
    report = asyncio.run(build_in_process(request))
    store = ox.Store()
    store.bulk_load(path=str(current_folder(graph) / GRAPH), format=ox.RdfFormat.N_QUADS)
    nodes, seen, wrong = violations(store)
    figures = {name: report[name] for name in _FIGURES}
    figures |= {"nodes": nodes, "validated": seen, "violations": len(wrong)}
    save(one, figures, draw(one, store))
    print(one.label, figures, *wrong, sep="\n")


def _show(one: Repository, folder: Path) -> None:
    source = fetch(one, folder / "sources")
    for number, drawn in enumerate(load(one.sample), start=1):
        print(f"\n--- {one.name} {number}", *to_read(source, drawn), sep="\n")


def main() -> None:
    """Do what the command line names, for all repositories or those named."""
    command, names = (sys.argv[1] if len(sys.argv) > 1 else ""), sys.argv[2:]
    chosen = [one for one in REPOSITORIES if not names or one.name in names]
    if command == "table":
        return write_page()
    if command not in ("build", "show") or not chosen:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="orchestrator-repositories-") as temporary:
        folder = Path(os.environ.get("FOLDER", temporary))
        for one in chosen:
            (_build if command == "build" else _show)(one, folder)
    return None


if __name__ == "__main__":
    main()
