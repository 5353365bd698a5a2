"""What belongs to a working tree: files that git tracks, and new ones that it is not told to ignore.

Used where a graph follows a folder that people or agents work in. It reads no file and changes nothing.
"""

from collections.abc import Iterable
from pathlib import Path

from orchestrator.git.program import run_git

_MOST_NAMED = 500


async def working_files(root: Path, paths: Iterable[str] | None = None) -> list[str]:
    """Paths that belong to the tree at ``root``, all or those of the given ones; some may be deleted on disk.

    Raises RepositoryFailed where the folder is no git working tree.
    """
    named = sorted(paths) if paths is not None else []
    wanted = named if len(named) <= _MOST_NAMED else []
    told = await run_git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *wanted, cwd=root)
    return sorted(set(told.text.split("\0")) - {""})
