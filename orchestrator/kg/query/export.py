"""Write the current graph of a folder as Turtle, N-Triples, JSON-LD, TriG or N-Quads. Used by services, in a thread.

Formats without graph names get the union of all graphs. Loads the snapshot into memory for the time it takes.
"""

import tempfile
from pathlib import Path

from orchestrator.core.errors import InvalidInput
from orchestrator.kg.query.store import OxigraphStore
from orchestrator.kg.snapshot import GRAPH, current_folder

MEDIA_TYPES = {
    "turtle": "text/turtle",
    "ntriples": "application/n-triples",
    "jsonld": "application/ld+json",
    "trig": "application/trig",
    "nquads": "application/n-quads",
    "rdfxml": "application/rdf+xml",
}


def export_graph(folder: Path, format_name: str, target: Path) -> str:
    """Write the current graph to ``target``, whole or not at all; returns the media type.

    Raises InvalidInput (field ``format``) for a format that is none of MEDIA_TYPES, NotFound before the first build.
    """
    media_type = MEDIA_TYPES.get(format_name)
    if media_type is None:
        raise InvalidInput(f"no such format; there are {', '.join(MEDIA_TYPES)}", field="format")
    source = current_folder(folder) / GRAPH
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        draft = Path(scratch) / "graph"
        OxigraphStore(source).write(draft, media_type)
        draft.replace(target)
    return media_type
