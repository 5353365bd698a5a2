"""The triples of a snapshot as one stream, also while they are still being written. Used by the query server.

A draft's folder is renamed when all of it is durable: what is in the file then is all there is. Where the build ends
otherwise, reading fails. It knows nothing of RDF.
"""

import time
from pathlib import Path
from typing import BinaryIO

from orchestrator.core.errors import Unavailable
from orchestrator.kg.snapshot import GRAPH, current_snapshot, draft_folder, is_written_to, snapshot_folder

_PAUSE = 0.05
# So many pauses without anything new, and it is asked whether anybody is still writing.
_PATIENCE = 20


class GrowingGraph:
    """Reads to the end of a snapshot's triples, and waits for it where it is not written yet."""

    def __init__(self, folder: Path, snapshot: str) -> None:
        self._folder, self._snapshot = folder, snapshot
        self._draft, self._whole = draft_folder(folder, snapshot), snapshot_folder(folder, snapshot)
        self._pauses = 0
        self._is_whole = self._is_published()
        self._file = self._opened()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes, as soon as there are any; none at the end. Raises Unavailable where no end will come."""
        while not (found := self._file.read(size)) and not self._is_whole:
            self._wait()
        return found

    def _opened(self) -> BinaryIO:
        while True:
            path = (self._whole if self._is_whole else self._draft) / GRAPH
            try:
                return path.open("rb")
            except OSError as error:
                if self._is_whole:
                    raise Unavailable("the stored graph cannot be read", details={"cause": str(error)}) from error
            self._wait()

    def _wait(self) -> None:
        """Until there may be more. What is whole is read once more: the end may have come just before the name."""
        self._is_whole = self._is_published()
        if self._is_whole:
            return
        self._pauses += 1
        writing = self._pauses % _PATIENCE or is_written_to(self._folder)
        if not (writing and self._draft.is_dir()) and not self._whole.is_dir():
            raise Unavailable("the graph is not written any more, and was not finished")
        time.sleep(_PAUSE)

    def _is_published(self) -> bool:
        """Whether all of it is there, and queries see it, or nobody is about to make them see it."""
        if not self._whole.is_dir():
            return False
        return current_snapshot(self._folder) == self._snapshot or not is_written_to(self._folder)
