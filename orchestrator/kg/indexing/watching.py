"""Tells which files below a folder were written, in small batches, as it happens.

Used by the service that follows folders. watchfiles does the watching; what a change means is not its business.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import watchfiles

from orchestrator.core.errors import Unavailable
from orchestrator.kg.indexing.wanted import is_wanted

_STEP_MS = 10
_LONGEST_BATCH_MS = 200


async def changes(root: Path) -> AsyncIterator[set[str]]:
    """Batches of paths, relative to the absolute ``root``, that were written, made, moved or deleted.

    A batch ends when nothing happens for a moment. Raises Unavailable when the folder cannot be watched (any more).
    """

    start = len(os.fspath(root)) + 1

    def wanted(_: watchfiles.Change, path: str) -> bool:
        return is_wanted(path[start:])

    try:
        batches = watchfiles.awatch(root, watch_filter=wanted, step=_STEP_MS, debounce=_LONGEST_BATCH_MS)
        async for batch in batches:
            yield {path[start:] for _, path in batch} - {""}
    except (OSError, RuntimeError) as error:
        raise Unavailable(f"the folder cannot be watched: {error}"[:500]) from error
