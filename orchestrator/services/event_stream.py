"""A task's events as they happen: what is stored after a number, exactly once, then each new one, until the task ends.

Used by the SSE door and the MCP door. The table is read, never a message: Redis only says when to look.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import UUID

from sqlalchemy import text

from orchestrator.core.errors import Unavailable
from orchestrator.core.events import Event
from orchestrator.core.states import TERMINAL
from orchestrator.eventlog.wake import Wake
from orchestrator.models.database import Database
from orchestrator.models.task_store import read_events

_LOOK_AGAIN_SECONDS = 2.0
"""How long silence is trusted; covers a wake message lost with a restart of Redis."""
_PAGE = 200
_STANDING = text("SELECT state, last_seq FROM tasks WHERE id = :id")


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
                if not events:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(changed.wait(), _LOOK_AGAIN_SECONDS)

    async def _look(self, task_id: UUID, after: int) -> tuple[list[Event], bool]:
        """New events, and whether there will be no more."""
        try:
            async with self._database.transaction() as connection:
                standing = (await connection.execute(_STANDING, {"id": task_id})).first()
                events = await read_events(connection, task_id, after, _PAGE)
        except Unavailable:
            # The database is restarting: look again later; numbers have no gaps, so nothing is skipped.
            await asyncio.sleep(0.5)
            return [], False
        if standing is None:
            return events, True
        seen = events[-1].seq if events else after
        return events, standing.state in TERMINAL and seen >= standing.last_seq
