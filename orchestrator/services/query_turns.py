"""How many queries one user may have running at once, so that nobody's slow ones keep all others waiting.

Used by the services that ask graphs. Further queries of the same user wait for their turn. It counts per process.
"""

import os
from asyncio import Semaphore
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID
from weakref import WeakValueDictionary

AT_ONCE = max(2, os.cpu_count() or 1)
"""Half of what a query server runs at once."""


class QueryTurns:
    """Turns by user. One per process."""

    def __init__(self) -> None:
        self._turns: WeakValueDictionary[UUID, Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, user_id: UUID) -> AsyncIterator[None]:
        """Wait for the user's turn and hold it for the block."""
        turn = self._turns.get(user_id)
        if turn is None:
            turn = self._turns[user_id] = Semaphore(AT_ONCE)
        async with turn:
            yield
