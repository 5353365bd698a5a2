"""A new snapshot out of the old one and its journal, so that neither grows without end. Used by the indexer when idle.

Nothing is parsed or linked: lines of graphs that are still named are copied. Views begin anew at their next update.
"""

import shutil
from collections.abc import Set
from pathlib import Path

from orchestrator.kg.journal import MAIN, read
from orchestrator.kg.snapshot import FACTS, GRAPH, NAMES, REPORT, new_snapshot


def compact(folder: Path, old: Path, names: Set[str]) -> str:
    """Write the graphs of these names as a snapshot and make it current; returns its id.

    ``old`` is the folder of the snapshot they come from. Raises Conflict while a build runs.
    """
    with new_snapshot(folder, old.name.rpartition("-")[2]) as (snapshot, draft):
        left = set(names)
        with (draft / GRAPH).open("w", encoding="utf-8") as target, (old / GRAPH).open(encoding="utf-8") as source:
            for line in source:
                name = line.rpartition(" <")[2].partition(">")[0]
                if name in names:
                    left.discard(name)
                    target.write(line)
            for delta in read(old)[0]:
                for name in left & delta.added.keys() if delta.view == MAIN else ():
                    left.discard(name)
                    target.write(delta.added[name])
        (draft / NAMES).write_text("".join(f"{name}\n" for name in sorted(names)), "utf-8")
        for kept in (FACTS, REPORT):
            shutil.copyfile(old / kept, draft / kept)
    return snapshot
