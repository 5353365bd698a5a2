"""Write the current graph of a folder as Turtle, N-Triples, JSON-LD, TriG or N-Quads. Used by services, in a thread.

Formats without graph names get the union of all graphs. Loads the graph into memory for the time it takes. A folder may
name a view.
"""

import tempfile
from pathlib import Path

from orchestrator.core.errors import InvalidInput
from orchestrator.kg.query.dataset import Dataset
from orchestrator.kg.snapshot import current_folder, split_view

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
    base, view = split_view(folder)
    store = Dataset(base, current_folder(folder)).become(view)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        draft = Path(scratch) / "graph"
        store.write(draft, media_type)
        draft.replace(target)
    return media_type
