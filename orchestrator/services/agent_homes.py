"""Homes for the programs of agents: a folder for each task, where a later attempt finds its sessions again.

Used by ``run_agent``. A home in which something was kept stays while a criterion or a review may send the task back to
its agent; ``left_behind`` removes those of tasks that are over for a day. No other sandbox sees them.
"""

import asyncio
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from orchestrator.git.local import remove_tree


class AgentHomes:
    """Folders below one."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def of(self, task_id: UUID) -> Path:
        """The task's home, made when it is first asked for."""
        path = self._root / str(task_id)
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    async def leave(self, task_id: UUID) -> None:
        """Delete the home if nothing was kept there."""
        await asyncio.to_thread(_remove_empty, self._root / str(task_id))

    async def remove(self, task_id: UUID) -> None:
        """Delete the task's home, what was made read-only there too; quiet when there is none."""
        await remove_tree(self._root / str(task_id))

    async def list(self) -> list[UUID]:
        """The tasks that have one."""
        return await asyncio.to_thread(_found, self._root)


def _remove_empty(path: Path) -> None:
    with suppress(OSError):  # something is kept there, or another worker was quicker
        path.rmdir()


def _found(root: Path) -> list[UUID]:
    found = []
    for path in root.glob("*-*-*-*-*"):
        with suppress(ValueError):  # nothing of ours
            found.append(UUID(path.name))
    return found
