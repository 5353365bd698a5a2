"""Whether git would merge two changes of one file by itself, and where not.

Used by ``services.collisions`` on files of two worktrees. Git decides: equal lines can be matched in several ways, and
only its own way counts. ``core.collisions`` says where. Touches no repository.
"""

import asyncio
import tempfile
from pathlib import Path

from orchestrator.core.collisions import Span, collisions
from orchestrator.git.program import run_git

_NAMES = ("one", "base", "other")
_CONFLICTS = range(129)
_BINARY = 255


async def colliding_spans(base: str | None, one: str | None, other: str | None) -> list[Span]:
    """Lines of the original that both changed so that git would ask a person; None is a file that is not there."""
    if base is None or one is None or other is None or one == other or base in (one, other):
        return collisions(base, one, other)
    if await _merges(one, base, other):
        return []
    return await asyncio.to_thread(collisions, base, one, other) or [(0, len(base.splitlines()))]


async def _merges(*texts: str) -> bool:
    """In the order that git takes them: one, base, other."""
    with tempfile.TemporaryDirectory(prefix="merge-") as name:
        folder = Path(name)
        await asyncio.to_thread(_write, folder, texts)
        done = await run_git("merge-file", "-p", "-q", *_NAMES, cwd=folder, accept=(*_CONFLICTS, _BINARY))
    return done.exit_code == 0


def _write(folder: Path, texts: tuple[str, ...]) -> None:
    for name, text in zip(_NAMES, texts, strict=True):
        (folder / name).write_text(text, encoding="utf-8", newline="")
