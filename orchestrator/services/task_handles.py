"""The ids under which MCP clients follow calls that became tasks: opaque, of one user, good in every process.

Used by the MCP door. A handle carries, sealed, whose it is, where the task is and what it is called there. So nothing
is stored, two servers' ids cannot clash, and a handle outlives restarts and reconnects as long as the task does.
"""

from dataclasses import dataclass
from uuid import UUID

from orchestrator.core.errors import NotConfigured
from orchestrator.core.secretbox import SecretBox

_PURPOSE = "mcp-task-handle"
_MOST = 16_384


@dataclass(frozen=True, slots=True)
class Handle:
    """A task of a server behind us (``server_id``), or a call kept as a task of ours (``server_id`` None)."""

    user_id: UUID
    server_id: UUID | None
    task_id: str


class TaskHandles:
    """Seals and opens handles."""

    def __init__(self, box: SecretBox) -> None:
        self._box = box

    def seal(self, handle: Handle) -> str:
        """The handle as a client gets it."""
        where = "here" if handle.server_id is None else handle.server_id.hex
        return self._box.encrypt(" ".join((_PURPOSE, handle.user_id.hex, where, handle.task_id)))

    def open(self, sealed: str, user_id: UUID) -> Handle | None:
        """What was sealed; None for what was never given out, or to somebody else."""
        if len(sealed) > _MOST:
            return None
        try:
            purpose, owner, where, task_id = self._box.decrypt(sealed).split(" ", 3)
        except (NotConfigured, ValueError):
            return None
        if purpose != _PURPOSE or owner != user_id.hex:
            return None
        return Handle(user_id, None if where == "here" else UUID(where), task_id)
