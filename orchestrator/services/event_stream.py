"""A task's events as they happen: what is stored after a number, exactly once, then each new one, until the task ends.

Used by the SSE door and the MCP door. The table is read, never a message: Redis only says when to look.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import UUID

from orchestrator.core.errors import Unavailable
from orchestrator.core.events import Event
from orchestrator.core.states import TERMINAL
from orchestrator.eventlog.wake import Wake
from orchestrator.models.database import Database
from orchestrator.models.task_store import read_on

_LOOK_AGAIN_SECONDS = 2.0
"""How long silence is trusted; covers a wake message lost with a restart of Redis."""
_PAGE = 200


class EventStream:
    """Follows tasks."""

    def __init__(self, database: Database, wake: Wake) -> None:
        self._database = database
        self._wake = wake

    async def follow(self, task_id: UUID, after: int = 0) -> AsyncIterator[Event]:
        """Events numbered above ``after`` in order, without gaps; ends when the task is over or deleted."""
        async with self._wake.watching(task_id) as changed:
            while True:
                changed.clear()
                # Shielded: a reader that leaves in the middle of a query must not cost the pool its connection.
                events, over = await asyncio.shield(self._look(task_id, after))
                for event in events:
                    after = event.seq
                    yield event
                if over:
                    return
                if len(events) < _PAGE:  # whoever told more meanwhile has set the event again
                    with suppress(TimeoutError):
                        await asyncio.wait_for(changed.wait(), _LOOK_AGAIN_SECONDS)

    async def _look(self, task_id: UUID, after: int) -> tuple[list[Event], bool]:
        """New events, and whether there will be no more."""
        try:
            async with self._database.single() as connection:
                standing, events = await read_on(connection, task_id, after, _PAGE)
        except Unavailable:
            # The database is restarting: look again later; numbers have no gaps, so nothing is skipped.
            await asyncio.sleep(0.5)
            return [], False
        if standing is None:
            return events, True
        state, last = standing
        seen = events[-1].seq if events else after
        return events, state in TERMINAL and seen >= last
