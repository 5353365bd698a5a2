"""Query results as bytes in the wanted format, within a row and a byte limit. Used by the query worker.

It knows neither processes nor requests.
"""

import pyoxigraph as ox

from orchestrator.core.errors import TooLarge
from orchestrator.kg.query.formats import GRAPH_FORMATS, RESULT_FORMATS
from orchestrator.kg.query.store import Results

_PREFIXES = {
    "c": "https://w3id.org/orchestrator/code#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "prov": "http://www.w3.org/ns/prov#",
    "dct": "http://purl.org/dc/terms/",
}


class _FullError(Exception):
    """The row limit is passed; what was collected stays good."""


class _Sink:
    """Collects a line-per-row serialisation; stops the engine at the row limit, so no more is computed than wanted."""

    def __init__(self, lines: int, size: int) -> None:
        self.parts: list[bytes] = []
        self._lines, self._size = lines, size

    def write(self, data: bytes) -> int:
        self.parts.append(bytes(data))
        self._lines -= data.count(b"\n")
        self._size -= len(data)
        if self._size < 0:
            raise TooLarge("the answer is larger than it may be", field="query")
        if self._lines < 0:
            raise _FullError
        return len(data)

    def flush(self) -> None:
        """Nothing is buffered."""


def serialise(results: Results, media_type: str, rows: int, size: int) -> tuple[bytes, int, bool]:
    """Body, rows in it, and whether more were cut off.

    TSV and N-Triples write one row per line and lose nothing, so limits count there; other formats are made from that.
    """
    if isinstance(results, ox.QueryBoolean):
        return results.serialize(format=RESULT_FORMATS[media_type]) or b"", 1, False
    header = 1 if isinstance(results, ox.QuerySolutions) else 0
    sink = _Sink(rows + header, size)
    try:
        if isinstance(results, ox.QuerySolutions):
            results.serialize(sink, format=ox.QueryResultsFormat.TSV)  # type: ignore[arg-type]
        else:
            results.serialize(sink, format=ox.RdfFormat.N_TRIPLES)  # type: ignore[arg-type]
    except _FullError:
        pass
    return finish(b"".join(sink.parts), media_type, rows, size, tabular=bool(header))


def finish(lines: bytes, media_type: str, rows: int, size: int, *, tabular: bool) -> tuple[bytes, int, bool]:
    """Body, rows in it and whether more were cut off, of an answer that came as TSV or as N-Triples lines.

    What follows the last line end is dropped. Raises TooLarge.
    """
    header = 1 if tabular else 0
    found = lines.split(b"\n")
    truncated = len(found) - 1 - header > rows
    kept = found[: rows + header] if truncated else found[:-1]
    table = b"\n".join(kept) + b"\n" if kept else b""
    body = _convert(table, media_type, tabular=tabular)
    if len(body) > size:
        raise TooLarge("the answer is larger than it may be", field="query", details={"bytes": size})
    return body, len(kept) - header, truncated


def _convert(table: bytes, media_type: str, *, tabular: bool) -> bytes:
    if tabular:
        if media_type == "text/tab-separated-values":
            return table
        solutions = ox.parse_query_results(table, format=ox.QueryResultsFormat.TSV)
        assert isinstance(solutions, ox.QuerySolutions)
        return solutions.serialize(format=RESULT_FORMATS[media_type]) or b""
    if media_type == "application/n-triples":
        return table
    quads = ox.parse(table, format=ox.RdfFormat.N_TRIPLES)
    triples = (quad.triple for quad in quads)
    return ox.serialize(triples, format=GRAPH_FORMATS[media_type], prefixes=_PREFIXES) or b""
