"""Group commit: callers hand in single items, one flush at a time writes all that gathered meanwhile.

Used where many small writes meet one database: while a flush is under way the next batch gathers, so an idle system
pays no delay and a busy one pays one round trip for many. A batch that fails is tried again item by item, so that one
bad item fails alone. It knows nothing of what is written.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from orchestrator.core.errors import Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Runs ``flush`` over gathered items; it returns one result, or one exception, per item in order.

    A flush that raises must have written nothing; Unavailable, which no single item causes, fails the whole batch.
    """

    def __init__(
        self, flush: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]], *, max_batch: int = 200
    ) -> None:
        self._flush = flush
        self._max_batch = max_batch
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._running: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Result:
        """Hand in one item and wait until it is written. A cancelled caller's item is written all the same."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._drain())
        return await future

    async def settle(self) -> None:
        """Wait until nothing is left to write."""
        while self._running is not None and not self._running.done():
            await asyncio.wait([self._running])

    async def _drain(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[: self._max_batch], self._waiting[self._max_batch :]
            await self._write(batch)

    async def _write(self, batch: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._flush([item for item, _ in batch])
        except BaseException as error:
            if len(batch) > 1 and isinstance(error, Exception) and not isinstance(error, Unavailable):
                for pair in batch:
                    await self._write([pair])
                return
            self._fail(batch, error)
            if not isinstance(error, Exception):
                raise
            return
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

    @staticmethod
    def _fail(batch: Sequence[tuple[Item, asyncio.Future[Result]]], error: BaseException) -> None:
        for _, future in batch:
            if not future.done():
                if isinstance(error, Exception):
                    future.set_exception(error)
                else:
                    future.cancel()
